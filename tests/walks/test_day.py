"""The day's walk with real processes and the official client: replay as the provider, serve before it, shadow, then on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from modicum.types import RouteState
from tests.gateway.rig import Gateway, completion, gateway, modicum
from tests.gateway.routed import SYSTEM, headline, publish

HEADLINES = [
    f"{metal} {verb} {day}" for metal in ("Gold", "Silver", "Tin") for verb in ("rises", "falls", "holds") for day in ("today", "again")
]
TOOL = {"type": "function", "function": {"name": "note", "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}}}
ASKS_TOOL: dict[str, Any] = {"model": "gpt-4", "messages": [{"role": "user", "content": "note this"}], "tools": [TOOL]}


def incumbent(text: str) -> str:
    """What the recorded model said; it takes what holds for up."""
    return "down" if "falls" in text else "up"


def write_log(path: Path) -> None:
    rows = [(headline(text, temperature=0.0), completion(incumbent(text), number=n)) for n, text in enumerate(HEADLINES)]
    called = completion("", number=99)
    call = {"id": "call_1", "type": "function", "function": {"name": "note", "arguments": '{"text": "this"}'}}
    called["choices"][0] |= {"finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [call]}}
    rows.append((ASKS_TOOL, called))
    with path.open("w") as log:
        for second, (request, response) in enumerate(rows):
            line = {"timestamp": f"2026-01-01T00:00:{second:02}Z", "request": request, "response": response, "duration_ms": 250.0}
            log.write(json.dumps(line) + "\n")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("day")
    write_log(folder / "log.jsonl")
    publish(folder / "home", "shadow")
    with modicum("replay", str(folder / "log.jsonl"), "--listen", "127.0.0.1:0", errors=folder / "replay.txt") as (_, line):
        assert line.startswith("Replaying 19 recorded answers to 19 requests on "), (folder / "replay.txt").read_text()
        upstream = line.split(" on ")[1].rstrip(".\n")
        with gateway(folder / "home", upstream, "--workers", "2", env={"MODICUM_ROUTE__CONTROL_SHARE": "0"}) as found:
            yield found


@pytest.fixture
def client(served: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="sk-canary-of-the-caller", max_retries=0) as found:
        yield found


def switch(served: Gateway, state: RouteState) -> None:
    publish(served.home, state)
    served.wait_for_snapshot(2)


def ask(client: openai.OpenAI, text: str) -> tuple[str | None, str, str | None]:
    """(content, reason, the specialist's name)"""
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4", messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Headline: {text}"}], temperature=0.0
    )
    return raw.parse().choices[0].message.content, raw.headers["x-modicum-reason"], raw.headers.get("x-modicum-model")


def streamed(client: openai.OpenAI, text: str, *, usage: bool) -> tuple[str, int | None]:
    """(content, total tokens)"""
    content, tokens = "", None
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    with client.chat.completions.create(**headline(text, temperature=0.0, stream=True), **options) as events:
        for event in events:
            content += "".join(choice.delta.content or "" for choice in event.choices)
            tokens = event.usage.total_tokens if event.usage else tokens
    return content, tokens


def test_shadow_then_on(served: Gateway, client: openai.OpenAI) -> None:
    switch(served, "shadow")
    before = set(served.calls())
    for text in HEADLINES:
        assert ask(client, text) == (incumbent(text), "shadow", None)
        assert streamed(client, text, usage=True) == (incumbent(text), 13)
    shadow = [call for call_id, call in served.calls().items() if call_id not in before]
    assert len(shadow) == 2 * len(HEADLINES)
    for call in shadow:
        assert call.decision is not None and call.request is not None
        holds = b"holds" in call.request
        assert call.decision.would_answer is not holds
        assert call.decision.agreed is (None if call.decision.value is None else call.decision.value == incumbent(call.request.decode()))
        assert call.cost_usd is not None and call.cost_usd > 0 and call.finish_reason == "stop"

    switch(served, "on")
    for text in HEADLINES:
        content, reason, model = ask(client, text)
        assert content == incumbent(text)
        assert (reason == "answered") is ("holds" not in text) is (model is not None and model.startswith("modicum/direction@"))
        for usage in (True, False):
            found, tokens = streamed(client, text, usage=usage)
            assert found == incumbent(text) and (tokens is not None) is usage
    on = [call for call_id, call in served.calls().items() if call_id not in before and call not in shadow]
    assert sum(call.decision is not None and call.decision.reason == "answered" for call in on) == 3 * 12
    assert b"sk-canary" not in b"".join(path.read_bytes() for path in served.home.rglob("*") if path.is_file())


def test_tools_pass(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(**ASKS_TOOL).choices[0]
    assert found.finish_reason == "tool_calls" and found.message.tool_calls is not None
    function = found.message.tool_calls[0]
    assert function.type == "function" and json.loads(function.function.arguments) == {"text": "this"}
    with client.chat.completions.stream(**ASKS_TOOL) as events:
        whole = events.get_final_completion()
    assert whole.choices[0].message.tool_calls is not None and whole.choices[0].finish_reason == "tool_calls"


def test_the_client_s_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "never recorded"}])
    assert unknown.value.code == "not_recorded" and unknown.value.request_id
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4", messages=[])
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="e", input="x")


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-4"]


async def test_many_at_once(served: Gateway) -> None:
    async with openai.AsyncOpenAI(base_url=served.url, api_key="x", max_retries=0) as client:

        async def one(text: str) -> str | None:
            messages = headline(text)["messages"]
            reply = await client.chat.completions.create(model="gpt-4", messages=messages, temperature=0.0)
            return reply.choices[0].message.content

        texts = HEADLINES * 3
        assert await asyncio.gather(*map(one, texts)) == [incumbent(text) for text in texts]


def test_pace_takes_as_long_as_it_took(served: Gateway, tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl")
    with modicum("replay", str(tmp_path / "log.jsonl"), "--listen", "127.0.0.1:0", "--pace", errors=tmp_path / "errors.txt") as (_, line):
        base = line.split(" on ")[1].partition(",")[0]
        with openai.OpenAI(base_url=base, api_key="x", max_retries=0) as client:
            for stream in (False, True):
                began = time.monotonic()
                if stream:
                    assert streamed(client, HEADLINES[0], usage=False)[0] == "up"
                else:
                    assert client.chat.completions.create(**headline(HEADLINES[0], temperature=0.0)).choices
                assert 0.25 <= time.monotonic() - began < 2.0
