"""Does the promise hold, and what does holding it cost? Draws from populations whose risk is known.

Every draw plans a sequence on a tune sample (`plan_thresholds`) and looks once (`look_a`, `look_b`, `look_c`): the code that ships. A draw
violates when the certified rule's true risk in the population exceeds the margin, or the risk of what it answers exceeds `max_selective`
(C: exceeds alpha, 5 %). Beside it stand the plug-in threshold (the loosest that looks good on the same certify sample, no test) and
take-the-best (every threshold tested at the full level, the loosest that passes: invalid, a yardstick of power).

Calls come in groups of mean size 1, 2 and 5 that repeat one request; the test sees one call of each, and the last column shows how often
an exact binomial over all calls would have broken the promise. Prints a table; writes JSON with --out.

Some populations have the scores that a tier gives: a cache's (a hit is sure, a neighbour is as sure as it is near), an encoder's (out of
scope is 0), a chain's (two scales with a seam). And with 1, 5 and 20 candidates, each just above the bound and wrong of calls of its
own, the one that looks best on tune is certified (what ships); beside that the best of all certified with delta / candidates each, and with
delta each (invalid).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.certify import Look, look_a, look_b, look_c, p_values_a, p_values_b, p_values_c
from modicum.evaluate.narrow import thin_labels
from modicum.evaluate.table import Table, rare_labels
from modicum.evaluate.tune import Plan, Terms, plan_thresholds, trace_curve
from modicum.stats.binomial import lower_limit, lower_tail
from modicum.types import Attempt, PromiseKind, Rule

Array = NDArray[np.float64]
POOL = 40_000
DELTA, MARGIN, MAX_SELECTIVE, MIN_COVERAGE = 0.05, 0.01, 0.05, 0.10
TUNE_PER_CERTIFY = 65 / 35
KINDS: tuple[PromiseKind, ...] = ("A", "B", "C")
CANDIDATES = (1, 5, 20)
MARGIN_AT_FLOOR = 0.05
GROUPED = ("bank-like: 9 % differ", "margin just above everywhere")


@dataclass(frozen=True)
class Population:
    """A finite pool that is drawn from with replacement, so that every risk is exact."""

    name: str
    table: Table
    excess: Array
    wrong: Array
    margin: float = MARGIN
    sizes: tuple[int, ...] = ()
    """For which numbers of certify groups it was made; () for any."""

    def loss(self, kind: PromiseKind) -> Array:
        return self.table.differs.astype(np.float64) if kind == "A" else self.excess if kind == "B" else self.wrong

    def breaks(self, kind: PromiseKind, accepted: NDArray[np.bool_]) -> bool:
        marginal, selective = self.risk(kind, accepted)
        return selective > MAX_SELECTIVE or (kind != "C" and marginal > self.margin)

    def terms(self, kind: PromiseKind) -> Terms:
        return Terms(kinds=(kind,), delta=DELTA, margin=MAX_SELECTIVE if kind == "C" else self.margin, max_selective=MAX_SELECTIVE)

    def risk(self, kind: PromiseKind, accepted: NDArray[np.bool_]) -> tuple[float, float]:
        """True marginal and selective risk of answering these rows."""
        loss = self.loss(kind)
        total = float(loss[accepted].sum())
        return total / POOL, total / max(int(accepted.sum()), 1)


def build(
    name: str, rank_risk: Array, better: Array, *, confidence: Array | None = None, labels: NDArray[np.int64] | None = None
) -> Population:
    """Rows in order of confidence; `rank_risk` is the chance to differ, `better` that of a difference where the specialist is right.

    Of the other differences half are losses and in half both are wrong; a negative `better` makes every difference a loss.
    """
    rng = np.random.default_rng(hash_name(name))
    score = np.linspace(1, 0, POOL, endpoint=False) if confidence is None else confidence
    # Differences are laid out evenly, not drawn, so that the pool's risk is what was asked for at every threshold.
    total = np.cumsum(rank_risk)
    differs = np.floor(total + 0.5) > np.floor(np.concatenate([[0], total[:-1]]) + 0.5)
    u = rng.random(POOL)
    worse = np.where(better < 0, 1.0, better + 0.5 * (1 - better))
    excess = np.where(differs, np.where(u < better, -1.0, np.where(u < worse, 1.0, 0.0)), 0.0)
    said = np.zeros(POOL, dtype=np.int64) if labels is None else labels
    told = np.where(differs, said.max() + 1, said)
    table = Table(
        labels=tuple(f"label {i}" for i in range(int(said.max()) + 2)),
        said=said,
        told=told,
        confidence=score,
        open=np.ones(POOL, dtype=np.bool_),
        weights=np.ones(POOL),
    )
    return Population(name, table, excess, (differs & (excess >= 0)).astype(np.float64))


def hash_name(name: str) -> int:
    return zlib.crc32(name.encode())


def populations() -> Iterator[Population]:
    rank = np.linspace(0, 1, POOL, endpoint=False)
    always, half = np.full(POOL, -1.0), np.full(POOL, 0.5)
    yield build("easy: 2 % differ, in the tail", 0.0005 + 0.12 * rank**5, np.full(POOL, 0.3))
    yield build("bank-like: 9 % differ", 0.003 + 0.6 * rank**6, half * 0.8)
    yield build("noisy incumbent: 15 % differ, specialist better", 0.04 + 0.5 * rank**3, np.full(POOL, 0.6))
    top = np.where(rank < 0.10, 1.02 * MARGIN / 0.10, 0.0)
    yield build("margin just above everywhere", top, always, confidence=np.where(rank < 0.10, 1.0, 1 - rank))
    yield build("selective just above everywhere", np.full(POOL, 1.02 * MAX_SELECTIVE), always)
    yield build("margin just above from the start on", np.where(rank < 0.3, 1.02 * MARGIN / 0.3, 0.0), always)
    wave = 0.012 + 0.03 * ((rank > 0.25) & (rank < 0.32)) + 0.5 * (rank > 0.8)
    yield build("not monotone", wave, np.where((rank > 0.32) & (rank < 0.5), 0.9, 0.1))
    yield build("ties: five scores", 0.002 + 0.1 * rank**2, half * 0.6, confidence=np.ceil((1 - rank) * 5) / 5)
    hit = np.where(rank < 0.3, 1.0, np.where(rank < 0.6, np.ceil((1 - rank) * 50) / 50, -1.0))
    yield build("cache: hits, neighbours, the rest", np.where(rank < 0.3, 0.002, 0.012 + 0.15 * rank**2), half * 0.4, confidence=hit)
    scope = np.where(rank < 0.8, 1 - rank, 0.0)
    yield build(
        "encoder: a fifth is out of scope", np.where(rank < 0.8, 0.051 * (rank < 0.7) + 0.2 * (rank >= 0.7), 0.7), always, confidence=scope
    )
    seam = np.where(rank < 0.6, 0.8 + 0.2 * (1 - rank / 0.6), 0.9 * (1 - rank))
    yield build("chain: two scales with a seam", 0.004 + 0.1 * ((rank > 0.5) & (rank < 0.6)) + 0.5 * rank**8, half * 0.5, confidence=seam)
    yield rare_and_frequent("rare labels safe, frequent ones err", MARGIN_AT_FLOOR, rare=0.0)
    yield rare_and_frequent("rare labels gain, frequent ones err", 0.03, rare=-0.02)
    zipf = 1 / np.arange(1, 201)
    labels = np.random.default_rng(7).choice(200, POOL, p=zipf / zipf.sum()).astype(np.int64)
    rare = np.where(labels > 60, 0.045, 0.002) + 0.3 * rank**8
    yield build("200 labels, the rare ones wrong", rare, half * 0.6, labels=labels)


def rare_and_frequent(name: str, margin: float, *, rare: float, n: int = 3000) -> Population:
    """Four fifths of the calls on labels with 5 expected groups each of n, the rest on 20 frequent ones that err; scores are all equal.

    Which rare labels are certified is decided on the rows that test them. The frequent ones err just so often that the rule typically left
    breaks a bound by 5 %. `rare` is what a call on a rare label adds to the loss: nothing, or a gain (which B sees, and A as a difference).
    """
    rng = np.random.default_rng(hash_name(name))
    many = round(0.8 * n / 5)
    labels = np.where(rng.random(POOL) < 0.8, rng.integers(0, many, POOL), many + rng.integers(0, 20, POOL)).astype(np.int64)
    share = np.bincount(labels) / POOL
    planned = rng.binomial(round(n * TUNE_PER_CERTIFY), share, (400, len(share))) / TUNE_PER_CERTIFY >= 5
    found = rng.binomial(n, share * (1 - abs(rare)), (400, len(share))) >= 5
    rare_kept = float((share * (planned & found))[:, :many].sum(axis=1).mean())
    frequent = float(share[many:].sum())
    excess = min(margin, MAX_SELECTIVE * (frequent + rare_kept)) * 1.05 - rare * rare_kept
    is_rare = labels < many
    risk = np.where(is_rare, abs(rare), excess / frequent)
    made = build(name, risk, np.where(is_rare, 1.0, -1.0), confidence=np.ones(POOL), labels=labels)
    return dataclasses.replace(made, margin=margin, sizes=(n,))


def draw(population: Population, kind: PromiseKind, n: int, rng: np.random.Generator, mean_size: float) -> tuple[Table, Array]:
    """n groups, one call each, with what B or C is tested with; weights are group sizes."""
    rows = rng.integers(0, POOL, n)
    pool = population.table
    sizes = np.ones(n) if mean_size == 1 else rng.geometric(1 / mean_size, n).astype(np.float64)
    table = dataclasses.replace(
        pool, said=pool.said[rows], told=pool.told[rows], confidence=pool.confidence[rows], open=pool.open[rows], weights=sizes
    )
    return table, population.loss("C" if kind == "C" else "B")[rows]


def look_at(attempt: Attempt, kind: PromiseKind, table: Table, losses: Array) -> Look:
    return look_a(attempt, table) if kind == "A" else look_b(attempt, table, losses) if kind == "B" else look_c(attempt, table, losses)


def attempt_of(plan: Plan, kind: PromiseKind, n: int, rare: bool, margin: float, delta: float = DELTA) -> Attempt:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Attempt(
        attempt_id="simulated",
        workload_id="simulated",
        number=1,
        kinds=(kind,),
        margin=margin,
        max_selective=MAX_SELECTIVE,
        min_coverage=MIN_COVERAGE,
        delta=delta,
        artefact_digest="",
        rule=plan.rule,
        thresholds=plan.thresholds,
        window_from=now,
        window_to=now,
        groups=n,
        min_label_groups=5 if rare else 0,
        max_label_share=1.0,
        fingerprint="",
        seed=0,
        created_at=now,
        created_by="benchmark",
    )


def take_the_best(kind: PromiseKind, attempt: Attempt, table: Table, excess: Array, thresholds: Array) -> Rule | None:
    """The loosest threshold that passes on its own: every one looked at, at the full level, no order declared. Invalid."""
    loosest_first = dataclasses.replace(attempt, thresholds=tuple(float(t) for t in thresholds[::-1]))
    if kind == "A":
        p_values = p_values_a(loosest_first, table)
    else:
        p_values = (p_values_b if kind == "B" else p_values_c)(loosest_first, table, excess)
    for threshold, p in zip(loosest_first.thresholds, p_values, strict=False):
        if p <= DELTA:
            thin = thin_labels(attempt, table.judged(excess) if kind == "C" else table)
            names = {label for label, is_thin in zip(table.labels, thin, strict=True) if is_thin}
            deferred = tuple(sorted({*attempt.rule.deferred_labels, *names}))
            return dataclasses.replace(attempt.rule, accept_above=threshold, deferred_labels=deferred)
    return None


def plug_in(kind: PromiseKind, table: Table, excess: Array, thresholds: Array, margin: float) -> float | None:
    """The loosest threshold whose rates on the sample keep both bounds: no test."""
    loss = table.differs.astype(np.float64) if kind == "A" else excess
    order = np.argsort(-table.confidence, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(loss[order])])
    answered = np.searchsorted(-table.confidence[order], -thresholds, side="right")
    n = len(table)
    within = total[answered] <= (margin * n if kind != "C" else n)
    good = within & (total[answered] <= MAX_SELECTIVE * answered) & (answered >= MIN_COVERAGE * n)
    return float(thresholds[np.nonzero(good)[0][-1]]) if good.any() else None


def cell(population: Population, kind: PromiseKind, n: int, mean_size: float, draws: int, best_draws: int) -> dict[str, Any]:
    rng = np.random.default_rng([hash_name(population.name), n, int(mean_size), ord(kind)])
    rule, terms = Rule(accept_above=0.0), population.terms(kind)
    pool, rare = population.table, len(population.table.labels) > 10
    violations = {"ours": 0, "plug-in": 0, "best": 0, "calls": 0}
    coverage = {"ours": 0.0, "plug-in": 0.0, "best": 0.0, "ours where best": 0.0}

    def judge(name: str, accepted: NDArray[np.bool_]) -> None:
        violations[name] += population.breaks(kind, accepted)
        coverage[name] += float(accepted.mean())

    for number in range(draws):
        tune, tuned = draw(population, kind, round(n * TUNE_PER_CERTIFY), rng, 1)
        table, excess = draw(population, kind, n, rng, mean_size)
        if rare:
            told = [None if code < 0 else pool.labels[code] for code in tune.told.tolist()]
            rule = Rule(accept_above=0.0, deferred_labels=rare_labels(told, groups=n, min_label_groups=5, known=pool.labels))
            deferred = np.isin(np.array(pool.labels), rule.deferred_labels)
            tune, table = tune.without(deferred), table.without(deferred)
        plan = plan_thresholds(tune, rule, terms, groups=n, wrong=tuned if kind == "C" else None)
        if plan is not None:
            attempt = attempt_of(plan, kind, n, rare, terms.margin)
            look = look_at(attempt, kind, table, excess)
            if look.rule is not None:
                deferred = np.isin(np.array(pool.labels), look.rule.deferred_labels)
                before = coverage["ours"]
                judge("ours", pool.without(deferred).accepted(look.rule.accept_above))
                coverage["ours where best"] += (coverage["ours"] - before) if number < best_draws else 0.0
        thresholds = trace_curve(table).thresholds
        if (t := plug_in(kind, table, excess, thresholds, population.margin)) is not None:
            judge("plug-in", pool.accepted(t))
        if number < best_draws and plan is not None and (best := take_the_best(kind, attempt, table, excess, thresholds)) is not None:
            judge("best", pool.without(np.isin(np.array(pool.labels), best.deferred_labels)).accepted(best.accept_above))
        if kind == "A" and mean_size > 1:
            violations["calls"] += naive_violates(population, table)
    row: dict[str, Any] = {"population": population.name, "kind": kind, "n": n, "group_size": mean_size, "draws": draws}
    row |= {
        "violations": violations["ours"] / draws,
        "violations_lower_99": lower_limit(violations["ours"], draws, 0.99),
        "violations_plug_in": violations["plug-in"] / draws,
        "coverage": coverage["ours"] / draws,
        "coverage_same_draws": coverage["ours where best"] / best_draws,
        "coverage_best": coverage["best"] / best_draws,
        "violations_best": violations["best"] / best_draws,
        "violations_calls_as_units": violations["calls"] / draws if kind == "A" and mean_size > 1 else None,
    }
    return row


def cell_of_candidates(kind: PromiseKind, n: int, candidates: int, draws: int) -> dict[str, Any]:
    """Candidates that are each just above the bound from their start on, and wrong of calls of their own."""
    rng = np.random.default_rng([n, candidates, ord(kind)])
    rank = np.linspace(0, 1, POOL, endpoint=False)
    # C has no margin: there every threshold is just above.
    risk = np.full(POOL, 1.02 * MAX_SELECTIVE) if kind == "C" else np.where(rank < 0.3, 1.02 * MARGIN / 0.3, 0.0)
    made = build("candidate", risk, np.full(POOL, -1.0))
    terms = made.terms(kind)
    found = {"chosen on tune": 0, "delta / candidates": 0, "delta each": 0}
    covered = dict.fromkeys(found, 0.0)
    for _ in range(draws):
        best = dict.fromkeys(found, (0.0, False))
        chosen = -1.0
        for _ in range(candidates):
            tune, tuned = draw(made, kind, round(n * TUNE_PER_CERTIFY), rng, 1)
            table, losses = draw(made, kind, n, rng, 1)
            plan = plan_thresholds(tune, Rule(accept_above=0.0), terms, groups=n, wrong=tuned if kind == "C" else None)
            if plan is None:
                continue
            for name, delta in (("delta each", DELTA), ("delta / candidates", DELTA / candidates)):
                look = look_at(attempt_of(plan, kind, n, False, terms.margin, delta), kind, table, losses)
                accepted = made.table.accepted(look.rule.accept_above) if look.rule else np.zeros(POOL, np.bool_)
                outcome = (float(accepted.mean()), look.rule is not None and made.breaks(kind, accepted))
                best[name] = max(best[name], outcome)
                if name == "delta each" and (worth := max(plan.chance.values())) > chosen:
                    chosen, best["chosen on tune"] = worth, outcome
        for name in found:
            coverage, broken = best[name]
            found[name] += broken
            covered[name] += coverage / draws
    row: dict[str, Any] = {"candidates": candidates, "kind": kind, "n": n, "draws": draws}
    row["violations_lower_99"] = max(lower_limit(found[name], draws, 0.99) for name in ("chosen on tune", "delta / candidates"))
    return row | {name: {"violations": found[name] / draws, "coverage": covered[name]} for name in found}


def naive_violates(population: Population, table: Table) -> bool:
    """Would the loosest threshold that passes an exact binomial over all calls, repeats counted, break the margin?"""
    order = np.argsort(-table.confidence, kind="stable")
    weights = table.weights[order]
    errors = np.cumsum(weights * table.differs[order])
    answered = np.cumsum(weights)
    total = int(weights.sum())
    for i in np.linspace(len(order) - 1, int(MIN_COVERAGE * len(order)), 40).astype(int):
        if lower_tail(int(errors[i]), total, MARGIN) <= DELTA and lower_tail(int(errors[i]), int(answered[i]), MAX_SELECTIVE) <= DELTA:
            marginal, selective = population.risk("A", population.table.accepted(float(table.confidence[order][i])))
            return marginal > MARGIN or selective > MAX_SELECTIVE
    return False


Spec = tuple[str, PromiseKind, int, int, int]


def specs(names: Sequence[str], draws: int, quick: bool, only: str = "") -> list[Spec]:
    """Every population at every n; groups of mean size 2 and 5 where the first population and the two that sit on a bound are at stake."""
    out: list[Spec] = []
    for name in names:
        for kind in KINDS:
            for n in by_name()[name].sizes or ((300, 1000) if quick else (300, 1000, 3000)):
                for size in (1, 2, 5) if name in (names[0], *GROUPED) and not quick else (1,):
                    out.append((name, kind, n, size, draws))
    for count in () if quick else CANDIDATES:
        if only in f"{OF_CANDIDATES}{count}":
            out += [(f"{OF_CANDIDATES}{count}", kind, 1000, 1, draws) for kind in KINDS]
    return out


@lru_cache(maxsize=1)
def by_name() -> dict[str, Population]:
    return {population.name: population for population in populations()}


def cell_of(spec: Spec) -> dict[str, Any]:
    name, kind, n, size, draws = spec
    if name.startswith(OF_CANDIDATES):
        return cell_of_candidates(kind, n, int(name.removeprefix(OF_CANDIDATES)), draws)
    return cell(by_name()[name], kind, n, size, draws, min(draws, 100))


OF_CANDIDATES = "candidates: "


def show(row: dict[str, Any]) -> str:
    if "candidates" in row:
        kinds = ("chosen on tune", "delta / candidates", "delta each")
        rates = ", ".join(f"{name} {row[name]['violations']:.3f} ({row[name]['coverage']:.3f} covered)" for name in kinds)
        return f"{row['candidates']:2} candidates {row['kind']} {row['n']:5}: {rates}"
    naive = row["violations_calls_as_units"]
    return (
        f"{row['population']:48} {row['kind']} {row['n']:7} {row['group_size']:5} "
        f"{row['violations']:9.3f} {row['violations_lower_99']:11.3f} "
        f"{row['violations_plug_in']:8.3f} {row['coverage_same_draws']:9.3f} {row['coverage_best']:6.3f} {row['violations_best']:8.3f} "
        f"{'' if naive is None else f'{naive:9.3f}'}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200 draws a cell and few cells, for CI")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", default="", help="populations whose name holds this")
    parser.add_argument("--kinds", default="ABC", help="which promises, of ABC")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    args = parser.parse_args()
    draws = 200 if args.quick else args.draws
    began = time.perf_counter()
    cells = specs([name for name in by_name() if args.only in name], draws, args.quick, args.only)
    cells = [spec for spec in cells if spec[1] in args.kinds]
    print(f"delta {DELTA:.0%}, selective {MAX_SELECTIVE:.0%}, {draws} draws a cell, coverage over the first 100")
    print(f"margin {MARGIN:.0%}; 3 % where rare labels gain, 5 % where they are safe")
    print(f"{'population':48} kind    n  size  violated  (99 % low)  plug-in  coverage   best  (broken)  calls as units")
    rows = []
    with ProcessPoolExecutor(args.jobs) as pool:
        for row in pool.map(cell_of, cells):
            rows.append(row)
            print(show(row), flush=True)
    held = [row["violations_lower_99"] <= DELTA for row in rows]
    alone = [row for row in rows if "population" in row]
    short = {n: max((r["coverage_best"] - r["coverage_same_draws"] for r in alone if r["n"] == n), default=0.0) for n in (300, 1000, 3000)}
    print(f"\nThe promise held in {sum(held)} of {len(held)} cells. Coverage short of take-the-best by at most", end=" ")
    print(", ".join(f"{gap:.3f} (n = {n:,})" for n, gap in short.items()), f"in {time.perf_counter() - began:.0f} s")
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
