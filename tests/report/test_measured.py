"""What routes saved: by hand against the truth of a made world, and from a home through to text, page and JSON."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modicum.config import Config, StoreConfig
from modicum.evaluate.told import Told
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.report import document, page, saved, text
from modicum.report.gather import gather
from modicum.report.measured import KEPT, measured, saving, together
from modicum.report.sides import MeasuredSaving
from modicum.route.coin import toss
from modicum.store import feedback
from modicum.store.arms import ArmRow
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, Decision, Route, new_call_id
from modicum.wire import feedback as wire
from tests.pipeline import traffic
from tests.report import records

AT = datetime(2026, 10, 1, tzinfo=UTC)
FREE = {"cpu_hour_usd": Decimal(0), "label_usd": Decimal(0)}
REASONS = {"route": "answered", "control": "control", "canary": "canary"}


def row(reason: str, cost: str | None, *, propensity: float | None = 0.1, conversation: str | None = None, **decided: Any) -> ArmRow:
    decision = Decision(answered_by="m", reason=reason, route_id="r1", propensity=propensity, **decided)  # type: ignore[arg-type]
    return ArmRow(
        scope="default",
        workload_id="w1",
        call_id=new_call_id(),
        response_id=None,
        conversation_id=conversation,
        started_at=AT,
        cost_usd=None if cost is None else Decimal(cost),
        chars=100,
        decision=decision,
    )


def world(random: np.random.Generator, conversations: int, coverage: float) -> tuple[list[ArmRow], float]:
    """Calls of a route that went from a canary to on, and what was truly saved."""
    rows, truth = [], 0.0
    for number in range(conversations):
        share = 0.1 if number < conversations // 3 else 1.0
        arm, chance = toss(f"c{number}", salt=str(random.integers(1 << 30)), control=0.05, share=share)
        length = random.lognormal(6, 0.6)
        for _ in range(random.geometric(0.5)):
            chars = int(length * random.lognormal(0, 0.2)) + 1
            cost = (40 + chars) * 1e-6 * random.lognormal(0, 0.3)
            answered = arm == "route" and random.random() < coverage
            truth += cost if answered else 0.0
            reason = REASONS[arm] if answered or arm != "route" else "below_threshold"
            one = row(reason, f"{0 if answered else cost:.9f}", propensity=chance, conversation=f"c{number}")
            rows.append(dataclasses.replace(one, chars=chars))
    return rows, truth


def test_the_interval_covers_what_was_truly_saved() -> None:
    random, held, widths = np.random.default_rng(8), 0, []
    for _ in range(30):
        rows, truth = world(random, 500, 0.7)
        found = saving(rows, None, Told(), **FREE)
        assert found is not None and found.low_usd is not None and found.high_usd is not None and found.net_usd == found.gross_usd
        held += float(found.low_usd) <= truth <= float(found.high_usd)
        widths.append(float(found.high_usd - found.low_usd) / truth)
    assert held >= 25
    assert np.median(widths) < 0.5


def test_what_proving_took_is_taken_off() -> None:
    rows = [row("answered", None, propensity=0.5, stage_ms=36_000.0)] * 100
    rows += [row("control", "0.01", propensity=0.5, conversation=f"c{n}", stage_ms=36_000.0) for n in range(99)]
    rows += [row("shadow", "0.01", propensity=1.0, stage_model="o/m", stage_cost_usd=Decimal("0.05"))]
    named = {rows[0].call_id: wire.read({"call_id": rows[0].call_id, "label": "x"}, scope="default", at=AT), "other": None}
    told = Told(labels=named)  # type: ignore[arg-type]
    found = saving(rows, None, told, cpu_hour_usd=Decimal("0.1"), label_usd=Decimal("0.08"))
    assert found is not None
    assert (found.calls, found.kept, found.conversations, found.labels) == (100, 99, 99, 1)
    assert found.gross_usd == pytest.approx(Decimal(1))
    assert found.compared_usd == Decimal("0.05") and found.compute_usd == Decimal("0.199") and found.labels_usd == Decimal("0.08")
    assert found.net_usd == pytest.approx(Decimal("0.671"))


def test_another_model_costs_what_it_took_and_unknown_costs_are_counted() -> None:
    rows = [row("answered", "0.002", propensity=0.5, stage_model="o/m", stage_cost_usd=Decimal("0.002"))] * 10
    rows += [row("below_threshold", "0.01", propensity=0.5, stage_model="o/m", stage_cost_usd=Decimal("0.002"))] * 10
    rows += [row("control", "0.01", propensity=0.5, conversation=f"c{n}") for n in range(20)]
    rows += [row("below_threshold", None, propensity=0.5), row("control", None, propensity=0.5)]
    found = saving(rows, None, Told(), **FREE)
    assert found is not None and found.unpriced == 2
    assert found.cost_usd == Decimal("0.14") and found.gross_usd == pytest.approx(Decimal("0.06"))


def test_what_an_outage_makes_of_kept_calls_moves_none_to_the_other_side() -> None:
    """The stage answers what was kept where no provider does: nobody saved anything, and in a canary these are many."""
    rows = [row("answered", None, propensity=0.5)] * 50 + [row("control", "0.01", propensity=0.5, conversation=f"c{n}") for n in range(40)]
    rows += [row("degraded", None, propensity=0.5, conversation=f"d{n}", detail="no provider answered; control") for n in range(10)]
    rows += [row("degraded", None, propensity=0.5, detail="no provider answered; below_threshold")]
    found = saving(rows, None, Told(), **FREE)
    assert found is not None and (found.calls, found.kept) == (51, 50)
    assert found.gross_usd == pytest.approx(Decimal("0.408"))


def test_what_expires_in_shadow_was_given_to_nobody() -> None:
    assert saving([row("expired", "0.01", propensity=1.0), row("failed", "0.01", propensity=1.0)], None, Told(), **FREE) is None


def test_nothing_given_or_nothing_kept() -> None:
    assert saving([row("control", "0.01")], None, Told(), **FREE) is None
    alone = saving([row("answered", "0", propensity=1.0)], None, Told(), **FREE)
    assert alone is not None and alone.net_usd is None and alone.kept == 0
    few = saving([row("answered", "0")] + [row("control", "0.01")], None, Told(), **FREE)
    assert few is not None and few.net_usd is not None and few.low_usd is None
    assert together([]).net_usd is None and together([alone]).net_usd is None


def test_a_route_in_shadow_alone_took_what_comparing_took() -> None:
    rows = [row("shadow", "0.01", propensity=1.0, stage_model="o/m", stage_cost_usd=Decimal(5))] * 100
    rows += [row("control", "0.01", propensity=0.5)]
    told = Told(talks={"c1": "resolved"})
    found = saving(rows, None, told, **FREE)
    assert found is not None and (found.calls, found.kept) == (0, 1)
    assert found.compared_usd == 500 and found.net_usd == found.low_usd == found.high_usd == Decimal(-500)
    assert found.would_have_usd == found.gross_usd == found.assumed_usd == Decimal(0) and found.ends is None
    other = dataclasses.replace(found, calls=1, net_usd=Decimal(700), low_usd=Decimal(600), high_usd=Decimal(800), assumed_usd=Decimal(9))
    both = together([found, other])
    assert [float(one or 0) for one in (both.net_usd, both.low_usd, both.high_usd, both.assumed_usd)] == [200, 100, 300, 9]
    report = dataclasses.replace(records.report(records.days(30)), measured=together([found]))
    (shown,) = saved.saved(report)
    assert (shown.calls, shown.measured, shown.interval, shown.beside) == ("0", "−$500", "nothing to estimate", "$500")
    assert shown.name != "" and "r1" not in shown.name, "one route needs no other name"
    two = dataclasses.replace(report, measured=together([found, dataclasses.replace(found, route_id="r2")]))
    first, second = saved.saved(two)
    assert first.name.endswith(f": {found.route_id}, {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}") and ": r2, " in second.name
    assert ": r2, " in text.render(two, width=240) and ": r2, " in page.render(two)
    said = text.render(report, width=220)
    assert "Saved so far: measured −$500; assumed $0;" in said and "−$500" in page.render(report)


def test_errors_of_several_routes_add_up_by_squares() -> None:
    one = MeasuredSaving(
        workload_id="w", scope="s", route_id="r", since=AT, until=AT, calls=1, kept=1, conversations=9, unpriced=0,
        net_usd=Decimal(10), low_usd=Decimal(7), high_usd=Decimal(14), assumed_usd=Decimal(11),
    )  # fmt: skip
    both = together([one, dataclasses.replace(one, low_usd=Decimal(6), high_usd=Decimal(13))])
    assert [float(one or 0) for one in (both.net_usd, both.low_usd, both.high_usd, both.assumed_usd)] == [20, 15, 25, 22]


def test_ends_of_both_sides() -> None:
    rows = [row("answered", "0", conversation=f"a{n}") for n in range(50)]
    rows += [row("control", "0.01", conversation=f"b{n}") for n in range(50)]
    told = Told(talks={f"{side}{n}": "resolved" if n % 10 < good else "open" for side, good in (("a", 8), ("b", 9)) for n in range(50)})
    found = saving(rows, None, told, **FREE)
    assert found is not None and found.ends is not None
    assert (found.ends.route, found.ends.incumbent) == (50, 50)
    assert found.ends.difference == pytest.approx(-0.1) and found.ends.low < -0.1 < found.ends.high


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Sorted messages that came through a gateway with a route, three quarters of them answered by it."""
    folder = tmp_path_factory.mktemp("measured")
    config = Config(store=StoreConfig(home=folder / "home"))
    rows = list(traffic.sorted_messages(160))
    bring_in(config, [traffic.write(folder / "log.jsonl", [one for one, _ in rows])], Options())
    find(config)
    (workload, *_) = Control(config.home).workloads()

    def live(call: Call, number: int) -> Call:
        control, sure = number % 4 == 0, number % 8 != 1
        decision = Decision(
            answered_by="modicum/sort@1" if not control and sure else "gpt-4",
            reason="control" if control else "answered" if sure else "below_threshold",
            workload_id=workload.workload_id,
            route_id="r1",
            would_answer=sure,
            agreed=number % 40 != 0 if control else None,
            propensity=0.25 if control else 0.75,
            stage_ms=0.2,
        )
        return dataclasses.replace(
            call,
            call_id=new_call_id(),
            response_id=f"live-{number}",
            origin="live",
            started_at=call.started_at + timedelta(days=30),
            cost_usd=Decimal(0) if decision.reason == "answered" else Decimal("0.002"),
            conversation_id=f"talk-{number}",
            decision=decision,
        )

    Calls(config.home).add([live(call, number) for number, call in enumerate(Calls(config.home).scan())])
    Control(config.home).put_route(
        Route(
            route_id="r1", workload_id=workload.workload_id, scope="default", artefact_digest="sha256:0", certificate_id="none",
            state="rolled_back", changed_at=AT, changed_by="test",
        )
    )  # fmt: skip
    said = [{"conversation_id": f"talk-{n}", "outcome": "resolved" if n % 5 else "open"} for n in range(160)]
    feedback.add(config.home, [wire.read(one, scope="default", at=AT) for one in said])
    return config


def test_a_home_s_saving(config: Config) -> None:
    (one,) = measured(config).routes
    assert (one.route_id, one.calls, one.kept, one.conversations, one.audits, one.differed) == ("r1", 120, 40, 40, 40, 4)
    assert one.would_have_usd == pytest.approx(Decimal("0.24")) and one.gross_usd == pytest.approx(Decimal("0.2"))
    assert one.ends is not None and one.ends.route == 120 and one.ends.incumbent == 40
    assert measured(config, scope="globex").routes == () and measured(config, until=AT - timedelta(days=900)).routes == ()
    assert "no usage or cost export" in measured(config).invoiced_why


def test_text_page_and_json_show_it(config: Config, tmp_path: Path) -> None:
    report = gather(config)
    (shown,) = saved.saved(report)
    assert shown.calls == "120" and shown.differed == "4 of 40" and "points" in shown.resolved
    said = text.render(report, width=220)
    assert "What was saved" in said and "Saved so far: measured" in said
    html = page.render(report)
    assert 'id="measured"' in html and "What was saved" in html
    (line,) = json.loads(document.encode(report))["measured"]["routes"]
    assert {"net_usd", "low_usd", "high_usd", "assumed_usd", "ends"} <= line.keys()
    assert set(KEPT) >= {"control", "canary", "shadow"}
