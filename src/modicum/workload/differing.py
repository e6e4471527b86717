"""What two contracts of one workload do not have in common. Shares of answers are no part of it: they change with every call."""

from __future__ import annotations

from modicum.types import Contract


def differing(one: Contract, other: Contract) -> tuple[str, ...]:
    """In words; empty where the same answers are read and written alike."""
    if one.kind != other.kind:
        return ("the kind of answer",)
    return tuple(
        what
        for what, first, second in (
            ("the labels", set(one.labels), set(other.labels)),
            ("the fields", {(f.path, f.kind) for f in one.fields}, {(f.path, f.kind) for f in other.fields}),
            ("how they are read", (one.reader, one.cues), (other.reader, other.cues)),
            ("how they are written", (one.form, one.json_style, one.json_ascii), (other.form, other.json_style, other.json_ascii)),
        )
        if first != second
    )
