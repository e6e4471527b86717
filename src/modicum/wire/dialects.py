"""Which dialect is spoken at which endpoint."""

from __future__ import annotations

from functools import cache
from importlib import import_module

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


def talks(endpoint: Endpoint) -> bool:
    """A model is talked to there, in some dialect."""
    return endpoint in _ROOMS
