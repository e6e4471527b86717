"""What a response tells beside its answer: its id, who answered, how it was served, why it ended, what was counted.

Every recorded call asks for that and mostly for nothing else, so the commonest dialect is read without building the answer. Whatever is
not as OpenAI writes it is read as the other dialects are, whole: both ways find the same.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modicum.errors import InputError
from modicum.types import UNKNOWN_USAGE, Endpoint, Usage
from modicum.wire import canon, chat


class Figures(msgspec.Struct, frozen=True, gc=False):
    """What is absent or no text is None."""

    response_id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    finish_reason: str | None = None
    usage: Usage = UNKNOWN_USAGE


NOTHING = Figures()


Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]
"""As `openai.usage` takes one for a number of tokens."""


class _Asked(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    cached_tokens: Count | None = None
    audio_tokens: Count | None = None


class _Said(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    accepted_prediction_tokens: Count | None = None
    rejected_prediction_tokens: Count | None = None


class _Counts(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """OpenAI's own `usage`. One with other fields may tell of the same in other places."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: _Asked | None = None
    completion_tokens_details: _Said | None = None


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Completion(msgspec.Struct, gc=False):
    """Of a chat completion; the rest of it is passed over."""

    id: str | None = None
    model: str | None = None
    service_tier: str | None = None
    choices: list[_Choice] | None = None
    usage: _Counts | None = None


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
            usage = UNKNOWN_USAGE if said.usage is None else _usage(said.usage)
            return Figures(said.id or None, said.model or None, said.service_tier or None, ended, usage)
    try:
        return of_response(endpoint, chat.loads(body))
    except InputError:
        return NOTHING


def _usage(counts: _Counts) -> Usage:
    asked, said, output = counts.prompt_tokens_details, counts.completion_tokens_details, counts.completion_tokens
    thought = None if said is None else said.reasoning_tokens
    if thought and output is not None and counts.total_tokens == (counts.prompt_tokens or 0) + output + thought:
        output += thought  # counted beside it, as `openai.usage` says
    return Usage(
        input_tokens=counts.prompt_tokens,
        output_tokens=output,
        cache_read_tokens=None if asked is None else asked.cached_tokens,
        reasoning_tokens=thought,
        audio_input_tokens=None if asked is None else asked.audio_tokens,
        audio_output_tokens=None if said is None else said.audio_tokens,
    )
