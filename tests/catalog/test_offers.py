"""Prices of cards: the operator's first, then the list's, each with its day; terms with a sentence and a source."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from modicum import config
from modicum.catalog.cards import Cards
from modicum.catalog.offers import BORROWED
from modicum.catalog.terms import all_terms, terms_for, terms_of
from modicum.errors import ConfigError

DAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def cards() -> Cards:
    return Cards.open(
        overrides={"gpt-4o-mini": {"input_usd_mtok": "0.1", "output_usd_mtok": "0.4", "source": "contract", "read": "2026-06-01"}}
    )


def test_offers_are_ranked_and_dated(cards: Cards) -> None:
    offers = cards.offers.of(cards.get("llama-3.1-8b"), DAY)
    assert len(offers) >= 5 and len({offer.provider for offer in offers}) == len(offers)
    assert all(offer.price.input_usd_mtok and offer.price.source.startswith("genai-prices") for offer in offers)
    totals = [(offer.price.input_usd_mtok or 0) + (offer.price.output_usd_mtok or 0) for offer in offers]
    assert totals == sorted(totals)
    assert all(offer.read is not None and offer.read <= DAY and not offer.is_old(DAY) for offer in offers)


def test_the_laboratorys_own_price(cards: Cards) -> None:
    for model, usd in (("gpt-4o", "2.5"), ("claude-sonnet-4-5", "3"), ("gemini-2.5-pro", "1.25"), ("nova-micro", "0.035")):
        price = cards.offers.price(cards.get(model), DAY)
        assert price is not None and price.input_usd_mtok == Decimal(usd), model
    assert cards.offers.price(cards.get("bge-m3"), DAY) is None


def test_the_usual_price_of_a_closed_model_is_its_laboratorys(cards: Cards) -> None:
    closed, opened = cards.get("claude-opus-4-8"), cards.get("llama-3.1-8b")
    usual = cards.offers.usual(closed, DAY)
    assert usual is not None and usual.provider == "anthropic" and usual != cards.offers.of(closed, DAY)[0]
    assert cards.offers.usual(opened, DAY) == cards.offers.of(opened, DAY)[0]
    own = cards.offers.usual(cards.get("gpt-4o-mini"), DAY)
    assert own is not None and own.provider == "operator"
    assert cards.offers.usual(cards.get("yi-1.5-6b"), DAY) is None


def test_prices_that_the_list_took_from_another_seller_are_no_offers(cards: Cards) -> None:
    from genai_prices import data

    said = {
        (provider.id, model.id)
        for provider in data.providers
        for model in provider.models
        if (model.price_comments or "").startswith("Imported from") and "Verified" not in (model.price_comments or "")
    }
    assert said == BORROWED
    assert "openai" not in {offer.provider for offer in cards.offers.of(cards.get("gpt-oss-20b"), DAY)}


def test_the_operators_price_comes_first_and_grows_old(cards: Cards) -> None:
    first, *others = cards.offers.of(cards.get("gpt-4o-mini"), DAY)
    assert (first.provider, first.price.input_usd_mtok, first.price.source) == ("operator", Decimal("0.1"), "contract")
    assert first.is_old(DAY) and not first.is_old(date(2026, 7, 1)) and others
    own = cards.offers.price(cards.get("gpt-4o-mini"), DAY)
    assert own is not None and own.source == "contract"


def test_a_price_says_in_the_configuration_when_it_was_read(tmp_path: Path) -> None:
    file = tmp_path / "modicum.toml"
    file.write_text('[prices."gpt-4o"]\ninput_usd_mtok = 2\nread = 2026-06-01\n')
    assert config.load(file, environ={}).prices["gpt-4o"]["read"] == "2026-06-01"
    file.write_text('[prices."gpt-4o"]\ninput_usd_mtok = 2\nread = "June"\n')
    with pytest.raises(ConfigError, match="not a day"):
        config.load(file, environ={})


def test_terms_have_a_sentence_a_source_and_a_day(cards: Cards) -> None:
    laboratories = {card.laboratory for card in cards.all()}
    for row in all_terms():
        assert 20 < len(row.quote) < 400 and row.title and row.url.startswith("https://") and row.read <= DAY
        assert set(row.laboratories) <= laboratories
        assert set(row.families) <= {card.family for card in cards.all()}


def test_terms_hold_where_they_were_agreed_to(cards: Cards) -> None:
    openai = terms_for("openai", cards.get("gpt-4o"))
    assert openai is not None and openai.training == "restricted" and "classify" in openai.note
    assert terms_for("azure", cards.get("gpt-4o")) is None and terms_for(None, None) is None
    bedrock = terms_for("bedrock", cards.get("claude-haiku-4-5"))
    assert bedrock is not None and bedrock.provider == "Amazon Bedrock"
    llama = terms_for("groq", cards.get("llama-3.3-70b"))
    assert llama is not None and llama.training == "allowed"
    with pytest.raises(ConfigError, match="lacks"):
        terms_of('[[terms]]\nprovider = "x"')
    with pytest.raises(ConfigError, match="unknown key"):
        terms_of('[[terms]]\nadvice = "x"')
