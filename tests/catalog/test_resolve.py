"""Prices: what is known, what is not, and where it was read."""

from datetime import date
from decimal import Decimal
from importlib.metadata import version

import pytest

from modicum.catalog import Catalogue
from modicum.catalog.compiled import compiled
from modicum.catalog.listed import Listed

DAY = date(2026, 10, 15)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue()


@pytest.mark.parametrize(
    ("model", "input_usd", "output_usd"),
    [
        ("gpt-4-0613", "30", "60"),
        ("gpt-4-1106-preview", "10", "30"),
        ("gpt-4o", "2.5", "10"),
        ("gpt-4o-2024-08-06", "2.5", "10"),
        ("gpt-4o-mini", "0.15", "0.6"),
        ("claude-opus-4-1", "15", "75"),
        ("claude-sonnet-4-5", "3", "15"),
        ("gemini-2.5-pro", "1.25", "10"),
        ("azure/gpt-4o", "2.5", "10"),
    ],
)
def test_names_as_logs_spell_them(catalogue: Catalogue, model: str, input_usd: str, output_usd: str) -> None:
    price = catalogue.price(model, DAY)
    assert price is not None
    assert price.model == model
    assert (price.input_usd_mtok, price.output_usd_mtok) == (Decimal(input_usd), Decimal(output_usd))
    assert price.source == f"genai-prices {version('genai-prices')}"
    assert price.as_of == "2026-10-15"


@pytest.mark.parametrize("model", ["", "nobody-knows-this", "gpt-99-nope", "nope/x", "/", "a" * 100_000, "gpt-4o\x00", "‮gpt-4o"])
def test_unknown_is_none(catalogue: Catalogue, model: str) -> None:
    assert catalogue.price(model, DAY) is None


def test_a_model_with_an_empty_price_is_unknown(catalogue: Catalogue) -> None:
    assert catalogue.price("openrouter/google/gemini-2.5-pro-exp-03-25", DAY) is None


def test_every_empty_price_of_the_package_is_unknown(catalogue: Catalogue) -> None:
    from genai_prices import data_snapshot

    empty = [
        f"{provider.id}/{model.id}"
        for provider in data_snapshot.get_snapshot().providers
        for model in provider.models
        if not isinstance(model.prices, list) and not any(vars(model.prices).values())
    ]
    assert len(empty) > 50
    for name in empty:
        price = catalogue.price(name, DAY)
        assert price is None or price.input_usd_mtok != 0


def test_long_inputs_cost_what_their_step_says(catalogue: Catalogue) -> None:
    short, long = (
        catalogue.price("claude-sonnet-4-5", DAY, input_tokens=200_000),
        catalogue.price("claude-sonnet-4-5", DAY, input_tokens=200_001),
    )
    assert short is not None and short.input_usd_mtok == 3
    assert long is not None and long.input_usd_mtok == 6 and long.output_usd_mtok == Decimal("22.5")


def test_the_operators_price_comes_first() -> None:
    catalogue = Catalogue(
        {"gpt-4o": {"input_usd_mtok": "2", "output_usd_mtok": "8", "source": "our contract"}, "ours": {"input_usd_mtok": "0"}}
    )
    price = catalogue.price("gpt-4o", DAY)
    assert price is not None
    assert (price.provider, price.input_usd_mtok, price.output_usd_mtok, price.source) == (
        "operator",
        Decimal(2),
        Decimal(8),
        "our contract",
    )
    free = catalogue.price("ours", DAY)
    assert free is not None and free.input_usd_mtok == 0 and free.output_usd_mtok is None


def test_an_override_without_figures_is_unknown() -> None:
    assert Catalogue({"gpt-4o": {"source": "to be negotiated"}}).price("gpt-4o", DAY) is None


def test_what_is_remembered_is_bounded() -> None:
    listed = Listed(compiled(), capacity=10)
    for number in range(50):
        listed.find(f"gpt-unknown-{number}", None)
    assert len(listed._known) == 10
