"""Money in any currency: what is read, what is refused, how it looks, and that the rate has a source and a day."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.config import ReportConfig
from modicum.errors import InputError
from modicum.report import said, words
from modicum.report.budget import Budget, choose
from modicum.report.currency import SYMBOLS, WHOLE, Currency, amount_of, code_of, rate_of, shown_in
from tests.report.everything import RINGGIT, everything

TODAY = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("text", "amount", "code"),
    [
        ("MYR 3000", "3000", "MYR"),
        ("myr3,000.50", "3000.50", "MYR"),
        ("RM 3000", "3000", "MYR"),
        ("250.5 eur", "250.5", "EUR"),
        ("€250", "250", "EUR"),
        ("$1,200", "1200", "USD"),
        ("500", "500", "USD"),
        (" 1 000 000 JPY ", "1000000", "JPY"),
    ],
)
def test_an_amount_is_read(text: str, amount: str, code: str) -> None:
    assert amount_of(text) == (Decimal(amount), code)


@pytest.mark.parametrize(
    "text", ["", "MYR", "3.000 EUR", "3,50 EUR", "1,00,000 INR", "-5 USD", "0 USD", "RM", "MYR 5 EUR", "1e9 USD", "٣ MYR"]
)
def test_what_could_mean_two_things_or_nothing_is_asked_back(text: str) -> None:
    with pytest.raises(InputError):
        amount_of(text)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_clear_error(text: str) -> None:
    try:
        amount, code = amount_of(text)
    except InputError as error:
        assert error.hint
    else:
        assert amount > 0 and len(code) == 3


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", "1e30"])
def test_a_rate_is_a_number_that_money_has(text: str) -> None:
    with pytest.raises(InputError):
        rate_of(text)


def test_money_is_turned_where_it_is_put_into_words() -> None:
    assert words.money(Decimal(10)) == "$10.00"
    with shown_in(RINGGIT):
        assert words.money(Decimal(10)) == "RM\u00a047.00"
        assert words.money(Decimal("0.001")) == "under RM\u00a00.01"
        assert words.signed(Decimal(100)) == "+RM\u00a0470"
        assert words.signed(Decimal(-100)) == "−RM\u00a0470"
    with shown_in(Currency(code="JPY", rate=Decimal(150), source="x")):
        assert words.money(Decimal("0.5")) == "¥75"
        assert words.money(Decimal("0.001")) == "under ¥1"
    with shown_in(Currency(code="CHF", rate=Decimal("0.8"), source="x")):
        assert words.money(Decimal(1000)) == "CHF\u00a0800"
    assert words.money(Decimal(10)) == "$10.00"


def test_the_budgets_currency_is_the_reports_unless_another_is_named() -> None:
    shown, budget = choose(ReportConfig(), today=TODAY, threshold="MYR 3000", rate="4.7")
    assert (shown.code, shown.rate, shown.as_of) == ("MYR", Decimal("4.7"), TODAY)
    assert budget is not None and budget.usd == Decimal(3000) / Decimal("4.7")
    shown, budget = choose(ReportConfig(), today=TODAY, threshold="MYR 3000", rate="4.7", currency="USD")
    assert shown.code == "USD" and budget is not None and budget.currency.code == "MYR"
    shown, budget = choose(ReportConfig(), today=TODAY, threshold="$500", rate="4.7", currency="MYR")
    assert shown.code == "MYR" and budget is not None and budget.usd == 500
    assert choose(ReportConfig(), today=TODAY) == (Currency(), None)


def test_the_configuration_holds_below_the_flags() -> None:
    settings = ReportConfig(currency="myr", rate="4.6", rate_source="Bank Negara", rate_as_of="2026-10-30", threshold="MYR 2000")
    shown, budget = choose(settings, today=TODAY)
    assert shown == Currency(code="MYR", rate=Decimal("4.6"), source="Bank Negara", as_of=date(2026, 10, 30))
    assert budget is not None and budget.amount == 2000
    shown, budget = choose(settings, today=TODAY, rate="4.7", threshold="MYR 9")
    assert shown.rate == Decimal("4.7") and shown.as_of == TODAY and budget is not None and budget.amount == 9


def test_no_rate_two_rates_and_a_rate_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="what a dollar is worth in MYR is not known, and nothing is fetched"):
        choose(ReportConfig(), today=TODAY, threshold="MYR 3000")
    with pytest.raises(InputError, match="two rates"):
        choose(ReportConfig(), today=TODAY, threshold="MYR 3000", currency="EUR", rate="4.7")
    with pytest.raises(InputError, match="--rate without a currency"):
        choose(ReportConfig(), today=TODAY, rate="4.7")
    with pytest.raises(InputError, match="is not known"):  # the configured rate is that of another currency
        choose(ReportConfig(currency="MYR", rate="4.6"), today=TODAY, currency="EUR")
    with pytest.raises(InputError, match="not a day"):
        choose(ReportConfig(currency="MYR", rate="4.6", rate_as_of="soon"), today=TODAY)


def test_a_rate_is_said_with_source_and_day_and_when_it_is_old() -> None:
    assert said.at_rate(RINGGIT, TODAY) == "A dollar is taken as MYR\u00a04.7 (Bank Negara, 30 Oct 2026)."
    assert said.at_rate(RINGGIT, date(2027, 1, 1)).endswith("The rate is old.")
    assert said.at_rate(Currency(), TODAY) == ""


def test_a_budget_is_kept_broken_or_open() -> None:
    budget = Budget(amount=Decimal(47), currency=RINGGIT)
    assert budget.standing(Decimal(10), 0) == "under"
    assert budget.standing(Decimal("10.01"), 5) == "over"
    assert budget.standing(Decimal(1), 5) == "under_so_far"
    assert budget.standing(None, 5) == "unknown"
    assert budget.share(Decimal(5)) == 0.5


def test_the_sentence_on_the_budget_is_in_the_budgets_currency() -> None:
    sentence = said.against_budget(everything())
    assert sentence == "Over budget: RM\u00a0370 a month of RM\u00a0100.00 allowed, RM\u00a0270 too much."


def test_only_codes_in_force_are_currencies() -> None:
    for code in (*SYMBOLS, *WHOLE, "XCG", "zwg ", "CHF"):
        assert code_of(code) == code.strip().upper()
    for code in ("XXQ", "XXX", "XTS", "XAU", "ABC", "HRK", "MYE"):
        with pytest.raises(InputError, match="no currency of ISO 4217"):
            code_of(code)
    with pytest.raises(InputError) as wrong:
        choose(ReportConfig(), today=TODAY, currency="MYE", rate="4.7")
    assert "MYR" in str(wrong.value.hint)
    with pytest.raises(InputError, match="no currency of ISO 4217"):
        choose(ReportConfig(), today=TODAY, threshold="XXQ 3000", rate="4.7")
