"""Which draws count: the promise speaks of distinct requests, the stream brings the same ones again.

A draw counts where neither its text, nor one nearly the same, nor its conversation was among the draws that counted in the last day, as
far as so many are remembered; and where users are named and many, where its user does not have more than a share of the latest ones. All
look at who asked what, and at what was drawn before, never at what came out: so the mean of a draw that counts is still what the tests
hold it to.
"""

from __future__ import annotations

import msgspec

from modicum.watch.draws import Toss
from modicum.watch.sketch import BYTES, alike

DAY_S = 24 * 3600
MOST_SEEN = 2_000
"""Digests that are remembered, and as many sketches."""
LATEST = 200
"""Draws among which users are counted."""
MANY_USERS = 20
MOST_OF_ONE_USER = 0.1


class Seen(msgspec.Struct):
    """The draws that counted lately."""

    keys: dict[str, int] = {}
    """Digest of a text or a conversation -> when it counted, seconds since 1970."""
    sketches: bytes = b""
    """Of what filled their slots, one behind the other,"""
    sketched: list[int] = []
    """... and when each of these counted."""
    users: list[str] = []
    """Of the latest draws; empty where none is named."""


def counts(seen: Seen, toss: Toss) -> bool:
    """Does the draw count? It is remembered then."""
    at = toss.started_us // 1_000_000
    if any(abs(at - seen.keys.get(key, at - 2 * DAY_S)) < DAY_S for key in toss.keys):
        return False
    if toss.sketch and any(abs(at - seen.sketched[which]) < DAY_S for which in alike(seen.sketches, toss.sketch)):
        return False
    if toss.user and _floods(seen.users, toss.user):
        return False
    for key in toss.keys:
        seen.keys.pop(key, None)
        seen.keys[key] = at
    while len(seen.keys) > MOST_SEEN:
        del seen.keys[next(iter(seen.keys))]
    if toss.sketch:
        recent = next((which for which, when in enumerate(seen.sketched) if at - when < DAY_S), len(seen.sketched))
        old = max(recent, len(seen.sketched) + 1 - MOST_SEEN)
        seen.sketches, seen.sketched = seen.sketches[old * BYTES :] + toss.sketch, [*seen.sketched[old:], at]
    seen.users = [*seen.users, toss.user][-LATEST:]
    return True


def _floods(users: list[str], user: str) -> bool:
    return len(set(users)) >= MANY_USERS and users.count(user) >= max(MOST_OF_ONE_USER * len(users), 1)
