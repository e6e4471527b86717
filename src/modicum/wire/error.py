"""Errors in the caller's dialect: ours as its clients expect them, theirs as one word for the record."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from modicum.errors import BudgetError, LimitError, ModicumError, UpstreamUnavailableError
from modicum.types import Endpoint
from modicum.wire import anthropic, openai
from modicum.wire.dialects import dialect
from modicum.wire.openai.errors import LONGEST_NAME, TYPES, envelope

__all__ = ["TYPES", "body", "envelope", "event", "headers", "name"]

_ANTHROPIC: tuple[Endpoint, ...] = ("messages", "count_tokens")
_MAY_CHANGE = (408, 409, 425, 429)
"""Refusals of a request that may be none the next time."""


def body(error: ModicumError, endpoint: Endpoint = "chat_completions", request_id: str = "") -> bytes:
    """The JSON body for one of our errors. The message is one line and ends with what to do."""
    message = f"{error.message} ({error.hint})" if error.hint else error.message
    return told(message, status=error.status or 500, code=error.code, endpoint=endpoint, request_id=request_id)


def told(message: str, *, status: int, code: str, endpoint: Endpoint = "chat_completions", request_id: str = "") -> bytes:
    """The same for an error of somebody else's: a provider's, that spoke another dialect."""
    if endpoint in _ANTHROPIC:
        return anthropic.DIALECT.write_error(message, status=status, code=code, request_id=request_id)
    if endpoint == "rerank":
        # Cohere's clients read the message alone; who asks what kind it is finds that where the other dialects have it.
        return msgspec.json.encode({"message": message, **msgspec.json.decode(envelope(message, status=status, code=code))})
    return openai.DIALECT.write_error(message, status=status, code=code, request_id=request_id)


def event(body: bytes, endpoint: Endpoint = "chat_completions") -> bytes:
    """An error body as the last event of a stream; the blank line before it ends whatever event was under way."""
    spoken = dialect(endpoint) if endpoint in ("responses", *_ANTHROPIC[:1]) else openai.DIALECT
    return spoken.error_event(body)


def headers(error: ModicumError) -> list[tuple[bytes, bytes]]:
    """When to ask again, and whether to at all, as OpenAI's and Anthropic's clients read it."""
    found = []
    wait = error.retry_after_s if isinstance(error, LimitError | UpstreamUnavailableError) else None
    if wait is not None:
        found.append((b"retry-after", str(max(1, math.ceil(wait))).encode()))
    status = error.status or 500
    if isinstance(error, BudgetError) or (400 <= status < 500 and status not in _MAY_CHANGE):
        found.append((b"x-should-retry", b"false"))
    return found


def name(response: dict[str, Any] | None, status: int) -> str:
    """What kind of error a provider's body tells of, in any dialect: its code or type, else the status.

    OpenAI's `error.code` or `error.type`, Anthropic's `error.type`, Google's `error.status`, Amazon's `__type`.
    """
    error = response.get("error") if response else None
    places = [error, response] if isinstance(error, dict) else [response]
    for place in places:
        for key in ("code", "status", "type", "__type"):
            found = place.get(key) if isinstance(place, dict) else None
            if isinstance(found, str) and found and not (place is response and found == "error"):
                return found[:LONGEST_NAME]
    code = error.get("code") if isinstance(error, dict) else None
    return str(code)[:LONGEST_NAME] if code else f"http_{status}"
