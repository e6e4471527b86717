"""Do the caches keep their promise, and what do they answer? Traffic whose truth is known, through the code that ships.

Exact cache: a log of requests that come back, an incumbent that is steady, noisy, random, or changes its mind; `pipeline.recall` plans on
the old part, one look certifies, and what then runs is asked the requests of the time it may serve. A draw breaks the promise where more
than the margin of those distinct requests are answered otherwise than the incumbent does by then, or more than `max_selective` of the
answered. Beside it what a test would have certified that counts every call of the window, and one that asks the cache as it is at the end
of the log instead of what it knew at the time.

Neighbours: short commands of which many mean the opposite of their nearest neighbour; with each guard and with the one that `fit` takes.
Where MODICUM_DATA names the public sets, also how right the neighbours are there. Prints tables; writes JSON with --json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.encoders import banking77, clinc150
from modicum.backends.neighbours import Neighbours
from modicum.backends.repeats import Repeats
from modicum.evaluate.certify import look_a
from modicum.evaluate.groups import group_samples
from modicum.evaluate.split import split_by_time
from modicum.evaluate.table import Table, tabulate
from modicum.evaluate.tune import Plan, Terms, plan_thresholds
from modicum.pipeline.recall import recall
from modicum.pipeline.tiers import Wanted
from modicum.route.rule import refusal
from modicum.stats.binomial import upper_limit
from modicum.train import neighbours
from modicum.train.export import in_memory
from modicum.types import Attempt, Contract, Prediction, Rule, Sample

START = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = ("billing", "cancel", "other", "status")
DAYS, CALLS = 40.0, 4_000
TERMS = Terms(kinds=("A",), margin=0.02, max_selective=0.05, min_coverage=0.10, delta=0.05)
SEED = 7
SERVED = 5
"""So many futures are drawn to know the true risk."""

Answer = Callable[[random.Random, int, float], str]
"""(chance, request, day) -> what the incumbent says."""


def said(number: int) -> str:
    return LABELS[(number * 2_654_435_761 >> 7) % len(LABELS)]


def steady(rng: random.Random, request: int, day: float) -> str:
    return said(request)


def noisy(rng: random.Random, request: int, day: float) -> str:
    """One answer in 25 is drawn at random."""
    return rng.choice(LABELS) if rng.random() < 0.04 else said(request)


def torn(rng: random.Random, request: int, day: float) -> str:
    """Three requests in ten are answered at random each time."""
    return rng.choice(LABELS) if request % 10 < 3 else said(request)


def guessing(rng: random.Random, request: int, day: float) -> str:
    return rng.choice(LABELS)


def ageing(rng: random.Random, request: int, day: float) -> str:
    """A request's answer changes every 60 days, each at a time of its own."""
    return said(request + 97 * int((day + request % 60) / 60))


def near_margin(rng: random.Random, request: int, day: float) -> str:
    """Answers go stale so fast that what a cache would give is wrong about as often as `max_selective` allows."""
    return said(request + 97 * int((day + request % 150) / 150)) if request % 4 else (said(request) if rng.random() > 0.05 else LABELS[0])


TRAFFIC: tuple[tuple[str, Answer], ...] = (
    ("steady", steady),
    ("4 % noise", noisy),
    ("3 of 10 requests at random", torn),
    ("always at random", guessing),
    ("changes every 60 days", ageing),
    ("near the limits", near_margin),
)


def log(rng: random.Random, answer: Answer, calls: int, begin: float, end: float, new_share: float, first: int) -> list[Sample]:
    """Calls at even times; a share of the requests is new each time, the others are drawn by Zipf's law."""
    weights = [1 / (place + 3) for place in range(1_500)]
    known = rng.choices(range(1_500), weights, k=calls)
    found = []
    for number in range(calls):
        request = 10_000 + first + number if rng.random() < new_share else known[number]
        day = begin + (end - begin) * number / calls
        found.append(
            Sample(
                call_id=f"c{first + number}",
                response_id=None,
                at=START + timedelta(days=day),
                slots=(("message", " ".join(f"w{request * prime % 999_983}" for prime in (1, 7, 31, 127, 511, 2047))),),
                value=answer(rng, request, day),
                version_id="v",
                incumbent="gpt",
            )
        )
    return found


def attempt_of(plan: Plan, groups: int) -> Attempt:
    return Attempt(
        attempt_id="a",
        workload_id="w",
        number=1,
        kinds=TERMS.kinds,
        margin=TERMS.margin,
        max_selective=TERMS.max_selective,
        min_coverage=TERMS.min_coverage,
        delta=TERMS.delta,
        artefact_digest="d",
        rule=plan.rule,
        thresholds=plan.thresholds,
        window_from=START,
        window_to=START,
        groups=groups,
        min_label_groups=5,
        fingerprint="f",
        seed=SEED,
        created_at=START,
        created_by="benchmark",
    )


def certified(plan: Plan, table: Table) -> Rule | None:
    return look_a(attempt_of(plan, len(table)), table).rule


def risk(rule: Rule, told: Sequence[Prediction], truth: Sequence[str | None]) -> tuple[float, float, float]:
    """Share answered, share answered otherwise, and that among the answered."""
    answered = np.array([refusal(rule, one) is None for one in told])
    wrong = np.array([one.value != value for one, value in zip(told, truth, strict=True)]) & answered
    return float(answered.mean()), float(wrong.mean()), float(wrong.sum() / max(1, answered.sum()))


def breaks(found: tuple[float, float, float]) -> bool:
    return found[1] > TERMS.margin or found[2] > TERMS.max_selective


def exact(name: str, answer: Answer, draws: int) -> dict[str, Any]:
    rows: dict[str, list[tuple[float, float, float] | None]] = {"ours": [], "every call": [], "as it is at the end": []}
    horizons: list[float] = []
    for draw in range(draws):
        rng = random.Random(f"{name} {draw}")
        samples = log(rng, answer, CALLS, 0, DAYS, 0.15, 0)
        cut = samples[int(CALLS * 0.65)].at
        found = recall(
            Contract(kind="label", reader="whole", labels=LABELS),
            samples,
            cut=cut,
            terms=TERMS,
            protected=lambda names: (),
            min_label_groups=5,
            wanted=Wanted(),
            secret=bytes(32),
            seed=SEED,
            now=samples[-1].at,
        )
        if found is None or found.candidate.plan is None or found.candidate.tier.why:
            for column in rows.values():
                column.append(None)
            continue
        plan, trained = found.candidate.plan, found.candidate.trained
        days = float(trained.about["horizon_s"]) / 86_400
        horizons.append(days)
        ends = samples[-1].at
        now = ends.timestamp() + 1
        cache = Repeats(in_memory(trained.files), clock=lambda now=now: now)  # type: ignore[misc]
        distinct: list[Sample] = []
        for future in range(SERVED):
            later = log(rng, answer, int(CALLS * days / DAYS), DAYS, DAYS + days, 0.15, 100_000 * (future + 1))
            distinct += {sample.slots: sample for sample in rng.sample(later, len(later))}.values()
        told, truth = cache.predict_many([s.slots for s in distinct]), [s.value for s in distinct]
        windows = {
            "ours": ([samples[i] for i in found.parts.certify], True),
            "every call": ([samples[i] for i in found.parts.certify_calls], True),
            "as it is at the end": ([samples[i] for i in found.parts.certify], False),
        }
        for way, (drawn, then) in windows.items():
            known = [cache.predict_at(s.slots, s.at) if then else cache.predict(s.slots) for s in drawn]
            rule = certified(plan, tabulate(drawn, known, plan.rule, seed=SEED))
            rows[way].append(None if rule is None else risk(rule, told, truth))
    return {"traffic": name, "horizon_days": round(float(np.median(horizons)), 1) if horizons else None} | {
        column: summed(results) for column, results in rows.items()
    }


def summed(results: list[tuple[float, float, float] | None]) -> dict[str, Any]:
    done = [one for one in results if one is not None]
    broken = sum(map(breaks, done))
    return {
        "draws": len(results),
        "certified": len(done),
        "coverage": float(np.mean([one[0] for one in done])) if done else 0.0,
        "broken": broken,
        "broken_up_to": upper_limit(broken, len(results), 0.95),
        "selective": float(np.mean([one[2] for one in done])) if done else 0.0,
    }


VERBS = ("cancel", "renew", "block", "refund", "ship", "update", "delete", "print", "archive", "forward", "mute", "copy")
THINGS = ("card", "order", "account", "parcel", "invoice", "ticket", "plan", "booking", "report", "photo", "list", "message")
POLITE = ("please", "could you", "hi,", "i want you to", "kindly", "right now", "as soon as you can", "for me", "thanks", "today")


def command(rng: random.Random) -> tuple[str, str]:
    """A command and what is to be done: a word or a number turns it."""
    verb, thing = rng.choice(VERBS), rng.choice(THINGS)
    polite = rng.sample(POLITE, 2)
    kind = rng.random()
    if kind < 0.35:
        turned = rng.random() < 0.5
        return (
            f"{polite[0]} {rng.choice(('do not', 'never', 'don' + chr(39) + 't')) + ' ' if turned else ''}{verb} the {thing} {polite[1]}",
            ("leave" if turned else "act"),
        )
    if kind < 0.6:
        turned = rng.random() < 0.5
        return (
            f"{polite[0]} tell me when the {thing} is {'below' if turned else 'above'} the limit {polite[1]}",
            "low" if turned else "high",
        )
    if kind < 0.8:
        amount = rng.choice((5, 50, 500, 5000))
        return f"{polite[0]} pay {amount} for the {thing} {polite[1]}", "ask first" if amount >= 500 else "act"
    return f"{polite[0]} where is my {thing} {polite[1]}", "status"


def near(draws: int) -> list[dict[str, Any]]:
    rows: dict[str, list[tuple[float, float, float] | None]] = {"numbers": [], "turns": [], "none": [], "taken by fit": []}
    for draw in range(draws):
        rng = random.Random(f"near {draw}")
        samples = []
        for number in range(3_000):
            text, label = command(rng)
            samples.append(of_text(number, text, label))
        groups = group_samples(samples)
        parts = split_by_time(samples, groups, seed=SEED)
        learnt = [samples[i] for i in parts.train]
        fresh = [command(rng) for _ in range(2_000)]
        known = {s.slots[0][1] for s in samples}
        fresh = [pair for pair in dict(fresh).items() if pair[0] not in known]
        planned = []
        for trained in neighbours.fit(
            learnt, groups=[groups.units[i] for i in parts.train], used_slots=("message",), vectors=None, max_size_bytes=4_000_000
        ):
            told = dict(zip(parts.train, trained.out_of_fold, strict=True))
            rule = Rule(accept_above=1.0)
            table = tabulate([samples[i] for i in parts.tune], [told[i] for i in parts.tune], rule)
            plan = plan_thresholds(table, rule, TERMS, groups=len(parts.certify))
            cache = Neighbours(in_memory(trained.files))
            drawn = [samples[i] for i in parts.certify]
            passed = None
            if plan is not None:
                passed = certified(plan, tabulate(drawn, cache.predict_many([s.slots for s in drawn]), plan.rule, seed=SEED))
            result = None
            if passed is not None:
                result = risk(passed, cache.predict_many([(("message", text),) for text, _ in fresh]), [label for _, label in fresh])
            rows[str(trained.about["guard"])].append(result)
            planned.append((plan.expected_coverage if plan else 0.0, result))
        rows["taken by fit"].append(max(planned, key=lambda pair: pair[0])[1])
    return [{"guard": guard} | summed(results) for guard, results in rows.items()]


def public(data: Path) -> list[dict[str, Any]]:
    """Neighbours without an encoder on public sets: right on the test split, and how much they could answer with 5 % of it wrong."""
    found = []
    for name, read in (("BANKING77", banking77), ("CLINC150 in scope", clinc150)):
        train, test, _ = read(data)
        samples = [of_text(number, text, label) for number, (text, label) in enumerate(train)]
        random.Random(SEED).shuffle(samples)
        began = time.process_time()
        # Each row its own group: the sets hold no repeats.
        caches = list(neighbours.fit(samples, groups=range(len(samples)), used_slots=("message",), vectors=None, max_size_bytes=4_200_000))
        fitted = time.process_time() - began
        for trained in caches:
            cache = Neighbours(in_memory(trained.files))
            began = time.process_time()
            told = cache.predict_many([(("message", text),) for text, _ in test])
            ms = (time.process_time() - began) * 1000 / len(test)
            right = np.array([one.value == label for one, (_, label) in zip(told, test, strict=True)])
            order = np.argsort([-one.confidence for one in told], kind="stable")
            wrong = np.cumsum(~right[order]) / np.arange(1, len(test) + 1)
            most = int(np.flatnonzero(wrong <= 0.05).max(initial=-1)) + 1
            row = {"set": name, "guard": trained.about["guard"], "entries": trained.about["entries"], "right": float(right.mean())}
            found.append(row | {"at_5": most / len(test), "ms": ms, "fit_cpu_s": fitted, "mb": sum(map(len, trained.files.values())) / 1e6})
    return found


def of_text(number: int, text: str, label: str) -> Sample:
    return Sample(
        call_id=f"c{number}",
        response_id=None,
        at=START + timedelta(minutes=number),
        slots=(("message", text),),
        value=label,
        version_id="v",
        incumbent="gpt",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--near-draws", type=int, default=20)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    began = time.process_time()
    found: dict[str, Any] = {"terms": dataclasses.asdict(TERMS), "exact": [], "near": []}
    print(
        f"exact cache: margin {TERMS.margin:.0%}, of the answered {TERMS.max_selective:.0%}, {1 - TERMS.delta:.0%} sure; {args.draws} draws"
    )
    print("| traffic | test | serves days | certified | answers | differ, of the answered | promise broken (up to) |")
    print("|---|---|---|---|---|---|---|")
    for name, answer in TRAFFIC:
        row = exact(name, answer, args.draws)
        found["exact"].append(row)
        for column in ("ours", "every call", "as it is at the end"):
            show(f"{name} | {column} | {row['horizon_days']}", row[column])
    print("\nneighbours, no encoder: commands that a word or a number turns")
    print("| guard | certified | answers | differ, of the answered | promise broken (up to) |")
    print("|---|---|---|---|---|")
    for row in near(args.near_draws):
        found["near"].append(row)
        show(row["guard"], row)
    if "MODICUM_DATA" in os.environ:
        found["public"] = public(Path(os.environ["MODICUM_DATA"]))
        print("\nneighbours, no encoder, gold labels of the training split; the newest 4,000 requests at most")
        print("| set | guard | right | answered with 5 % of that wrong | MB | CPU ms |\n|---|---|---|---|---|---|")
        for row in found["public"]:
            print(f"| {row['set']} | {row['guard']} | {row['right']:.1%} | {row['at_5']:.1%} | {row['mb']:.1f} | {row['ms']:.2f} |")
    found["cpu_s"] = round(time.process_time() - began, 1)
    print(f"\n{found['cpu_s']} CPU s")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")


def show(name: str, one: dict[str, Any]) -> None:
    print(f"| {name} | {one['certified']} of {one['draws']} | {one['coverage']:.1%} | {one['selective']:.2%} | "
          f"{one['broken'] / one['draws']:.1%} ({one['broken_up_to']:.1%}) |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
