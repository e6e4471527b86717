"""LangChain's and LiteLLM's clients against the gateway, in both dialects, before providers of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.conftest import Gateway, python, results
from tests.peers.provider import TEXT

WEATHER = [["weather", {"city": "Kuala Lumpur"}], ["weather", {"city": "Zürich", "days": 2}]]


@pytest.fixture(scope="module")
def said(before_both: Gateway) -> dict[str, Any]:
    script = str(Path(__file__).with_name("langchain_client.py"))
    return results([python("litellm"), script, before_both.url, before_both.key])


@pytest.mark.parametrize("where", ["openai", "anthropic"])
@pytest.mark.parametrize("client", ["langchain_openai", "langchain_anthropic"])
def test_langchain(said: dict[str, Any], client: str, where: str) -> None:
    for way in ("plain", "streamed"):
        assert said[f"{client}.{where}.{way}"] == {"text": TEXT, "input": 12, "output": 5, "calls": []}
    assert said[f"{client}.{where}.tools"]["calls"] == WEATHER
    assert "error" in said[f"{client}.{where}.broken"], "a stream that broke looked whole"


@pytest.mark.parametrize("name", ["openai", "openai_across", "anthropic", "anthropic_across"])
def test_litellm(said: dict[str, Any], name: str) -> None:
    assert said[f"litellm.{name}.plain"] == {"text": TEXT, "total": 17}
    assert said[f"litellm.{name}.streamed"] == {"text": TEXT}
