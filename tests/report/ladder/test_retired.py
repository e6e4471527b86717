"""Models that were announced to stop: what the log has answers of goes before what was announced."""

from datetime import date

import pytest

from modicum.catalog import Catalogue
from modicum.intake.declared import Declared
from modicum.report.ladder import LadderSettings, declared_ladders, retiring
from modicum.report.ladder.bill import last_answer, last_answers
from modicum.report.retire import merged
from modicum.report.rungs import RetiringModel
from modicum.store.usage import UsageRow
from tests.report.ladder_records import SOLD, big, card, cards, ends, one, rung, rungs, simple_rules, small, traffic
from tests.report.records import NOW, days, report, row

ANNOUNCED = date(2026, 8, 5)
"""The log is of October, the report of 1 November."""
BUSY = traffic(static_share=0.9, fixed_share=0.9, hours=(10_000_000,) + (0,) * 23)
SAYS = "was announced to stop answering on 5 Aug 2026, and your log has answers until 10 Oct 2026"


def found(usage: list[UsageRow], day: date = ANNOUNCED) -> RetiringModel:
    known = cards(big(retires=(ends("big", day, "big-2"),)))
    (its,) = retiring(usage, report(usage).workloads, known, Catalogue(SOLD), LadderSettings(), NOW)
    return its


def test_a_model_that_went_on_answering_has_not_stopped() -> None:
    its = found(days(10))
    assert not its.gone and its.answered_until == date(2026, 10, 10)
    assert its.sentence.startswith(f"big {SAYS} (big-2 is named to follow it): 1,000 calls for name-of-w1")
    (one_line,) = merged([its, its])
    assert one_line.sentence.startswith(f"big {SAYS}: ") and not one_line.gone


def test_calls_that_failed_after_the_day_are_no_answers() -> None:
    usage = [row(0), *(row(day, failed=100) for day in (5, 6))]
    its = found(usage, date(2026, 10, 3))
    assert its.gone and its.answered_until is None and "big stopped answering on 3 Oct 2026" in its.sentence


def test_what_keeps_a_model_that_answers_is_offered_and_the_day_is_said() -> None:
    its = one(days(10), big(retires=(ends("big", ANNOUNCED),)), small(), told=BUSY, settings=LadderSettings(cache_least_tokens=100))
    for kind in ("incumbent_cached", "incumbent_batch", "incumbent_trimmed", "incumbent"):
        each = rung(its, kind)
        assert not each.blocked and f"big {SAYS}" in [stands.text for stands in each.obstacles if stands.kind == "retiring"]
        assert each.retires == ANNOUNCED
    assert any("stay with the incumbent" in said for said in rung(its, "same_laboratory").assumptions)


def test_what_has_gone_since_the_last_answer_takes_its_rungs_along() -> None:
    its = one(days(10), big(retires=(ends("big", date(2026, 10, 20)),)), small(), told=BUSY)
    assert its.rungs[-1].blocked and [each.kind for each in its.rungs if each.kind.startswith("incumbent")] == ["incumbent"]


def test_an_answer_of_another_provider_says_nothing_of_this_one() -> None:
    ours = [each for each in days(10, provider="azure") if each.day < "2026-10-05"]
    answered = last_answers([*ours, *days(10, provider="openai", workload_id=None)])
    assert last_answer(answered, "big", {"azure"}) == date(2026, 10, 4)
    assert last_answer(answered, "openai/big", {"azure", "openai"}) == date(2026, 10, 10)
    assert last_answer(answered, "big", {None}) is None


def test_one_that_was_announced_to_stop_and_answers_may_be_the_cheap_one() -> None:
    usage = days(10) + days(10, request_model="middle", response_model="middle")
    made = report(usage, catalogue=Catalogue(SOLD))
    its = simple_rules(usage, made, (), card("middle", retires=(ends("middle", ANNOUNCED),)))
    assert its.honest_model == "middle"


@pytest.mark.parametrize("day", [ANNOUNCED, date(2026, 10, 31)])
def test_a_declared_list_is_no_log(day: date) -> None:
    rows = [Declared(name="letters", task="classify", calls_month=1000, input_tokens=1000, output_tokens=100, model="big")]  # type: ignore[arg-type]
    (its,) = declared_ladders(rows, cards=cards(big(retires=(ends("big", day),))), catalogue=Catalogue(SOLD), now=NOW)
    assert its.rungs[-1].blocked and not rungs(its, "incumbent_batch")
