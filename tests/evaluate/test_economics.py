"""What a right answer costs, of the incumbent and of the route, and when that is not known."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from modicum.evaluate.economics import unit_costs
from modicum.evaluate.labels import Label
from modicum.types import Prediction, Rule, Sample

RULE = Rule(accept_above=0.5)


def row(number: int, told: str, *, cost: str | None = "0.01", ms: float | None = 400.0) -> Sample:
    return Sample(
        call_id=f"c{number}",
        response_id=f"r{number}",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        slots=(),
        value=told,
        version_id="v",
        incumbent="gpt",
        cost_usd=None if cost is None else Decimal(cost),
        duration_ms=ms,
    )


# Ten requests whose right answer is "a". The incumbent is wrong on two; the stage answers six and is wrong on one of them.
SAMPLES = [row(i, "b" if i in (0, 9) else "a") for i in range(10)]
SAID = [Prediction(value="b" if i == 5 else "a", confidence=0.9 if i < 6 else 0.1) for i in range(10)]
GOLD = {f"r{i}": Label(gold=" A ") for i in range(10)}


def test_both_are_counted_on_the_same_requests() -> None:
    incumbent, route = unit_costs(SAMPLES, SAID, RULE, GOLD, stage_ms=1.0, stage_usd=Decimal("0.001"))
    assert (incumbent.who, incumbent.right, incumbent.usd_call, incumbent.usd_right) == (
        "incumbent",
        0.8,
        Decimal("0.01"),
        Decimal("0.0125"),
    )
    assert (route.who, route.right) == ("route", 0.8), "one won where the incumbent was wrong, one lost"
    assert route.usd_call == Decimal("0.005") and route.usd_right == Decimal("0.00625")
    assert (incumbent.p50_ms, route.p50_ms, route.p95_ms) == (400.0, 1.0, 401.0)
    low, high = route.right_interval
    assert low < 0.8 < high


def test_labels_for_a_few_say_nothing_of_the_rest() -> None:
    few = {name: GOLD[name] for name in ("r0", "r5", "r9")}
    assert unit_costs(SAMPLES, SAID, RULE, few, stage_ms=1.0, stage_usd=Decimal(0)) == ()
    verdicts = {name: Label(verdict="a") for name in GOLD}
    assert unit_costs(SAMPLES, SAID, RULE, verdicts, stage_ms=1.0, stage_usd=Decimal(0)) == ()


def test_what_is_unknown_stays_unknown() -> None:
    bare = [row(i, "a", cost=None, ms=None) for i in range(10)]
    incumbent, route = unit_costs(bare, SAID, RULE, GOLD, stage_ms=1.0, stage_usd=Decimal(0))
    assert incumbent.usd_call is None and incumbent.usd_right is None and incumbent.p95_ms is None
    assert route.usd_call is None, "six of ten are too few to speak for all"
    wrong = unit_costs(SAMPLES, SAID, RULE, {name: Label(gold="z") for name in GOLD}, stage_ms=1.0, stage_usd=Decimal(0))
    assert wrong[0].right == 0 and wrong[0].usd_right is None
