"""What is kept of each kind of provider."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from modicum.backends.facts import CONVERSATIONS, QUIRKS, all_facts, facts, facts_of
from modicum.errors import ConfigError

KINDS = (
    "openai azure anthropic gemini vertex vertex_anthropic bedrock mistral cohere deepseek xai groq together fireworks replicate "
    "openrouter huggingface vllm sglang llamacpp ollama openai_compatible"
).split()
MINIMAL = (
    'name = "X"\nurl = "https://x.example/v1"\nread = ["https://x.example/docs, 2026-11-22"]\n[endpoints]\nchat_completions = "/chat"\n'
)


def test_every_kind_is_there() -> None:
    assert set(KINDS) == set(all_facts())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_told_conversations_and_says_where_that_was_read(kind: str) -> None:
    row = facts(kind)
    assert row.chat in row.endpoints
    assert all(re.search(r", \d{4}-\d\d-\d\d$", one) for one in row.read)
    assert row.url.startswith("https://") or row.url.startswith("http://localhost:") or kind in ("azure", "openai_compatible")
    assert row.needs_key == (not (row.url.startswith("http://localhost") or kind == "openai_compatible"))
    assert row.key_env or row.cloud_first or kind == "openai_compatible"
    assert not row.key_header.isupper() and row.key_header == row.key_header.lower()


def test_prices_are_names_of_the_price_list() -> None:
    from genai_prices.data import providers

    known = {one.id for one in providers}
    assert {row.prices for row in all_facts().values()} - {""} <= known


def test_streams_that_are_asked_for_elsewhere_are_of_endpoints_that_are_there() -> None:
    for row in all_facts().values():
        assert set(row.streams) <= set(row.endpoints)
        assert set(row.dated) <= set(row.endpoints)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("colour = 'red'", "unknown key 'colour'"),
        ("kind = 'x'", "unknown key 'kind'"),
        ("quirks = ['sulks']", "unknown quirk 'sulks'"),
        ("chat = 'messages'", "no conversation that it takes"),
        ("needs_key = 'yes'", "wrong type"),
        ("cloud = 'ibm'", "wrong type or an unknown value"),
        ("headers = { a = '{secret}' }", "unknown place"),
        ("read = []", "says nowhere"),
        ("streams = { sing = '/x' }", "unknown endpoint 'sing'"),
        ("streams = { chat_completions = 'x' }", "does not begin with a slash"),
    ],
)
def test_what_a_file_may_not_say(line: str, told: str) -> None:
    text = MINIMAL if not line.startswith("read") else MINIMAL.replace('read = ["https://x.example/docs, 2026-11-22"]\n', "")
    with pytest.raises(ConfigError, match=told):
        facts_of("x", line + "\n" + text)


def test_a_file_that_lacks_its_source_or_is_no_toml_is_refused() -> None:
    with pytest.raises(ConfigError, match="lacks name and endpoints and read"):
        facts_of("x", "")
    with pytest.raises(ConfigError, match="not TOML"):
        facts_of("x", "= 1")


def test_an_unknown_kind_is_refused_with_the_near_one() -> None:
    with pytest.raises(ConfigError) as refused:
        facts("antropic")
    assert refused.value.hint == "did you mean 'anthropic'?"
    with pytest.raises(ConfigError) as refused:
        facts("zzz")
    assert "openai_compatible" in refused.value.hint


def test_the_files_lie_in_the_package_and_the_page_shows_them_all() -> None:
    files = {file.name for file in (resources.files("modicum.backends") / "providers").iterdir()}
    assert {f"{kind}.toml" for kind in KINDS} <= files
    page = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
    for kind, row in all_facts().items():
        line = next((line for line in page.splitlines() if line.startswith(f"| `{kind}` |")), "")
        assert line, f"docs/providers.md lacks {kind}"
        for shown in (row.url, *row.key_env[:1]):
            assert shown.replace("|", "\\|") in line, f"docs/providers.md says otherwise of {kind}: {shown}"
        for endpoint in row.endpoints:
            assert endpoint in line, f"docs/providers.md lacks {endpoint} of {kind}"


def test_quirks_are_each_used_and_conversations_are_endpoints() -> None:
    assert {one for row in all_facts().values() for one in row.quirks} == set(QUIRKS)
    assert {"chat_completions", "messages", "responses"} == CONVERSATIONS
