"""Draws that wait for a label, and those behind them: what B and C say of quality takes somebody who knows.

B: a draw on which both sides differ waits until a label says which is right, and counts as lost where none came in time. C: the same, for
whether the answer is right; there one on which both say the same waits too, since both may be wrong, and counts as right where nobody said
otherwise in time. That only where somebody labels at all: else nothing would come of it but a day's delay. Draws are counted in the order
in which they were tossed, so what comes behind one that waits, waits too; of those only the number is kept. A label is one that a
certificate takes: a person's or a system's, a value that the contract knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from modicum.watch.draws import Toss

MOST_WAITING = 2_000
"""Where more wait, the oldest counts as lost at once."""
MOST_AGREED = 1_000
"""Draws on which both sides say the same: where so many wait, the next counts as right at once."""

STRANGE = ""
"""In place of the right value's digest: it is none that the contract knows."""
Labels = Mapping[str, str]
"""Digest of a call's name -> digest of the right value."""


class Run(msgspec.Struct, array_like=True, tag="run"):
    """Draws in a row that lost nothing."""

    at_us: int
    """Of the first."""
    deferred: int = 0
    agreed: int = 0
    deferred_of: dict[str, int] = {}
    """Digest of a key -> how many of these."""
    agreed_of: dict[str, int] = {}


class Open(msgspec.Struct, array_like=True, tag="open"):
    """A draw that waits."""

    at_us: int
    names: tuple[str, ...]
    said: str
    told: str | None
    key: str = ""
    user: str = ""
    call_id: str = ""

    @property
    def agreed(self) -> bool:
        """Both sides said the same: it is right unless a label says otherwise."""
        return bool(self.said) and self.said == self.told


class Settled(msgspec.Struct):
    """Draws that count now, all alike."""

    at_us: int
    lost: float
    answered: bool
    times: int = 1
    key: str = ""
    user: str = ""
    of: dict[str, int] = {}
    """Of several: digest of a key -> how many of them. Whose users these were is not kept."""
    call_id: str = ""
    """Of one alone."""


def wait(queue: list[Run | Open], toss: Toss, lost: float | None, since_us: int) -> None:
    """Put a draw at the end. `lost` None: it waits. Draws of before and of after `since_us` stand in different runs."""
    if lost is None:
        queue.append(Open(toss.started_us, toss.names, toss.said, toss.told, toss.key, toss.user, toss.call_id))
        return
    last = queue[-1] if queue else None
    if not isinstance(last, Run) or (last.at_us < since_us <= toss.started_us):
        last = Run(toss.started_us)
        queue.append(last)
    of = last.deferred_of if toss.outcome == "deferred" else last.agreed_of
    if toss.key:
        of[toss.key] = of.get(toss.key, 0) + 1
    if toss.outcome == "deferred":
        last.deferred += 1
    else:
        last.agreed += 1


def room(queue: list[Run | Open]) -> bool:
    """May one more draw wait on which both sides say the same?"""
    return sum(isinstance(one, Open) and one.agreed for one in queue) < MOST_AGREED


def settle(queue: list[Run | Open], kind: str, labels: Labels, until_us: int) -> Iterator[Settled]:
    """Take from the front what counts now: draws that a label speaks of, and those tossed before `until_us`, which none did."""
    waits = sum(isinstance(one, Open) and not one.agreed for one in queue)
    while queue:
        first = queue[0]
        if isinstance(first, Run):
            if first.deferred:
                yield Settled(first.at_us, 0.0, False, first.deferred, of=first.deferred_of)
            if first.agreed:
                yield Settled(first.at_us, 0.0, True, first.agreed, of=first.agreed_of)
        else:
            lost = loss(kind, labels, first.names, first.said, first.told)
            if lost is None and first.at_us > until_us and waits <= MOST_WAITING:
                return
            waits -= not first.agreed
            lost = float(not first.agreed) if lost is None else lost
            yield Settled(first.at_us, lost, True, key=first.key, user=first.user, call_id=first.call_id)
        queue.pop(0)


def loss(kind: str, labels: Labels, names: tuple[str, ...], said: str, told: str | None) -> float | None:
    """What a label makes of a draw; None where there is none. What the incumbent said is taken for right where it is not known."""
    right = next((labels[name] for name in names if name in labels), None)
    if right is None:
        return None
    if right == STRANGE:  # what the stage can say is wrong then, and whether the incumbent's was right nobody knows
        return 1.0
    if kind == "C":
        return float(said != right)
    return float(said != right) - float(told != right if told is not None else said == right)
