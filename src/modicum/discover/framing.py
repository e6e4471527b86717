"""Find the short marks inside a slot that a shingle is too long for: the ":" and new line of "Ticket 7 from Ann:".

A mark is two tokens, one of them a new line, that stand near the start of practically every value. It cuts the slot in two, so
that a name and a number do not stand in one slot with the text that matters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from modicum.types import Pattern
from modicum.workload.pattern import gaps, match

_MARK = re.compile(r"[^\w\s]\n+|\n+[^\w\s]")
_NEAR = 60
"""Characters before the mark."""
_SHARE = 0.995
_LEAST = 30


def cut_slots(pattern: Pattern, texts: Sequence[str]) -> Pattern:
    """The pattern with marks as literals of their own; the same pattern where there are none."""
    if not pattern.literals:
        return pattern
    for _ in range(2):
        rows = [values for text in texts if (values := match(pattern, text)) is not None]
        if len(rows) < _LEAST:
            return pattern
        finer = _cut_one(pattern, rows)
        if finer is None or sum(match(finer, text) is not None for text in texts) < _SHARE * len(rows):
            return pattern
        pattern = finer
    return pattern


def _cut_one(pattern: Pattern, rows: Sequence[tuple[str, ...]]) -> Pattern | None:
    for gap in range(gaps(pattern)):
        values = [row[gap] for row in rows]
        counts: Counter[str] = Counter()
        for value in values:
            found = _MARK.search(value[: _NEAR + 4])
            if found and 0 < found.start() <= _NEAR and found.end() < len(value):
                counts[found[0]] += 1
        if not counts:
            continue
        mark, times = counts.most_common(1)[0]
        different = len({value.partition(mark)[0] for value in values})
        if times >= _SHARE * len(values) and different > 1:
            place = gap + pattern.anchored_start
            return replace(pattern, literals=(*pattern.literals[:place], mark, *pattern.literals[place:]))
    return None
