"""Two periods against figures that can be checked by hand, and effects that always add up."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.catalog import Catalogue
from modicum.errors import InputError
from modicum.report import charts, said
from modicum.report.compare import compare
from modicum.report.history import Comparison
from modicum.report.period import Span, span_of
from modicum.store.usage import UsageRow
from tests.report.records import PRICES, days, row, workload

ZERO = Decimal(0)
BEFORE, AFTER = span_of("2026-10-01..2026-10-10"), span_of("2026-10-11..2026-10-20")


def held(usage: list[UsageRow], *ids: str) -> Comparison:
    found = compare(usage, [workload(own) for own in ids], before=BEFORE, after=AFTER, catalogue=Catalogue(PRICES))
    assert found is not None
    return found


def test_more_calls_are_volume() -> None:
    it = held([*days(10), *(row(day, calls=200, input_tokens=200_000, output_tokens=20_000) for day in range(10, 20))], "w1")
    assert (it.before.spend_usd, it.after.spend_usd) == (Decimal(12), Decimal(24))
    assert (it.volume_usd, it.mix_usd, it.price_usd) == (Decimal(12), ZERO, ZERO)
    assert said.changed(it).startswith(
        "Spend rose by $12.00 (100\u00a0%) from 1–10 Oct 2026 to 11–20 Oct 2026, to $24.00; most of all by the number"
    )


def test_longer_calls_are_price() -> None:
    it = held([*days(10), *(row(day, input_tokens=200_000, output_tokens=20_000) for day in range(10, 20))], "w1")
    assert (it.volume_usd, it.mix_usd, it.price_usd) == (ZERO, ZERO, Decimal(12))


def test_another_model_is_mix() -> None:
    moved = [row(day, request_model="middle", response_model="middle") for day in range(10, 20)]
    it = held([*days(10), *moved], "w1")
    assert it.after.spend_usd == Decimal("1.2")
    assert (it.volume_usd, it.mix_usd, it.price_usd) == (ZERO, Decimal("-10.8"), ZERO)


def test_a_specialist_that_took_over_is_mix() -> None:
    it = held([*days(10), *(row(day, specialist=True, response_model="modicum/x") for day in range(10, 20))], "w1")
    assert (it.volume_usd, it.mix_usd, it.price_usd) == (ZERO, Decimal(-12), ZERO)


def test_new_and_gone_workloads_stand_apart() -> None:
    it = held([*days(10), *days(20)[10:], *days(10, workload_id="w2"), *days(20, workload_id="w3")[10:]], "w1", "w2", "w3")
    assert (it.volume_usd, it.mix_usd, it.price_usd, it.new_usd, it.gone_usd) == (ZERO, ZERO, ZERO, Decimal(12), Decimal(-12))
    assert {(one.workload_id, one.change_usd) for one in it.workloads} == {("w1", ZERO), ("w2", Decimal(-12)), ("w3", Decimal(12))}
    assert [effect.name for effect in charts.effects(it)] == ["new", "gone"]


def test_unknown_costs_are_in_no_amount_and_are_said() -> None:
    it = held([*days(10), *days(20)[10:], row(12, request_model="nobody", response_model="nobody")], "w1")
    assert it.after.spend_usd == Decimal(12) and it.after.calls == 1100 and it.after.priced_calls == 1000
    assert any("1,000" not in note and "100 after is unknown" in note for note in it.notes)


def test_periods_that_were_not_watched_alike_say_so() -> None:
    assert any("10 days of 10 were observed before and 3 of 10 after" in note for note in held([*days(10), *days(13)[10:]], "w1").notes)


def test_fifteen_days_and_sixteen_are_held_side_by_side_a_day() -> None:
    usage = [row(day) for day in range(31)]
    before, after = span_of("2026-10-01..2026-10-15"), span_of("2026-10-16..2026-10-31")
    it = compare(usage, [workload()], before=before, after=after, catalogue=Catalogue(PRICES))
    assert it is not None and it.uneven
    assert (it.days_usd, it.volume_usd, it.change_usd) == (Decimal("1.2"), ZERO, Decimal("1.2"))
    assert said.changed(it) == "Spend a day stayed at $1.20 from 1–15 Oct 2026 to 16–31 Oct 2026."
    assert any("15 days of 15 were observed before and 16 of 16 after: what changed is said a day" in note for note in it.notes)
    assert [effect.name for effect in charts.effects(it)] == ["days"]


def test_a_part_day_counts_as_its_part() -> None:
    usage = [*days(10), *(row(day) for day in range(10, 19)), row(19, calls=50, input_tokens=50_000, output_tokens=5_000)]
    it = compare(usage, [workload()], before=BEFORE, after=AFTER, catalogue=Catalogue(PRICES), lengths=(10.0, 9.5))
    assert it is not None and it.uneven and it.days_usd == Decimal("-0.6") and abs(it.change_usd_day) < Decimal("1e-12")
    assert "stayed at $1.20" in said.changed(it)
    assert any("10 of 10 (9.50, part days as their part) after" in note for note in it.notes)


def test_without_an_earlier_period_there_is_no_comparison() -> None:
    assert compare(days(20)[10:], [workload()], before=BEFORE, after=AFTER, catalogue=Catalogue(PRICES)) is None


ROWS = st.builds(
    row,
    st.integers(0, 19),
    workload_id=st.sampled_from(["w1", "w2", "w3", None]),
    request_model=st.sampled_from(["big", "middle", "nobody"]),
    response_model=st.none(),
    calls=st.integers(1, 1000),
    input_tokens=st.integers(0, 10**7),
    output_tokens=st.integers(0, 10**6),
    specialist=st.booleans(),
)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=30))
def test_the_effects_add_up(usage: list[UsageRow]) -> None:
    it = compare(usage, [workload(own) for own in ("w1", "w2")], before=BEFORE, after=AFTER, catalogue=Catalogue(PRICES))
    if it is not None:
        parts = it.days_usd + it.volume_usd + it.mix_usd + it.price_usd + it.new_usd + it.gone_usd
        assert abs(parts - it.change_usd) < Decimal("1e-15")
        for one in it.workloads:
            effects = one.days_usd + one.volume_usd + one.mix_usd + one.price_usd
            assert effects == 0 or abs(effects - one.change_usd) < Decimal("1e-15")
        assert said.changed(it)
        charts.effects(it)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-10", date(2026, 10, 1), date(2026, 10, 31)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026-10-05", date(2026, 10, 5), date(2026, 10, 5)),
        ("2026-10-05..2026-11-01", date(2026, 10, 5), date(2026, 11, 1)),
    ],
)
def test_periods(text: str, first: date, last: date) -> None:
    assert span_of(text) == Span(first=first, last=last)


def test_what_lay_before_a_period() -> None:
    assert span_of("2026-01").previous() == span_of("2025-12")
    assert span_of("2026-03").previous() == span_of("2026-02")
    assert span_of("2026-10-11..2026-10-20").previous() == span_of("2026-10-01..2026-10-10")


@settings(deadline=None)
@given(st.text(max_size=24))
def test_any_text_is_a_period_or_a_clear_error(text: str) -> None:
    try:
        span = span_of(text)
    except InputError as error:
        assert error.hint
    else:
        assert span.first <= span.last and span.previous().last < span.first


@pytest.mark.parametrize("text", ["2026-13", "2026-10-05..2026-10-01", "0001-01", "2026", "..", "9999-12"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(InputError):
        span_of(text)
