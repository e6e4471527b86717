"""What a route's draws are held to, and the tests that hold them to it.

Two quantities, as in the certificate: of all draws the mean loss (a deferred one loses nothing), and of the answered ones. Each has an
e-process for every step that the route enters (roll-out) and a detector that goes on through all of them (standing), `stats.anytime`.

`false_rollback` is what a route that keeps its promise risks while it comes on, over both quantities, all steps and its first
`ROLL_OUT` draws together: half of it is spent on e-processes, a quarter of that on each of the first three steps and the last quarter on
all later ones; the other half on the detectors, whose bar is higher that long, since the chance that a detector reaches A within n draws is
at most n / A. From then on each detector's bar is such that both together ring falsely after `run_length` draws or more, on average.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import msgspec

from modicum.config import WatchConfig
from modicum.stats.anytime import Detector, Sequence
from modicum.types import Certificate, PromiseKind

ROLL_OUT = 500
"""Draws over which a route comes on."""
STEPS = 3
_HIGHEST = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is tested of a route."""

    kind: PromiseKind
    certified: float
    certified_answered: float
    level: float | None
    """What the mean of all draws is held to; None where the certificate says nothing of them (C)."""
    level_answered: float
    low: float
    """The least that a draw can be."""

    @property
    def quantities(self) -> int:
        return 1 if self.level is None else 2


def promised(certificate: Certificate, slack: float) -> Promise:
    """The certificate's bounds and the slack on them."""
    of_all = None if certificate.kind == "C" else min(certificate.margin * (1 + slack), _HIGHEST)
    answered = certificate.margin if certificate.kind == "C" else certificate.max_selective
    return Promise(
        kind=certificate.kind,
        certified=certificate.margin,
        certified_answered=answered,
        level=of_all,
        level_answered=min(answered * (1 + slack), _HIGHEST),
        low=-1.0 if certificate.kind == "B" else 0.0,
    )


class Pair(msgspec.Struct):
    """Both tests of one quantity."""

    sequence: Sequence
    detector: Detector | None = None
    """None before the first draw: nothing can be told of it then."""


class Tests(msgspec.Struct):
    """The tests of a route, as they are kept."""

    steps: int = 0
    """Entered so far."""
    draws: int = 0
    """In all steps."""
    all: Pair | None = None
    answered: Pair | None = None
    rang: str = ""
    """Which test said that the promise is broken; said once, it stays."""


def enter(tests: Tests, promise: Promise) -> None:
    """The route takes a step: its e-processes begin anew, its detectors go on. Levels that changed begin everything anew."""
    tests.steps += 1
    tests.all = _entered(tests.all, promise.level, promise.low)
    tests.answered = _entered(tests.answered, promise.level_answered, promise.low)


def fits(tests: Tests, promise: Promise) -> bool:
    """Are these tests of this promise?"""
    of_all, answered = tests.all, tests.answered
    if answered is None or (of_all is None) != (promise.level is None):
        return False
    same = (answered.sequence.level, answered.sequence.low) == (promise.level_answered, promise.low)
    return same and (of_all is None or (of_all.sequence.level, of_all.sequence.low) == (promise.level, promise.low))


def see(tests: Tests, promise: Promise, settings: WatchConfig, lost: float, *, answered: bool) -> None:
    """One more draw, in [promise.low, 1]."""
    tests.draws += 1
    for pair, what in ((tests.all, "all"), (tests.answered if answered else None, "answered")):
        if pair is None:
            continue
        pair.sequence = pair.sequence.see(lost)
        bar = bar_of(tests, promise, settings)
        pair.detector = dataclasses.replace(pair.detector or Detector(level=pair.sequence.level, low=promise.low), run_length=bar).see(lost)
        if not tests.rang and (pair.detector.alarm or pair.sequence.p_value <= portion(tests, promise, settings)):
            tests.rang = what


def portion(tests: Tests, promise: Promise, settings: WatchConfig) -> float:
    """What one e-process of the present step may spend."""
    later = tests.steps - STEPS
    share = 1 / (STEPS + 1) if later <= 0 else 6 / (math.pi * later) ** 2 / (STEPS + 1)
    return settings.false_rollback / 2 * share / promise.quantities


def bar_of(tests: Tests, promise: Promise, settings: WatchConfig) -> float:
    """What a detector must reach now."""
    usual = promise.quantities * settings.run_length
    return max(usual, promise.quantities * ROLL_OUT / (settings.false_rollback / 2)) if tests.draws <= ROLL_OUT else usual


def p_value(tests: Tests, promise: Promise, settings: WatchConfig) -> float:
    """The smallest of the e-processes' p-values, as a share of what each may spend of `false_rollback`: at or below that it rings."""
    found = [pair.sequence.p_value for pair in (tests.all, tests.answered) if pair is not None]
    return min(1.0, min(found, default=1.0) / portion(tests, promise, settings) * settings.false_rollback)


def suspicion(tests: Tests) -> float:
    """How far the detector that is nearest to an alarm has come, 0 to 1."""
    return max((pair.detector.suspicion for pair in (tests.all, tests.answered) if pair is not None and pair.detector), default=0.0)


def _entered(pair: Pair | None, level: float | None, low: float) -> Pair | None:
    if level is None:
        return None
    anew = Sequence(level=level, low=low)
    goes_on = pair is not None and (pair.sequence.level, pair.sequence.low) == (level, low)
    return Pair(anew, pair.detector if pair is not None and goes_on else None)
