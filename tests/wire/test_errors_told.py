"""Errors as each caller's client expects them, and providers' errors as one word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modicum.errors import (
    BudgetError,
    LimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    StoreError,
    UnauthorisedError,
    UpstreamError,
    UpstreamUnavailableError,
)
from modicum.wire import anthropic, error, openai


def test_in_anthropic_s_words() -> None:
    told = json.loads(error.body(RequestTooLargeError("too much"), "messages", "req_1"))
    assert told == {"type": "error", "error": {"type": "request_too_large", "message": "too much"}, "request_id": "req_1"}
    kinds = {UnauthorisedError: "authentication_error", UpstreamUnavailableError: "overloaded_error", UpstreamError: "api_error"}
    for kind, word in kinds.items():
        assert json.loads(error.body(kind("x"), "messages"))["error"]["type"] == word
    assert json.loads(error.body(StoreError("x"), "count_tokens"))["error"]["type"] == "api_error"
    assert error.event(b"{}", "messages").startswith(b"\n\nevent: error\ndata: {}")
    told = json.loads(error.body(UnauthorisedError("no key"), "rerank"))
    assert told["message"] == "no key" == told["error"]["message"] and told["error"]["type"] == "authentication_error"
    assert json.loads(error.body(UnauthorisedError("no key"), "embeddings"))["error"]["code"] == "invalid_api_key"
    assert b"event: error" in error.event(error.body(StoreError("x"), "responses"), "responses")


def test_when_to_ask_again() -> None:
    assert error.headers(LimitError("slow down", retry_after_s=1.2)) == [(b"retry-after", b"2")]
    assert error.headers(LimitError("slow down", retry_after_s=0.0)) == [(b"retry-after", b"1")]
    assert error.headers(LimitError("slow down")) == [] == error.headers(UpstreamError("x")) == error.headers(RequestTimeoutError("x"))
    assert error.headers(BudgetError("spent", retry_after_s=60)) == [(b"retry-after", b"60"), (b"x-should-retry", b"false")]
    assert error.headers(UnauthorisedError("no")) == [(b"x-should-retry", b"false")]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"error": {"code": "rate_limit", "type": "x"}}, "rate_limit"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, "overloaded_error"),
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x"}}, "RESOURCE_EXHAUSTED"),
        ({"__type": "ThrottlingException", "message": "x"}, "ThrottlingException"),
        ({"object": "error", "type": "BadRequestError", "code": 400}, "BadRequestError"),
        ({"error": {"code": 17}}, "17"),
        ({"message": "x"}, "http_500"),
        (None, "http_500"),
    ],
)
def test_providers_words(body: dict[str, Any] | None, word: str) -> None:
    assert error.name(body, 500) == word


def test_reading_errors() -> None:
    assert openai.DIALECT.read_error({"error": {"message": "m", "code": "c"}}, 400) == ("m", "c")
    assert openai.DIALECT.read_error({"detail": "m"}, 422) == ("m", "http_422")
    assert openai.DIALECT.read_error({"error": "m"}, 500) == ("m", "http_500")
    assert anthropic.DIALECT.read_error({"error": {"type": "t", "message": "m"}}, 529) == ("m", "t")
    for dialect in (openai.DIALECT, anthropic.DIALECT):
        assert dialect.read_error(None, 503) == ("HTTP status 503", "http_503")
        written = json.loads(dialect.write_error("m", status=404, code="c", request_id="r"))
        assert dialect.read_error(written, 404)[0] == "m"
