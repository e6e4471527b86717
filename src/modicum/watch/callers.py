"""Whose losses count: one caller alone does not send a route back where there are others.

Where calls came under five keys or more within a week, a loss counts only while its key has no more of the losses among the latest audits
than all others together; of a key that asks more often than these, as many times more, once they lost twice. The same for users, where five
or more are named. One that does not count is a draw that lost nothing. What is tested is then never more than what was lost, draw by draw,
so the tests stay valid whatever callers do; they get slower where only one is served badly. A key is proven, a user is what the caller
says: who has one key can name many users, but shares the key with them.

Who alone is served badly would then be seen by nobody. So every caller that lost has a detector of its own against the route's level,
fed with all that it lost; one that rings, where losses were left out, is a warning. A detector begins with a caller's first loss and is
given up after `LATEST` audits without one: it is never above one that always ran, so its false warnings are as rare as promised.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from modicum.stats.anytime import Detector
from modicum.watch.draws import Toss

KIND = "caller"
"""Of the warning, beside those of `early`."""
MANY = 5
KNOWN_S = 7 * 24 * 3600
"""A caller is one of many for so long after its last audit. No flood of another's pushes it out earlier."""
MOST_KNOWN = 50
MOST_SUSPECTS = 50
LATEST = 200
"""Audits over which losses are compared."""
ENOUGH = 2
MOST_TIMES = 4.0
"""Who asks more than all others together may lose as many times more, up to this, once others lost so often."""
STANDS_S = 24 * 3600
"""So long a warning stands after a detector rang last."""
_WELL, _COUNTED, _LEFT_OUT = ".lx"


class Suspect(msgspec.Struct):
    """A caller that lost lately."""

    latest: str = ""
    """Of each of its latest audits: not lost, lost, lost and left out."""
    detector: Detector | None = None
    """None before its first loss, and after it rang."""
    heard: int = 0
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Alone:
    """A caller that alone is served badly: its latest audits, at most `LATEST`."""

    audits: int
    lost: int
    left_out: int
    """Of these, how many do not count."""


class Callers(msgspec.Struct):
    """Who asked, and who lost."""

    keys: dict[str, int] = {}
    """Digest of a key -> when an audit of it was last counted, seconds since 1970."""
    users: dict[str, int] = {}
    latest: list[tuple[str, str]] = []
    """Key and user of each audit."""
    losses: list[tuple[int, str, str]] = []
    """Number of the audit, key and user, of each that counted."""
    suspects: dict[str, Suspect] = {}
    """`key` or `user` and its digest -> what is known of it."""
    rang: dict[str, int] = {}
    """Those of whom a warning stands -> when the detector rang last, seconds since 1970."""


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


def weigh(
    callers: Callers,
    who: Mapping[str, int],
    lost: float,
    now: int,
    *,
    counted: bool,
    level: float,
    low: float,
    run_length: float,
) -> None:
    """Audits of these callers (`key` or `user` and a digest -> how many), each of which lost so much. `now`: seconds since 1970.

    While nobody's mean is above the level, a detector rings at most once in `run_length` audits of the route, on average, over all
    callers together: an audit is one of one key and of one user, so each detector's bar is twice that.
    """
    for one, times in who.items():
        suspect = callers.suspects.get(one)
        if suspect is None:
            if lost <= 0:
                continue
            _make_room(callers, now)
            suspect = callers.suspects[one] = Suspect()
        suspect.heard = now
        for _ in range(times):
            before = suspect.detector
            if before is None or (before.level, before.low) != (level, low):
                before = Detector(level=level, low=low) if lost > 0 else None
            if before is not None:
                suspect.detector = dataclasses.replace(before, run_length=2 * run_length).see(lost)
            suspect.latest = (suspect.latest + (_WELL if lost <= 0 else _COUNTED if counted else _LEFT_OUT))[-LATEST:]
        if len(suspect.latest) == LATEST and not suspect.latest.strip(_WELL):
            del callers.suspects[one]
        elif suspect.detector is not None and suspect.detector.alarm:
            suspect.detector = None
            if _LEFT_OUT in suspect.latest:
                callers.rang[one] = now


def standing(callers: Callers, now: int) -> dict[str, Alone]:
    """Of whom a warning stands, the worst first."""
    callers.rang = {one: at for one, at in callers.rang.items() if abs(now - at) < STANDS_S and one in callers.suspects}
    found = {}
    for one in callers.rang:
        latest = callers.suspects[one].latest
        found[one] = Alone(len(latest), len(latest) - latest.count(_WELL), latest.count(_LEFT_OUT))
    return dict(sorted(found.items(), key=lambda row: (-row[1].left_out, row[0])))


def _make_room(callers: Callers, now: int) -> None:
    """For one more: who was not heard of for a week goes, and the least suspicious. They begin anew where they lose again."""
    callers.suspects = {name: one for name, one in callers.suspects.items() if now - one.heard < KNOWN_S}
    while len(callers.suspects) >= MOST_SUSPECTS:
        del callers.suspects[min(callers.suspects, key=lambda name: _suspicion(callers.suspects[name]))]


def _suspicion(suspect: Suspect) -> float:
    return 0.0 if suspect.detector is None else suspect.detector.suspicion


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
