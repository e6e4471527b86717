"""Build a chat completion for an answer of our own: the body that an OpenAI client expects, usage marked as estimated."""

from __future__ import annotations

from typing import Any

from modicum.types import Usage
from modicum.wire.tokens import likely_tokens

TOKENS_PER_MESSAGE = 4


def estimate(request: dict[str, Any], content: str) -> Usage:
    """Roughly how many tokens the incumbent would have counted, from bytes and scripts alone."""
    messages = request.get("messages")
    texts = [str(m.get("content", "")) if isinstance(m, dict) else "" for m in (messages if isinstance(messages, list) else ())]
    return Usage(
        input_tokens=sum((likely_tokens(text) if text else 0) + TOKENS_PER_MESSAGE for text in texts),
        output_tokens=tokens(content),
        estimated=True,
    )


def tokens(content: str) -> int:
    """Roughly how many tokens an answer has."""
    return likely_tokens(content)


def wants_usage(request: dict[str, Any]) -> bool:
    """A stream for this request ends with an event that holds the usage."""
    options = request.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def build(
    *, response_id: str, model: str, content: str, created: int, usage: Usage, about: dict[str, Any], tool: tuple[str, str] | None = None
) -> dict[str, Any]:
    """A `chat.completion` with one choice. `about` stands under `modicum`, beside the standard fields. With a `tool`, its id and name,
    that is called and `content` are its arguments.
    """
    inputs, outputs = usage.input_tokens or 0, usage.output_tokens or 0
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if tool:
        call = {"id": tool[0], "type": "function", "function": {"name": tool[1], "arguments": content}}
        message |= {"content": None, "tool_calls": [call]}
    return {
        "id": response_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": "tool_calls" if tool else "stop",
            }
        ],
        "usage": {"prompt_tokens": inputs, "completion_tokens": outputs, "total_tokens": inputs + outputs},
        "modicum": {"usage_estimated": usage.estimated, **about},
    }
