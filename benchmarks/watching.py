"""How soon a test that may look at any time sees a jump, and how often it cries wolf: `python -m benchmarks.watching`.

Draws are independent coins, as audits are; the published rows are a prototype's with bets of six sizes and equal weights.
"""

from __future__ import annotations

import math

import numpy as np

from modicum.stats.anytime import BETS, WEIGHTS, Detector, Sequence

RUNS, HEALTHY, AFTER = 1000, 3000, 4000
JUMPS = ((0.03, 0.08, 0.05), (0.03, 0.10, 0.05), (0.03, 0.15, 0.05), (0.03, 0.30, 0.05), (0.005, 0.03, 0.015), (0.16, 0.50, 0.20))
"""Healthy, after, level."""


def capitals(level: float, drawn: np.ndarray, bets: np.ndarray) -> np.ndarray:
    """What each bet makes of one unit, (bets, runs)."""
    return 1 + bets[:, None] / level * (drawn[None, :] - level)


def detect(before: float, after: float, level: float, random: np.random.Generator, *, run_length: float = 10_000) -> np.ndarray:
    """Draw at which each run alarmed, 0 where none did; the same sums as `Detector`'s, for all runs at once."""
    bets, weights = np.array(BETS), np.array(WEIGHTS)
    sums, alarm = np.zeros((len(bets), RUNS)), np.zeros(RUNS, int)
    for number in range(1, HEALTHY + AFTER + 1):
        drawn = random.random(RUNS) < (before if number <= HEALTHY else after)
        sums = np.minimum((sums + 1) * capitals(level, drawn, bets), 1e200)
        alarm[(weights @ sums >= run_length) & (alarm == 0)] = number
        if number > HEALTHY and alarm.all():
            break
    return alarm


def first_shown(rate: float, level: float, draws: int, delta: float, random: np.random.Generator) -> np.ndarray:
    """Draw at which each run of a roll-out was rolled back, 0 where none was."""
    bets, weights = np.array(BETS), np.array(WEIGHTS)
    products, shown = np.ones((len(bets), RUNS)), np.zeros(RUNS, int)
    for number in range(1, draws + 1):
        products = np.minimum(products * capitals(level, random.random(RUNS) < rate, bets), 1e200)
        shown[(weights @ products >= 1 / delta) & (shown == 0)] = number
    return shown


def same_as_the_product(random: np.random.Generator) -> None:
    """The loops above and the product's records say the same of one run."""
    drawn = (random.random(300) < 0.1).astype(float)
    sequence, detector, bets = Sequence(level=0.05), Detector(level=0.05), np.array(BETS)
    products, sums = np.ones((len(bets), 1)), np.zeros((len(bets), 1))
    for one in drawn:
        sequence, detector = sequence.see(float(one)), detector.see(float(one))
        gains = capitals(0.05, np.array([one]), bets)
        products, sums = products * gains, (sums + 1) * gains
    assert np.allclose(np.exp(sequence.logs), products[:, 0])
    assert np.allclose(np.exp(detector.logs), sums[:, 0])


def main() -> None:
    same_as_the_product(np.random.default_rng(0))
    print(f"{RUNS} runs each; detector with a run length of 10,000; a jump after {HEALTHY} draws\n")
    print("healthy  after  level   seen after, median (95 %)   false alarms before   roll-out bad from the start, δ 5 %")
    for before, after, level in JUMPS:
        random = np.random.default_rng(7)
        alarm = detect(before, after, level, random)
        false = (alarm > 0) & (alarm <= HEALTHY)
        delay = np.where(alarm[~false] == 0, HEALTHY + AFTER, alarm[~false]) - HEALTHY
        start = first_shown(after, level, 2000, 0.05, random)
        late = np.where(start == 0, 2001, start)
        print(
            f"{before:6.1%} {after:6.1%} {level:6.1%} {np.median(delay):12,.0f} ({np.quantile(delay, 0.95):,.0f})"
            f"{false.mean():22.2%} {np.median(late):26,.0f} ({np.quantile(late, 0.95):,.0f})"
        )
    print("\nat the very level, the worst that was promised")
    for level in (0.01, 0.05, 0.2):
        random = np.random.default_rng(11)
        shown = first_shown(level, level, 5000, 0.05, random)
        alarmed = (detect(level, level, level, random) > 0).mean()
        length = (HEALTHY + AFTER) / -math.log(max(1 - alarmed, 1e-9)) if alarmed else math.inf
        print(f"level {level:5.1%}: rolled back in 5,000 draws {(shown > 0).mean():.1%} (at most 5 %); run length about {length:,.0f}")


if __name__ == "__main__":
    main()
