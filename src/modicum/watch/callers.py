"""Whose losses count: one caller alone does not send a route back where there are others.

Where calls came under five keys or more within a week, a loss counts only while its key has no more of the losses among the latest audits
than all others together; of a key that asks more often than these, as many times more, once they lost twice. The same for users, where five
or more are named. One that does not count is a draw that lost nothing. What is
tested is then never more than what was lost, draw by draw, so the tests stay valid whatever callers do; they get slower where only one is
served badly. A key is proven, a user is what the caller says: who has one key can name many users, but shares the key with them.
"""

from __future__ import annotations

import msgspec

from modicum.watch.draws import Toss

MANY = 5
KNOWN_S = 7 * 24 * 3600
"""A caller is one of many for so long after its last audit. No flood of another's pushes it out earlier."""
MOST_KNOWN = 50
LATEST = 200
"""Audits over which losses are compared."""
ENOUGH = 2
MOST_TIMES = 4.0
"""Who asks more than all others together may lose as many times more, up to this, once others lost so often."""


class Callers(msgspec.Struct):
    """Who asked, and who lost."""

    keys: dict[str, int] = {}
    """Digest of a key -> when an audit of it was last counted, seconds since 1970."""
    users: dict[str, int] = {}
    latest: list[tuple[str, str]] = []
    """Key and user of each audit."""
    losses: list[tuple[int, str, str]] = []
    """Number of the audit, key and user, of each that counted."""


def hear(callers: Callers, toss: Toss) -> None:
    """A draw of theirs is an audit."""
    if toss.key or toss.user or callers.latest:
        callers.latest = [*callers.latest, (toss.key, toss.user)][-LATEST:]
    for known, one in ((callers.keys, toss.key), (callers.users, toss.user)):
        if one:
            known.pop(one, None)
            known[one] = toss.started_us // 1_000_000
            while len(known) > MOST_KNOWN:
                del known[next(iter(known))]


def takes(callers: Callers, number: int, key: str, user: str) -> bool:
    """Does the loss of this audit count? It is remembered then."""
    callers.losses = [one for one in callers.losses if one[0] > number - LATEST]
    if _alone(callers, 1, callers.keys, key) or _alone(callers, 2, callers.users, user):
        return False
    callers.losses.append((number, key, user))
    return True


def _alone(callers: Callers, which: int, known: dict[str, int], one: str) -> bool:
    if not one or not known:
        return False
    newest = max(known.values())
    if sum(newest - at < KNOWN_S for at in known.values()) < MANY:
        return False
    lost = [loss[which] for loss in callers.losses]
    own = lost.count(one)
    others = len(lost) - own
    asked = [call[which - 1] for call in callers.latest]
    share = asked.count(one) / max(len(asked) - asked.count(one), 1)
    return own > others * (min(max(share, 1.0), MOST_TIMES) if others >= ENOUGH else 1.0)
