"""What the ladders say together: baselines, shares, models that retire, and whether anything is worth changing."""

from datetime import date
from decimal import Decimal

import pytest

from modicum.catalog import Catalogue
from modicum.intake.declared import Declared
from modicum.report import text
from modicum.report.ladder import LadderSettings, declared_ladders, ladders, retiring, shares, with_ladders, worth
from modicum.report.ladder.settings import LEAST_PARAMETERS
from modicum.report.records import Report
from modicum.store.usage import UsageRow
from modicum.types import Contract
from tests.report.ladder_records import FREE, SOLD, big, built, card, cards, ends, one, open_4b, rung, score, simple_rules, small, traffic
from tests.report.records import NOW, certificate, certified, days, report, route, workload

MONTH = 1.2 * 30.44


def close(value: Decimal | None, to: float) -> bool:
    return value is not None and float(value) == pytest.approx(to, abs=1e-4)


def certified_report(usage: list[UsageRow]) -> Report:
    return report(usage, verdicts=[certified()], certificates=[certificate()], routes=[route()], catalogue=Catalogue(SOLD))


def middle(count: int) -> list[UsageRow]:
    return days(count, workload_id="w2", request_model="middle", response_model="middle")


def test_the_naive_and_the_honest_baseline_stand_side_by_side() -> None:
    usage = days(10) + middle(10)
    made, found = built(usage, workloads=[workload(), workload("w2")])
    its = simple_rules(usage, made, found)
    assert (its.naive_model, its.honest_model, its.honest_evidence) == ("big", "middle", "none")
    assert close(its.naive_usd_month, 2 * MONTH) and close(its.honest_usd_month, 2 * 0.12 * 30.44)
    assert close(its.today_usd_month, MONTH + 0.12 * 30.44) and its.ours_usd_month == its.today_usd_month
    assert (its.calls, its.calls_left_out) == (2000, 0)
    assert its.sentence.startswith(
        "A month of the same 2,000 calls: all on big, the dearest model called: $73.06; all on middle, the cheapest called: $7.31"
    )


def test_ours_is_what_the_certificates_leave() -> None:
    usage = days(10)
    made = certified_report(usage)
    its = simple_rules(usage, made)
    assert close(its.ours_usd_month, MONTH * (1 - 0.5 * 0.95))


def test_the_honest_baseline_prefers_one_cheap_model_with_evidence_for_all() -> None:
    usage = days(10) + days(10, workload_id="w2")
    known = (small(scores=(score("classify"),)), big(scores=(score("classify"),)))
    made, found = built(usage, *known, workloads=[workload(), workload("w2")])
    its = simple_rules(usage, made, found)
    assert (its.honest_model, its.honest_evidence) == ("small", "published")
    assert close(its.honest_usd_month, 2 * 0.12 * 30.44)  # all of them, none kept back
    unproven = built(usage, small(), workloads=[workload(), workload("w2")])[1]
    assert simple_rules(usage, made, unproven).honest_model == "big"


def test_calls_of_unknown_cost_stand_in_no_baseline() -> None:
    usage = days(10) + days(10, request_model="riddle", response_model="riddle")
    made, found = built(usage)
    its = simple_rules(usage, made, found)
    assert (its.calls, its.calls_left_out) == (1000, 1000)
    assert "1,000 calls of unknown cost or length stand in none of these" in its.sentence
    nothing = simple_rules(usage[10:], report(usage[10:]))
    assert nothing.naive_usd_month is None and nothing.today_usd_month is None and nothing.ours_usd_month is None


def test_shares_count_each_call_once_under_its_strongest_evidence() -> None:
    usage = days(10)
    made = certified_report(usage)
    known = cards(open_4b(scores=(score("classify"),)), big(scores=(score("classify"),)))
    found = ladders(made.workloads, usage, traffic=traffic(repeated_share=0.6), cards=known, catalogue=Catalogue(SOLD), now=NOW)
    its = shares(made.workloads, found, made.totals, LadderSettings())
    # 47.5 % certified; 60 % repeat, 12.5 % more; an open model for 95 %, 35 % more; own hardware costs more than the incumbent.
    assert its.certified.calls == pytest.approx(0.475) and its.certified.spend == pytest.approx(0.475)
    assert its.measured.calls == pytest.approx(0.125)
    assert its.published.calls == pytest.approx(0.35)
    assert its.runs.calls == 0 and its.unproven.calls == 0
    assert "35\u00a0% of the calls (35\u00a0% of the spend) could, if published benchmarks hold here" in its.sentence


def test_ninety_per_cent_cheaper_is_not_almost_free() -> None:
    made, found = built(days(10), small(scores=(score("classify"),)), big(scores=(score("classify"),)))
    assert shares(made.workloads, found, made.totals, LadderSettings()).published.calls == 0
    near = LadderSettings(cheaper=0.9)
    assert shares(made.workloads, found, made.totals, near).published.calls == pytest.approx(0.95)


def test_models_that_retire_within_120_days_are_named_with_their_workloads() -> None:
    usage = days(10) + middle(10)
    made = report(usage, workloads=[workload(), workload("w2")], catalogue=Catalogue(SOLD))
    known = cards(
        big(retires=(ends("big", date(2027, 2, 28), "big-2"),)), card("middle", retires=(ends("middle", date(2027, 3, 2)),)), sold=SOLD
    )
    (found,) = retiring(usage, made.workloads, known, Catalogue(SOLD), LadderSettings(), NOW)
    assert (found.model, found.gone, found.replacement, found.calls) == ("big", False, "big-2", 1000)
    assert close(found.spend_usd_month, MONTH)
    assert [name for _, name, _ in found.workloads] == ["name-of-w1"]
    assert found.sentence == (
        "big stops answering on 28 Feb 2027 (big-2 is named to follow it): 1,000 calls for name-of-w1, $36.53 a month."
    )


def test_a_model_that_is_gone_is_said_to_be() -> None:
    usage = days(10)
    known = cards(big(retires=(ends("big", date(2026, 10, 20)),)))
    (found,) = retiring(usage, report(usage).workloads, known, Catalogue(SOLD), LadderSettings(), NOW)
    assert found.gone and found.sentence.startswith("big stopped answering on 20 Oct 2026: 1,000 calls")


def test_a_small_bill_is_not_worth_changing() -> None:
    made, found = built(days(10), small())
    its = worth(found, made.workloads, made.totals)
    # $248 once is $20.67 a month for a year; the lower limit of the saving is $30, the bill $36.53.
    assert not its.changing and its.trying
    tiny = built(days(10, input_tokens=1000, output_tokens=100), small())
    no = worth(tiny[1], tiny[0].workloads, tiny[0].totals)
    assert not no.changing and not no.trying and no.rungs == () and no.saving is None
    assert no.sentence.startswith("Nothing here is worth changing: of $0.37 a month nothing saves enough.")
    assert "pays back what it costs once within 12 months" in no.sentence and "5\u00a0% of the spend" in no.threshold


def test_what_is_certified_is_worth_changing_before_what_is_not() -> None:
    usage = days(30)
    made = certified_report(usage)
    found = ladders(made.workloads, usage, cards=cards(small()), catalogue=Catalogue(SOLD), settings=FREE, now=NOW)
    its = worth(found, made.workloads, made.totals, FREE)
    assert its.changing and its.rungs == (("w1", "specialist"),)
    assert its.sentence.startswith("Worth changing: specialist for name-of-w1 would save $")


def test_on_two_days_nothing_passes() -> None:
    made, found = built(days(2), small(), settings=FREE)
    its = worth(found, made.workloads, made.totals, FREE)
    assert not its.changing and not its.trying
    assert its.sentence.endswith("cannot be said yet: fewer than three days were observed.")


def test_without_any_price_the_answer_is_unknown() -> None:
    sold = {name: prices for name, prices in SOLD.items() if not name.startswith("big")}
    made, found = built(days(10), small(), sold=sold)
    assert worth(found, made.workloads, made.totals).sentence == (
        "Whether anything here is worth changing cannot be said yet: none of the calls has a known cost."
    )


def test_a_report_with_its_ladders_prints() -> None:
    usage = days(10) + days(10, workload_id=None)
    made = report(usage, catalogue=Catalogue(SOLD))
    full = with_ladders(made, usage, cards=cards(small(), open_4b()), catalogue=Catalogue(SOLD), settings=LadderSettings())
    assert [its.workload_id for its in full.ladders] == ["w1"]
    assert full.baselines and full.shares and full.worth and full.retiring == ()
    shown = text.render(full, width=160)
    assert "name-of-w1: what could answer it, the smallest kind first" in shown
    assert "small at your own price" in shown and "all on big, the only model called" in shown


def test_a_kind_of_task_without_a_rule_of_thumb_is_looked_at_whole() -> None:
    assert "embed" not in LEAST_PARAMETERS
    contract = Contract(kind="text", reader="text", read_share=1.0)
    its = one(days(10), open_4b(), workloads=[workload(task="generate", contract=contract)])
    assert not any(found.kind == "open_hosted" for found in its.rungs)  # 4B is under the rule of thumb for free text
    assert rung(its, "incumbent").name == "big"


def test_declared_workloads_have_ladders_with_what_they_suppose_as_their_interval() -> None:
    rows = [
        Declared(
            name="letters", task="classify", calls_month=100_000, input_tokens=Decimal("1000"), output_tokens=Decimal("100"), model="big"
        ),
        Declared(
            name="riddles", task="generate", calls_month=1000, input_tokens=Decimal("10.5"), output_tokens=Decimal("9"), model="riddle"
        ),
    ]
    first, second = declared_ladders(rows, cards=cards(small(), open_4b()), catalogue=Catalogue(SOLD), now=NOW)
    assert (first.workload_id, second.workload_id) == ("letters", "riddles")
    cheap = rung(first, "same_laboratory")
    assert cheap.saving is not None and close(cheap.saving.usd_month, 0.95 * (1200 - 120)) and close(cheap.usd_month, 1200 - 1026)
    assert cheap.saving.low_usd_month is not None and 1000 < cheap.saving.low_usd_month < 1026
    assert cheap.saving.method.startswith("declared; 95 % interval from 4,000 draws of the tokens that it counts, and of nothing else")
    batch = rung(first, "incumbent_batch").saving
    assert batch is not None and (batch.low_usd_month, batch.method) == (None, "declared: no interval")
    assert cheap.saving.baseline == "$1,200 a month that 100,000 calls cost on big, as declared"
    assert first.rungs[-1].usd_month == 1200 and first.rungs[-1].proof == "Declared, not recorded."
    assert "modicum import LOG" in rung(first, "specialist").needs[0]
    own = rung(first, "open_own")
    assert own.usd_call is not None and own.saving is not None and own.saving.usd_month is not None
    assert float(own.saving.usd_month) == pytest.approx(0.95 * 1200 - float(own.usd_call) * 100_000, rel=1e-3)
    assert [found.kind for found in second.rungs] == ["incumbent"] and second.rungs[0].usd_month is None


def test_what_a_specialist_answers_already_runs_almost_free() -> None:
    usage = days(10, calls=60, input_tokens=60_000, output_tokens=6_000, reasons=(("control", 60),))
    usage += days(10, calls=40, specialist=True, response_model="modicum/w1", input_tokens=0, output_tokens=0, reasons=(("answered", 40),))
    made, (its,) = built(usage, small(), verdicts=[certified()], certificates=[certificate()], routes=[route(state="on")])
    # The forty would have cost what the sixty did.
    assert close(made.workloads[0].baseline_usd_month, MONTH)
    other = rung(its, "same_laboratory")
    assert other.saving is not None and close(other.saving.usd_month, 0.95 * (MONTH - 0.12 * 30.44))
    mine = rung(its, "specialist")
    assert mine.evidence == "certified" and mine.needs == () and mine.one_off_usd == 0
    found = shares(made.workloads, (its,), made.totals, LadderSettings())
    # 40 % run; the certificate answers 47.5 %: the forty are not counted again.
    assert found.runs.calls == pytest.approx(0.4) and found.certified.calls == pytest.approx(0.075)
    assert "runs 40\u00a0% of the calls (40\u00a0% of the spend)" in found.sentence
    today = simple_rules(usage, made, (its,))
    assert close(today.today_usd_month, 0.6 * MONTH) and close(today.naive_usd_month, MONTH)
