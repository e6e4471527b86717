"""The 80 / 20 line: how much of the calls and of the spend runs, and could run, on what is almost free beside today's models."""

from __future__ import annotations

from collections.abc import Sequence

from modicum.report import words
from modicum.report.ladder.settings import LadderSettings
from modicum.report.proven import laid
from modicum.report.records import Totals, WorkloadFigures
from modicum.report.rungs import Ladder, Part, Rung, Shares

HOW = {
    "certified": "could, certified",
    "measured": "could, measured on these calls",
    "published": "could, if published benchmarks hold here",
    "none": "could by price alone, which nobody has tried",
}


def shares(lines: Sequence[WorkloadFigures], found: Sequence[Ladder], totals: Totals, settings: LadderSettings) -> Shares:
    """Each call once: as running, else under its strongest evidence. What something hard stands in the way of is in none, running or
    not."""
    of = {one.workload_id: one.rungs for one in found}
    sums: dict[str, list[float]] = {name: [0.0, 0.0] for name in ("runs", *HOW)}
    barred = 0
    for line in lines:
        its = of.get(line.workload_id, ())
        rungs = [rung for rung in its if not rung.blocked and (rung.cheaper_share or 0.0) >= settings.cheaper]
        answered = line.live.specialist_calls if line.live is not None else 0
        runs = answered / line.calls if line.calls and any(rung.kind == "specialist" for rung in rungs) else 0.0
        if any(rung.kind == "specialist" and _forbidden(rung) for rung in its):
            barred += answered
        beyond = laid([(rung.evidence, rung.share or 0.0) for rung in rungs], runs)
        for name, part in (("runs", runs), *beyond.items()):
            sums[name][0] += part * line.calls
            sums[name][1] += part * float(line.baseline_usd_month or 0)
    bill_usd = float(totals.baseline_usd_month or 0)
    of_all = {
        name: Part(calls=calls / totals.calls if totals.calls else 0.0, spend=spent / bill_usd if bill_usd else None)
        for name, (calls, spent) in sums.items()
    }
    could = [f"{_two(of_all[name])} {how}" for name, how in HOW.items() if of_all[name].calls]
    further = "more " if of_all["runs"].calls and could else ""
    against = (
        f" {words.count(barred, 'call')} that a specialist answered are not in it: the terms of today's provider forbid learning from its"
        " answers."
        if barred
        else ""
    )
    return Shares(
        cheaper=settings.cheaper,
        runs=of_all["runs"],
        certified=of_all["certified"],
        measured=of_all["measured"],
        published=of_all["published"],
        unproven=of_all["none"],
        sentence=(
            f"On what is at least {words.percent(settings.cheaper)} cheaper than the incumbent runs"
            f" {_two(of_all['runs']) if of_all['runs'].calls else 'nothing yet'};"
            f" {further}{'; '.join(could) if could else 'nothing else could'}.{against}"
        ),
    )


def _forbidden(rung: Rung) -> bool:
    return any(one.hard and one.kind == "terms" for one in rung.obstacles)


def _two(part: Part) -> str:
    return f"{words.percent(part.calls)} of the calls ({words.percent(part.spend)} of the spend)"
