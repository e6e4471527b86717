"""A route whose stage is another model: what that took is spent, and what it saves is net of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from modicum.catalog import Catalogue
from modicum.report.figures import summarise
from modicum.report.records import Report
from modicum.report.spend import spend, spend_by_model
from modicum.store.usage import UsageRow
from tests.report.records import NOW, PRICES, certificate, days, route, workload

OTHERS = frozenset(("sha256:ab",))


def answered(count: int, usd: str, **more: Any) -> list[UsageRow]:
    """A hundred calls a day that the other model answered, for so much in all."""
    told: dict[str, Any] = {"response_model": "modicum/w@ab", "specialist": True, "cost_usd": Decimal(usd), "calls_without_cost": 0}
    return days(count, **(told | more))


def report(rows: list[UsageRow], others: frozenset[str] = OTHERS) -> Report:
    return summarise(
        rows,
        workloads=[workload()],
        certificates=[certificate()],
        routes=[route(state="on")],
        catalogue=Catalogue(PRICES),
        control_share=0.05,
        now=NOW,
        others=others,
    )


def test_what_it_took_is_spend_and_no_part_of_the_incumbent_s_mean() -> None:
    rows = [*days(10, stage_usd=Decimal("0.02")), *answered(10, "0.12")]
    paid = spend(rows, Catalogue(PRICES))
    assert (paid.usd, paid.stages_usd, paid.known_usd) == (Decimal("12.00"), Decimal("1.40"), Decimal("13.40"))
    assert paid.mean_usd == Decimal("0.012") and sum(paid.by_day.values()) == Decimal("13.40")
    (line,) = report(rows).workloads
    assert line.spend_usd == Decimal("13.40") and line.live is None
    assert line.baseline_usd_month == pytest.approx(Decimal("24") * Decimal("30.4375") / 10, rel=Decimal("0.01"))


def test_what_it_saves_is_net_of_what_it_takes() -> None:
    rows = [*days(10, stage_usd=Decimal("0.02")), *answered(10, "0.12", reasons=(("answered", 100),))]
    (line,), (small,) = report(rows).workloads, report(rows, frozenset()).workloads
    assert line.live is not None and line.live.saved_usd == Decimal("10.60"), "1,000 calls at 0.012, less 1.40"
    assert line.saving is not None and small.saving is not None
    assert line.saving.usd_month is not None and small.saving.usd_month is not None
    kept = 1 - Decimal("0.0014") / Decimal("0.012")
    assert line.saving.usd_month == pytest.approx(small.saving.usd_month * kept, rel=Decimal("0.001"))


def test_before_it_answered_anything_nobody_knows() -> None:
    (line,) = report(days(10)).workloads
    assert line.saving is not None and line.saving.usd_month is None and "not known" in line.saving.method
    (free,) = report([*days(10), *answered(10, "0")]).workloads
    assert free.saving is not None and free.saving.usd_month is not None


def test_each_model_has_the_line_of_what_it_took() -> None:
    mine = days(10, stage_usd=Decimal("0.02"), stage_model="small/tiny")
    lines = {line.model: line for line in spend_by_model([*mine, *answered(10, "0.12", stage_model="small/tiny")], Catalogue(PRICES))}
    assert lines["tiny"].spend_usd == Decimal("1.40") and lines["tiny"].unpriced_calls == 0
    (only,) = report([*mine, *answered(10, "0.12", stage_model="small/tiny")]).workloads
    assert [line.model for line in only.incumbents] == [name for name in lines if name != "tiny"], "it is no incumbent"
