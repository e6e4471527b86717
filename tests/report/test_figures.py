"""The report's figures against bills that can be checked by hand."""

import dataclasses
from datetime import timedelta
from decimal import Decimal

import pytest

from modicum.catalog import Catalogue
from modicum.report import page, text
from modicum.report.records import ShadowCounts
from modicum.types import Contract, Saving, Verdict
from tests.report.records import NOW, PRICES, TEXT, certificate, certified, days, report, route, row, workload


def close(value: Decimal | None, to: float) -> bool:
    return value is not None and float(value) == pytest.approx(to, rel=1e-4)


def test_spend_and_a_month() -> None:
    it = report(days(10))
    assert it.totals.spend_usd == Decimal("12.0")
    assert close(it.totals.spend_usd_month, 1.2 * 30.44)
    (line,) = it.workloads
    assert (line.calls, line.share, line.state, line.spend_usd) == (1000, 1.0, "not_tried", Decimal("12.0"))
    assert line.saving is None


def test_before_a_fit_the_headline_promises_nothing() -> None:
    it = report(days(10))
    assert "not proven yet" in it.headline
    assert it.totals.saving is None
    assert [figure.label for figure in it.figures] == ["spend a month", "of it can be tried", "workloads (kinds of call) found"]


def test_a_proposed_route_saves_coverage_less_the_control_share() -> None:
    it = report(days(30), verdicts=[certified()], certificates=[certificate()], routes=[route()])
    (line,) = it.workloads
    month = 1.2 * 30.44
    assert line.state == "proposed"
    assert line.saving is not None
    assert close(line.gross_saving_usd_month, month * 0.5)
    assert close(line.saving.usd_month, month * 0.5 * 0.95)
    assert close(line.control_usd_month, month * 0.5 * 0.05)
    assert line.saving.low_usd_month is not None and line.saving.high_usd_month is not None and line.saving.usd_month is not None
    assert line.saving.low_usd_month < line.saving.usd_month < line.saving.high_usd_month
    assert "big" in line.saving.baseline and "$36.53" in line.saving.baseline and "1–30 Oct 2026" in line.saving.baseline
    assert it.headline.startswith("Small models could answer 48\u00a0% of these calls and save $")
    assert it.totals.answerable_share == pytest.approx(0.475)


def test_a_canary_saves_its_share_and_could_save_the_rest() -> None:
    whole = report(days(30), certificates=[certificate()], routes=[route(state="on")])
    part = report(days(30), certificates=[certificate()], routes=[route(state="canary", share=0.2)])
    expired = report(days(30), certificates=[certificate(expires_at=NOW)], routes=[route(state="canary", share=0.2)])
    assert [it.workloads[0].answering for it in (whole, part, expired)] == [1.0, 0.2, 0.0]
    on, proposed, all_of_it = whole.totals.saving_on, part.totals.saving_proposed, part.totals.saving
    begun = part.totals.saving_on
    assert on is not None and proposed is not None and all_of_it is not None and begun is not None
    assert on.usd_month is not None and all_of_it.usd_month == on.usd_month
    assert close(begun.usd_month, float(on.usd_month) * 0.2) and close(proposed.usd_month, float(on.usd_month) * 0.8)
    assert begun.low_usd_month is not None and on.low_usd_month is not None
    assert close(begun.low_usd_month, float(on.low_usd_month) * 0.2)
    assert part.headline.startswith("Small models save $") and "more" in part.headline
    assert "in canary" in text.render(part)


def test_only_what_the_certificate_covers_is_saved() -> None:
    usage = days(30) + days(30, request_model="middle", response_model="middle")
    (line,) = report(usage, verdicts=[certified()]).workloads
    assert close(line.gross_saving_usd_month, 1.2 * 30.44 * 0.5)
    assert close(line.spend_usd_month, (1.2 + 0.12) * 30.44)


def test_one_day_gives_an_interval_over_calls_and_says_so() -> None:
    it = report(days(1), verdicts=[certified()])
    for saving in (it.workloads[0].saving, it.totals.saving):
        assert saving is not None and saving.low_usd_month is not None and saving.high_usd_month is not None
        assert saving.usd_month is not None and saving.low_usd_month < saving.usd_month < saving.high_usd_month
        assert "draws of 100 calls (1 day: too few to say how one differs from another)" in saving.method


def test_an_unknown_price_is_unknown_everywhere() -> None:
    it = report(days(10, request_model="nobody", response_model="nobody"), verdicts=[certified()])
    (line,) = it.workloads
    assert it.totals.spend_usd is None and it.totals.spend_usd_month is None and it.totals.unpriced_calls == 1000
    assert line.spend_usd is None and line.unpriced_calls == 1000
    assert line.saving is not None and line.saving.usd_month is None
    assert it.totals.saving is None and it.totals.saving_unknown == 1
    assert it.figures[0].value == "unknown"
    assert "unknown" in it.headline
    assert any("1,000 calls went to a model without a known price" in note for note in it.notes)


def test_calls_without_usage_are_counted_and_not_priced() -> None:
    it = report([row(0), row(1, calls=40, calls_without_usage=40, input_tokens=0, output_tokens=0, failed=3)])
    assert it.totals.calls_without_usage == 40
    assert it.totals.unpriced_calls == 40
    assert it.totals.spend_usd == Decimal("1.2")
    assert any("40 calls carried no usage." in note for note in it.notes)


def test_calls_that_failed_before_any_token_are_not_of_unknown_cost() -> None:
    nothing = {"calls_without_usage": 40, "input_tokens": 0, "output_tokens": 0, "failed": 40, "refused": True}
    it = report([row(0), row(1, calls=40, **nothing)])
    assert (it.totals.unpriced_calls, it.totals.calls_without_usage, it.totals.refused_calls) == (0, 0, 40)
    assert "unknown" not in it.figures[0].note
    assert it.figures[0].note.endswith("40 failed before any token and cost nothing")
    assert any("40 calls failed before any token: nobody bills them" in note for note in it.notes)


def test_what_was_written_down_counts_where_no_price_is_known() -> None:
    other = {"request_model": "nobody", "response_model": "nobody"}
    it = report([row(0, calls=80, cost_usd=Decimal("0.5"), calls_without_cost=0, **other), row(0, calls=20, **other)])
    assert it.totals.spend_usd == Decimal("0.5")
    assert it.totals.unpriced_calls == 20


def test_a_deployments_own_name_is_priced_by_what_was_asked() -> None:
    it = report([row(0, response_model="my-deployment-7")])
    assert it.totals.spend_usd == Decimal("1.2")


def test_calls_of_no_workload() -> None:
    it = report([row(0), row(0, workload_id=None), row(1, workload_id="gone")])
    assert it.totals.calls_without_workload == 200
    assert it.totals.calls_in_workloads == 100
    assert it.totals.spend_without_workload_usd == Decimal("2.4")


def test_a_log_of_usage_alone_says_what_it_does_not_tell() -> None:
    it = report(days(10, workload_id=None, seen=False), workloads=[])
    assert it.headline == (
        "1,000 calls cost $36.53 a month. What they asked is not in the log, so nobody can say what could take them over."
    )
    assert report(days(10, workload_id=None), workloads=[]).headline.startswith("No workload was found")


def test_nothing_worth_changing() -> None:
    refused = Verdict(
        workload_id="w1", verdict="refused", reason="too few distinct calls", code="too_few_calls", needs_calls=2083, needs_days=11.2
    )
    it = report(days(10), verdicts=[refused])
    (line,) = it.workloads
    assert it.headline.startswith("Nothing here is worth changing")
    assert (line.state, line.code, line.reason) == ("refused", "too_few_calls", "too few distinct calls")
    assert line.verdict == refused


def test_a_saving_of_a_trifle_is_not_worth_changing() -> None:
    usage = days(10, request_model="middle", response_model="middle", calls=1, input_tokens=1000, output_tokens=100) + days(
        10, workload_id="w2", calls=10_000, input_tokens=10**7, output_tokens=10**6
    )
    cover = certificate().cover
    proof = certificate(cover=type(cover)(incumbents=("middle",), version_ids=(), view_version="1", max_input_chars=1))
    it = report(usage, workloads=[workload(), workload("w2", contract=TEXT)], verdicts=[certified()], certificates=[proof])
    assert it.headline.startswith("Nothing here is worth changing")


def test_free_text_is_not_offered() -> None:
    (line,) = report(days(3), workloads=[workload(contract=TEXT)]).workloads
    assert (line.state, line.code) == ("unsuited", "free_text")


def test_answers_that_say_more_are_not_counted_as_ready_to_be_tried() -> None:
    wordy = Contract(kind="label", labels=("up", "down"), reader="first", read_share=1.0, discarded_share=0.4)
    it = report(days(3) + days(3, workload_id="w2"), workloads=[workload(), workload("w2", contract=wordy)])
    line = next(line for line in it.workloads if line.workload_id == "w2")
    assert (line.state, line.code, line.can_be_served) == ("needs_reading", "needs_reading", False)
    assert "`modicum workloads set w2 --read label`" in line.reason
    assert it.figures[2].note == "1 with answers that a small model could give; 1 more once `modicum workloads set` says how to read it"
    assert close(it.workloads[0].spend_usd_month, float((it.totals.spend_usd_month or 0) / 2))
    assert any(note.startswith("* The answers of 1 workload say more") for note in it.notes)
    alone = report(days(3), workloads=[workload(contract=wordy)])
    assert alone.headline.startswith("The answers of one workload say more")
    for shown in (text.render(it), page.render(it)):
        assert (
            "needs your word" in shown
            and "one of 2 labels *" in shown
            and "modicum workloads set w2 --read label" in " ".join(shown.split())
        )
    said = dataclasses.replace(wordy, read_as="label")
    assert report(days(3), workloads=[workload(contract=said)]).workloads[0].state == "not_tried"


def test_a_report_names_no_file_of_this_machine() -> None:
    wanted = Verdict(workload_id="w1", verdict="refused", reason="too few labels", code="too_few_labels", request_file="/home/ann/x.jsonl")
    it = report(days(3), verdicts=[wanted])
    (line,) = it.workloads
    assert line.verdict is not None and line.verdict.request_file is None
    assert "/home/ann" not in page.render(it) + text.render(it)


def test_states() -> None:
    def state(**fields: object) -> str:
        return report(days(3), **fields).workloads[0].state

    assert state(routes=[route(state="on")], certificates=[certificate()]) == "on"
    assert state(routes=[route(state="shadow")], certificates=[certificate()]) == "shadow"
    for one in ("canary", "paused", "rolled_back", "retired"):
        assert state(routes=[route(state=one)], certificates=[certificate()]) == one
    refused = Verdict(workload_id="w1", verdict="refused", reason="too few newer calls", code="too_few_calls")
    assert state(routes=[route(state="retired")], certificates=[certificate()], verdicts=[refused]) == "refused"
    assert state(routes=[route(state="rolled_back")], certificates=[certificate()], verdicts=[refused]) == "rolled_back"
    assert state(routes=[route(state="on")], certificates=[certificate(expires_at=NOW - timedelta(days=1))]) == "expired"
    assert state(workloads=[workload(ignored=True)], verdicts=[certified()]) == "ignored"
    assert state(workloads=[workload(routable=False)]) == "unsuited"
    newer = route(route_id="r-2", certificate_id="c-2", changed_at=NOW + timedelta(days=1))
    proofs = [certificate(), certificate(certificate_id="c-2")]
    it = report(days(3), routes=[newer, route(state="on")], certificates=proofs)
    assert (it.workloads[0].state, it.workloads[0].certificate_id) == ("on", "c-w1")


def test_live_calls_of_a_specialist_are_saved_not_spent() -> None:
    reasons = (("below_threshold", 30), ("control", 5), ("no_route", 65))
    usage = days(10, reasons=reasons)
    usage += days(10, specialist=True, response_model="modicum/x@ab", reasons=(("answered", 100),), duration_p50_ms=0.3)
    (line,) = report(usage, routes=[route(state="on")], certificates=[certificate()]).workloads
    assert line.spend_usd == Decimal("12.0")
    assert close(line.baseline_usd_month, 2.4 * 30.44)
    assert close(line.gross_saving_usd_month, 1.2 * 30.44)
    assert line.live is not None
    assert (line.live.specialist_calls, line.live.incumbent_calls) == (1000, 1000)
    assert line.live.reasons[0] == ("answered", 1000)
    assert line.live.saved_usd == Decimal("12.0")
    assert (line.live.specialist_p50_ms, line.live.incumbent_p50_ms) == (0.3, 700.0)


def test_shadow_agreement_is_carried() -> None:
    counts = ShadowCounts(calls=100, would_answer=60, compared=58, agreed=57)
    usage = days(3, reasons=(("shadow", 100),))
    (line,) = report(usage, routes=[route(state="shadow")], certificates=[certificate()], shadow={"w1": counts}).workloads
    assert line.live is not None and line.live.shadow == counts


def test_many_certificates_say_how_many_must_be_wrong() -> None:
    ids = [f"w{number}" for number in range(40)]
    usage = [row(day, workload_id=own) for own in ids for day in range(3)]
    it = report(usage, workloads=[workload(own) for own in ids], verdicts=[certified(own) for own in ids])
    assert it.totals.expected_wrong_certificates == pytest.approx(2.0)
    assert any("40 certificates at 95\u00a0%: expect about 2 of them to be wrong" in note for note in it.notes)


def test_sums_move_together() -> None:
    ids = ["w1", "w2"]
    usage = [row(day, workload_id=own, input_tokens=100_000 * (1 + day)) for own in ids for day in range(10)]
    it = report(usage, workloads=[workload(own) for own in ids], verdicts=[certified(own) for own in ids])
    saving, part = it.totals.saving, it.workloads[0].saving

    def width(value: Saving | None) -> float:
        assert value is not None and value.low_usd_month is not None and value.high_usd_month is not None
        return float(value.high_usd_month - value.low_usd_month)

    assert saving is not None and part is not None and part.usd_month is not None
    assert close(saving.usd_month, 2 * float(part.usd_month))
    # the days are shared, so the sum's interval is nearly twice as wide, not the root of two
    assert width(saving) > 1.8 * width(part)


def test_scopes_have_their_own_windows() -> None:
    usage = days(10) + [row(0, scope="other", workload_id="w2"), row(40, scope="other", workload_id="w2")]
    it = report(usage, workloads=[workload(), workload("w2", scope="other")])
    assert [(period.scope, period.days_observed, period.days_left_out) for period in it.periods] == [("default", 10, 0), ("other", 2, 39)]
    assert close(it.totals.spend_usd_month, 2 * 1.2 * 30.44)
    assert any("39 days without any call in scope 'other'" in note for note in it.notes)


def test_dearest_first_and_unknown_last() -> None:
    usage = [row(0), row(0, workload_id="w2", input_tokens=10**7), row(0, workload_id="w3", request_model="x", response_model="x", calls=9)]
    it = report(usage, workloads=[workload("w3"), workload("w1"), workload("w2")])
    assert [line.workload_id for line in it.workloads] == ["w2", "w1", "w3"]
    assert [model.model for model in it.models] == ["big", "x"]


def test_templates_hold_fixed_text_and_slots_only() -> None:
    (line,) = report(days(1)).workloads
    (template,) = line.templates
    assert template.parts == (("system", ("Say where gold goes on ", None, ".\nOne word.")), ("user", ("Headline: ", None)))


def test_measured_cache_hits_are_told_by_workload() -> None:
    it = report(days(5, cache_read_tokens=62_000))
    assert it.workloads[0].cache_read_share == 0.62
    assert "Input tokens that the providers read from their caches: name-of-w1 62\u00a0%." in it.notes
    assert report(days(5)).workloads[0].cache_read_share is None


def test_list_prices_resolve_by_day() -> None:
    it = report([row(0, request_model="gpt-4o", response_model="gpt-4o")], catalogue=Catalogue(PRICES))
    assert it.totals.spend_usd == Decimal("0.35")
    assert it.models[0].price is not None and it.models[0].price.source.startswith("genai-prices ")


def test_a_contract_of_many_kinds_has_words() -> None:
    for kind in ("label", "object", "number", "tool", "text"):
        it = report(days(1), workloads=[workload(contract=Contract(kind=kind))])
        assert it.workloads[0].contract_kind == kind
