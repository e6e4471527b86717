"""One model under many names, and many models under names that look alike."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.catalog import Catalogue
from modicum.catalog.card_names import LONGEST_NAME, plain
from modicum.catalog.cards import Cards

DAY = date(2026, 10, 1)


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("claude-haiku-4-5", "anthropic/claude-haiku-4-5 Claude-Haiku-4.5 anthropic/claude-haiku-4-5-20251001"),
        ("claude-haiku-4-5", "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0 anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("claude-haiku-4-5", "vertex_ai/claude-haiku-4-5@20251001 openrouter/anthropic/claude-haiku-4.5 claude-haiku-4-5-latest"),
        ("gpt-4o", "openai/gpt-4o azure/gpt-4o GPT-4o gpt-4o-2024-08-06 openrouter/openai/gpt-4o gpt-4o-latest"),
        ("mistral-large-2407", "mistral.mistral-large-2407-v1:0 mistral/mistral-large-2407"),
        ("llama3-70b-instruct", "meta.llama3-70b-instruct-v1:0:128k bedrock/meta.llama3-70b-instruct-v1:0"),
        ("deepseek-r1", "deepseek.r1-v1:0 deepseek/deepseek-r1"),
    ],
)
def test_spellings_of_one_model(name: str, spelled: str) -> None:
    assert {plain(one) for one in spelled.split()} == {name}


@pytest.mark.parametrize(
    "models",
    [
        "deepseek-v2 deepseek-v3 deepseek-r1",
        "anthropic.claude-v2 anthropic.claude-v2:1 anthropic.claude-instant-v1",
        "text-embedding-v3 text-embedding-v4",
        "llama-3.3-70b llama-3.3-70b:free llama-3.3-70b-fp8",
        "gpt-4o ft:gpt-4o-2024-08-06:acme::abc ft:gpt-4o-2024-08-06:acme::abd",
        "gpt-4o gpt-4o-mini gpt-4 gpt-4.1",
    ],
)
def test_models_that_are_not_one(models: str) -> None:
    assert len({plain(one) for one in models.split()}) == len(models.split())


@given(st.text(max_size=60) | st.from_regex(r"[a-z0-9./:@_-]{0,40}", fullmatch=True))
def test_a_plain_name_is_plain(name: str) -> None:
    found = plain(name)
    assert plain(name.upper().lower()) == found or not name.isascii()
    assert len(found) <= max(LONGEST_NAME, len(name))
    assert plain("x" * (LONGEST_NAME + 1) + name)


def test_every_name_of_a_card_is_the_card_by_its_plain_name_or_none() -> None:
    cards = Cards.open()
    for card in cards.all():
        for name in (card.id, *card.names):
            found = cards.of(None, plain(name))
            assert found is None or found is card, name


@pytest.mark.parametrize(
    ("model", "provider", "sold_by"),
    [
        ("anthropic/claude-haiku-4-5", "anthropic", "anthropic"),
        ("openai/gpt-4o", "openai", "openai"),
        ("azure/gpt-4o", "azure", "azure"),
        ("openai/gpt-4o", "openrouter", "openrouter"),
        ("openrouter/openai/gpt-4o", "openrouter", "openrouter"),
        ("vertex_ai/claude-haiku-4-5@20251001", "vertex_ai", "google"),
        ("gemini/gemini-2.5-flash", "gemini", "google"),
        ("bedrock/converse/us.anthropic.claude-haiku-4-5-20251001-v1:0", "bedrock_converse", "aws"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "aws.bedrock", "aws"),
    ],
)
def test_a_logged_name_has_the_price_of_the_provider_that_the_log_names(model: str, provider: str, sold_by: str) -> None:
    price = Catalogue().price(model, DAY, provider=provider)
    assert price is not None and price.provider == sold_by


def test_a_price_is_never_that_of_another_provider() -> None:
    catalogue = Catalogue()
    assert catalogue.price("anthropic/claude-haiku-4-5", DAY, provider="openai") is None
    assert catalogue.price("openai/gpt-4o", DAY, provider="hosted_vllm") is None
    on_bedrock = catalogue.price("bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0", DAY, provider="bedrock")
    assert on_bedrock is not None and on_bedrock.input_usd_mtok == Decimal("1.1")  # a region's own price, not Anthropic's
