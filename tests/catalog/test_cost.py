"""The cost of a call, by hand."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.catalog import Catalogue, cost
from modicum.types import Price, Usage

OPUS = Price(
    provider="anthropic",
    model="claude-opus-4-1",
    input_usd_mtok=Decimal(15),
    output_usd_mtok=Decimal(75),
    cache_read_usd_mtok=Decimal("1.5"),
    cache_write_usd_mtok=Decimal("18.75"),
)
PLAIN = Price(provider="openai", model="gpt-4", input_usd_mtok=Decimal(30), output_usd_mtok=Decimal(60))


def test_a_bill_that_can_be_checked_by_hand() -> None:
    # 600 plain at 15, 300 read at 1.5, 100 written at 18.75, 200 out at 75, per million
    usage = Usage(input_tokens=1000, cache_read_tokens=300, cache_write_tokens=100, output_tokens=200)
    assert cost(OPUS, usage) == Decimal("0.026325")


def test_cache_without_its_own_price_is_ordinary_input() -> None:
    assert cost(PLAIN, Usage(input_tokens=1000, cache_read_tokens=400, output_tokens=0)) == Decimal("0.03")


@pytest.mark.parametrize(
    ("price", "usage"),
    [
        (None, Usage(input_tokens=1, output_tokens=1)),
        (OPUS, Usage()),
        (OPUS, Usage(input_tokens=1)),
        (OPUS, Usage(output_tokens=1)),
        (OPUS, Usage(input_tokens=10, cache_read_tokens=11, output_tokens=1)),
        (OPUS, Usage(input_tokens=-1, output_tokens=1)),
        (Price(provider="x", model="y"), Usage(input_tokens=1, output_tokens=1)),
        (Price(provider="x", model="y", input_usd_mtok=Decimal(1)), Usage(input_tokens=1, output_tokens=1)),
    ],
)
def test_unknown_stays_unknown(price: Price | None, usage: Usage) -> None:
    assert cost(price, usage) is None


def test_a_price_that_is_not_needed_may_be_missing() -> None:
    embedding = Price(provider="x", model="y", input_usd_mtok=Decimal(1))
    assert cost(embedding, Usage(input_tokens=1_000_000, output_tokens=0)) == 1


tokens = st.integers(0, 10**9)


@given(tokens, tokens, tokens, tokens)
def test_sums_cost_what_their_parts_cost(plain: int, read: int, write: int, output: int) -> None:
    whole = Usage(input_tokens=plain + read + write, cache_read_tokens=read, cache_write_tokens=write, output_tokens=output)
    parts = [
        Usage(input_tokens=plain, output_tokens=0),
        Usage(input_tokens=read, cache_read_tokens=read, output_tokens=0),
        Usage(input_tokens=write, cache_write_tokens=write, output_tokens=output),
    ]
    assert cost(OPUS, whole) == sum(cost(OPUS, part) or 0 for part in parts)


def test_writes_for_an_hour_audio_and_a_price_a_request() -> None:
    price = Price(
        provider="p",
        model="m",
        input_usd_mtok=Decimal(3),
        output_usd_mtok=Decimal(15),
        cache_read_usd_mtok=Decimal("0.3"),
        cache_write_usd_mtok=Decimal("3.75"),
        cache_write_1h_usd_mtok=Decimal(6),
        audio_input_usd_mtok=Decimal(40),
        audio_output_usd_mtok=Decimal(80),
        request_usd=Decimal("0.01"),
    )
    usage = Usage(
        input_tokens=1000,
        cache_read_tokens=100,
        cache_write_tokens=300,
        cache_write_1h_tokens=200,
        audio_input_tokens=50,
        output_tokens=90,
        reasoning_tokens=60,
        audio_output_tokens=40,
    )
    assert cost(price, usage) == Decimal("0.01") + (550 * 3 + 30 + 375 + 1200 + 2000 + 50 * 15 + 3200) / Decimal(1_000_000)
    assert cost(price, usage, calls=2) == (cost(price, usage) or 0) + Decimal("0.01")
    only_five = dataclasses.replace(price, cache_write_1h_usd_mtok=None)
    assert cost(only_five, usage) is None
    assert cost(only_five, dataclasses.replace(usage, cache_write_1h_tokens=None)) is not None
    plain = dataclasses.replace(only_five, cache_write_usd_mtok=None)
    assert cost(plain, usage) == Decimal("0.01") + (850 * 3 + 30 + 2000 + 50 * 15 + 3200) / Decimal(1_000_000)
    wrongs: tuple[dict[str, Any], ...] = ({"cache_write_1h_tokens": 301}, {"audio_output_tokens": 91}, {"audio_input_tokens": 601})
    for wrong in wrongs:
        assert cost(price, dataclasses.replace(usage, **wrong)) is None


@given(
    model=st.sampled_from(["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "claude-opus-4-1", "gemini-2.5-pro", "deepseek-chat", "grok-3"]),
    plain=st.integers(0, 300_000),
    read=st.integers(0, 100_000),
    write=st.integers(0, 100_000),
    output=st.integers(0, 100_000),
)
@settings(max_examples=100, deadline=None)
def test_the_package_charges_the_same(model: str, plain: int, read: int, write: int, output: int) -> None:
    import genai_prices

    at = datetime(2026, 10, 15, 12, tzinfo=UTC)
    whole = plain + read + write
    price = _catalogue().price(model, at.date(), input_tokens=whole)
    ours = cost(price, Usage(input_tokens=whole, output_tokens=output, cache_read_tokens=read, cache_write_tokens=write))
    theirs = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=whole, output_tokens=output, cache_read_tokens=read, cache_write_tokens=write),
        model_ref=model,
        genai_request_timestamp=at,
    )
    assert ours == theirs.total_price


@lru_cache(maxsize=1)
def _catalogue() -> Catalogue:
    return Catalogue()
