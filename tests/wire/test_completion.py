"""Answers and errors of our own, as OpenAI's client types read them."""

from __future__ import annotations

import json
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from modicum.errors import ForbiddenError, StoreError, UpstreamTimeoutError
from modicum.types import Usage
from modicum.wire import completion, error
from modicum.wire.stream import split


def test_an_answer_is_a_chat_completion() -> None:
    request = {"messages": [{"role": "user", "content": "x" * 400}, {"role": "user", "content": None}, 7]}
    usage = completion.estimate(request, "lost_card")
    assert usage == Usage(input_tokens=113, output_tokens=3, estimated=True)
    whole = completion.build(
        response_id="chatcmpl-1", model="modicum/a@1", content="lost_card", created=1, usage=usage, about={"workload": "a"}
    )
    read = ChatCompletion.model_validate(whole)
    assert read.choices[0].message.content == "lost_card" and read.usage is not None and read.usage.total_tokens == 116
    assert whole["modicum"] == {"usage_estimated": True, "workload": "a"}
    for event in list(split(whole))[:-1]:
        ChatCompletionChunk.model_validate(json.loads(event.removeprefix(b"data: ")))


def test_wants_usage() -> None:
    assert completion.wants_usage({"stream_options": {"include_usage": True}})
    others: list[Any] = [None, {}, [], {"include_usage": 1}, {"include_usage": False}, "include_usage"]
    for options in others:
        assert not completion.wants_usage({"stream_options": options})


def test_errors_in_openai_s_envelope() -> None:
    told = json.loads(error.body(ForbiddenError("no", hint="ask")))
    assert told == {"error": {"message": "no (ask)", "type": "permission_error", "param": None, "code": "forbidden"}}
    assert json.loads(error.body(UpstreamTimeoutError("slow")))["error"]["type"] == "server_error"
    assert json.loads(error.body(StoreError("broken")))["error"]["code"] == "store_failed"


def test_the_name_of_a_provider_s_error() -> None:
    assert error.name({"error": {"code": "rate_limit", "type": "x"}}, 429) == "rate_limit"
    assert error.name({"error": {"code": None, "type": "x"}}, 429) == "x"
    others: list[Any] = [None, {}, {"error": None}, {"error": "text"}, {"error": {}}]
    for strange in others:
        assert error.name(strange, 503) == "http_503"
