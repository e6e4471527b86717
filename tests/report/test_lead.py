"""What is said first: the dearest workload, what could take it over, what that saves; or that nothing is worth it."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal

import pytest

from modicum.report import document, lead, page, said, screen, sheets
from modicum.report.ladder.settings import LadderSettings
from modicum.report.ladder.worth import worth
from modicum.report.records import Report
from modicum.report.rungs import Evidence, Ladder, Rung, Worth
from tests.report.everything import saving
from tests.report.records import certificate, certified, days, report, route, row, workload

NAMES = {"w1": "support-queue", "w2": "order-mail", "w3": "review-reply", "w4": "rare"}


def made(
    *,
    evidence: Evidence = "none",
    changing: bool = False,
    trying: bool = True,
    rungs: tuple[str, ...] = ("w1",),
    first: str = NAMES["w1"],
) -> Report:
    """Four workloads, the dearest ten times the cheapest; each could go to `tiny`."""
    usage = [one for number, own in enumerate(NAMES) for one in days(30, workload_id=own, calls=100 - 25 * number)]
    usage = [dataclasses.replace(one, input_tokens=1000 * one.calls, output_tokens=100 * one.calls) for one in usage]
    whole = report(usage, workloads=[workload(own, name=name) for own, name in (NAMES | {"w1": first}).items()])
    tiny = Rung(
        kind="open_hosted", name="tiny", provider="Acme", share=0.95, saving=saving(20), evidence=evidence, one_off_usd=Decimal(248)
    )
    loss = Rung(kind="open_own", name="tiny", saving=saving(-90))
    today = Rung(kind="incumbent", name="big")
    worth = Worth(
        changing=changing,
        trying=trying,
        saving=saving(20) if changing or trying else None,
        one_off_usd=Decimal(248),
        rungs=tuple((own, "tiny") for own in rungs) if changing or trying else (),
        threshold="t",
        sentence="Worth trying: much." if changing or trying else "Nothing here is worth changing: nothing saves enough. Enough is more.",
    )
    ladders = tuple(Ladder(workload_id=own, rungs=(loss, tiny, today) if own != "w3" else (today,)) for own in NAMES)
    return dataclasses.replace(whole, ladders=ladders, worth=worth)


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        ("none", "Whether it does the work nobody has tried on these calls yet."),
        ("published", "So far only benchmarks of others say that it does the work."),
        ("measured", "That it does the work was measured on these calls."),
    ],
)
def test_the_dearest_stands_first_with_what_could_take_it_over_and_what_that_saves(evidence: Evidence, says: str) -> None:
    first, then = lead.headline(made(evidence=evidence))
    assert first == (
        "support-queue is the dearest work: $36.53 of $91.32 a month. tiny at Acme could take over 95\u00a0% of it and save $10.00 to"
        " $40.00 a month."
        if evidence == "measured"
        else "support-queue is the dearest work: $36.53 of $91.32 a month. tiny at Acme would save $10.00 to $40.00 a month if it does the"
        " work well enough."
    )
    tried = (
        ""
        if evidence == "measured"
        else " It would be asked for all but the 5\u00a0% kept for control; how much of that it can answer is not known until it is tried."
    )
    assert then == f"Getting there costs about $248 once, in work and labels. {says}{tried}"


def test_what_was_not_tried_is_never_shown_as_what_it_can_do() -> None:
    shown = page.render(made(evidence="published"))
    assert "asked for all but 5\u00a0% of its calls" in shown and "95\u00a0% of its calls" not in shown and "for 95\u00a0%" not in shown
    assert "for 95\u00a0% of its calls" in page.render(made(evidence="measured"))


def test_where_the_cost_of_many_calls_is_unknown_nothing_is_said_to_be_not_worth_it() -> None:
    it = made(trying=False)
    half = dataclasses.replace(it.totals, calls=4000, unpriced_calls=2000)
    doubt = "Whether anything here is worth changing cannot be said yet: 50\u00a0% of the calls have no known cost."
    assert said.doubt(half) == doubt
    settings = LadderSettings()
    found = worth((Ladder(workload_id="w1", rungs=(), calls=9, days=9),), it.workloads, half, settings)
    assert found.sentence == doubt
    first, then = lead.headline(dataclasses.replace(it, totals=half, worth=found))
    assert first == doubt and then.startswith("support-queue is the dearest work: $36.53 of $91.32 a month that is known.")
    few = dataclasses.replace(it.totals, calls=4000, unpriced_calls=20)
    assert worth((), it.workloads, few, settings).sentence.startswith("Nothing here is worth changing")


def test_what_failed_is_no_verdict() -> None:
    it = report([row(day, refused=True, failed=100, input_tokens=0, output_tokens=0) for day in range(3)], workloads=[])
    says = "All 300 calls failed before any token: nothing was answered or spent, so there is nothing to compare yet."
    assert it.headline == says
    assert lead.headline(dataclasses.replace(it, worth=worth((), (), it.totals)))[0] == says


def test_a_saving_that_reaches_above_the_spend_has_the_limits_of_the_spend_beside_it() -> None:
    it = made()
    first = dataclasses.replace(it.workloads[0], spend_low_usd_month=Decimal(30), spend_high_usd_month=Decimal(44))
    shown = lead.headline(dataclasses.replace(it, workloads=(first, *it.workloads[1:])))[0]
    assert "$36.53 ($30.00 to $44.00) of $91.32 a month" in shown


def test_what_all_of_it_comes_to_stands_beside_it() -> None:
    _, then = lead.headline(made(rungs=("w1", "w2")))
    assert then.endswith("Worth trying: much.")


def test_nothing_worth_changing_comes_before_the_dearest() -> None:
    it = made(trying=False)
    first, then = lead.headline(it)
    assert first == "Nothing here is worth changing: nothing saves enough."
    assert then.startswith("Enough is more. support-queue is the dearest work: $36.53 of $91.32 a month. tiny at Acme")
    assert lead.figures(it) == it.figures


def test_three_are_named_and_what_nothing_is_known_for_says_so() -> None:
    found = lead.dearest(made())
    assert [(one.line.name, one.where) for one in found] == [
        ("support-queue", "tiny at Acme"),
        ("order-mail", "tiny at Acme"),
        ("review-reply", ""),
    ]
    assert found[0].share == pytest.approx(0.4)
    for shown in (page.render(made()), screen.render(made())):
        assert all(name in shown for name in ("support-queue", "order-mail", "review-reply")) and "nothing" in shown
    assert 'href="#w-w1"' in page.render(made()) and '<article id="w-w1">' in page.render(made())


def test_what_could_be_saved_is_the_second_figure() -> None:
    spend, saved, _ = lead.figures(made())
    assert spend.value == "$91.32"
    assert (saved.label, saved.value) == ("could be saved a month, net", "$10.00 to $40.00")
    assert saved.note == "if what is not proven yet holds here; 1 workload; about $248 once"


def test_what_is_on_is_said_as_done() -> None:
    usage = [*days(30), row(2, specialist=True, response_model="modicum/x", reasons=(("answered", 100),))]
    it = report(usage, verdicts=[certified()], certificates=[certificate()], routes=[route(state="on")])
    own = Rung(kind="specialist", name="specialist", saving=saving(20), evidence="certified", share=0.5)
    worth = dataclasses.replace(made(changing=True).worth or Worth.__new__(Worth), rungs=(("w1", "specialist"),))
    it = dataclasses.replace(it, ladders=(Ladder(workload_id="w1", rungs=(own,)),), worth=worth)
    first, then = lead.headline(it)
    assert first.endswith("A small model answers 50\u00a0% of its calls and saves $10.00 to $40.00 a month.")
    assert then.startswith("That it does the work is certified on these calls.") and it.headline in then


def test_a_report_without_ladders_says_its_own_sentence() -> None:
    it = report(days(3))
    assert lead.headline(it) == (it.headline, "")
    unpriced = report(days(3, request_model="nobody", response_model="nobody"))
    assert lead.headline(unpriced) == (unpriced.headline, "")


SCRIPTS = ["تصنيف الشكاوى", "投诉分类", "புகார் வகைப்படுத்தல்", "pengelasan aduan", "aduan شكوى 投诉 புகார்"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_name_of_any_script_comes_first_and_turns_nothing_around(name: str) -> None:
    it = made(first=name)
    text = page.render(it)
    assert f'<a class="title" href="#w-w1"><bdi>{name}</bdi></a>' in text
    head = text[text.index("<h1>") : text.index("</h1>")]
    assert name in head.replace("<bdi>", "").replace("</bdi>", "") and "$36.53 of $91.32" in head
    shown = screen.render(it, width=200)
    runs_left = "ش" in name
    assert ("<bdi>" in head, "\u2068" in shown) == (runs_left, runs_left)
    assert name in shown.replace("\u2068", "").replace("\u2069", "")


def test_the_document_says_the_same() -> None:
    it = made(evidence="published")
    whole = json.loads(document.encode(it))
    found = whole["lead"]
    assert (whole["headline"], found["then"]) == lead.headline(it) and whole["schema"] == document.SCHEMA
    assert "first" not in found  # one headline, in one place
    assert [one["name"] for one in found["dearest"]] == ["support-queue", "order-mail", "review-reply"]
    first, *_, last = found["dearest"]
    assert (first["option"], first["provider"], first["evidence"], first["one_off_usd"]) == ("tiny", "Acme", "published", 248)
    assert first["saving"]["low_usd_month"] == 10 and last["option"] is last["saving"] is None


def test_page_and_table_name_the_same_option() -> None:
    """A published one that saves less is the better proven; the report counts on the other, and so does every form."""
    it = made()
    published = Rung(kind="open_hosted", name="proven", provider="Acme", saving=saving(12), evidence="published")
    one = dataclasses.replace(it.ladders[0], rungs=(published, *it.ladders[0].rungs))
    it = dataclasses.replace(it, ladders=(one, *it.ladders[1:]))
    (table, *_) = sheets.sheets(it)
    assert table.rows[0][table.head.index("best_option")] == lead.dearest(it)[0].rung.name == "tiny"  # type: ignore[union-attr]
