"""Which dialect is spoken at which endpoint."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from typing import Any

from modicum.types import Endpoint
from modicum.wire.talk import Dialect

_ROOMS: dict[Endpoint, str] = {
    "chat_completions": "openai",
    "messages": "anthropic",
    "responses": "responses",
    "generate_content": "gemini",
    "converse": "bedrock",
    "predictions": "replicate",
}


@cache
def dialect(endpoint: Endpoint) -> Dialect:
    """Loaded when first asked for. Raises KeyError for an endpoint at which no model is talked to."""
    found: Dialect = import_module(f"modicum.wire.{_ROOMS[endpoint]}").DIALECT
    return found


def suit(endpoint: Endpoint, body: dict[str, Any], quirks: Collection[str]) -> dict[str, Any]:
    """A translated request as a provider with these quirks takes it; to be applied to what `write_request` of the dialect made."""
    if endpoint == "chat_completions":
        from modicum.wire import openai

        return openai.suit(body, quirks)
    if endpoint == "messages":
        from modicum.wire import anthropic

        return anthropic.suit(body)
    return body


def talks(endpoint: Endpoint) -> bool:
    """A model is talked to there, in some dialect."""
    return endpoint in _ROOMS
