"""Why a stage says nothing: where it fails at every call, callers get the incumbent's answers, and somebody must hear the reason.

Damage is sent back by `judge`. What passes by itself is not: a stage that rests, because it is slow, out of reach or another revision
answers in its place, harms nobody. It is told of all the same, for nobody sees it: the incumbent answers.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from modicum.store.codec import from_us
from modicum.watch.draws import Toss

KIND = "mute"
"""Of the warning, beside those of `early`."""
IN_A_ROW = 20
"""A stage that says nothing so often, one call after the other, and for so long, is told of."""
LASTS_S = 15.0
_RESTS = "; tried again in "
_ALONE = "is left alone for now"
"""In what is said of a stage that is not asked for a while: by `gateway.pace` (slow, another revision), by `backends.attempts` (out of
reach). That passes, and nobody is harmed meanwhile."""
MOST_CAUSES = 8
MOST_CHARS = 200
UNREAD = "its answer cannot be read"
_FIGURES = re.compile(r"\d+")


class Cause(msgspec.Struct, array_like=True):
    """Why, and at how many calls."""

    calls: int
    why: str
    """As it was said last."""


class Mute(msgspec.Struct):
    """What stands in `Watch.tests` of it."""

    calls: int = 0
    """In a row at which the stage was to say something, and did not."""
    since_us: int = 0
    last_us: int = 0
    why: str = ""
    """At the last of them."""
    causes: dict[str, Cause] = {}
    """Since something was last compared: reasons why nothing was, those that differ in figures alone taken together."""


def hear(mute: Mute, toss: Toss) -> None:
    """One more call, in order."""
    why = _why(toss)
    if toss.failed or _unread(toss):
        mute.since_us = mute.since_us if mute.calls else toss.started_us
        mute.last_us = max(toss.started_us, mute.last_us) if mute.calls else toss.started_us
        mute.calls, mute.why = mute.calls + 1, why
    elif toss.compared or toss.answered or toss.confidence is not None:
        mute.calls, mute.why = 0, ""
    if toss.compared and not toss.unanswered:
        mute.causes = {}
    elif why:
        alike = _FIGURES.sub("0", why)
        before = mute.causes.get(alike)
        if before is not None or len(mute.causes) < MOST_CAUSES:
            mute.causes[alike] = Cause(1 if before is None else before.calls + 1, why)


def rests(why: str) -> bool:
    """Was the stage not asked, because it rests?"""
    return _RESTS in why or _ALONE in why


def stands(mute: Mute) -> bool:
    """Is it to be told of?"""
    return mute.calls >= IN_A_ROW and mute.last_us - mute.since_us >= LASTS_S * 1e6


def since(mute: Mute) -> datetime:
    """When the first of these calls in a row began."""
    return from_us(mute.since_us)


def cause(mute: Mute, quiet: int) -> Cause | None:
    """The one reason why nothing was compared, where it is that of half of the calls or more."""
    most = max(mute.causes.values(), key=lambda one: one.calls, default=None)
    return most if most is not None and 2 * most.calls >= quiet else None


def _why(toss: Toss) -> str:
    why = toss.failed or (UNREAD if _unread(toss) else toss.unsaid)
    return " ".join(why.partition(_RESTS)[0].split())[:MOST_CHARS]


def _unread(toss: Toss) -> bool:
    """The other model answered, and not in the form that the contract knows: its confidence is below 0 then."""
    return toss.confidence is not None and toss.confidence < 0
