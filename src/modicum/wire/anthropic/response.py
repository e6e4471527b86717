"""Messages that Claude answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modicum.errors import UntranslatableError, UpstreamError
from modicum.wire.anthropic.blocks import read_blocks, write_block
from modicum.wire.anthropic.usage import read_usage, write_usage
from modicum.wire.fields import maybe, of_provider, record, text
from modicum.wire.talk import Choice, Finish, Response, ToolUse

FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "length",
}
WORDS: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "pause": "pause_turn",
    "refusal": "refusal",
}
_TIERS = {"standard": "default"}
_TIER_WORDS = {"default": "standard", "auto": "standard"}


def read_finish(word: Any) -> Finish | None:
    """An unknown word is an end like others."""
    if word is None:
        return None
    return FINISHES.get(word, "stop") if isinstance(word, str) else "stop"


def read_tier(usage: Any) -> str | None:
    """Which service the call got, in OpenAI's word where both have one."""
    tier = usage.get("service_tier") if isinstance(usage, Mapping) else None
    return _TIERS.get(tier, tier) if isinstance(tier, str) else None


def write_tier(tier: str | None) -> dict[str, str]:
    return {} if tier is None else {"service_tier": _TIER_WORDS.get(tier, tier)}


def read_response(body: Mapping[str, Any]) -> Response:
    """Raises UpstreamError for what is no message."""
    with of_provider():
        content = body.get("content")
        if not isinstance(content, list):
            raise UpstreamError("the provider's reply cannot be read: 'content' must be a list")
        finish = read_finish(body.get("stop_reason"))
        return Response(
            id=maybe(text, body.get("id"), "id") or "",
            model=maybe(text, body.get("model"), "model") or "",
            choices=(
                Choice(
                    parts=read_blocks(content, "content"),
                    finish=finish,
                    stop_sequence=maybe(text, body.get("stop_sequence"), "stop_sequence"),
                ),
            ),
            usage=read_usage(maybe(record, body.get("usage"), "usage")),
            service_tier=read_tier(body.get("usage")),
        )


def write_response(response: Response) -> dict[str, Any]:
    """Raises UpstreamError for several choices, and for arguments of a tool call that are no JSON object: neither can be said."""
    if len(response.choices) != 1:
        raise UpstreamError(f"the provider gave {len(response.choices)} answers where one was asked for")
    choice = response.choices[0]
    try:
        content = [write_block(_whole(part, choice), f"content[{n}]") for n, part in enumerate(choice.parts)]
    except UntranslatableError as error:
        raise UpstreamError(error.message) from error
    return {
        "id": response.id,
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": content,
        "stop_reason": WORDS[choice.finish] if choice.finish is not None else None,
        "stop_sequence": choice.stop_sequence,
        "usage": {**write_usage(response.usage), **write_tier(response.service_tier)},
    }


def _whole(part: Any, choice: Choice) -> Any:
    """A tool call that the limit cut short has no arguments that could be told; that it was cut short is told."""
    if isinstance(part, ToolUse) and choice.finish == "length" and not part.arguments.rstrip().endswith("}"):
        return ToolUse(id=part.id, name=part.name, arguments="{}")
    return part
