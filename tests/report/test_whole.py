"""What shares of the spend are of is said alike in the terminal, on the page and in JSON."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from modicum.report import document, lead, page, screen, text, whole
from modicum.report.records import Report
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
    assert "a month without small models" in shown and " spend a month   could go" not in shown, "the column says what it holds"
    assert f"Of {amount}, work that" in full and f"Of {amount}, each call" in html and sentence in html
    assert document.document(found)["lead"]["of"] == {"usd_month": found.totals.baseline_usd_month, "what": sentence}


def test_unknown_is_said_of_nothing() -> None:
    found = made()
    unknown = dataclasses.replace(found.totals, baseline_usd_month=None, spend_usd_month=None)
    assert whole.said(unknown) == ""
