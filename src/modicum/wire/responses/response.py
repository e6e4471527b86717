"""The response of OpenAI's Responses, both ways, with its usage and its status.

Fields as in openai-python 3.54, read 2026-11-22. Where the format asks for a number that is unknown the details hold 0 and the
whole usage is null.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from modicum.errors import UpstreamError
from modicum.types import Usage
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields
from modicum.wire.responses import items
from modicum.wire.responses.request import write_choice, write_format, write_tools
from modicum.wire.talk import Choice, Finish, Part, Reasoning, Refusal, Request, Response, Text, ToolUse


def read(body: Mapping[str, Any]) -> Response:
    """Raises UpstreamError for what is no answer (failed, still at work), UntranslatableError for items of other tools."""
    fields = Fields(body, "", UpstreamError)
    reason = finish(body)
    parts: list[Part] = []
    tokens: list[Any] = []
    for item in fields.each("output"):
        kind = item.need_text("type")
        parts += items.answer(kind, item)
        item.done()
    for item in body.get("output") or ():
        for part in item.get("content") or () if isinstance(item, dict) and item.get("type") == "message" else ():
            found = part.get("logprobs") if isinstance(part, dict) else None
            tokens += found if isinstance(found, list) else ()
    created = fields.number("created_at")
    choice = Choice(parts=tuple(parts), finish=_finish(reason, parts), logprobs={"content": tokens} if tokens else None)
    return Response(
        id=fields.text("id") or new_id(),
        model=fields.text("model") or "",
        choices=(choice,),
        usage=usage(body.get("usage")),
        created=None if created is None else int(created),
        service_tier=fields.text("service_tier"),
    )


def new_id() -> str:
    return "resp_" + os.urandom(16).hex()


def finish(body: Mapping[str, Any]) -> Finish:
    """What a response's status says. Raises UpstreamError unless it is an answer."""
    status = body.get("status")
    if status == "completed":
        return "stop"
    if status == "incomplete":
        details = body.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        return "refusal" if reason == "content_filter" else "length"
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    raise UpstreamError(f"the response is {str(status)[:40]}" + (f": {str(message)[:500]}" if message else ""))


def _finish(reason: Finish, parts: Iterable[Part]) -> Finish:
    if reason != "stop":
        return reason
    kinds = {type(part) for part in parts}
    return "refusal" if Refusal in kinds else "tool_use" if ToolUse in kinds else "stop"


def usage(counts: Any) -> Usage:
    """What is absent or absurd is unknown."""
    if not isinstance(counts, dict):
        return Usage()
    inputs, outputs = counts.get("input_tokens_details"), counts.get("output_tokens_details")
    return Usage(
        input_tokens=_count(counts, "input_tokens"),
        output_tokens=_count(counts, "output_tokens"),
        cache_read_tokens=_count(inputs, "cached_tokens"),
        cache_write_tokens=_count(inputs, "cache_write_tokens"),
        reasoning_tokens=_count(outputs, "reasoning_tokens"),
    )


def _count(counts: Any, name: str) -> int | None:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def write(response: Response, request: Request | None = None) -> dict[str, Any]:
    """`request` is repeated in part, as OpenAI does. Raises UntranslatableError for what Responses has no word for."""
    if len(response.choices) != 1:
        raise untranslatable("choices", "Responses has one")
    choice = response.choices[0]
    body = head(response.id, response.model, response.created, request)
    body["output"] = list(output(body["id"], choice))
    return body | outcome(choice.finish, choice.parts, response.usage) | {"service_tier": response.service_tier}


def head(response_id: str, model: str, created: int | None, request: Request | None) -> dict[str, Any]:
    """A response that has just begun."""
    whole_id = response_id if response_id.startswith("resp_") else f"resp_{response_id}"
    choice = request.tool_choice if request is not None else None
    asked = write_choice(choice) if choice is not None else None
    shape = request.format if request is not None else None
    return {
        "id": whole_id,
        "object": "response",
        "created_at": created if created is not None else int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": request.max_tokens if request is not None else None,
        "model": model,
        "output": [],
        "parallel_tool_calls": choice is None or choice.parallel is not False,
        "temperature": request.temperature if request is not None else None,
        "text": {"format": write_format(shape) if shape is not None else {"type": "text"}},
        "tool_choice": asked if asked is not None else "auto",
        "tools": write_tools(request) if request is not None else [],
        "top_p": request.top_p if request is not None else None,
        "metadata": dict(request.metadata or {}) if request is not None else {},
        "usage": None,
    }


def outcome(reason: Finish | None, parts: Iterable[Part], usage: Usage) -> dict[str, Any]:
    """How a response ended. Raises UntranslatableError for a pause, or where no reason was told."""
    if reason in (None, "pause"):
        raise untranslatable(f"finish = '{reason}'", "Responses has no words for it")
    said_no = any(isinstance(part, Refusal) for part in parts)
    cut = "max_output_tokens" if reason == "length" else "content_filter" if reason == "refusal" and not said_no else None
    return {
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": cut} if cut else None,
        "usage": write_usage(usage),
    }


def output(response_id: str, choice: Choice) -> Iterable[dict[str, Any]]:
    """The output items; texts that follow each other are one message."""
    contents: list[dict[str, Any]] = []
    tokens = (choice.logprobs or {}).get("content") or []
    number = 0
    for part in (*choice.parts, None):
        if isinstance(part, Text | Refusal):
            contents.append(content(part, tokens if isinstance(part, Text) else []))
            tokens = [] if isinstance(part, Text) else tokens
            continue
        if contents:
            yield message(item_id("msg", response_id, number), contents)
            number += 1
            contents = []
        if part is not None:
            yield item(part, response_id, number)
            number += 1


def item_id(kind: str, response_id: str, number: int) -> str:
    return f"{kind}_{response_id.removeprefix('resp_')}_{number}"


def content(part: Text | Refusal, tokens: list[Any]) -> dict[str, Any]:
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": tokens}


def message(name: str, contents: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    return {"id": name, "type": "message", "status": status, "role": "assistant", "content": contents}


def item(part: Part, response_id: str, number: int, status: str = "completed") -> dict[str, Any]:
    """A thought or a call as an output item."""
    if isinstance(part, ToolUse):
        called = {"call_id": part.id, "name": part.name, "arguments": part.arguments}
        return {"id": item_id("fc", response_id, number), "type": "function_call", "status": status, **called}
    if not isinstance(part, Reasoning):
        raise untranslatable(type(part).__name__.lower(), "Responses has no words for it in an answer")
    sealed = part.sealed or ""
    name = sealed.partition(":")[0] if sealed.startswith("rs_") else item_id("rs", response_id, number)
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return {"id": name, "type": "reasoning", "summary": summary, "encrypted_content": items.packed(part)}


def write_usage(usage: Usage) -> dict[str, Any] | None:
    """Null where input or output is unknown."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    inputs = {"cached_tokens": usage.cache_read_tokens or 0, "cache_write_tokens": usage.cache_write_tokens or 0}
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": inputs,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
