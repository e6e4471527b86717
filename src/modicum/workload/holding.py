"""Does an answer hold a value that somebody named? For records and tool calls, whose values stand in fields.

A rule knows such answers by their outline, which has no open text and no list; what a person wants protected may stand anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from modicum.types import Contract
from modicum.workload import record


def held(contract: Contract, value: str, names: Sequence[str]) -> str:
    """The first of these values that a field of the answer has, empty where none does. Never raises.

    A name is a value as JSON or a person writes it (`return`, `42`, `true`), or one of a single field: `kind=return`, `order.kind=return`.
    """
    if not names or contract.labels or contract.kind not in ("object", "tool"):
        return ""
    said: set[str] = set()
    for path, leaf in record.leaves(record.parse(value)):
        text = leaf if isinstance(leaf, str) else record.canonical(leaf)
        where = ".".join(step for step in path if step != "[]")
        said |= {text, f"{where}={text}"} if leaf is not None else set()
    return next((name for name in names if name in said), "")
