"""The promise in one sentence that a reader can hold us to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from modicum.types import PromiseKind

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def promise(
    kind: PromiseKind,
    *,
    margin: float,
    max_selective: float,
    confidence: float,
    incumbents: Sequence[str],
    window: tuple[datetime, datetime],
    labels_by: str = "gold labels",
) -> str:
    """A: of 100 distinct requests at most k get another answer. B: at most k percentage points more are answered wrong. C: of 100 that it
    answers at most k are wrong."""
    names = _joined(incumbents) or "the incumbent"
    ending = f"({confidence * 100:.4g} % confidence), on traffic like that of {between(*window)}; not against people who try to fool it"
    if kind == "A":
        of, most = out_of(margin)
        of_answered, most_answered = out_of(max_selective)
        return (
            f"of {of:,} distinct requests at most {most:,} {'gets an answer that differs' if most == 1 else 'get an answer that differs'} "
            f"from {names}'s, and of {of_answered:,} that it answers itself at most {most_answered:,} {ending}"
        )
    if kind == "C":
        of, most = out_of(margin)
        return f"of {of:,} that it answers itself at most {most:,} {'is' if most == 1 else 'are'} wrong, by {labels_by} {ending}"
    return (
        f"at most {_points(margin)} more of the requests are answered wrong than by {names}, by {labels_by}, "
        f"and at most {_points(max_selective)} more of those that it answers itself {ending}"
    )


def out_of(rate: float) -> tuple[int, int]:
    """A rate as "k of n" with n = 100, 1,000, ... so large that k is whole (up to a millionth)."""
    n = 100
    while n < 1_000_000 and not math.isclose(rate * n, round(rate * n), rel_tol=1e-9, abs_tol=1e-9):
        n *= 10
    return n, round(rate * n)


def between(start: datetime, end: datetime) -> str:
    """The days of a window: "21 to 31 October 2026", shortened where month or year repeat."""
    first, last = (f"{day.day} {MONTHS[day.month - 1]} {day.year}" for day in (start, end))
    if first == last:
        return last
    if start.year != end.year:
        return f"{first} to {last}"
    return f"{start.day} to {last}" if start.month == end.month else f"{start.day} {MONTHS[start.month - 1]} to {last}"


def _points(rate: float) -> str:
    points = f"{rate * 100:.6g}"
    return f"{points} percentage point{'' if points == '1' else 's'}"


def _joined(names: Sequence[str]) -> str:
    return " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"
