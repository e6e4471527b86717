"""The fields of JSON answers: path, kind, presence; and whether whole records are few enough to be labels."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modicum.discover.labels import Said
from modicum.types import Field, FieldKind
from modicum.workload import record
from modicum.workload.bare import light

_SPACE = re.compile(r"\s+")
_COPIED = 0.9
_COVERED = 0.95
_UNSEEN = 0.05
_MOST_LABELS = 2_000
Style = Literal["spaced", "compact", "indent2", "indent4"]


@dataclass(frozen=True, slots=True)
class Records:
    """What JSON answers have in common."""

    fields: tuple[Field, ...]
    labels: tuple[str, ...]
    form: str
    style: Style
    ascii: bool


def find_fields(said: Sequence[Said]) -> Records:
    """Fields and forms of answers; those that are no JSON are passed over."""
    parsed = [(one, found) for one in said if (found := record.parse(one.text)) is not None]
    total = sum(one.times for one, _ in parsed)
    fields = _fields(parsed, total)
    labels = _labels(parsed, total) if all(field.kind in ("label", "boolean", "number") for field in fields) else ()
    form = _form(parsed)
    style, ascii_ = _style(parsed)
    return Records(fields, labels, form, style, ascii_)


def _fields(parsed: Sequence[tuple[Said, Any]], total: int) -> tuple[Field, ...]:
    values: dict[tuple[str, ...], Counter[record.Leaf]] = {}
    copied: Counter[tuple[str, ...]] = Counter()
    present: Counter[tuple[str, ...]] = Counter()
    places: Counter[tuple[str, ...]] = Counter()
    for one, found in parsed:
        prompt = f" {_flat(' '.join(value for _, value in one.slots))} "
        seen = set()
        for place, (path, leaf) in enumerate(record.leaves(found)):
            if path not in seen:
                seen.add(path)
                present[path] += one.times
                places[path] += place * one.times
            key: record.Leaf = f"{leaf}" if isinstance(leaf, float) else leaf
            values.setdefault(path, Counter())[(type(leaf).__name__, key) if isinstance(leaf, bool) else key] += one.times  # type: ignore[index]
            if isinstance(leaf, str) and leaf.strip() and _stands(_flat(leaf), prompt):
                copied[path] += one.times
    ordered = sorted(values, key=lambda path: (places[path] / present[path], path))
    ordered = _siblings_together(ordered)
    return tuple(_field(path, values[path], copied[path], present[path] / total) for path in ordered)


def _siblings_together(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Paths under one key stand together, at the place of the first of them."""
    rank: dict[tuple[str, ...], int] = {}
    for number, path in enumerate(paths):
        for end in range(1, len(path) + 1):
            rank.setdefault(path[:end], number)
    return sorted(paths, key=lambda path: [rank[path[:end]] for end in range(1, len(path) + 1)])


def _field(path: tuple[str, ...], values: Counter[Any], copied: int, presence: float) -> Field:
    total = sum(values.values())
    empty = values.get(None, 0)
    strings = {value: times for value, times in values.items() if isinstance(value, str)}
    booleans = sum(times for value, times in values.items() if isinstance(value, tuple))
    texts = sum(strings.values())
    filled = max(1, total - empty)
    kind: FieldKind = "text"
    labels: tuple[str, ...] = ()
    numeric = sum(times for value, times in values.items() if isinstance(value, int) or (isinstance(value, str) and _is_float(value)))
    if booleans >= 0.95 * filled:
        kind = "boolean"
    elif numeric >= 0.95 * filled:
        kind = "number"
    elif not texts:
        kind = "label" if total == empty else "text"
    else:
        closed = _closed(strings)
        if copied >= _COPIED * texts and len(strings) > 1:
            kind = "span"
        elif closed:
            kind, labels = "label", closed
        elif copied >= _COPIED * texts:
            kind = "span"
    return Field(path=path, kind=kind, labels=labels, presence=round(presence, 4))


def _is_float(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return "." in value or "e" in value


def _closed(values: dict[str, int]) -> tuple[str, ...]:
    total = sum(values.values())
    often = {value: times for value, times in values.items() if times >= min(3, max(1, total // 10))}
    once = sum(times == 1 for times in values.values())
    if sum(often.values()) < _COVERED * total or len(often) > max(1, total / 6) or once > _UNSEEN * total:
        return ()
    spelled: dict[str, str] = {}
    for value in sorted(often, key=lambda value: (-often[value], value)):
        spelled.setdefault(value.casefold(), value)
    return tuple(sorted(spelled.values()))


def _labels(parsed: Sequence[tuple[Said, Any]], total: int) -> tuple[str, ...]:
    """The joint records, where they are few and come back."""
    counts: Counter[str] = Counter()
    for one, found in parsed:
        counts[record.canonical(found)] += one.times
    least = max(3, round(total / 2000))
    often = [value for value, times in counts.items() if times >= least]
    once = sum(times == 1 for times in counts.values())
    covered = sum(counts[value] for value in often)
    if covered < _COPIED * total or len(often) > min(_MOST_LABELS, total / 6) or once > _UNSEEN * total:
        return ()
    spelled: dict[str, str] = {}
    for value in sorted(often, key=lambda value: (-counts[value], value)):
        spelled.setdefault(value.casefold(), value)
    return tuple(sorted(spelled.values()))


def _form(parsed: Sequence[tuple[Said, Any]]) -> str:
    """What stands around the JSON in most answers."""
    counts: Counter[tuple[str, str]] = Counter()
    for one, found in parsed:
        open_, close = ("{", "}") if isinstance(found, dict) else ("[", "]")
        start, end = one.text.find(open_), one.text.rfind(close)
        if 0 <= start < end and start < 40:
            counts[one.text[:start], one.text[end + 1 :]] += one.times
    if not counts:
        return "{}"
    prefix, suffix = counts.most_common(1)[0][0]
    return prefix + "{}" + suffix


def _style(parsed: Sequence[tuple[Said, Any]]) -> tuple[Style, bool]:
    styles: Counter[Style] = Counter()
    escaped = plain = 0
    for one, _ in parsed[:200]:
        text = light(one.text)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        written: dict[Style, str] = {
            "spaced": json.dumps(found, ensure_ascii=False),
            "compact": json.dumps(found, ensure_ascii=False, separators=(",", ":")),
            "indent2": json.dumps(found, ensure_ascii=False, indent=2),
            "indent4": json.dumps(found, ensure_ascii=False, indent=4),
        }
        foreign = not written["compact"].isascii()
        escaped += foreign and text.isascii()
        plain += foreign and not text.isascii()
        if foreign and text.isascii():
            text = _unescape(text)
        for style, form in written.items():
            if form == text:
                styles[style] += one.times
                break
    return (styles.most_common(1)[0][0] if styles else "spaced"), escaped > plain


def _unescape(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def _flat(text: str) -> str:
    return _SPACE.sub(" ", text.casefold()).strip()


def _stands(piece: str, prompt: str) -> bool:
    """Word for word in the prompt, not inside a word."""
    at = prompt.find(piece)
    while at >= 0:
        before, behind = prompt[at - 1 : at], prompt[at + len(piece) : at + len(piece) + 1]
        if not (before.isalnum() and piece[:1].isalnum() and before.isascii()) and not (
            behind.isalnum() and piece[-1:].isalnum() and behind.isascii()
        ):
            return True
        at = prompt.find(piece, at + 1)
    return False
