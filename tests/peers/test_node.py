"""The official Node clients of OpenAI and Anthropic, in their own dialect and across."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.peers.conftest import PEERS, Gateway, results
from tests.peers.provider import TEXT, TOOLS

SCRIPT = Path(__file__).with_name("clients.mjs")
CALLS = [{"id": one, "name": name, "arguments": given} for one, name, given in TOOLS]


@pytest.fixture(scope="module")
def said(before_both: Gateway) -> dict[str, Any]:
    return results(["node", str(SCRIPT), str(PEERS / "node"), before_both.url, before_both.key])


@pytest.mark.parametrize("where", ["same", "across"])
def test_openai(said: dict[str, Any], where: str) -> None:
    assert said[f"openai.{where}.plain"] == {"text": TEXT, "finish": "stop", "usage": 17}
    assert said[f"openai.{where}.streamed"] == {"text": TEXT, "finish": "stop", "usage": 17, "calls": []}
    tools = said[f"openai.{where}.tools"]
    assert tools["finish"] == "tool_calls" and tools["calls"] == CALLS
    assert "error" in said[f"openai.{where}.broken"], "a stream that broke looked whole"
    assert said[f"openai.{where}.limited"]["error"] == "RateLimitError"


def test_openai_beside_chat(said: dict[str, Any]) -> None:
    assert said["openai.responses.plain"] == {"text": TEXT}
    assert said["openai.responses.streamed"] == {"text": TEXT, "last": "response.completed"}
    assert said["openai.responses.across"] == {"text": TEXT}
    assert said["openai.embeddings"] == {"first": [0.5, -0.25]}
    assert "gpt-there" in said["openai.models"]["ids"]


@pytest.mark.parametrize("where", ["same", "across"])
def test_anthropic(said: dict[str, Any], where: str) -> None:
    assert said[f"anthropic.{where}.plain"] == {"text": TEXT, "finish": "end_turn", "usage": 5}
    assert said[f"anthropic.{where}.streamed"] == {"content": [{"type": "text", "text": TEXT}], "finish": "end_turn"}
    tools = said[f"anthropic.{where}.streamed-tools"]
    assert tools["finish"] == "tool_use" and [one["name"] for one in tools["content"]] == ["weather", "weather"]
    assert tools["content"][1]["input"] == {"city": "Zürich", "days": 2}
    assert "error" in said[f"anthropic.{where}.streamed-broken"], "a stream that broke looked whole"
    assert said[f"anthropic.{where}.streamed-limited"]["error"] == "RateLimitError"


def test_anthropic_counts(said: dict[str, Any]) -> None:
    assert said["anthropic.count"] == {"tokens": 12}
