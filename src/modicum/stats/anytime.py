"""Tests that may look after every draw: an e-process for a roll-out, an e-detector for what goes on for good.

Both bet, draw by draw, that the mean is above a level that was promised. While it is not, no bet earns money on average, so an e-process
reaches 1/p at any time with probability at most p (Ville 1939), and an e-detector reaches A for the first time after A draws or more on
average (Shin, Ramdas & Rinaldo 2022, "E-detectors"; Shiryaev and Roberts for likelihood ratios). Several sizes of bets run side by side
and their weighted mean is looked at: a small rise is found by small bets, a large one quickly by large ones. Valid whatever the
dependence, as long as the mean of each draw, given those before it, is at most the level; hence draws enter in the order in which they
were tossed.

A state is a record: what was seen so far stands in it, and nothing else is needed to go on after a restart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Sequence as Ordered
from dataclasses import dataclass, replace

BETS = (0.02, 0.06, 0.15, 0.4)
"""Shares of the capital that a draw at the lower end loses. A rise that is small beside the level is found by the smallest alone."""
BETS_ON_A_DIFFERENCE = (0.02, 0.08, 0.3, 0.75)
"""The same for draws that may be below 0 at a level above it: such a draw loses more seldom and gains less, so a bet must be larger."""
WEIGHTS = (0.15, 0.2, 0.25, 0.4)
"""What each bet starts with. The largest has most: where the mean jumps, every draw counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """An e-process for "the mean of what is drawn is at most `level`"."""

    level: float
    low: float = 0.0
    """The least that a draw can be: 0 for a share of errors, -1 for a loss less another loss. The most is 1."""
    draws: int = 0
    logs: tuple[float, ...] = (0.0,) * len(BETS)
    """Natural logarithm of each bet's capital."""
    highest: float = 0.0
    """Logarithm of the largest e-value so far: what was shown once is not taken back."""

    def __post_init__(self) -> None:
        _check(self.level, self.low)

    def see(self, drawn: float) -> Sequence:
        """The state after one more draw, in [low, 1]."""
        gains = _gains(drawn, self.level, self.low)
        logs = tuple(log + gain for log, gain in zip(self.logs, gains, strict=True))
        return replace(self, draws=self.draws + 1, logs=logs, highest=max(self.highest, _mean(logs)))

    @property
    def p_value(self) -> float:
        """Valid at any time: the chance that it is ever this small, where the mean is at most the level, is at most itself."""
        return math.exp(-self.highest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """An e-detector for "from some draw on the mean is above `level`". It starts anew at every draw, so a long good past hides nothing."""

    level: float
    run_length: float = 10_000.0
    """Draws until a false alarm, on average, at least."""
    low: float = 0.0
    draws: int = 0
    logs: tuple[float, ...] = (-math.inf,) * len(BETS)
    """Natural logarithm of each bet's sum of capitals, one started at each draw."""

    def __post_init__(self) -> None:
        _check(self.level, self.low)
        if not self.run_length >= 1:
            raise ValueError(f"a run length is one draw or more, got {self.run_length}")

    def see(self, drawn: float) -> Detector:
        """The state after one more draw, in [low, 1]."""
        gains = _gains(drawn, self.level, self.low)
        logs = tuple(_plus_one(log) + gain for log, gain in zip(self.logs, gains, strict=True))
        return replace(self, draws=self.draws + 1, logs=logs)

    @property
    def alarm(self) -> bool:
        """The mean is above the level now. Once raised it is for the caller to keep: a state goes on."""
        return _mean(self.logs) >= math.log(self.run_length)

    @property
    def suspicion(self) -> float:
        """How far towards an alarm, 0 to 1, on the scale of the logarithm: to draw more often is allowed at any time."""
        return min(max(_mean(self.logs) / math.log(self.run_length), 0.0), 1.0) if self.run_length > 1 else 1.0


def see_all(state: Sequence, drawn: Iterable[float]) -> Sequence:
    """The state after these draws, in order."""
    for one in drawn:
        state = state.see(one)
    return state


def grew_most(draws: Ordered[tuple[int, float]], end: int, *, level: float, low: float = 0.0) -> int | None:
    """From which of these draws on the bets' capital, begun there and held until the draw `end`, grew most: its index.

    draws: (number, what was drawn) of those that were not 0, in order. It is one above the level, since what is left out before it loses
    capital; of several the last. None where none is. A detector's state is the sum of these capitals over all draws.
    """
    nothing = _gains(0.0, level, low)
    capital, found, most = (0.0,) * len(BETS), None, -math.inf
    for index in range(len(draws) - 1, -1, -1):
        number, drawn = draws[index]
        between = end - number
        gains = _gains(drawn, level, low)
        capital = tuple(log + gain + between * lost for log, gain, lost in zip(capital, gains, nothing, strict=True))
        end = number - 1
        if drawn > level and _mean(capital) > most:
            found, most = index, _mean(capital)
    return found


def bets(level: float, low: float) -> tuple[float, ...]:
    """Sizes of bets on draws in [low, 1] against this level, chosen before any is seen."""
    return BETS_ON_A_DIFFERENCE if low < 0 < level else BETS


def _check(level: float, low: float) -> None:
    if not low < level < 1:
        raise ValueError(f"the level of draws in [{low}, 1] lies inside, got {level}")


def _gains(drawn: float, level: float, low: float) -> tuple[float, ...]:
    """Logarithm of what each bet makes of one unit: 1 + (g / (level - low)) (x - level) is never below 1 - g."""
    if not low <= drawn <= 1:
        raise ValueError(f"a draw lies in [{low}, 1], got {drawn}")
    share = (drawn - level) / (level - low)
    return tuple(math.log1p(bet * share) for bet in bets(level, low))


def _plus_one(log: float) -> float:
    """log(exp(log) + 1)"""
    return max(log, 0.0) + math.log1p(math.exp(-abs(log)))


def _mean(logs: tuple[float, ...]) -> float:
    """Logarithm of the weighted mean of what the logarithms stand for."""
    most = max(logs)
    if most == -math.inf:
        return -math.inf
    return most + math.log(sum(weight * math.exp(log - most) for weight, log in zip(WEIGHTS, logs, strict=True)))
