"""Savings: the same calls on both sides, what comes off them once, and an interval wherever anybody recorded anything."""

from decimal import Decimal

import pytest

from modicum.catalog import Catalogue
from modicum.report.ladder import LadderSettings, shares, worth
from modicum.report.rungs import Obstacle, Rung
from tests.report.ladder_records import FREE, SOLD, big, built, card, one, open_4b, rung, score, simple_rules, small, traffic
from tests.report.records import certificate, certified, days, report, route, row

MONTH = 1.2 * 30.44


def close(value: Decimal | None, to: float) -> bool:
    return value is not None and float(value) == pytest.approx(to, abs=1e-4)


def proven(usage: list, **fields: object):  # type: ignore[no-untyped-def,type-arg]
    given = {"verdicts": [certified()], "certificates": [certificate()], "routes": [route()], "catalogue": Catalogue(SOLD)}
    return report(usage, **(given | fields))


def test_ours_saves_on_the_calls_that_are_compared_alone() -> None:
    # Ten times as much was written down for calls whose tokens nobody knows: they stand in no baseline, so nothing is saved on them.
    blind = days(10, calls_without_usage=100, input_tokens=0, output_tokens=0, cost_usd=Decimal(12), calls_without_cost=0)
    made = proven([*days(10), *blind])
    assert made.totals.saving is not None and (made.totals.saving.usd_month or 0) > 100
    its = simple_rules([*days(10), *blind], made)
    assert (its.calls, its.calls_left_out) == (1000, 1000)
    assert close(its.ours_usd_month, MONTH * (1 - 0.5 * 0.95))


def test_both_baselines_hold_calls_of_no_workload_and_keep_none_back() -> None:
    usage = [*days(10), *days(10, workload_id=None)]
    known = (small(scores=(score("classify"),)), big(scores=(score("classify"),)))
    made, found = built(usage, *known)
    its = simple_rules(usage, made, found, *known)
    assert (its.calls, its.calls_without_workload) == (2000, 1000)
    assert close(its.naive_usd_month, 2 * MONTH) and close(its.today_usd_month, 2 * MONTH)
    assert close(its.honest_usd_month, 2 * 0.12 * 30.44)
    assert its.sentence.startswith("A month of the same 2,000 calls: all on big, the only model called, as it is today: $73.06;")
    assert "small, the cheapest with evidence (published), and for 1,000 calls of no workload there is none: $7.31" in its.sentence


def test_an_embedder_is_no_cheap_model_for_everything() -> None:
    usage = [*days(10), *days(10, workload_id="w2", request_model="vectors", response_model="vectors", output_tokens=0)]
    sold = {**SOLD, "vectors": {"input_usd_mtok": "0.02", "output_usd_mtok": "0"}}
    made = report(usage, catalogue=Catalogue(sold))
    its = simple_rules(usage, made, (), card("vectors", kind="embedder"))
    assert its.honest_model == "big"


def test_one_model_is_not_named_twice() -> None:
    made, found = built(days(10))
    its = simple_rules(days(10), made, found)
    assert its.sentence == (
        "A month of the same 1,000 calls: all on big, the only model called, as it is today: $36.53; nothing is certified, so that is also"
        " ours."
    )


def test_what_runs_is_not_certified_again() -> None:
    usage = days(10, calls=60, input_tokens=60_000, output_tokens=6_000, reasons=(("control", 60),))
    usage += days(10, calls=40, specialist=True, response_model="modicum/w1", input_tokens=0, output_tokens=0, reasons=(("answered", 40),))
    made, found = built(usage, verdicts=[certified()], certificates=[certificate()], routes=[route(state="on")])
    its = shares(made.workloads, found, made.totals, LadderSettings())
    assert its.runs.calls + its.certified.calls == pytest.approx(0.475)
    assert "runs 40\u00a0% of the calls (40\u00a0% of the spend); more 7.5\u00a0%" in its.sentence


def test_what_runs_against_terms_counts_for_nothing_and_is_said() -> None:
    import dataclasses

    usage = days(10, calls=60, input_tokens=60_000, output_tokens=6_000, reasons=(("control", 60),))
    usage += days(10, calls=40, specialist=True, response_model="modicum/w1", input_tokens=0, output_tokens=0, reasons=(("answered", 40),))
    made, (its,) = built(usage, verdicts=[certified()], certificates=[certificate()], routes=[route(state="on")])
    no = Obstacle(kind="terms", text="forbidden", hard=True)
    barred = tuple(dataclasses.replace(each, obstacles=(no,)) if each.kind == "specialist" else each for each in its.rungs)
    ladder = dataclasses.replace(its, rungs=barred)
    found = shares(made.workloads, (ladder,), made.totals, LadderSettings())
    assert found.runs.calls == 0 and found.certified.calls == 0
    assert "400 calls that a specialist answered are not in it: the terms of today's provider forbid" in found.sentence
    today = simple_rules(usage, made, (ladder,))
    assert today.ours_usd_month == today.today_usd_month


def upkept(settings: LadderSettings) -> dict[str, Decimal]:
    made, (its,) = built(
        days(30),
        small(),
        open_4b(),
        settings=settings,
        verdicts=[certified()],
        certificates=[certificate()],
        routes=[route()],
        told=traffic(repeated_share=0.2, fixed_share=0.9),
    )
    assert made.workloads
    return {each.kind: each.saving.usd_month for each in its.rungs if each.saving is not None and each.saving.usd_month is not None}


def test_audits_come_off_once_and_only_where_another_model_answers() -> None:
    plain, audited = upkept(LadderSettings()), upkept(LadderSettings(audit_labels_month=100))
    for kind, saving in plain.items():
        off = Decimal(8) if kind in ("specialist", "same_laboratory", "open_hosted", "open_own") else Decimal(0)
        assert saving - audited[kind] == off, kind


def test_the_control_share_comes_off_once() -> None:
    none, tenth = upkept(LadderSettings(control_share=0.0)), upkept(LadderSettings(control_share=0.1))
    assert float(tenth["same_laboratory"]) == pytest.approx(0.9 * float(none["same_laboratory"]), abs=1e-5)
    assert float(tenth["open_hosted"]) == pytest.approx(0.9 * float(none["open_hosted"]), abs=1e-5)
    assert tenth["exact_cache"] == none["exact_cache"] and tenth["incumbent_trimmed"] == none["incumbent_trimmed"]


def test_two_days_give_an_interval_over_calls_and_say_that_days_are_too_few() -> None:
    its = one(days(2), small())
    found = rung(its, "same_laboratory").saving
    assert found is not None and found.usd_month is not None and found.low_usd_month is not None and found.high_usd_month is not None
    assert found.low_usd_month < found.usd_month < found.high_usd_month
    assert "200 calls (2 days: too few to say how one differs from another)" in found.method
    # 200 calls as unlike as exponential ones: 10 % either way, twice.
    assert float(found.high_usd_month / found.usd_month) == pytest.approx(1.2, abs=0.06)
    many = rung(one(days(2, calls=100_000, input_tokens=10**8, output_tokens=10**7), small()), "same_laboratory").saving
    assert many is not None and many.usd_month and many.low_usd_month and many.low_usd_month > Decimal("0.95") * many.usd_month
    assert (its.days, its.calls) == (2, 200)
    made, found_all = built(days(2), small(), settings=FREE)
    assert worth(found_all, made.workloads, made.totals, FREE).sentence.endswith("fewer than three days were observed.")


def test_every_ladder_says_its_calls_days_and_what_a_month_may_bring() -> None:
    usage = [row(day, calls=50 + 10 * day, input_tokens=1000 * (50 + 10 * day), output_tokens=5000) for day in range(10)]
    its = one(usage, small())
    assert (its.calls, its.days) == (950, 10)
    assert its.calls_month is not None and its.calls_month[0] < 95 * 30.44 < its.calls_month[1]
    for each in its.rungs:
        if each.saving is not None:
            assert "950 calls" in each.saving.baseline


def test_own_hardware_that_loses_says_from_where_on_it_pays() -> None:
    found: Rung = rung(one(days(10), open_4b()), "open_own")
    assert found.saving is not None and (found.saving.usd_month or 0) < 0
    assert found.needs[0].startswith("costs more than today: it pays from about")


def test_machines_that_cost_many_times_the_work_are_named_and_no_rung() -> None:
    its = one(days(10, calls=10, input_tokens=10_000, output_tokens=1000), open_4b())
    assert not [each for each in its.rungs if each.kind == "open_own"]
    said = next(said for said in its.left_out if said.startswith("own hardware: open-4b on "))
    assert "and this workload $3.65: it pays from about" in said and said.endswith("there are 304; several may share it")
