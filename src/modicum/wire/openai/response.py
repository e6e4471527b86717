"""Chat completions. What a provider tells about itself (fingerprints, annotations, timings) is left out; what was said is not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from modicum.wire.fields import items, maybe, number, of_provider, record, text, untranslatable
from modicum.wire.openai.parts import new_call_id, read_parts, read_reasoning, read_tool_call, write_reasoning, write_tool_call
from modicum.wire.openai.usage import read_usage, write_usage
from modicum.wire.talk import Choice, Finish, Part, Reasoning, Refusal, Response, Text, ToolUse

FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
WORDS: dict[Finish, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause": "length",  # the answer is not at its end; OpenAI knows no other word for that
}


def read_finish(word: Any, *, tools: bool) -> Finish | None:
    """Providers say `stop` where a tool was forced; what matters to a caller is that a tool is wanted. An unknown word is `stop`."""
    if word is None or word == "":
        return None
    finish = FINISHES.get(word, "stop") if isinstance(word, str) else "stop"
    return "tool_use" if tools and finish == "stop" else finish


def read_response(body: Mapping[str, Any]) -> Response:
    """Raises UpstreamError for what is no chat completion."""
    with of_provider():
        choices = items(body.get("choices"), "choices")
        return Response(
            id=maybe(text, body.get("id"), "id") or "",
            model=maybe(text, body.get("model"), "model") or "",
            choices=tuple(_choice(record(one, f"choices[{n}]"), f"choices[{n}]") for n, one in enumerate(choices)),
            usage=read_usage(body.get("usage")),
            created=_seconds(body.get("created")),
            service_tier=maybe(text, body.get("service_tier"), "service_tier"),
        )


def _seconds(value: Any) -> int | None:
    return None if value is None else int(min(max(number(value, "created"), 0), 1 << 53))


def _choice(choice: Mapping[str, Any], at: str) -> Choice:
    message = record(choice.get("message"), f"{at}.message")
    at = f"{at}.message"
    if unknown := next((name for name in ("audio", "function_call", "images") if message.get(name)), None):
        raise untranslatable(f"{at}.{unknown}")
    refusal = maybe(text, message.get("refusal"), f"{at}.refusal")
    calls = items(message.get("tool_calls") or [], f"{at}.tool_calls")
    uses = tuple(_named(read_tool_call(call, f"{at}.tool_calls[{n}]")) for n, call in enumerate(calls))
    content = [part for part in read_parts(message.get("content"), f"{at}.content") if part != Text(text="")]
    parts: tuple[Part, ...] = (
        *read_reasoning(message, at),
        *content,
        *([Refusal(text=refusal)] if refusal else []),
        *uses,
    )
    return Choice(
        parts=parts,
        finish=read_finish(choice.get("finish_reason"), tools=bool(uses)),
        logprobs=maybe(record, choice.get("logprobs"), f"{at}.logprobs"),
    )


def _named(use: ToolUse) -> ToolUse:
    return use if use.id else replace(use, id=new_call_id())


def write_response(response: Response) -> dict[str, Any]:
    """A response that does not tell when it was made is made now."""
    told = {"service_tier": response.service_tier} if response.service_tier is not None else {}
    return {
        "id": response.id,
        "object": "chat.completion",
        "created": int(time.time()) if response.created is None else response.created,
        "model": response.model,
        "choices": [_write_choice(choice, n) for n, choice in enumerate(response.choices)],
        "usage": write_usage(response.usage),
        **told,
    }


def _write_choice(choice: Choice, index: int) -> dict[str, Any]:
    said = _joined(part.text for part in choice.parts if isinstance(part, Text))
    refusal = _joined(part.text for part in choice.parts if isinstance(part, Refusal))
    uses = [write_tool_call(part) for part in choice.parts if isinstance(part, ToolUse)]
    if strange := next((part for part in choice.parts if not isinstance(part, Text | Refusal | ToolUse | Reasoning)), None):
        raise untranslatable(f"choices[{index}].message", f"an answer that holds {type(strange).__name__}")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said if said is not None or uses or refusal else "",
        "refusal": refusal,
        **write_reasoning(choice.parts),
        **({"tool_calls": uses} if uses else {}),
    }
    reason = WORDS[choice.finish] if choice.finish is not None else None
    return {"index": index, "message": message, "logprobs": choice.logprobs, "finish_reason": reason}


def _joined(pieces: Iterable[str]) -> str | None:
    told = list(pieces)
    return "".join(told) if told else None
