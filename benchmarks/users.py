"""Does the promise hold where users differ, and come back? Draws from homes in which each user has an error rate of his own.

A window of calls by some hundred users is tested, once, by the code that ships (`look_a`, margin 1 %, δ = 5 %), and the future's risk is
known: so much of it comes from the users of the window, the rest from users whom nobody has seen yet. Who comes asks a run of calls, each
another request (a visit of 1 or 35), on one of `DAYS` days. A draw violates where the test passes and that risk is above the margin.
Units that are compared: each call, each visit (one call of what a user asks in a day), each user (one call of each), and what ships: each
visit where at least `RETURNING` of the window's calls come from users who asked before the cut, each user where less do. Beside it: how
often a home in which all is well (a third of the margin) is certified, and how often the promise would be broken for people who are new.

Where everybody returns, a home's users are who they are: rates are scaled so that every draw's risk is just above the margin. Else the mean
rate of all people is moved, and the worst is shown. "busy": who asks more loses more. Prints a table; writes JSON with --out.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from itertools import product
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
UNITS = ("call", "visit", "user", "ours")
DAYS = 14
"""Of a window."""
HOMES = ((300, 1300, 1), (300, 5000, 1), (1500, 5000, 1), (300, 5000, 35), (300, 35000, 35), (1500, 35000, 35))
"""Users, calls of a window, calls of a visit."""


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
    effect: str, users: int, calls: int, returning: float, busy: bool, visit: int, mean: float, draws: int, rng: np.random.Generator
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
    came = np.array([rng.multinomial(calls // visit, row) for row in activity])
    by_call = rng.binomial(came * visit, rate).sum(axis=1)
    days = _days(came, rng)
    by_visit = rng.binomial(days, rate).sum(axis=1)
    seen = came > 0
    by_user = ((rng.random(rate.shape) < rate) & seen).sum(axis=1)
    units = seen.sum(axis=1)
    certified = {
        "call": passes(by_call, calls // visit * visit),
        "visit": _each(by_visit, days.sum(axis=1)),
        "user": _each(by_user, units),
    }
    certified["ours"] = certified["visit" if returning >= RETURNING else "user"]
    return {
        unit: (int(found.sum()), int((found & (future > MARGIN)).sum()), int(found.sum()) if everybody > MARGIN else 0)
        for unit, found in certified.items()
    }


def _days(came: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """On how many days each user came, who comes so often, each time on any of them."""
    left, days = came.copy(), np.zeros_like(came)
    for rest in range(DAYS, 0, -1):
        today = rng.binomial(left, 1 / rest)
        days += today > 0
        left -= today
    return days


def _each(errors: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.bool_]:
    found = np.zeros(len(errors), dtype=np.bool_)
    for n in np.unique(units):
        rows = units == n
        found[rows] = passes(errors[rows], int(n))
    return found


def cell(effect: str, users: int, calls: int, returning: float, busy: bool, visit: int, draws: int) -> dict[str, Any]:
    name = f"{effect} {users} {calls} {returning} {busy} {visit}"
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    row: dict[str, Any] = {"effect": effect, "users": users, "calls": calls, "returning": returning, "busy": busy}
    row |= {"visit": visit, "draws": draws}
    bad = [measure(effect, users, calls, returning, busy, visit, mean, draws, rng) for mean in (MEANS if returning < 1 else MEANS[:1])]
    fine = measure(effect, users, calls, returning, busy, visit, FINE, draws, rng)
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
    parser.add_argument("--returning", type=float, nargs="*", default=[1.0, 0.95, 0.9, 0.8, 0.5, 0.0])
    args = parser.parse_args()
    print(f"margin {MARGIN:.0%}, delta {DELTA:.0%}, {args.draws:,} draws a cell; well: certified where the risk is a third of the margin")
    print(f"{'':43}broken: call  visit   user   ours  |  for new people alone: call   user  |  well: call visit  user  ours")
    rows = []
    for busy, effect, (users, calls, visit), returning in product((False, True), EFFECTS, HOMES, args.returning):
        if busy and (effect != "spread" or users != 1500):
            continue
        row = cell(effect, users, calls, returning, busy, visit, args.draws)
        rows.append(row)
        print(
            f"{effect + (', busy' if busy else ''):16}{users:6,} {calls:6,} {visit:5} {returning:7.0%}"
            f"{row['broken_call']:15.3f} {row['broken_visit']:6.3f} {row['broken_user']:6.3f} {row['broken_ours']:6.3f}"
            f"{row['broken_new_call']:31.3f} {row['broken_new_user']:6.3f}"
            f"{row['certified_call']:16.2f} {row['certified_visit']:5.2f} {row['certified_user']:5.2f} {row['certified_ours']:5.2f}",
            flush=True,
        )
    # What is promised is of visits, or of people, not of calls: who asks more at once counts no more.
    held, busy_held = ([row["broken_lower_99_ours"] <= DELTA for row in rows if row["busy"] is busy] for busy in (False, True))
    print(
        f"\nThe promise held in {sum(held)} of {len(held)} cells; where busy people lose more, of whose calls nothing is promised, in "
        f"{sum(busy_held)} of {len(busy_held)}."
    )
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
