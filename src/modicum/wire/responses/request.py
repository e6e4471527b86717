"""The request of OpenAI's Responses, both ways.

What needs OpenAI's store of answers (`previous_response_id`, `conversation`, `prompt`, `background`, item references) or its own
tools is refused by name. Hints that change no answer (`prompt_cache_key`, asking for encrypted reasoning) end here.
Fields as in openai-python 3.54, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modicum.errors import RequestError
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields, refuse
from modicum.wire.responses import items
from modicum.wire.talk import Format, Message, Request, Text, Thinking, Tool, ToolChoice

_REFUSED = ("top_k", "stop", "choices", "seed", "presence_penalty", "frequency_penalty", "logit_bias")
_LOGPROBS = "message.output_text.logprobs"
_SAME = ("model", "temperature", "top_p", "top_logprobs", "metadata", "service_tier", "store", "stream")
_MODES = {"auto": "auto", "none": "none", "any": "required"}


def read(body: Mapping[str, Any]) -> Request:
    """Raises RequestError, or UntranslatableError for what has no word in ours."""
    fields = Fields(body)
    messages: list[Message] = []
    if (instructions := fields.text("instructions")) is not None:
        messages.append(Message(role="system", parts=(Text(text=instructions),)))
    given = fields.take("input")
    if isinstance(given, str):
        messages.append(Message(role="user", parts=(Text(text=given),)))
    else:
        messages += items.read(Fields({"input": given}).each("input"))
    if not messages:
        raise RequestError("'input' must be text or a list with at least one item")
    include = fields.texts("include")
    for name in include:
        if name not in (_LOGPROBS, "reasoning.encrypted_content"):
            raise untranslatable(f"include = '{name[:60]}'")
    fields.harmless("background", False)
    fields.harmless("truncation", "disabled")
    if (options := fields.fields("stream_options")) is not None:
        options.skip("include_obfuscation")
        options.done()
    fields.skip("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "client_metadata", "max_tool_calls")
    shape = _text(fields.fields("text"))
    user, safety = fields.text("user"), fields.text("safety_identifier")
    if user is not None and safety is not None and user != safety:
        raise untranslatable("user", "beside another safety_identifier")
    tools = tuple(_tool(tool) for tool in fields.each("tools"))
    request = Request(
        model=fields.need_text("model"),
        messages=tuple(messages),
        tools=tools,
        tool_choice=_choice(fields),
        format=shape,
        thinking=_thinking(fields.fields("reasoning")),
        max_tokens=fields.count("max_output_tokens"),
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        logprobs=True if _LOGPROBS in include else None,
        top_logprobs=fields.count("top_logprobs"),
        user_id=safety if safety is not None else user,
        metadata=fields.table("metadata"),
        service_tier=fields.text("service_tier"),
        store=fields.flag("store"),
        stream=fields.flag("stream"),
    )
    fields.done()
    return request


def _text(text: Fields | None) -> Format | None:
    if text is None:
        return None
    text.harmless("verbosity", "medium")
    shape = text.fields("format")
    text.done()
    if shape is None:
        return None
    kind = shape.word("type", "text", "json_object", "json_schema")
    if kind == "json_schema":
        found = Format(
            kind="json_schema",
            name=shape.need_text("name"),
            description=shape.text("description"),
            schema=shape.object("schema") or {},
            strict=shape.flag("strict"),
        )
    else:
        found = Format(kind="json_object" if kind == "json_object" else "text")
    shape.done()
    return found


def _thinking(reasoning: Fields | None) -> Thinking | None:
    if reasoning is None:
        return None
    effort = reasoning.text("effort")
    shown = reasoning.word("summary", "auto", "concise", "detailed")
    older = reasoning.word("generate_summary", "auto", "concise", "detailed")
    reasoning.harmless("context", "auto", "all_turns")
    reasoning.harmless("mode", "standard")
    reasoning.done()
    if effort is None and not (shown or older):
        return None
    return Thinking(enabled=True if shown or older else None, effort=effort)


def _tool(tool: Fields) -> Tool:
    kind = tool.need_text("type")
    if kind != "function":
        raise untranslatable(f"{tool.path}.type = '{kind[:60]}'", "only functions have words elsewhere")
    found = Tool(
        name=tool.need_text("name"),
        description=tool.text("description"),
        parameters=tool.object("parameters"),
        strict=tool.flag("strict"),
    )
    tool.harmless("defer_loading", False)
    tool.harmless("async", False)
    tool.harmless("allowed_callers", ["direct"])
    tool.done()
    return found


def _choice(fields: Fields) -> ToolChoice | None:
    given, parallel = fields.take("tool_choice"), fields.flag("parallel_tool_calls")
    if isinstance(given, str):
        mode = {word: ours for ours, word in _MODES.items()}.get(given)
        if mode is None:
            raise untranslatable(f"tool_choice = '{given[:60]}'")
        return ToolChoice(mode=mode, parallel=parallel)  # type: ignore[arg-type]
    if given is not None:
        chosen = Fields(given, "tool_choice")
        chosen.word("type", "function")
        name = chosen.need_text("name")
        chosen.done()
        return ToolChoice(mode="one", name=name, parallel=parallel)
    return None if parallel is None else ToolChoice(parallel=parallel)


def write(request: Request) -> dict[str, Any]:
    """Raises UntranslatableError for what Responses has no word for."""
    refuse(request, "Responses", *_REFUSED)
    body: dict[str, Any] = {name: getattr(request, name) for name in _SAME}
    body["input"] = [item for n, message in enumerate(request.messages) for item in items.write_input(message, f"messages[{n}]")]
    body["max_output_tokens"] = request.max_tokens
    body["safety_identifier"] = request.user_id
    body["metadata"] = dict(request.metadata) if request.metadata is not None else None
    body["include"] = [_LOGPROBS] if request.logprobs else None
    body["tools"] = write_tools(request) or None
    choice = request.tool_choice or ToolChoice()
    body["parallel_tool_calls"] = choice.parallel
    body["tool_choice"] = write_choice(choice)
    if request.format is not None:
        body["text"] = {"format": write_format(request.format)}
    if request.thinking is not None:
        body["reasoning"] = _write_thinking(request.thinking)
    return {name: value for name, value in body.items() if value is not None}


def write_tools(request: Request) -> list[dict[str, Any]]:
    found = []
    for tool in request.tools:
        named: dict[str, Any] = {"description": tool.description, "strict": tool.strict}
        parameters = None if tool.parameters is None else dict(tool.parameters)
        head: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": parameters}
        found.append(head | {name: value for name, value in named.items() if value is not None})
    return found


def write_choice(choice: ToolChoice) -> str | dict[str, Any] | None:
    if choice.mode == "one":
        return {"type": "function", "name": choice.name}
    return None if choice.mode is None else _MODES[choice.mode]


def write_format(shape: Format) -> dict[str, Any]:
    named: dict[str, Any] = {"name": shape.name, "description": shape.description, "strict": shape.strict}
    if shape.kind == "json_schema":
        named |= {"name": shape.name or "response", "schema": dict(shape.schema or {})}
    return {"type": shape.kind} | {name: value for name, value in named.items() if value is not None}


def _write_thinking(thinking: Thinking) -> dict[str, Any]:
    if thinking.budget_tokens is not None:
        raise untranslatable("thinking.budget_tokens", "Responses knows an effort alone")
    if thinking.enabled is False:
        return {"effort": "none"}
    effort = {"effort": thinking.effort} if thinking.effort is not None else {}
    return effort | ({"summary": "auto"} if thinking.enabled else {})
