"""The cards that ship: every file fits the form, every fact has its source, figures are plausible, names lead to one model."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path

import pytest
from packaging.licenses import canonicalize_license_expression

from modicum.catalog.card import Card
from modicum.catalog.card_file import cards_of
from modicum.catalog.cards import Cards

FILES = sorted(file.name for file in (resources.files("modicum.catalog") / "models").iterdir() if file.name.endswith(".toml"))
DAY = date(2026, 11, 22)


def read(name: str) -> tuple[Card, ...]:
    return cards_of((resources.files("modicum.catalog") / "models" / name).read_bytes(), name, today=datetime.now(UTC).date())


@pytest.fixture(scope="module")
def cards() -> Cards:
    return Cards.open()


@pytest.mark.parametrize("name", FILES)
def test_every_file_fits_the_form(name: str) -> None:
    for card in read(name):
        assert card.sources, f"{card.id} says nothing"
        assert card.id == card.id.lower() and re.fullmatch(r"[a-z0-9][a-z0-9.-]*", card.id)
        for source in card.sources:
            assert source.url.startswith("https://") and " " not in source.url and source.title
            assert date(2026, 1, 1) <= source.read <= datetime.now(UTC).date()


@pytest.mark.parametrize("name", FILES)
def test_figures_are_plausible(name: str) -> None:
    for card in read(name):
        if card.released is not None:
            assert date(2018, 1, 1) <= card.released.day <= datetime.now(UTC).date(), card.id
        if card.limits is not None:
            for tokens in (card.limits.context_tokens, card.limits.input_tokens, card.limits.output_tokens):
                assert tokens is None or 128 <= tokens <= 20_000_000, card.id
        for retirement in card.retires:
            assert retirement.names and date(2023, 1, 1) <= retirement.day <= date(2030, 12, 31), card.id
        for score in card.scores:
            assert 0 < score.score <= (3_000 if score.metric in ("arena points", "Elo points") else 100) and score.benchmark, card.id
        if card.kind in ("llm", "embedder", "reranker") and card.abilities is not None:
            assert card.abilities.outputs == {"llm": ("text",), "embedder": ("vector",), "reranker": ("score",)}[card.kind], card.id
        assert card.is_open or card.licence is None, f"{card.id}: a licence without weights"


@pytest.mark.parametrize("name", FILES)
def test_weights_are_consistent(name: str) -> None:
    for card in read(name):
        weights = card.weights
        if weights is None:
            continue
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", weights.hub), card.id
        if weights.parameters is not None:
            assert 10_000_000 <= weights.parameters <= 3_000_000_000_000, card.id
            named = re.search(r"-(\d+(?:\.\d+)?)b(?:-|$)", card.id)  # the size that the name itself says
            if named is not None and "distill" not in card.id:
                assert 0.5 <= weights.parameters / (float(named[1]) * 1e9) <= 1.6, card.id
        if weights.active_parameters is not None:
            assert weights.experts, f"{card.id}: active parameters of a dense model"
        if weights.layers is not None:
            assert 4 <= weights.layers <= 200, card.id
        kept = weights.kv_values_a_layer
        assert kept is None or 64 <= kept <= 40_000, card.id
        assert not (weights.kv_heads and weights.latent_size), f"{card.id}: grouped queries and latent attention"
        grows = weights.kv_bytes(1_000), weights.kv_bytes(100_000)
        assert grows == (None, None) or 0 < (grows[0] or 0) < (grows[1] or 0), card.id


@pytest.mark.parametrize("name", FILES)
def test_licences_are_spdx(name: str) -> None:
    for card in read(name):
        if card.licence is not None:
            assert canonicalize_license_expression(card.licence.spdx) == card.licence.spdx, card.id
            assert card.licence.commercial == "yes" or card.licence.condition, card.id


def test_there_are_enough_of_every_kind(cards: Cards) -> None:
    kinds = Counter(card.kind for card in cards.all())
    assert len(cards.all()) >= 60 and min(kinds[kind] for kind in ("embedder", "reranker", "encoder", "extractor", "guard")) >= 3
    laboratories = {card.laboratory for card in cards.all()}
    assert {"OpenAI", "Anthropic", "Google", "Mistral AI", "Meta", "Qwen", "DeepSeek", "01.AI", "Microsoft", "Z.ai"} <= laboratories
    assert {"Moonshot AI", "Cohere", "xAI", "Amazon"} <= laboratories
    for laboratory in ("OpenAI", "Anthropic", "Google", "Mistral AI", "Qwen"):
        assert sum(card.laboratory == laboratory and card.kind == "llm" for card in cards.all()) >= 5


@pytest.mark.parametrize(
    ("model", "tokens", "gigabytes"),
    [
        ("llama-3.1-8b", 32_768, 4.29),  # 2 x 32 layers x 8 heads x 128 x 2 bytes
        ("deepseek-v3.1", 1_000_000, 70.3),  # 61 layers x (512 + 64) x 2 bytes
        ("gpt-oss-20b", 131_072, 3.23),  # 12 layers see all, 12 see 128 tokens
        ("qwen3.5-27b", 262_144, 17.2),  # every fourth of 64 layers keeps keys and values
        ("gemma-3-27b", 131_072, 11.17),  # (10 layers x 131,072 + 52 x 1,024 tokens) x 2 x 16 heads x 128 x 2 bytes
    ],
)
def test_caches_are_as_large_as_known(cards: Cards, model: str, tokens: int, gigabytes: float) -> None:
    weights = cards.get(model).weights
    assert weights is not None
    kept = weights.kv_bytes(tokens)
    assert kept is not None and kept / 1e9 == pytest.approx(gigabytes, rel=0.01)


def test_what_is_not_known_of_a_cache_is_none(cards: Cards) -> None:
    weights = cards.get("deepseek-v4-flash").weights  # compressed attention: no formula of these fields holds
    assert weights is not None and weights.kv_bytes(1_000) is None


@pytest.mark.parametrize(
    ("named", "card"),
    [
        ("gpt-4o-mini", "gpt-4o-mini"),
        ("GPT-4o-Mini-2024-07-18", "gpt-4o-mini"),
        ("azure/gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("openrouter/openai/gpt-4o", "gpt-4o"),
        ("gpt-4-1106-preview", "gpt-4-turbo"),
        ("gpt-35-turbo", "gpt-3.5-turbo"),
        ("claude-3.5-sonnet", "claude-3-5-sonnet"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("bedrock/eu.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet"),
        ("apac.amazon.nova-lite-v1:0:300k", "nova-lite"),
        ("vertex_ai/gemini-2.5-flash", "gemini-2.5-flash"),
        ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("models/gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("accounts/fireworks/models/llama-v3p1-8b-instruct", "llama-3.1-8b"),
        ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "llama-3.3-70b"),
        ("meta.llama3-1-70b-instruct-v1:0", "llama-3.1-70b"),
        ("groq/llama-3.1-8b-instant", "llama-3.1-8b"),
        ("deepseek/deepseek-r1:free", "deepseek-r1-0528"),
        ("deepseek-ai/DeepSeek-V3.1", "deepseek-v3.1"),
        ("ollama/gpt-oss:20b", "gpt-oss-20b"),
        ("openai.gpt-oss-120b-1:0", "gpt-oss-120b"),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b-2507"),
        ("mistral-large-2512", "mistral-large-3"),
        ("BAAI/bge-m3", "bge-m3"),
        ("cohere.rerank-v3-5:0", "rerank-v3.5"),
        ("accounts/fireworks/models/glm-4p7", "glm-4.7"),
    ],
)
def test_names_as_logs_spell_them(cards: Cards, named: str, card: str) -> None:
    found = cards.of(None, named)
    assert found is not None and found.id == card


@pytest.mark.parametrize(
    "named",
    ["", " ", "my-deployment", "gpt-4o-mini-mine", "gpt-99", "ft:gpt-4o-mini-2024-07-18:org::id", "/", "a" * 10_000, "gpt-4o\x00", "v1:0"],
)
def test_unknown_stays_unknown(cards: Cards, named: str) -> None:
    assert cards.of("openai", named) is None


def test_retirements_by_provider_and_snapshot(cards: Cards) -> None:
    at_openai, at_azure = cards.retirement("openai", "gpt-4o-2024-08-06"), cards.retirement("azure", "gpt-4o-2024-08-06")
    assert at_openai is not None and at_openai.day == date(2027, 1, 14)
    assert at_azure is not None and at_azure.day > at_openai.day
    older = cards.retirement("openai", "gpt-4o-2024-05-13")
    assert older is not None and older.day == date(2026, 10, 23)
    five = cards.retirement(None, "gpt-5")
    assert five is not None and (five.day, five.replacement) == (date(2026, 12, 11), "gpt-6.1-sol")
    assert cards.retirement("openai", "gpt-6-luna") is None and cards.retirement("openai", "nobody") is None
    assert cards.retirement("groq", "gpt-4o") is None


def test_who_retires_within_120_days(cards: Cards) -> None:
    found = cards.retiring(DAY)
    names = {(one.name, one.provider) for one in found if not one.gone}
    assert {("gpt-5", ""), ("gpt-4o", ""), ("claude-sonnet-4-5", "")} <= names
    assert all((one.day - DAY).days <= 120 for one in found) and list(found) == sorted(found, key=lambda one: one.day)
    assert {one.name for one in found if one.gone} >= {"gpt-4", "claude-3-haiku"}
    assert cards.retiring(datetime(2026, 11, 22, tzinfo=UTC), days=120) == found
    assert not {one.name for one in cards.retiring(DAY, days=30) if not one.gone} & {"gpt-4o"}


def test_smaller_ones_of_the_same_laboratory(cards: Cards) -> None:
    def ids(model: str) -> list[str]:
        return [card.id for card in cards.smaller(cards.get(model), DAY)]

    assert {"gpt-4o-mini", "gpt-5-nano", "gpt-6-luna"} <= set(ids("gpt-4o"))
    assert not {"gpt-4", "gpt-4.1-nano", "o1"} & set(ids("gpt-4o"))  # no longer answer
    assert ids("llama-3.1-70b") == ["llama-3.2-1b", "llama-3.2-3b", "llama-3-8b", "llama-3.1-8b"]
    assert ids("claude-haiku-5-5") == [] and ids("gpt-4o-mini")[0] != "gpt-4o"
    assert all(cards.get(one).laboratory == "Anthropic" for one in ids("claude-opus-4-8"))


def test_what_a_model_can_be_put_to(cards: Cards) -> None:
    assert "tool" in cards.get("gpt-4o").tasks and "tool" not in cards.get("yi-1.5-9b").tasks
    assert cards.get("bge-m3").tasks == ("embed",) and cards.get("gliner-bi-base-v2.0").tasks == ("extract",)


def test_what_is_known_does_not_dwindle(cards: Cards) -> None:
    """What docs/models.md says is known, of how many."""
    known = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    every = [card for card in cards.all() if not card.own]
    language = [card for card in every if card.kind == "llm" and card.is_open]
    seekers = [card for card in every if card.kind in ("embedder", "reranker")]
    caches = [card for card in language if card.weights is not None and card.weights.kv_bytes(1000) is not None]
    for name, found, among in (
        ("licence of open language models", [card for card in language if card.licence is not None], language),
        ("cache of open language models", caches, language),
        ("day of release", [card for card in every if card.released is not None], every),
        ("a published result of embedders and rerankers", [card for card in seekers if card.scores], seekers),
    ):
        assert f"| {name} | {len(found)} of {len(among)} |" in known
