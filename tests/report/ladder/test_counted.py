"""What certificates come to: the same figure in the totals, in the head and on the rung, and nothing of what terms forbid."""

from decimal import Decimal

from modicum.catalog import Catalogue
from modicum.report import lead, panels
from modicum.report.ladder import LadderSettings, with_ladders
from modicum.report.records import Report
from modicum.store.usage import UsageRow
from tests.report.ladder_records import SOLD, big, built, cards, rung, small, traffic
from tests.report.records import certificate, certified, days, report, route, row, workload

AUDITED = LadderSettings(audit_labels_month=100)


def full(usage: list[UsageRow], own: tuple[str, ...] = ("w1",), settings: LadderSettings = AUDITED, **laboratory: str) -> Report:
    """With a certificate in force for each workload."""
    made = report(
        usage,
        workloads=[workload(name) for name in own],
        verdicts=[certified(name) for name in own],
        certificates=[certificate(name) for name in own],
        routes=[route(name) for name in own],
        catalogue=Catalogue(SOLD),
    )
    return with_ladders(made, usage, cards=cards(big(**laboratory), small()), catalogue=Catalogue(SOLD), settings=settings)


def test_totals_line_and_rung_say_the_same_net_of_the_same() -> None:
    it = full(days(30))
    (line,), (ladder,) = it.workloads, it.ladders
    promised = rung(ladder, "specialist").saving
    assert promised is not None and it.totals.saving is not None and line.saving is not None
    assert promised.usd_month == it.totals.saving.usd_month == line.saving.usd_month
    assert promised.low_usd_month is not None and it.totals.saving.low_usd_month is not None
    assert abs(promised.low_usd_month - it.totals.saving.low_usd_month) < Decimal("0.0001")
    # Half of $36.53, less 5 %, 100 audits at $0.08, and computing.
    gross = Decimal("36.528") * Decimal("0.475")
    assert gross - 8 - Decimal("0.01") < it.totals.saving.usd_month < gross - 8  # type: ignore[operator]
    assert sum("net of their computing as well" in note for note in it.notes) == 1 and "100 audits a month" in " ".join(it.notes)


def test_several_add_up() -> None:
    it = full([*days(30), *days(30, workload_id="w2")], ("w1", "w2"))
    each = [rung(ladder, "specialist").saving for ladder in it.ladders]
    assert it.totals.saving is not None and it.totals.saving.usd_month == sum(one.usd_month for one in each if one and one.usd_month)
    low = sum(one.low_usd_month for one in each if one and one.low_usd_month)
    assert it.totals.saving.low_usd_month is not None and it.totals.saving.low_usd_month >= low - Decimal("0.0001")


def test_what_terms_forbid_is_in_no_total_and_in_no_headline() -> None:
    it = full(days(30, provider="xai"), laboratory="xAI")
    assert rung(it.ladders[0], "specialist").blocked
    assert (it.totals.saving, it.totals.saving_proposed, it.totals.certified, it.totals.answerable_share) == (None, None, 0, None)
    assert it.headline.endswith("One certificate counts for nothing: the terms of today's provider forbid learning from its answers.")
    assert "save $" not in it.headline and it.figures[1].value == "none"
    assert "specialist" not in str(it.worth.rungs if it.worth else "") and "small model of your own" not in " ".join(lead.headline(it))


def test_one_of_two_counts() -> None:
    usage = [*days(30, provider="xai"), *days(30, workload_id="w2", request_model="middle", response_model="middle")]
    it = full(usage, ("w1", "w2"), LadderSettings(), laboratory="xAI")
    barred, counts = (rung(ladder, "specialist") for ladder in sorted(it.ladders, key=lambda one: one.workload_id))
    assert barred.blocked and not counts.blocked and counts.saving is not None
    # The second's certificate speaks of `big` alone: nothing is saved on calls to another.
    assert it.totals.certified == 1


def test_without_certificates_the_report_stays_as_it_was() -> None:
    usage = days(10)
    made = report(usage, catalogue=Catalogue(SOLD))
    it = with_ladders(made, usage, cards=cards(small()), catalogue=Catalogue(SOLD), settings=AUDITED)
    assert (it.totals, it.notes, it.headline, it.figures) == (made.totals, made.notes, made.headline, made.figures)


def test_one_model_alone_is_not_held_against_itself() -> None:
    usage = days(10)
    made = report(usage, catalogue=Catalogue(SOLD))
    it = with_ladders(made, usage, cards=cards(), catalogue=Catalogue(SOLD), settings=LadderSettings())
    assert [name for name, *_ in panels.simple_rules(it)] == ["as it is today"]
    two = [*usage, *days(10, workload_id="w2", request_model="middle", response_model="middle")]
    made = report(two, workloads=[workload(), workload("w2")], catalogue=Catalogue(SOLD))
    it = with_ladders(made, two, cards=cards(), catalogue=Catalogue(SOLD), settings=LadderSettings())
    assert [name for name, *_ in panels.simple_rules(it)] == ["all on big", "all on middle", "as it is today"]


def test_usage_that_cannot_be_moves_no_rung() -> None:
    told = traffic(static_share=0.9, hours=(10_000_000,) + (0,) * 23)
    absurd = row(3, calls=1, input_tokens=10**12, output_tokens=5)
    given = LadderSettings(cache_least_tokens=100)
    _, (plain,) = built(days(10), small(), told=told, settings=given)
    _, (its,) = built([*days(10), absurd.without_usage()], small(), told=told, settings=given)
    for kind in ("incumbent_cached", "same_laboratory", "incumbent_batch"):
        before, after = rung(plain, kind), rung(its, kind)
        assert before.usd_call == after.usd_call and before.saving is not None and after.saving is not None
        assert before.saving.usd_month == after.saving.usd_month
        assert after.saving.baseline.endswith("; 1 call of unknown cost or length are not in it")
