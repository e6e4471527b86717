"""What was asked and answered, as traces and exports write it, as the bodies of a chat completion.

An input is a list of messages, an object that holds one, a body whole, or text; an output a message, a body whole, or text.
"""

from __future__ import annotations

from typing import Any

from modicum.intake.told import loaded
from modicum.wire import parts
from modicum.wire.told import finish

OF_REQUEST = (
    *("temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "frequency_penalty", "presence_penalty", "stop", "n"),
    *("response_format", "tool_choice", "parallel_tool_calls", "reasoning_effort", "stream", "logprobs", "top_logprobs"),
)


def request(model: str | None, said: Any, settings: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """A request from what was said; None where nothing was."""
    said = loaded(said)
    messages = parts.messages(said if isinstance(said, list) or (isinstance(said, dict) and "messages" in said) else None)
    if not messages and isinstance(said, list) and said and all(isinstance(one, str) for one in said):
        messages = [{"role": "user", "content": one} for one in said]
    if not messages:
        plain = _plain(said)
        if plain is None:
            return None
        messages = [{"role": "user", "content": plain}]
    found: dict[str, Any] = {"model": model or "", "messages": messages}
    inner = said if isinstance(said, dict) else {}
    listed = loaded(inner.get("tools"))
    if isinstance(listed, list) and (tools := [tool for one in listed if (tool := parts.tool(one)) is not None]):
        found["tools"] = tools
    for name in OF_REQUEST:
        value = (settings or {}).get(name, inner.get(name))
        if value is not None and value != "":
            found[name] = value
    return found


def response(model: str | None, said: Any, *, response_id: str | None = None, created: int = 0) -> dict[str, Any] | None:
    """A chat completion from what was answered; None where nothing was."""
    said = loaded(said)
    choices = _choices(said)
    if not choices:
        return None
    head: dict[str, Any] = {"id": response_id or "", "object": "chat.completion", "created": created, "model": model or ""}
    return {**head, "choices": choices}


def embedded(model: str | None, said: Any) -> dict[str, Any] | None:
    """An embedding request from what was embedded."""
    said = loaded(said)
    if isinstance(said, dict):
        said = said.get("input")
    fits = isinstance(said, str) or (isinstance(said, list) and all(isinstance(one, str) for one in said))
    return {"model": model or "", "input": said} if said and fits else None


def _choices(said: Any) -> list[dict[str, Any]]:
    listed = said.get("choices") if isinstance(said, dict) else None
    if isinstance(listed, list):
        pairs = [(one.get("message"), one.get("finish_reason")) for one in listed if isinstance(one, dict)]
    elif isinstance(said, list) and said and all(isinstance(one, dict) and ("role" in one or "content" in one) for one in said):
        pairs = [(said[-1], None)]
    elif isinstance(said, dict) and {"content", "tool_calls", "parts"} & said.keys():
        pairs = [(said, said.get("finish_reason") or said.get("stop_reason"))]
    else:
        plain = _plain(said)
        pairs = [({"content": plain}, None)] if plain is not None else []
    found = []
    for number, (one, reason) in enumerate(pairs):
        message = parts.message({"role": "assistant", **one} if isinstance(one, dict) else None)
        if message:
            message["role"] = "assistant"
            why = finish(reason) or ("tool_calls" if message.get("tool_calls") else "stop")
            found.append({"index": number, "message": {"content": None, **message}, "finish_reason": why})
    return found


_TEXTS = ("text", "output", "completion", "response", "answer", "result", "input", "prompt", "question", "query", "content")


def _plain(said: Any) -> str | None:
    """Text, or the one text of an object that holds nothing else."""
    if isinstance(said, str):
        return said or None
    if isinstance(said, dict):
        found = [value for name in _TEXTS if isinstance(value := said.get(name), str) and value]
        if len(found) == 1:
            return found[0]
    return None
