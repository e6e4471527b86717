"""What shares of the spend are of is said alike in the terminal, on the page and in JSON."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal

from modicum.catalog import Catalogue
from modicum.report import document, lead, page, screen, text, whole, words
from modicum.report.figures import summarise
from modicum.report.month import Edges
from modicum.report.records import Report
from modicum.report.rungs import Ladder, Rung, Worth
from tests.report.everything import saving
from tests.report.records import NOW, PRICES, days, report, workload
from tests.report.test_lead import made


def with_small_models(found: Report) -> Report:
    """As if small models answered two calls in five, at no cost."""
    spend = found.totals.spend_usd_month
    assert spend is not None
    return dataclasses.replace(found, totals=dataclasses.replace(found.totals, spend_usd_month=spend * Decimal("0.6")))


def test_where_nothing_small_answers_it_is_the_spend() -> None:
    found = made(evidence="published")
    amount = whole.bill(found.totals)
    assert "without small models" not in amount
    assert whole.said(found.totals).startswith(f"Shares of the spend are of {amount}: what a month of these calls costs")
    assert f"of {amount}" in lead.headline(found)[0] and f"(of {amount}, by the best" in screen.render(found, width=200)


def test_where_small_models_answer_it_is_the_month_without_them_everywhere() -> None:
    found = with_small_models(made())
    amount, sentence = whole.bill(found.totals), whole.said(found.totals)
    assert amount.endswith("a month that all calls would cost without small models") and "with small models answering some" in sentence
    shown, full, html = screen.render(found, width=300), text.render(found, width=300), page.render(found)
    for one in (shown, full, html, document.document(found)["headline"]):
        assert "is the dearest work: " in one and f"of {amount}." in one
    assert f"Of {amount}, work that" in full and f"Of {amount}, each call" in html and sentence in html
    assert document.document(found)["lead"]["of"] == {"usd_month": found.totals.baseline_usd_month, "what": sentence}


def test_a_workload_has_one_spend_and_beside_it_what_it_would_be_without_small_models() -> None:
    usage = [*days(10), *days(10, calls=60, response_model="modicum/w1@ab", specialist=True, cost_usd=Decimal(0), calls_without_cost=0)]
    found = replaced(report(usage))
    (line,) = found.workloads
    spent, baseline = words.spend(line), words.money(line.baseline_usd_month)
    assert (spent, words.spend(found.totals)) == ("$36.53", "$36.53") and baseline == "$58.44"
    assert whole.without(line) == f"{baseline} without small models" == whole.without(found.totals)
    first = f"name-of-w1 is all of the spend: {spent} a month; it would be {whole.without(line)}."
    assert lead.headline(found)[0].startswith(first)
    shown, full, html = screen.render(found, width=200), text.render(found, width=200), page.render(found)
    for one in (shown, full, html):
        assert one.count(first) == 1 and one.count(spent) > 2, "lead, tile and row"
        assert whole.without(line) in one.replace(first, ""), "the row has both"
    for one in (full, html):
        assert f"of the {baseline} that it would cost without small models; as it is" in " ".join(one.split())
    (dearest,) = document.document(found)["lead"]["dearest"]
    assert (dearest["spend_usd_month"], dearest["baseline_usd_month"]) == (line.spend_usd_month, line.baseline_usd_month)
    tiny = next(one for one in lead.dearest(found) if one.rung is not None)
    assert tiny.rung is not None and f"save {words.saving(tiny.rung.saving)} of these {baseline} a month" in shown


def test_where_hours_are_missing_every_form_shows_the_same_range() -> None:
    edges = {"default": Edges(hours=6)}
    found = summarise(days(1), workloads=[workload()], catalogue=Catalogue(PRICES), control_share=0.05, now=NOW, edges=edges)
    (line,) = found.workloads
    assert words.spend(line) == words.spend(found.totals) == found.figures[0].value == "$36.53 to $146"
    assert words.limits(line) == "" == whole.without(line)
    for one in (screen.render(found, width=200), text.render(found, width=200), page.render(found)):
        assert "$36.53 to $146" in one and not re.search(r"\$(?!36.53|146)\d+[.\d]* to \$", one), "no other range of the spend"


def replaced(found: Report) -> Report:
    """With a ladder of one model that nobody tried."""
    rung = Rung(kind="open_hosted", name="tiny", provider="Acme", share=0.95, saving=saving(20))
    today = Rung(kind="incumbent", name="big", usd_month=found.workloads[0].baseline_usd_month)
    return dataclasses.replace(
        found,
        ladders=(Ladder(workload_id="w1", rungs=(rung, today)),),
        worth=Worth(changing=False, trying=True, saving=None, one_off_usd=None, rungs=(("w1", "tiny"),), threshold="t", sentence="Try."),
    )


def test_unknown_is_said_of_nothing() -> None:
    found = made()
    unknown = dataclasses.replace(found.totals, baseline_usd_month=None, spend_usd_month=None)
    assert whole.said(unknown) == ""
