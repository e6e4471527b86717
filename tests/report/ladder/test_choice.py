"""Which rung is named for a workload: of those that save about as much, the one with least in its way."""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from modicum.report import lead
from modicum.report.ladder import worth
from modicum.report.proven import best_rung
from modicum.report.rungs import Ladder, Obstacle, ObstacleKind, Rung
from modicum.types import Saving
from tests.report.ladder_records import FREE, SOLD, built, open_4b, small, weights
from tests.report.records import days


def saving(usd: str, low: str | None = None, high: str | None = None) -> Saving:
    limits = (None if low is None else Decimal(low), None if high is None else Decimal(high))
    return Saving(usd_month=Decimal(usd), low_usd_month=limits[0], high_usd_month=limits[1], baseline="b", method="m")


def soft(*kinds: ObstacleKind) -> tuple[Obstacle, ...]:
    return tuple(Obstacle(kind=kind, text=kind, hard=False) for kind in kinds)


def rung(name: str, usd: Saving, **fields: Any) -> Rung:
    given: dict[str, Any] = {"kind": "open_hosted", "name": name, "share": 0.95, "saving": usd, "one_off_usd": Decimal(0)}
    return Rung(**(given | fields))


def best(*rungs: Rung) -> str:
    found = best_rung(Ladder(workload_id="w", rungs=rungs))
    assert found is not None
    return found.name


def test_a_new_vendor_for_one_per_cent_more_gives_way_to_what_nothing_stands_against() -> None:
    mine = rung("claude-haiku-5-5", saving("2.189", "1.9", "2.4"), kind="same_laboratory")
    other = rung("qwen3-4b", saving("2.202", "1.95", "2.4"), obstacles=soft("residency"))
    assert best(mine, other) == best(other, mine) == "claude-haiku-5-5"


def test_declared_savings_have_no_interval_and_are_compared_all_the_same() -> None:
    assert best(rung("mine", saving("101")), rung("other", saving("105"), obstacles=soft("residency", "licence"))) == "mine"
    assert best(rung("mine", saving("80")), rung("other", saving("105"), obstacles=soft("residency", "licence"))) == "other"


@pytest.mark.parametrize(("usd", "name"), [("80", "mine"), ("70", "other")])
def test_within_the_interval_a_quarter_less_is_about_as_much_and_a_third_less_is_not(usd: str, name: str) -> None:
    assert best(rung("mine", saving(usd, "20", "160")), rung("other", saving("105", "25", "200"), obstacles=soft("residency"))) == name


def test_what_others_have_to_agree_to_weighs_more_than_what_is_looked_at() -> None:
    light = rung("light", saving("100"), obstacles=soft("data", "latency"))
    heavy = rung("heavy", saving("101"), obstacles=soft("licence"))
    assert best(heavy, light) == "light"


def test_then_the_evidence_then_the_smallest() -> None:
    assert best(rung("a", saving("100")), rung("b", saving("95"), evidence="published")) == "b"
    assert best(rung("smaller", saving("100")), rung("larger", saving("101"))) == "smaller"


def test_what_is_seen_on_these_calls_gives_way_to_nothing_that_is_not() -> None:
    proven = rung("specialist", saving("20"), kind="specialist", evidence="certified", obstacles=soft("terms"))
    assert best(proven, rung("m", saving("20.5"))) == "specialist"


def priced(usd: str) -> dict[str, Any]:
    return {"input_usd_mtok": usd, "output_usd_mtok": usd, "source": "our contract"}


LISTED = open_4b(id="llama-3.1-8b", names=("llama-3.1-8b-instruct",), weights=weights(8 * 10**9))
"""Sold by providers of the price list, none of which sees these calls."""


def test_the_report_and_its_head_name_the_same_one() -> None:
    """The listed one saves some 3 % more, and somebody has to read another provider's terms first."""
    made, found = built(days(10), small(), LISTED, settings=FREE, sold={**SOLD, "small": priced("0.4")})
    by_name = {each.name: each for each in found[0].rungs}
    mine, other = (by_name[name].saving for name in ("small", "llama-3.1-8b"))
    assert mine is not None and other is not None and mine.usd_month is not None and other.usd_month is not None
    assert mine.usd_month < other.usd_month < Decimal("1.1") * mine.usd_month
    its = worth(found, made.workloads, made.totals, FREE)
    assert its.rungs == (("w1", "small"),)
    whole = dataclasses.replace(made, ladders=found, worth=its)
    named: Sequence[lead.Dearest] = lead.dearest(whole)
    assert [one.rung.name for one in named if one.rung is not None] == ["small"]
    unasked = lead.choice(dataclasses.replace(whole, worth=None), found[0])
    assert unasked is not None and unasked.name == "small"


def test_the_rule_of_what_is_worth_it_is_in_plain_words() -> None:
    made, found = built(days(10), small(), settings=FREE)
    said = worth(found, made.workloads, made.totals, FREE).threshold
    assert said == (
        "even the low end of what it saves pays back what it costs once within 12 months, and is more than 5\u00a0% of the spend"
    )
