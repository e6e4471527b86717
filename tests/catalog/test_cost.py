"""The cost of a call, by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.catalog import cost
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
