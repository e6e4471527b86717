"""Which audits speak against a route: kept, so that an alarm can say since when, and of which calls.

A detector rings for what came lately, however well the route did before. What it saw is the stretch up to now since which its bets' capital
grew most (`stats.anytime.grew_most`). It begins with an audit that was lost, so of all others their number is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from modicum.stats.anytime import grew_most
from modicum.store.codec import from_us
from modicum.watch.waiting import Settled

MOST = 200
"""Audits that were lost, or won, which are remembered: a stretch begins at one of them."""
NAMED = 20
"""The newest of these whose calls are named."""


class Lost(msgspec.Struct, array_like=True):
    """An audit that counted otherwise than nothing."""

    audit: int
    """Its number among all audits, and among those that the stage would have answered."""
    answer: int
    at_us: int
    lost: float
    call_id: str = ""


class Evidence(msgspec.Struct):
    """What stands in `Watch.tests` of it."""

    audits: int = 0
    answers: int = 0
    latest: list[Lost] = []
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The audits up to now since which a promise looks broken."""

    audits: int
    lost: float
    since: datetime


def hear(evidence: Evidence, settled: Settled, lost: float) -> None:
    """Audits that count now, all alike; `lost`: what each counts."""
    evidence.audits += settled.times
    evidence.answers += settled.times * settled.answered
    if lost:
        one = Lost(evidence.audits, evidence.answers, settled.at_us, lost, settled.call_id)
        evidence.latest = [*evidence.latest, one][-MOST:]
        for old in evidence.latest[:-NAMED]:
            old.call_id = ""


def stretch(evidence: Evidence, level: float, low: float, *, answers: bool) -> Stretch | None:
    """What broke the promise; `answers`: of what the stage would have answered alone. None where nothing was lost."""
    found, end = evidence.latest, evidence.answers if answers else evidence.audits
    numbers = [one.answer if answers else one.audit for one in found]
    first = grew_most(list(zip(numbers, (one.lost for one in found), strict=True)), end, level=level, low=low)
    if first is None:
        return None
    return Stretch(end - numbers[first] + 1, sum(one.lost for one in found[first:]), from_us(found[first].at_us))


def calls(evidence: Evidence) -> tuple[str, ...]:
    """The newest calls that were lost, oldest first, `NAMED` at most."""
    return tuple(one.call_id for one in evidence.latest if one.call_id and one.lost > 0)
