"""What an invoice and the record differ by, taken apart; and what of a provider's totals calls do not cover."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.catalog import Catalogue
from modicum.catalog.tiers import price
from modicum.errors import NotEnoughDataError
from modicum.report.covering import uncovered
from modicum.report.difference import Reconciled, percent
from modicum.report.invoice import ALL, lines, plain_name
from modicum.report.reconcile import reconcile
from modicum.store.calls import SpendRow
from modicum.store.spending import Stage
from modicum.types import Price, ProviderTotal, Usage

MODEL = "gpt-4o-2024-08-06"
PRICE = Price(provider="openai", model=MODEL, input_usd_mtok=Decimal(2), output_usd_mtok=Decimal(10), cache_read_usd_mtok=Decimal(1))


class Prices(Catalogue):
    """Two models' prices, whatever the package says today."""

    def price(self, model: str, day: object, **how: Any) -> Price | None:
        if how.get("service_tier") not in (None, "default"):
            return None
        return PRICE if plain_name(model) in ("gpt-4o", "gpt-4o-mini") else None


PRICES = Prices()
DAY = "2026-10-01"


def calls(number: int = 10, *, sent: int = 1_000_000, got: int = 100_000, read: int = 0, **rest: Any) -> SpendRow:
    row: dict[str, Any] = {
        "key_id": None,
        "scope": "default",
        "workload_id": None,
        "request_model": "gpt-4o",
        "response_model": MODEL,
        "provider": "openai",
        "service_tier": None,
        "day": DAY,
        "costed": False,
        "counted": True,
        "refused": False,
        "calls": number,
        "estimated": 0,
        "input_tokens": sent,
        "output_tokens": got,
        "cache_read_tokens": read,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "audio_input_tokens": 0,
        "audio_output_tokens": 0,
        "cost_usd": Decimal(0),
    } | rest
    return SpendRow(**row)


def usage(requests: int = 10, *, sent: int = 1_000_000, got: int = 100_000, read: int = 0, **rest: Any) -> ProviderTotal:
    told = Usage(input_tokens=sent, output_tokens=got, cache_read_tokens=read)
    about: dict[str, Any] = {
        "day": DAY,
        "provider": "openai",
        "source": "openai-usage",
        "model": MODEL,
        "requests": requests,
        "usage": told,
    }
    return ProviderTotal(**(about | rest))


def costs(usd: str, **rest: Any) -> ProviderTotal:
    about: dict[str, Any] = {"day": DAY, "provider": "openai", "source": "openai-costs", "model": MODEL, "cost_usd": Decimal(usd)}
    return ProviderTotal(**(about | rest))


def kinds(found: Reconciled) -> dict[str, Decimal]:
    return {cause.kind: cause.usd for cause in found.causes}


def test_they_agree() -> None:
    found = reconcile([usage(), costs("3")], [calls()], PRICES)
    assert found.explained == 1.0 and not found.difference_usd and not found.causes
    assert found.headline.startswith(
        "100 % explained, 100 % recorded: the invoice says $3.00, the record $3.00"
    ) and found.headline.endswith("they agree.")


@pytest.mark.parametrize("answered", [False, True])
def test_what_a_route_asked_another_model_is_held_against_that_model_s_bill(answered: bool) -> None:
    rest: dict[str, Any] = {"provider": "openai", "model": "gpt-4o-mini"}
    invoice = [usage(10, sent=500_000, got=20_000, **rest), costs("1.2", **rest)]
    if answered:
        taken = Stage(name="openai/gpt-4o-mini", usd=Decimal(0), input_tokens=0, output_tokens=0, without_cost=0, without_usage=0)
        paid: dict[str, Any] = {"specialist": True, "response_model": "modicum/w@1", "costed": True, "cost_usd": Decimal("1.2")}
        record = calls(stage=taken, sent=500_000, got=20_000, **paid)
    else:
        taken = Stage(
            name="openai/gpt-4o-mini", usd=Decimal("1.2"), input_tokens=500_000, output_tokens=20_000, without_cost=0, without_usage=0
        )
        record = calls(stage=taken)
        invoice += [usage(), costs("3")]
    found = reconcile(invoice, [record], PRICES)
    assert found.recorded == 1 and not found.difference_usd and not found.causes, found.headline
    assert not uncovered(invoice, [record], PRICES)


@pytest.mark.parametrize(
    ("totals", "record", "wanted"),
    [
        ([usage(12, sent=1_200_000, got=120_000), costs("3.6")], [calls()], {"missing calls": "0.6"}),
        ([usage(8, sent=800_000, got=80_000), costs("2.4")], [calls()], {"extra calls": "-0.6"}),
        ([usage(read=500_000), costs("2.5")], [calls()], {"cached tokens": "-0.5"}),
        ([usage(service_tier="batch"), costs("1.5")], [calls()], {"batch discount": "-1.5"}),
        ([usage(), costs("3")], [calls(costed=True, cost_usd=Decimal(2))], {"recorded otherwise": "1"}),
        ([usage(), costs("3")], [calls(costed=True, cost_usd=Decimal(2)), calls(0, sent=0, got=0)], {"recorded otherwise": "1"}),
        ([usage(), costs("3")], [], {"missing calls": "3"}),
        ([costs("3")], [], {"missing calls": "3"}),
        ([costs("1.2", model=None, line_item="web search calls")], [], {"other charges": "1.2"}),
        (
            [usage(12, sent=1_200_000, got=120_000, read=600_000), costs("3")],
            [calls()],
            {"missing calls": "0.6", "cached tokens": "-0.6"},
        ),
    ],
)
def test_each_cause_is_named_and_they_add_up(totals: list[ProviderTotal], record: list[SpendRow], wanted: dict[str, str]) -> None:
    found = reconcile(totals, record, PRICES)
    assert kinds(found) == {kind: Decimal(usd) for kind, usd in wanted.items()}
    assert sum(kinds(found).values()) == found.difference_usd
    assert found.explained == 1.0


def test_what_is_on_one_side_alone_or_has_no_price() -> None:
    found = reconcile([costs("3"), usage()], [calls(), calls(response_model="gpt-4o-mini", request_model="gpt-4o-mini")], PRICES)
    assert kinds(found) == {"not on the invoice": Decimal(-3)} and found.explained == 0.5
    odd = reconcile([costs("3", model="house-model")], [calls(response_model="house-model", request_model="house-model")], PRICES)
    assert kinds(odd) == {"unknown model": Decimal(3)}
    other = reconcile([costs("3"), usage()], [calls(), calls(provider="azure"), calls(response_model="modicum/x@1")], PRICES)
    assert other.difference_usd == 0


def test_dollars_alone_are_explained_where_they_keep_a_proportion() -> None:
    days = [f"2026-10-0{number}" for number in range(1, 6)]
    steady = reconcile([costs("2.4", day=one) for one in days], [calls(day=one) for one in days], PRICES)
    assert kinds(steady) == {"other price": Decimal(-3)} and steady.explained == 1.0
    assert steady.rows[0].causes[0].detail == "20.0% below the list on 5 days"
    jumpy = reconcile(
        [costs(usd, day=one) for usd, one in zip(("2.4", "2.4", "9", "2.4", "2.4"), days, strict=True)],
        [calls(day=one) for one in days],
        PRICES,
    )
    assert kinds(jumpy)["unexplained"] == Decimal(6) and float(jumpy.explained) == pytest.approx(1 - 6 / 18.6)
    assert any("usage export" in note for note in jumpy.notes)
    one = reconcile([costs("2.4")], [calls()], PRICES)
    assert kinds(one) == {"unexplained": Decimal("-0.6")}


@pytest.mark.parametrize(("days", "kind"), [(1, "unexplained"), (2, "unexplained"), (3, "other price"), (7, "other price")])
def test_three_days_of_one_proportion_make_a_price(days: int, kind: str) -> None:
    named = [f"2026-10-0{number + 1}" for number in range(days)]
    told = [one for day in named for one in (usage(day=day), costs("2.7", day=day))]
    found = reconcile(told, [calls(day=day) for day in named], PRICES)
    assert kinds(found) == {kind: Decimal("-0.3") * days} and found.recorded == 1
    assert found.explained == (1 if kind == "other price" else Decimal("0.9"))
    detail = found.rows[0].causes[0].detail
    assert detail == {1: "10.0% below the list, on one day alone", 2: "10.0% below the list, on 2 days alone"}.get(
        days, f"10.0% below the list on {days} days"
    )


def test_explained_is_not_recorded() -> None:
    nothing = reconcile([usage(), costs("3")], [], PRICES)
    assert nothing.explained == 1 and nothing.recorded == 0
    assert nothing.headline.startswith("100 % explained, 0.0 % recorded: ")
    part = reconcile([usage(), costs("3")], [calls(4, sent=400_000, got=40_000)], PRICES)
    assert part.explained == 1 and part.recorded == Decimal("0.4")
    cheap = reconcile([usage(), costs("1")], [calls(4, sent=400_000, got=40_000)], PRICES)
    assert cheap.recorded == Decimal("0.4"), "by tokens, whatever they are charged"
    dollars = reconcile([costs("4")], [calls()], PRICES)
    assert dollars.recorded == Decimal("0.75")
    more = reconcile([usage(), costs("3")], [calls(20, sent=2_000_000, got=200_000)], PRICES)
    assert more.recorded == 1
    free = reconcile([costs("0")], [], PRICES)
    assert free.recorded is None and "recorded:" not in free.headline
    assert percent(Decimal("0.99999")) == "99.9 %" and percent(Decimal(1)) == "100 %"


def test_no_amount_is_too_large() -> None:
    huge = Decimal("999999999999.999999999999")
    days = [f"2026-10-0{number}" for number in range(1, 5)]
    told = [one for day in days for one in (usage(2**53, sent=2**62, got=2**62, day=day), costs(str(huge), day=day))]
    found = reconcile(told, [calls(day=day) for day in days], PRICES)
    for row in found.rows:
        assert abs(sum((cause.usd for cause in row.causes), Decimal(0)) - row.difference_usd) < Decimal("0.000001")
    assert found.invoice_usd == 4 * huge and 0 <= found.explained <= 1 and found.recorded is not None


def test_tokens_alone_are_priced_by_the_list() -> None:
    found = reconcile([usage(11, sent=1_100_000, got=110_000)], [calls()], PRICES)
    assert (found.invoice_usd, kinds(found)) == (Decimal("3.3"), {"missing calls": Decimal("0.3")})
    assert found.rows[0].causes[0].detail == "1 more on the invoice" and "priced by the list" in found.notes[0]


def test_costs_without_models_are_held_day_by_day() -> None:
    totals = [costs("6", model=None), usage(), usage(model="gpt-4o-mini")]
    (line,) = lines(totals)
    assert (line.model, line.usd, line.requests) == (ALL, Decimal(6), 20)
    found = reconcile(totals, [calls(), calls(response_model="gpt-4o-mini", request_model="gpt-4o-mini")], PRICES)
    assert found.explained == 1.0 and not found.difference_usd
    with pytest.raises(NotEnoughDataError):
        reconcile([], [calls()], PRICES)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), max_size=6),
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 10**7), st.integers(0, 10**6), st.decimals(0, 100, places=4)), min_size=1, max_size=6
    ),
)
def test_causes_always_add_up(record: list[tuple[int, int, int, int, bool]], totals: list[tuple[int, int, int, Decimal]]) -> None:
    told: list[ProviderTotal] = []
    for number, sent, got, usd in totals:
        told += [usage(5, sent=sent, got=got, day=f"2026-10-1{number}"), costs(str(usd), day=f"2026-10-1{number}")]
    rows = [
        calls(4, sent=sent, got=got, read=min(read, sent), day=f"2026-10-1{number}", service_tier="batch" if batch else None)
        for number, sent, got, read, batch in record
    ]
    found = reconcile(told, rows, PRICES)
    assert 0 <= found.explained <= 1
    for row in found.rows:
        assert sum((cause.usd for cause in row.causes), Decimal(0)) == row.difference_usd == row.invoice_usd - row.recorded_usd
    assert found.difference_usd == found.invoice_usd - found.recorded_usd
    covered = sum((one.usd for one in uncovered(told, rows, PRICES) if one.usd is not None), Decimal(0))
    assert 0 <= covered <= found.invoice_usd


def test_totals_count_only_where_calls_do_not() -> None:
    alone = uncovered([usage(), costs("3")], [], PRICES)
    assert [(one.usd, one.requests, one.whole) for one in alone] == [(Decimal(3), 10, True)]
    assert uncovered([usage(), costs("3")], [calls()], PRICES) == ()
    (rest,) = uncovered([usage(), costs("3")], [calls(4, sent=400_000, got=40_000)], PRICES)
    assert (rest.usd, rest.requests, rest.input_tokens, rest.whole) == (Decimal("1.8"), 6, 600_000, False)
    (other,) = uncovered([usage(), usage(model="gpt-4o-mini")], [calls()], PRICES)
    assert (other.model, other.usd) == ("gpt-4o-mini", Decimal(3))
    (unpriced,) = uncovered([usage(model="house-model")], [], PRICES)
    assert unpriced.usd is None
    assert uncovered([costs("3", model=None)], [calls()], PRICES) == ()


def test_what_calls_of_unknown_cost_leave_of_a_sum_is_unknown() -> None:
    unknown = calls(4, sent=0, got=0, counted=False)
    (rest,) = uncovered([usage(), costs("3")], [unknown], PRICES)
    assert (rest.usd, rest.requests, rest.whole) == (None, 6, False)
    (sums,) = uncovered([costs("3", model=None)], [unknown], PRICES)
    assert (sums.usd, sums.requests) == (None, None)
    assert uncovered([usage(4, sent=0, got=0), costs("3")], [unknown], PRICES) == ()  # all of its calls are there
    refused = calls(9, sent=0, got=0, counted=False, refused=True)  # on no invoice, and no doubt about it
    (rest,) = uncovered([usage(), costs("3")], [refused, calls(4, sent=400_000, got=40_000)], PRICES)
    assert (rest.usd, rest.requests) == (Decimal("1.8"), 6)


def test_many_models_a_day_are_gone_through_once() -> None:
    """Twice the models, about twice the work: counted, not timed."""

    class Counted(str):
        looks = 0

        def __eq__(self, other: object) -> bool:
            Counted.looks += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    def looks(models: int) -> int:
        Counted.looks = 0
        rows = [calls(model_of_day, response_model=f"m{model_of_day}", day=Counted(DAY)) for model_of_day in range(1, models)]
        told = [usage(model_of_day + 1, model=f"m{model_of_day}") for model_of_day in range(1, models)]
        assert len(uncovered(told, rows, PRICES)) == models - 1
        return Counted.looks

    assert looks(400) < 3 * looks(200)


def test_names_and_batches() -> None:
    for spelled in ("gpt-4o", "openai/gpt-4o-2024-08-06", "GPT-4o", "gpt-4o-latest"):
        assert plain_name(spelled) == "gpt-4o"
    assert plain_name("Claude Haiku 4.5") == plain_name("claude-haiku-4-5-20251001") == "claude-haiku-4-5"
    assert plain_name("deepseek-v3") != plain_name("deepseek-v2")
    half = price(PRICES, MODEL, date(2026, 10, 1), service_tier="batch")
    assert half is not None and (half.input_usd_mtok, half.output_usd_mtok) == (Decimal(1), Decimal(5))
    assert price(PRICES, MODEL, date(2026, 10, 1), service_tier="flex") is None


def test_a_model_of_which_nobody_knows_a_price_is_no_missing_call() -> None:
    """Known to the list: its calls are missing. On no list: it is the model that is unknown."""
    found = reconcile([usage(), costs("3"), costs("2", model="brand-new-1"), usage(model="brand-new-1")], [calls()], PRICES)
    assert kinds(found) == {"unknown model": Decimal(2)} and found.explained == 1
    (row,) = (row for row in found.rows if row.model == "brand-new-1")
    assert row.causes[0].detail == "on no list of prices, and 10 requests" and row.recorded_share == 0
    found = reconcile([costs("2", model="brand-new-1"), costs("4", model="gpt-4o-mini")], [], PRICES)
    assert kinds(found) == {"unknown model": Decimal(2), "missing calls": Decimal(4)}
    assert kinds(reconcile([costs("2", model=None)], [], PRICES)) == {"missing calls": Decimal(2)}


def test_dollars_of_our_own_list_are_called_so() -> None:
    found = reconcile([usage()], [calls()], PRICES)
    assert "the export's tokens cost $3.00 by our list of prices, the record $3.00" in found.headline
    assert "the invoice says" not in found.headline
    half = reconcile([usage(), costs("2", model="gpt-4o-mini")], [calls()], PRICES)
    assert "the invoice says $2.00 and tokens that cost $3.00 by our list of prices, the record $3.00" in half.headline
    nameless = reconcile([usage(), usage(model="brand-new-1")], [calls()], PRICES)
    assert any(
        note.startswith("No price is known for brand-new-1: what the export tells of it is in no sum here.") for note in nameless.notes
    )
    assert not any("No price is known" in note for note in found.notes)
