"""Does the promise hold where users differ, and come back? Draws from homes in which each user has an error rate of his own.

A window of calls by some hundred users is tested, once, by the code that ships (`look_a`, margin 1 %, δ = 5 %), and the future's risk is
known: so much of it comes from the users of the window, the rest from users whom nobody has seen yet. A draw violates where the test passes
and that risk is above the margin. Three units are compared: each call, each user (one call of each), and what ships: each call where at
least `RETURNING` of the window's calls come from users who asked before the cut, each user where less do. Beside it: how often a home in
which all is well (a third of the margin) is certified, and how often the promise would be broken for people who are new, all of them.

Where everybody returns, a home's users are who they are: rates are scaled so that every draw's risk is just above the margin. Else the mean
rate of all people is moved, and the worst is shown. "busy": who asks more loses more. Prints a table; writes JSON with --out.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.guarantee import DELTA, MARGIN, attempt_of
from modicum.evaluate.certify import look_a
from modicum.evaluate.groups import RETURNING
from modicum.evaluate.table import Table
from modicum.evaluate.tune import Curve, Plan
from modicum.stats.binomial import lower_limit
from modicum.types import Rule

Array = NDArray[np.float64]
MEANS = (1.02, 1.2, 1.5)
"""Of all people's rates, in margins."""
FINE = 1 / 3
SKEW = 1.0
"""Sigma of the log of how much a user asks; nobody asks more than 2 %."""
EFFECTS = ("alike", "spread", "one in twenty", "all or nothing")
UNITS = ("call", "user", "ours")


def rates(effect: str, mean: float, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """One rate for each user: all the same, exponential, a few who lose a fifth of their calls, or a few who lose all."""
    if effect == "alike":
        return np.full(shape, mean)
    if effect == "spread":
        return np.minimum(rng.exponential(mean, shape), 1.0)
    high = 0.2 if effect == "one in twenty" else 1.0
    return np.where(rng.random(shape) < mean / high, high, 0.0)


def passes(errors: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Would a look at n units with so many differences pass? By the code that ships, found by halving: fewer differences never fail."""
    low, high = -1, n
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _passes(middle, n) else (low, middle)
    return errors <= low


def _passes(errors: int, n: int) -> bool:
    said = np.zeros(n, dtype=np.int64)
    table = Table(
        labels=("yes", "no"),
        said=said,
        told=np.where(np.arange(n) < errors, 1, 0),
        confidence=np.ones(n),
        open=np.ones(n, dtype=np.bool_),
        weights=np.ones(n),
    )
    nothing = np.zeros(0)
    curve = Curve(thresholds=nothing, coverage=nothing, disagreement=nothing, up=nothing, down=nothing, groups=n)
    plan = Plan(rule=Rule(accept_above=1.0), thresholds=(1.0,), chance={}, expected_coverage=0.0, curve=curve)
    return look_a(attempt_of(plan, "A", n, False, MARGIN), table).rule is not None


def measure(
    effect: str, users: int, calls: int, returning: float, busy: bool, mean: float, draws: int, rng: np.random.Generator
) -> dict[str, tuple[int, int, int]]:
    """For each unit: how often it was certified, how often that broke the promise, and how often it would for new people alone."""
    activity = np.minimum(rng.lognormal(0.0, SKEW, (draws, users)), 0.02 * users)
    activity /= activity.sum(axis=1, keepdims=True)
    rate = rates(effect, mean * MARGIN, (draws, users), rng)
    if busy:  # who asks more loses more
        rate, activity = np.sort(rate, axis=1), np.sort(activity, axis=1)
        rate = rate * (mean * MARGIN / float((activity * rate).sum(axis=1).mean()))
    everybody = mean * MARGIN
    if returning == 1:
        here = (activity * rate).sum(axis=1, keepdims=True)
        rate = np.minimum(rate * np.where(here > 0, everybody / np.maximum(here, 1e-12), 0.0), 1.0)
    future = returning * (activity * rate).sum(axis=1) + (1 - returning) * everybody
    asked = np.array([rng.multinomial(calls, row) for row in activity])
    by_call = rng.binomial(asked, rate).sum(axis=1)
    seen = asked > 0
    by_user = ((rng.random(rate.shape) < rate) & seen).sum(axis=1)
    units = seen.sum(axis=1)
    certified = {"call": passes(by_call, calls), "user": _each(by_user, units)}
    certified["ours"] = certified["call" if returning >= RETURNING else "user"]
    return {
        unit: (int(found.sum()), int((found & (future > MARGIN)).sum()), int(found.sum()) if everybody > MARGIN else 0)
        for unit, found in certified.items()
    }


def _each(errors: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.bool_]:
    found = np.zeros(len(errors), dtype=np.bool_)
    for n in np.unique(units):
        rows = units == n
        found[rows] = passes(errors[rows], int(n))
    return found


def cell(effect: str, users: int, calls: int, returning: float, busy: bool, draws: int) -> dict[str, Any]:
    name = f"{effect} {users} {calls} {returning} {busy}"
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    row: dict[str, Any] = {"effect": effect, "users": users, "calls": calls, "returning": returning, "busy": busy, "draws": draws}
    bad = [measure(effect, users, calls, returning, busy, mean, draws, rng) for mean in (MEANS if returning < 1 else MEANS[:1])]
    fine = measure(effect, users, calls, returning, busy, FINE, draws, rng)
    for unit in UNITS:
        worst = max(found[unit][1] for found in bad)
        row |= {
            f"broken_{unit}": worst / draws,
            f"broken_lower_99_{unit}": lower_limit(worst, draws, 0.99),
            f"broken_new_{unit}": max(found[unit][2] for found in bad) / draws,
            f"certified_{unit}": fine[unit][0] / draws,
        }
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    args = parser.parse_args()
    print(f"margin {MARGIN:.0%}, delta {DELTA:.0%}, {args.draws:,} draws a cell; well: certified where the risk is a third of the margin")
    print(f"{'':37}broken: call   user   ours  |  for new people alone: call   user  |  well: call  user  ours")
    rows = []
    for busy in (False, True):
        for effect in EFFECTS:
            for users, calls in ((300, 1300), (300, 5000), (1500, 5000)):
                for returning in (1.0, 0.95, 0.9, 0.8, 0.5, 0.0):
                    if busy and (effect != "spread" or users != 1500):
                        continue
                    row = cell(effect, users, calls, returning, busy, args.draws)
                    rows.append(row)
                    print(
                        f"{effect + (', busy' if busy else ''):16}{users:6,} {calls:6,} {returning:7.0%}"
                        f"{row['broken_call']:15.3f} {row['broken_user']:6.3f} {row['broken_ours']:6.3f}"
                        f"{row['broken_new_call']:31.3f} {row['broken_new_user']:6.3f}"
                        f"{row['certified_call']:16.2f} {row['certified_user']:5.2f} {row['certified_ours']:5.2f}",
                        flush=True,
                    )
    # Where each user counts once, what is promised is of people, not of calls: who asks more counts no more.
    held = [row["broken_lower_99_ours"] <= DELTA for row in rows if row["returning"] >= RETURNING or not row["busy"]]
    print(f"\nThe promise held in {sum(held)} of {len(held)} cells (busy people who are mostly new: not promised).")
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
