"""What good answers cost: by hand, and from a home with feedback."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modicum.config import Config, ReportConfig, StoreConfig
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.report import document, page, text
from modicum.report.gather import gather
from modicum.report.units import RESOLVED, Unit, UnitFigures, figures, unit_figures
from modicum.store import feedback
from modicum.store.calls import Calls
from modicum.types import Decision, new_call_id
from modicum.wire import feedback as wire
from tests.pipeline import traffic

AT = datetime(2026, 10, 1, tzinfo=UTC)


def unit(good: bool, cost: str | None = "0.01", *, ms: float | None = 100.0, **more: Any) -> Unit:
    about: dict[str, Any] = {"workload_id": "w", "who": "incumbent", "what": "correct answer", "calls": 1}
    return Unit(good=good, cost_usd=None if cost is None else Decimal(cost), duration_ms=ms, **about | more)


def only(units: list[Unit], **targets: float) -> UnitFigures:
    (found,) = figures(units, **targets)
    return found


def test_what_the_wrong_ones_cost_is_paid_by_the_right_ones() -> None:
    found = only([unit(row % 4 > 0) for row in range(40)])
    assert (found.units, found.good, found.usd_each) == (40, 30, Decimal("0.01333333"))
    assert found.usd_each is not None and found.low_usd_each is not None and found.high_usd_each is not None
    assert found.low_usd_each < found.usd_each < found.high_usd_each
    assert found.error_rate == 0.25 and found.error_low < 0.25 < found.error_high and found.meets is None


def test_one_unknown_cost_makes_the_figure_unknown_and_is_counted() -> None:
    found = only([unit(True)] * 30 + [unit(True, None)])
    assert (found.usd_each, found.low_usd_each, found.unpriced, found.good) == (None, None, 1, 31)


def test_none_good_has_no_cost_and_few_have_no_interval() -> None:
    assert only([unit(False)] * 20).usd_each is None
    few = only([unit(True)] * 9)
    assert few.usd_each == Decimal("0.01") and few.low_usd_each is None


def test_calls_of_one_conversation_are_drawn_together() -> None:
    alone = only([unit(row % 2 == 0) for row in range(200)])
    tied = only([unit(row % 40 < 20, conversation=f"talk {row // 20}") for row in range(200)])
    assert alone.usd_each == tied.usd_each
    assert alone.high_usd_each is not None and (tied.high_usd_each is None or tied.high_usd_each > alone.high_usd_each)


def test_an_answer_that_comes_too_late_does_no_good() -> None:
    units = [unit(True, ms=50.0)] * 100 + [unit(True, ms=900.0)] * 100
    found = only(units, target_ms=300.0, target_error=0.05)
    assert (found.good, found.in_time, found.usd_each) == (200, 100, Decimal("0.02"))
    assert found.meets is False
    assert only(units[:100], target_ms=300.0, target_error=0.05).meets is True
    assert only([unit(True)] * 20, target_error=0.05).meets is None, "too few to show it"
    assert only([unit(True)] * 100 + [unit(True, ms=None)], target_ms=300.0).meets is None, "one's time is unknown"


def test_the_interval_covers_the_true_cost() -> None:
    rng, hits = np.random.default_rng(5), 0
    for _ in range(60):
        costs, good = rng.gamma(4.0, 0.0025, 300), rng.random(300) < 0.8
        found = only([unit(bool(ok), f"{cost:.8f}") for cost, ok in zip(costs, good, strict=True)])
        assert found.low_usd_each is not None and found.high_usd_each is not None
        hits += found.low_usd_each <= Decimal("0.0125") <= found.high_usd_each
    assert hits >= 51


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """120 sorted messages in conversations of three, a tenth of them answered by a small model, and what was said of them."""
    folder = tmp_path_factory.mktemp("units")
    config = Config(store=StoreConfig(home=folder / "home"))
    rows = list(traffic.sorted_messages(120, wrong=0.3))
    for number, (row, _) in enumerate(rows):
        row["request"]["metadata"] = {"conversation_id": f"talk-{number // 3}"}
    bring_in(config, [traffic.write(folder / "log.jsonl", [row for row, _ in rows])], Options())
    calls = list(Calls(config.home).scan())
    ours = [
        dataclasses.replace(
            call,
            call_id=new_call_id(),
            response_id=f"chatcmpl-ours-{number}",
            origin="live",
            cost_usd=Decimal(0),
            duration_ms=0.4,
            conversation_id=None,
            decision=Decision(answered_by="modicum/sort@1", reason="answered"),
        )
        for number, call in enumerate(calls[:20])
    ]
    Calls(config.home).add(ours)
    find(config)
    gold = {row["response"]["id"]: label for row, label in rows}
    by_text = {call.request: call.response_id for call in calls}
    said = [{"call_id": name, "label": label} for name, label in list(gold.items())[:60]]
    said += [{"call_id": call.response_id, "label": gold[by_text[call.request] or ""]} for call in ours]
    said += [{"call_id": name, "outcome": "resolved" if number % 2 else "escalated"} for number, name in enumerate(list(gold)[60:90])]
    said += [{"conversation_id": f"talk-{number}", "outcome": RESOLVED if number % 4 else "given_up"} for number in range(40)]
    said += [{"call_id": "chatcmpl-of-nobody", "label": "lost"}]
    feedback.add(config.home, [wire.read(row, scope="default", at=AT) for row in said])
    feedback.add(config.home, [wire.read(row, scope="globex", at=AT) for row in said])
    return config


def test_a_home_s_units(config: Config) -> None:
    found = {(one.what, one.who): one for one in unit_figures(config)}
    right = found["correct answer", "incumbent"]
    assert right.units == 60 and 0 < right.good < 60 and right.usd_each is not None
    route = found["correct answer", "route"]
    assert route.units == 20 and route.usd_each == 0
    assert (found["resolved call", "incumbent"].units, found["resolved call", "incumbent"].good) == (30, 15)
    talks = found["resolved conversation", "incumbent"]
    assert (talks.units, talks.good, talks.calls) == (40, 30, 120)
    assert unit_figures(config, scope="globex") == ()
    assert unit_figures(config, since=AT) == ()


def test_text_page_and_json_show_them(config: Config) -> None:
    aimed = dataclasses.replace(config, report=ReportConfig(target_ms=1000, target_error=0.5))
    report = gather(aimed)
    assert report.units
    shown = text.render(report, width=200)
    assert "What a good answer costs" in shown and "resolved conversations" in shown and "Asked for: within" in shown
    html = page.render(report)
    assert 'id="units"' in html and "correct answers" in html
    said = json.loads(document.encode(report))["units"]
    assert {one["what"] for one in said} == {"correct answer", "resolved call", "resolved conversation"}
    assert all({"usd_each", "low_usd_each", "units", "error_high"} <= one.keys() for one in said)


def test_no_feedback_no_section(tmp_path: Path) -> None:
    config = Config(store=StoreConfig(home=tmp_path / "home"))
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", [row for row, _ in traffic.sorted_messages(40)])], Options())
    find(config)
    report = gather(config)
    assert report.units == () and 'id="units"' not in page.render(report) and "good answer" not in text.render(report)
