"""How soon a test that may look at any time sees a jump, and how often it cries wolf: `python -m benchmarks.watching`.

With `--units`: what requests that come again do to it (docs/decisions/draws-that-count.md).

Draws are independent coins, as audits are; the published rows are a prototype's with bets of six sizes and equal weights.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from modicum.stats.anytime import BETS, BETS_ON_A_DIFFERENCE, WEIGHTS, Detector, Sequence

RUNS, HEALTHY, AFTER = 1000, 3000, 4000
JUMPS = ((0.03, 0.08, 0.05), (0.03, 0.10, 0.05), (0.03, 0.15, 0.05), (0.03, 0.30, 0.05), (0.005, 0.03, 0.015), (0.16, 0.50, 0.20))
"""Healthy, after, level."""
EXCESSES = ((0.05, 0.02, 0.03), (0.10, 0.02, 0.03), (0.15, 0.0, 0.03), (0.15, 0.06, 0.03), (0.30, 0.06, 0.05))
"""Excess of losses after the jump, share of draws that are 1 or -1 without it, level."""
START_OF_EXCESS = 500
KEPT, LEVEL, BAR, CHANGED = 0.05, 0.03, 20_000.0, 0.2
WORLDS = (
    (1_000, 30, 30_000, 0.6),
    (1_000, 30, 3_000, 0.8),
    (1_000, 30, 1_500, 1.1),
    (20_000, 6, 3_000, 0.8),
    (20_000, 6, 1_500, 1.1),
    (20_000, 6, 300, 0.8),
)
"""Calls a day, days, distinct requests and the exponent of Zipf's law. What changes does so after a half of the days."""
SHARES = (0.01, 0.02)
UNITS = (
    ("every draw", 0.0, math.inf),
    ("a day or 50", 1.0, 50),
    ("a day or 200", 1.0, 200),
    ("a day or 800", 1.0, 800),
    ("once a day", 1.0, math.inf),
    ("once in 7 days", 7.0, math.inf),
    ("once", math.inf, math.inf),
)
"""A request counts again after so many days, or behind so many others that counted."""


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


def detect_excess(excess: float, both: float, level: float, bets: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same for losses less losses, of which a share `both` is not 0 without any excess; draws after the jump, at most `AFTER`."""
    weights, sums, alarm = np.array(WEIGHTS), np.zeros((len(bets), RUNS)), np.zeros(RUNS, int)
    for number in range(1, START_OF_EXCESS + AFTER + 1):
        drawn = random.random(RUNS)
        worse = both / 2 + (excess if number > START_OF_EXCESS else 0.0)
        lost = np.where(drawn < worse, 1.0, np.where(drawn < worse + both / 2, -1.0, 0.0))
        sums = np.minimum((sums + 1) * (1 + bets[:, None] / (level + 1) * (lost[None, :] - level)), 1e200)
        alarm[(weights @ sums >= BAR) & (alarm == 0)] = number
    seen: np.ndarray = np.where(alarm == 0, AFTER, alarm - START_OF_EXCESS)
    return np.asarray(seen[(alarm == 0) | (alarm > START_OF_EXCESS)])


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


@dataclass(frozen=True)
class Stream:
    """Draws in order: when, in days, and whether they differ."""

    days: np.ndarray
    differs: np.ndarray


def stream(
    random: np.random.Generator,
    unit: tuple[float, float],
    world: tuple[int, int, int, float],
    share: float,
    *,
    flood: bool = False,
    change: bool = False,
) -> Stream:
    """`flood`: a request that differs is sent 2,000 times within an hour; `change`: from the middle on others differ."""
    calls, length, requests, exponent = world
    chances = 1 / np.arange(1, requests + 1) ** exponent
    asked, days = random.choice(requests, size=calls * length, p=chances / chances.sum()), np.sort(random.random(calls * length) * length)
    there = np.unique(asked)
    wrong = random.permutation(there)[: round(share * len(there))]
    before, after = np.zeros(requests, bool), random.random(requests) < CHANGED
    before[wrong] = True
    if flood:
        days, asked = np.concatenate([days, length / 3 + random.random(2000) / 24]), np.concatenate([asked, np.full(2000, wrong[0])])
        order = np.argsort(days)
        days, asked = days[order], asked[order]
    kept = random.random(len(days)) < KEPT
    found = list(counted(days[kept], asked[kept], *unit))
    when, which = np.array([day for day, _ in found]), np.array([one for _, one in found])
    return Stream(when, np.where((when >= length / 2) & change, after[which], before[which]))


def counted(days: np.ndarray, asked: np.ndarray, unit: float, others: float) -> Iterator[tuple[float, int]]:
    """The draws that count."""
    last: dict[int, tuple[float, int]] = {}
    number = 0
    for day, one in zip(days.tolist(), asked.tolist(), strict=True):
        at, which = last.get(one, (-math.inf, 0))
        if day - at >= unit or number - which > others:
            last[one], number = (day, number), number + 1
            yield day, one


def rings(drawn: Stream) -> float | None:
    """The day on which a detector rings; the same sums as the product's."""
    bets, weights, sums = np.array(BETS), np.array(WEIGHTS), np.zeros(len(BETS))
    gains = {True: 1 + bets * (1 - LEVEL) / LEVEL, False: 1 - bets}
    for day, differs in zip(drawn.days.tolist(), drawn.differs.tolist(), strict=True):
        sums = (sums + 1) * gains[differs]
        if weights @ sums >= BAR:
            return float(day)
    return None


def units(runs: int) -> None:
    """Requests that come again: counted as every draw, as the watcher does, or less often."""
    random = np.random.default_rng(7)
    print(f"level {LEVEL:.0%}, bar {BAR:,.0f}, {KEPT:.0%} kept; {runs} runs, half as many with a flood and with a change\n")
    print("a day  days  requests exponent  share  counts            audits  false alarms  with a flood  a change seen after (95 %), days")
    for world in WORLDS:
        calls, length, requests, exponent = world
        for share in SHARES:
            for name, *unit in UNITS:
                drawn = functools.partial(stream, random, (unit[0], unit[1]), world, share)
                quiet = [drawn() for _ in range(runs)]
                false = sum(rings(one) is not None for one in quiet) / runs
                half = max(runs // 2, 1)
                flooded = sum(rings(drawn(flood=True)) is not None for _ in range(half)) / half
                seen = [rings(drawn(change=True)) for _ in range(half)]
                late = [length / 2 if day is None else day - length / 2 for day in seen if day is None or day >= length / 2]
                print(
                    f"{calls:5,} {length:5} {requests:8,} {exponent:8} {share:6.0%}  {name:16}"
                    f" {np.mean([len(one.days) for one in quiet]):7,.0f} {false:13.1%}"
                    f" {flooded:13.0%} {np.median(late):8.2f} ({np.quantile(late, 0.95):.2f})",
                    flush=True,
                )


def main() -> None:
    if "--units" in sys.argv:
        units(200)
        return
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
    print(f"\nlosses less losses; bar {BAR:,.0f}, a jump after {START_OF_EXCESS} draws: median (95 %), and with the bets on shares")
    for excess, both, level in EXCESSES:
        said = []
        for bets in (BETS_ON_A_DIFFERENCE, BETS):
            late = detect_excess(excess, both, level, np.array(bets), np.random.default_rng(7))
            said.append(f"{np.median(late):6,.0f} ({np.quantile(late, 0.95):,.0f})")
        print(f"{excess:6.1%} {both:6.1%} {level:6.1%} {said[0]} {said[1]}", flush=True)
    print("\nat the very level, the worst that was promised")
    for level in (0.01, 0.05, 0.2):
        random = np.random.default_rng(11)
        shown = first_shown(level, level, 5000, 0.05, random)
        alarmed = (detect(level, level, level, random) > 0).mean()
        length = (HEALTHY + AFTER) / -math.log(max(1 - alarmed, 1e-9)) if alarmed else math.inf
        print(f"level {level:5.1%}: rolled back in 5,000 draws {(shown > 0).mean():.1%} (at most 5 %); run length about {length:,.0f}")


if __name__ == "__main__":
    main()
