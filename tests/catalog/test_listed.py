"""The list as the day reads it says what the package says, for every model in it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.catalog.compiled import compiled, main
from modicum.catalog.listed import UNITS, Listed

MOMENTS = [datetime(2024, 3, 1, 0, tzinfo=UTC), datetime(2025, 9, 30, 17, tzinfo=UTC), datetime(2026, 10, 15, 12, tzinfo=UTC)]


@lru_cache(maxsize=1)
def listed() -> Listed:
    return Listed(compiled())


def package() -> Any:
    from genai_prices import data_snapshot

    return data_snapshot.get_snapshot()


def theirs(value: Any, input_tokens: int) -> Decimal | None:
    if value is not None and hasattr(value, "tiers"):
        return next((tier.price for tier in reversed(value.tiers) if input_tokens > tier.start), value.base)  # type: ignore[no-any-return]
    return value  # type: ignore[no-any-return]


@pytest.mark.parametrize("at", MOMENTS)
@pytest.mark.parametrize("input_tokens", [0, 128_001, 2_000_000])
def test_every_model_of_every_provider_costs_what_the_package_says(at: datetime, input_tokens: int) -> None:
    snapshot, checked = package(), 0
    for provider in snapshot.providers:
        for model in provider.models:
            try:
                sold_by, found = snapshot.find_provider_model(model.id, None, provider.id, None)
            except LookupError:  # some ids are not among the names that match
                assert listed().find(model.id, provider.id) is None
                continue
            prices = found.get_prices(at)
            price = listed().price(model.id, at, provider=provider.id, input_tokens=input_tokens)
            expected = {ours: theirs(getattr(prices, unit, None), input_tokens) for ours, unit in UNITS.items()}
            if expected["request_usd"] is not None:
                expected["request_usd"] /= 1000
            if price is None:
                assert not any(value is not None for value in expected.values()), model.id
            else:
                assert {name: getattr(price, name) for name in UNITS} == expected, (sold_by.id, model.id)
                assert price.provider == sold_by.id
            checked += 1
    assert checked > 2000


@pytest.mark.parametrize("tier", ["batch", "flex", "priority", "default"])
def test_tiers_cost_what_the_package_says_or_nothing_is_known(tier: str) -> None:
    at, known = MOMENTS[-1], 0
    context = {"processing": tier} if tier == "batch" else {"service_tier": tier}
    for provider in package().providers:
        for model in provider.models:
            try:
                _, found = package().find_provider_model(model.id, None, provider.id, None)
            except LookupError:
                continue
            price = listed().price(model.id, at, provider=provider.id, service_tier=tier)
            varies = any(context.items() <= variant.when.items() for variant in found.price_variants or ())
            if tier != "default" and not (varies and found in provider.models):
                continue
            if price is None:
                continue
            prices = found.get_prices(at, context) if found in provider.models else found.get_prices(at)
            assert price.input_usd_mtok == theirs(getattr(prices, "input_mtok", None), 0), (provider.id, model.id)
            assert price.output_usd_mtok == theirs(getattr(prices, "output_mtok", None), 0), (provider.id, model.id)
            known += 1
    assert known > 5
    assert listed().price("gpt-4o", at, service_tier="no-such-tier") is None


def test_names_are_found_as_the_package_finds_them() -> None:
    names = {
        f"{prefix}{model.id}{suffix}"
        for prefix, suffix in (("", ""), ("", "-20251211"), ("azure/", ""))
        for p in package().providers
        for model in p.models[:40]
    }
    for name in sorted(names):
        try:
            provider, model = package().find_provider_model(name, None, None, None)
        except LookupError:
            try:
                provider, model = package().find_provider_model(name, None, "litellm", None)
            except LookupError:
                assert listed().find(name, None) is None, name
                continue
        found = listed().find(name, None)
        assert found is not None and (found[0], found[1].id) == (provider.id, model.id), name


@given(
    st.text(max_size=300),
    st.sampled_from([None, "openai", "openrouter", "nobody"]),
    st.none() | st.text(max_size=10),
    st.integers(0, 1 << 50),
)
@settings(max_examples=200, deadline=None)
def test_any_name_has_a_price_or_none(name: str, provider: str | None, tier: str | None, tokens: int) -> None:
    price = listed().price(name, MOMENTS[0], provider=provider, input_tokens=tokens, service_tier=tier)
    assert price is None or price.model == name


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"form": 99, "version": "1", "providers": []}'])
def test_what_is_no_table_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="table of prices"):
        Listed(body)


def test_the_command_writes_a_file_that_the_day_reads_without_the_package(tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    main([str(table)])
    assert table.stat().st_mode & 0o777 == 0o600 and {file.name for file in tmp_path.iterdir()} == {"prices.json", "prices.lock"}
    code = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from modicum.catalog.listed import Listed
assert Listed(Path({str(table)!r}).read_bytes()).price("gpt-4o", datetime.now(UTC)).output_usd_mtok == 10
assert not {{"genai_prices", "pydantic"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_all_sellers_list_at_one_price_needs_no_seller() -> None:
    """An export may name no provider. A name that is sold at two prices stays unknown."""
    table, at, name = listed(), MOMENTS[-1], "text-embedding-3-small"
    alone, there = table.price(name, at), table.price(name, at, provider="openai")
    assert alone is not None and there is not None and alone.input_usd_mtok == there.input_usd_mtok
    by_name: dict[str, list[Any]] = {}
    for seller, name in table.names():
        by_name.setdefault(name, []).append(next(model.prices for model in table._of(seller) if model.id == name))
    torn = [name for name, prices in by_name.items() if any(one != prices[0] for one in prices)]
    assert torn and all(table._everywhere(name) is None for name in torn)
