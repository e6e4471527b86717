"""Is a drift shown to be more than is allowed? What was counted of newer calls, against the tolerance, with limits and not as it stands.

The gate of a fit compares what was counted, for it may be strict: more bits are all that it costs. An alarm over newer calls may not: of
415 requests two are enough to lose 0.48 %, and another 415 may lose none. So it rings where limits say so, and else says what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from modicum.stats.binomial import clopper_pearson
from modicum.train.drift import FEWEST, Drift, Slice, Tolerance

Word = Literal["beyond", "within", "unclear"]
DOUBT = 0.05
"""The chance that a comparison says more than is so: half of it is spent on all requests, half on the slices, in equal parts."""
MOST = 1_000_000
"""No larger number of requests is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a comparison shows. Holds for independent requests: of those alike, one; and for one comparison, not for one a day."""

    word: Word
    """beyond: more than is allowed, at `confidence`; within: no more of all requests than is allowed, at the same; unclear: neither."""
    reason: str
    """For a reader, without a full stop."""
    confidence: float = 1 - DOUBT
    needs_requests: int | None = None
    """How many would show it, all in all, if they went on like these; None: it is shown, or no number up to a million would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One thing that is allowed so much: what was counted of it, and its limits for any number of requests."""

    what: str
    counted: float
    allowed: float
    """Of the loss: `counted` may be this at most, and of agreement 1 less it."""
    limits: Callable[[int], tuple[float, float]]
    """Of so many requests, the rate being as it was."""
    requests: int


def shown(drift: Drift, tolerance: Tolerance, doubt: float = DOUBT) -> Shown:
    """What `drift`, of distinct requests, shows of the tolerance."""
    whole = drift.whole
    if not whole.requests:
        return Shown(word="unclear", reason="there is no request to compare", confidence=1 - doubt)
    asked = _asked(whole, tolerance, doubt / 2)
    for one in asked:
        if one.limits(one.requests)[0] > one.allowed:
            return Shown(word="beyond", reason=one.what, confidence=1 - doubt)
    slices = [one for one in drift.slices[1:] if one.requests >= FEWEST]
    for part in slices:
        for one in _asked(part, tolerance, doubt / 2 / len(slices)):
            if one.limits(one.requests)[0] > one.allowed:
                return Shown(word="beyond", reason=f"{part.by} {part.name!r}: {one.what}", confidence=1 - doubt)
    over = [one for one in asked if one.counted > one.allowed]
    if not over and all(one.limits(one.requests)[1] <= one.allowed for one in asked):
        return Shown(word="within", reason="; ".join(one.what for one in asked), confidence=1 - doubt)
    # One that is too much is enough to be beyond; to be within, all must be shown.
    needed = [_needed(one) for one in over or asked]
    known = [one for one in needed if one is not None]
    needs = (min(known) if known else None) if over else (max(known) if len(known) == len(needed) else None)
    return Shown(word="unclear", reason="; ".join(one.what for one in over or asked), confidence=1 - doubt, needs_requests=needs)


def _asked(part: Slice, tolerance: Tolerance, doubt: float) -> list[_Asked]:
    """What is looked at of some requests; `doubt` is shared by all limits of them."""
    level = 1 - doubt / (2 if part.known else 1)  # of each question, both sides of it
    apart = part.requests - part.agree

    def differ(n: int) -> tuple[float, float]:
        return _limits(apart, part.requests, n, level)

    agree = part.agree / part.requests
    found = [
        _Asked(
            what=f"agrees with full precision on {agree:.1%} of {part.requests:,}, at least {tolerance.agreement:.1%} are wanted",
            counted=1 - agree,
            allowed=1 - tolerance.agreement,
            limits=differ,
            requests=part.requests,
        )
    ]
    if part.known:

        def lose(n: int) -> tuple[float, float]:
            each = 1 - (1 - level) / 2
            lost, won = _limits(part.lost, part.known, n, each), _limits(part.won, part.known, n, each)
            return lost[0] - won[1], lost[1] - won[0]

        net = (part.lost - part.won) / part.known
        told = f"loses {part.lost:,} right answers of {part.known:,} and wins {part.won:,} ({net:+.2%})"
        found.append(
            _Asked(
                what=f"{told}, at most {tolerance.loss:.2%} may be lost",
                counted=net,
                allowed=tolerance.loss,
                limits=lose,
                requests=part.known,
            )
        )
    return found


def _limits(count: int, of: int, n: int, confidence: float) -> tuple[float, float]:
    return clopper_pearson(round(count * n / of), n, confidence)


def _needed(one: _Asked) -> int | None:
    """About how many requests show on which side of what is allowed it is, rounded up to two digits; None: none up to MOST."""
    over = one.counted > one.allowed

    def tells(n: int) -> bool:
        low, high = one.limits(n)
        return low > one.allowed if over else high <= one.allowed

    high = max(one.requests, 1)
    while not tells(high):
        if high >= MOST:
            return None
        high = min(2 * high, MOST)
    low = one.requests
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tells(middle) else (middle, high)
    unit = 10 ** max(int(math.log10(high)) - 1, 0)
    return int(math.ceil(high / unit) * unit)
