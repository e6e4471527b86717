"""What a response tells beside its answer: its id, who answered, how it was served, why it ended, what was counted.

Every recorded call asks for that and mostly for nothing else, so the commonest dialect is read without building the answer. Whatever is
not as expected there is read as the other dialects are, whole: both ways find the same.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.types import UNKNOWN_USAGE, Endpoint, Usage
from modicum.wire import canon, chat
from modicum.wire.openai.usage import read_usage


class Figures(msgspec.Struct, frozen=True, gc=False):
    """What is absent or no text is None."""

    response_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    finish_reason: str | None = None
    usage: Usage = UNKNOWN_USAGE


NOTHING = Figures()


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Completion(msgspec.Struct, gc=False):
    """Of a chat completion; the rest of it is passed over."""

    id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    choices: list[_Choice] | None = None
    usage: Any = None


_decode = msgspec.json.Decoder(_Completion).decode


def of_response(endpoint: Endpoint, response: dict[str, Any]) -> Figures:
    """What a response tells that was read before."""
    named = response.get("id")
    return Figures(
        named if isinstance(named, str) and named else None,
        canon.model(endpoint, response),
        canon.service_tier(endpoint, response),
        canon.finish_reason(endpoint, response),
        canon.usage(endpoint, response),
    )


def of_body(endpoint: Endpoint, body: bytes) -> Figures:
    """What the body of a response tells; nothing where it is no JSON object."""
    if endpoint == "chat_completions":
        try:
            said = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            ended = said.choices[0].finish_reason if said.choices else None
            return Figures(said.id or None, said.model or None, said.service_tier or None, ended, read_usage(said.usage))
    try:
        return of_response(endpoint, chat.loads(body))
    except InputError:
        return NOTHING
