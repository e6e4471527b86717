"""Which draws count: the promise speaks of distinct requests, the stream brings the same ones again.

A draw counts where neither its text, nor one nearly the same, nor its conversation is among the `LATEST` draws that counted before it, as
far as these are of the last day; and where users are named and many, where its user does not have more than a share of them. All look at
who asked what, and at what was drawn before, never at what came out: so the mean of a draw that counts is still what the tests hold it to.

So one request is never more than one draw of 200, however often it is asked; and where an application asks the same few hundred requests
all day, each is looked at again within the day: a specialist that turns bad at noon is not unseen until the next morning.
"""

from __future__ import annotations

import msgspec

from modicum.watch.draws import Toss
from modicum.watch.sketch import alike

DAY_S = 24 * 3600
LATEST = 200
"""Draws that are remembered."""
MANY_USERS = 20
MOST_OF_ONE_USER = 0.1


class Draw(msgspec.Struct, array_like=True):
    """What is remembered of a draw that counted."""

    at: int
    """Seconds since 1970."""
    keys: tuple[str, ...] = ()
    """Digests of its text or its conversation."""
    sketch: bytes = b""
    """Of what filled its slots."""
    user: str = ""
    """Empty where none is named."""


class Seen(msgspec.Struct):
    """The draws that counted lately, oldest first."""

    latest: list[Draw] = []


def counts(seen: Seen, toss: Toss) -> bool:
    """Does the draw count? It is remembered then."""
    at = toss.started_us // 1_000_000
    recent = [one for one in seen.latest if abs(at - one.at) < DAY_S]
    if any(key in one.keys for one in recent for key in toss.keys):
        return False
    if toss.sketch and alike([one.sketch for one in recent if one.sketch], toss.sketch):
        return False
    if toss.user and _floods([one.user for one in seen.latest], toss.user):
        return False
    seen.latest = [*seen.latest, Draw(at, toss.keys, toss.sketch, toss.user)][-LATEST:]
    return True


def _floods(users: list[str], user: str) -> bool:
    return len(set(users)) >= MANY_USERS and users.count(user) >= max(MOST_OF_ONE_USER * len(users), 1)
