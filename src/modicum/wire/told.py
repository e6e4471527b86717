"""What was said, as spans tell it, as the bodies of an OpenAI chat completion: so that a tapped call is read like any other.

Four ways are read: `gen_ai.input.messages` and its like, on the span or on an event of it; one event a message
(`gen_ai.user.message`, `gen_ai.choice`), as before 1.37; numbered attributes (`gen_ai.prompt.N.content`,
`llm.input_messages.N.message.content`); and bodies whole (`input.value`). The richest that is there holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum.types import Endpoint
from modicum.wire import parts
from modicum.wire.otlp import Span

MOST_MESSAGES = 10_000
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A request and what came of it, less models, ids and settings."""

    request: dict[str, Any]
    response: dict[str, Any] | None
    finish_reason: str | None


def told(span: Span, endpoint: Endpoint) -> Said | None:
    """What a span tells of what was said; None where it tells nothing."""
    values = _all(span)
    if endpoint == "embeddings":
        return _embedded(values)
    messages = (
        _messages(values.get("gen_ai.system_instructions"), values.get("gen_ai.input.messages"))
        or _from_events(span)
        or _numbered(values, "gen_ai.prompt.")
        or _numbered(values, "llm.input_messages.", "message.")
        or _numbered(values, "llm.prompts.")
        or parts.messages(_loaded(values.get("ai.prompt.messages")))
        or parts.messages(_loaded(values.get("gen_ai.prompt")))
    )
    whole = _loaded(values.get("input.value"))
    if not messages and isinstance(whole, dict):
        messages = parts.messages(whole.get("messages"))
    if not messages and (plain := _plain(values.get("input.value"), whole)):
        messages = [{"role": "user", "content": plain}]
    if not messages:
        return None
    choices = _choices(span, values)
    request: dict[str, Any] = {"messages": messages}
    if tools := _tools(values):
        request["tools"] = tools
    if isinstance(whole, dict) and isinstance(form := whole.get("response_format"), dict):
        request["response_format"] = form
    if endpoint == "completions":
        request = {"prompt": "\n".join(text for message in messages if isinstance(text := message.get("content"), str))}
    return Said(request=request, response=_response(choices, endpoint), finish_reason=choices[0]["finish_reason"] if choices else None)


def finish(word: Any) -> str | None:
    """A finish reason in OpenAI's words, where it is one that has such a word; else as it was told."""
    if not isinstance(word, str) or not word:
        return None
    plain = word.lower()
    return {
        "end_turn": "stop", "stop_sequence": "stop", "complete": "stop", "max_tokens": "length", "tool_call": "tool_calls",
        "tool_use": "tool_calls", "tool-calls": "tool_calls", "safety": "content_filter", "refusal": "content_filter",
        "content-filter": "content_filter",
    }.get(plain, plain)[:40]  # fmt: skip


def _all(span: Span) -> Values:
    """The span's attributes, and those of the events that carry content for it."""
    found = dict(span.attributes)
    for event in span.events:
        if event.name in ("gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion"):
            found = {**event.attributes, **found}
    return found


def _messages(system: Any, said: Any) -> list[dict[str, Any]]:
    messages = parts.messages(_loaded(said))
    instructions = _loaded(system)
    if instructions and messages:
        known = instructions if isinstance(instructions, list) else [{"type": "text", "content": instructions}]
        messages = [*parts.messages([{"role": "system", "parts": known}]), *messages]
    return messages


def _from_events(span: Span) -> list[dict[str, Any]]:
    """One event a message, as before 1.37; what it holds stands in its attributes, or as JSON in one of them."""
    found = []
    for event in span.events:
        role = event.name.removeprefix("gen_ai.").removesuffix(".message")
        if event.name == f"gen_ai.{role}.message":
            found.append({"role": role, **_body(event.attributes)})
    return parts.messages(found)


def _choices(span: Span, values: Values) -> list[dict[str, Any]]:
    """Every answer as a choice of a chat completion."""
    listed = _loaded(values.get("gen_ai.output.messages"))
    if isinstance(listed, list) and listed:
        return _as_choices(listed)
    if events := [_body(event.attributes) for event in span.events if event.name == "gen_ai.choice"]:
        return _as_choices(
            {**(inner if isinstance(inner := _loaded(event.get("message")), dict) else event), "finish_reason": event.get("finish_reason")}
            for event in events
        )
    for prefix, inner in (("gen_ai.completion.", ""), ("llm.output_messages.", "message."), ("llm.completions.", "")):
        if numbered := _tree(values, prefix, inner):
            return _as_choices(numbered)
    if isinstance(answer := values.get("ai.response.text"), str) or "ai.response.toolCalls" in values:
        return _as_choices([{"role": "assistant", "content": answer, "tool_calls": _loaded(values.get("ai.response.toolCalls"))}])
    completed = _loaded(values.get("gen_ai.completion"))
    if isinstance(completed, list):
        return _as_choices(completed)
    whole = _loaded(values.get("output.value"))
    if isinstance(whole, dict) and isinstance(listed := whole.get("choices"), list):
        return _as_choices(
            {**message, "finish_reason": choice.get("finish_reason")}
            for choice in listed
            if isinstance(choice, dict) and isinstance(message := choice.get("message"), dict)
        )
    if plain := _plain(values.get("output.value"), whole):
        return _as_choices([{"role": "assistant", "content": plain}])
    return []


def _as_choices(said: Iterable[Any]) -> list[dict[str, Any]]:
    found = []
    for number, one in enumerate(said):
        message = parts.message({"role": "assistant", **one} if isinstance(one, dict) else None)
        if message:
            message["role"] = "assistant"
            reason = finish(one.get("finish_reason")) or ("tool_calls" if message.get("tool_calls") else "stop")
            found.append({"index": number, "message": {"content": None, **message}, "finish_reason": reason})
    return found


def _response(choices: list[dict[str, Any]], endpoint: Endpoint) -> dict[str, Any] | None:
    if not choices:
        return None
    if endpoint == "completions":
        texts = [{"index": c["index"], "text": c["message"]["content"] or "", "finish_reason": c["finish_reason"]} for c in choices]
        return {"object": "text_completion", "choices": texts}
    return {"object": "chat.completion", "choices": choices}


def _tools(values: Values) -> list[dict[str, Any]]:
    listed = _loaded(values.get("gen_ai.tool.definitions"))
    if not isinstance(listed, list):
        listed = [_loaded(one.get("json_schema")) for one in _tree(values, "llm.tools.", "tool.")] or _tree(
            values, "llm.request.functions."
        )
    return [tool for one in listed if (tool := parts.tool(one)) is not None]


def _embedded(values: Values) -> Said | None:
    """What was embedded; the numbers are not told."""
    texts = [found for one in _tree(values, "embedding.embeddings.", "embedding.") if isinstance(found := one.get("text"), str)]
    texts = texts or [found for one in _tree(values, "gen_ai.prompt.") if isinstance(found := one.get("content"), str)]
    if not texts and isinstance(plain := values.get("input.value"), str):
        texts = [plain]
    return Said(request={"input": texts[0] if len(texts) == 1 else texts}, response=None, finish_reason=None) if texts else None


def _numbered(values: Values, prefix: str, inner: str = "") -> list[dict[str, Any]]:
    return parts.messages(_tree(values, prefix, inner))


def _tree(values: Values, prefix: str, inner: str = "") -> list[dict[str, Any]]:
    """`PREFIX0.a`, `PREFIX0.b.0.c`, ... as a list of objects, numbers in order; `inner` is cut off what follows the number.

    OpenInference repeats the name of what is in a list (`contents.0.message_content.type`): such a step is left out too.
    """
    found: dict[int, dict[str, Any]] = {}
    for name, value in values.items():
        if not name.startswith(prefix):
            continue
        number, _, path = name[len(prefix) :].partition(".")
        if not (number.isascii() and number.isdigit() and len(number) <= 5 and path) or int(number) >= MOST_MESSAGES:
            continue
        node = found.setdefault(int(number), {})
        steps = [step for step in path.removeprefix(inner).split(".") if step not in ("message_content", "tool_call")]
        for step in steps[:-1][:8]:
            below = node.setdefault(step, {})
            node = below if isinstance(below, dict) else {}
        node[steps[-1]] = value
    return [_listed(found[number]) for number in sorted(found)]


def _listed(node: dict[str, Any]) -> dict[str, Any]:
    """An object whose objects with numbers for names are lists."""
    for name, below in node.items():
        if isinstance(below, dict):
            _listed(below)
            if below and all(step.isascii() and step.isdigit() and len(step) <= 5 for step in below):
                node[name] = [below[step] for step in sorted(below, key=int)]
    return node


def _body(attributes: Values) -> dict[str, Any]:
    """What an event says of its message."""
    for name in ("gen_ai.event.content", "event.body", "body"):
        if isinstance(found := _loaded(attributes.get(name)), dict):
            return found
    return dict(attributes)


def _plain(value: Any, loaded: Any) -> str | None:
    """Text that is no structure of its own."""
    return value if isinstance(value, str) and value and not isinstance(loaded, dict | list) else None


def _loaded(value: Any) -> Any:
    """What JSON text holds; anything else, and text that is no JSON, as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return value
