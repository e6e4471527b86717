"""Bedrock's ConverseRequest, both ways.

The model stands in the address. What the common fields lack goes to the model's own by `additionalModelRequestFields`, where it
is known how the model calls it: `top_k` and `thinking` for Claude, `topK` for Nova. Several turns of one role become one.
Shapes as in the service's model of botocore 1.44.5, and AWS's pages on inference parameters, read 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from modicum.errors import RequestError
from modicum.wire.anthropic.request import write_thinking
from modicum.wire.bedrock import parts
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields, plain, refuse
from modicum.wire.talk import (
    Format,
    Keep,
    Message,
    Request,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from modicum.wire.turns import parted

_encode = msgspec.json.Encoder().encode
_REFUSED = ("choices", "seed", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias", "store")
_UNCACHED = re.compile(r"(?:(?:us|us-gov|eu|apac|jp|au|ca|sa|global)\.)?+(?!anthropic\.|amazon\.nova)[a-z0-9]+\.")
"""Models of vendors for which Bedrock refuses cache points; a profile's own name tells no vendor."""
_TOOLS_UNCACHED = re.compile(r"(?:(?:us|us-gov|eu|apac|jp|au|ca|sa|global)\.)?+(?!anthropic\.)[a-z0-9]+\.")
"""And for which it refuses them behind tools: Nova's too."""
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_TIERS = ("priority", "default", "flex", "reserved")


def read(body: Mapping[str, Any]) -> Request:
    """Raises RequestError, or UntranslatableError for what has no word in ours."""
    fields = Fields(body)
    messages: list[Message] = []
    system = tuple(parts.read(fields.each("system")))
    if system:
        messages.append(Message(role="system", parts=system, plain=plain(system)))
    for turn in fields.each("messages"):
        role = turn.word("role", "user", "assistant")
        content = tuple(parts.read(turn.each("content")))
        turn.done()
        messages.append(Message(role="assistant" if role == "assistant" else "user", parts=content, plain=plain(content)))
    if not messages:
        raise RequestError("messages must be a list with at least one message")
    config = fields.fields("inferenceConfig") or Fields({})
    tools, choice = _tools(fields.fields("toolConfig"))
    shape, effort = _output(fields.fields("outputConfig"))
    more = fields.fields("additionalModelRequestFields") or Fields({})
    nova = more.fields("inferenceConfig") or Fields({})
    top_k, topk = more.count("top_k"), nova.count("topK")
    tier = fields.fields("serviceTier")
    request = Request(
        model=fields.text("modelId") or "",
        messages=tuple(messages),
        tools=tools,
        tool_choice=choice,
        format=shape,
        thinking=_thinking(more.fields("thinking"), effort),
        max_tokens=config.count("maxTokens"),
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=top_k if top_k is not None else topk,
        stop=config.texts("stopSequences"),
        metadata=fields.table("requestMetadata"),
        service_tier=tier.text("type") if tier is not None else None,
    )
    for one in (config, nova, more, fields):
        one.done()
    return request


def _tools(config: Fields | None) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    if config is None:
        return (), None
    tools: list[Tool] = []
    for tool in config.each("tools"):
        if (spec := tool.fields("toolSpec")) is not None:
            schema = spec.fields("inputSchema") or Fields({})
            tools.append(
                Tool(
                    name=spec.need_text("name"),
                    description=spec.text("description"),
                    parameters=schema.object("json"),
                    strict=spec.flag("strict"),
                )
            )
            schema.done()
            spec.done()
        elif (point := tool.fields("cachePoint")) is not None and tools:
            keep: Keep = "1h" if point.text("ttl") == "1h" else "5m"
            last = tools.pop()
            tools.append(Tool(name=last.name, description=last.description, parameters=last.parameters, strict=last.strict, keep=keep))
        tool.done()
    chosen = config.fields("toolChoice")
    choice: ToolChoice | None = None
    if chosen is not None:
        one = chosen.fields("tool")
        if one is not None:
            choice = ToolChoice(mode="one", name=one.need_text("name"))
            one.done()
        elif chosen.take("any") is not None:
            choice = ToolChoice(mode="any")
        elif chosen.take("auto") is not None:
            choice = ToolChoice(mode="auto")
        chosen.done()
    config.done()
    return tuple(tools), choice


def _output(config: Fields | None) -> tuple[Format | None, str | None]:
    if config is None:
        return None, None
    effort, text = config.text("effort"), config.fields("textFormat")
    config.done()
    if text is None:
        return None, effort
    text.word("type", "json_schema")
    structure = text.fields("structure") or Fields({})
    shape = structure.fields("jsonSchema") or Fields({})
    schema = _schema(shape.need_text("schema"))
    found = Format(kind="json_schema", name=shape.text("name"), description=shape.text("description"), schema=schema)
    for one in (shape, structure, text):
        one.done()
    return found, effort


def _schema(text: str) -> dict[str, Any]:
    try:
        schema = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        schema = None
    if not isinstance(schema, dict):
        raise RequestError("outputConfig.textFormat.structure.jsonSchema.schema must be a JSON object in text")
    return schema


def _thinking(config: Fields | None, effort: str | None) -> Thinking | None:
    if config is None:
        return Thinking(effort=effort) if effort else None
    kind, budget = config.word("type", "enabled", "disabled", "adaptive"), config.count("budget_tokens")
    config.done()
    return Thinking(enabled=kind != "disabled", effort=effort, budget_tokens=budget)


def write(request: Request) -> dict[str, Any]:
    """Raises UntranslatableError for what Converse has no word for."""
    refuse(request, "Converse", *_REFUSED)
    claude = "claude" in request.model
    names: set[str] = set()
    turns: list[dict[str, Any]] = []
    first, conversation = parted(request.messages)
    system = [block for number, message in first for block in _blocks(message, number, claude, names)]
    for role, group in conversation:
        if blocks := [block for number, message in group for block in _blocks(message, number, claude, names)]:
            turns.append({"role": role, "content": blocks})
    if _UNCACHED.match(request.model):
        system = _unmarked(system)
        turns = [turn | {"content": _unmarked(turn["content"])} for turn in turns]
    body: dict[str, Any] = {"messages": turns}
    more: dict[str, Any] = {}
    output: dict[str, Any] = {}
    if request.thinking is not None:
        _write_thinking(request, request.thinking, claude, more, output)
    if request.format is not None:
        _write_format(request.format, output)
    if request.top_k is not None:
        if claude:
            more["top_k"] = request.top_k
        elif "nova" in request.model:
            more["inferenceConfig"] = {"topK": request.top_k}
        else:
            raise untranslatable("top_k", "Converse has no words for it, and this model's own is not known")
    config = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    tier = request.service_tier if request.service_tier != "auto" else None
    if tier is not None and tier not in _TIERS:
        raise untranslatable(f"service_tier = '{tier[:40]}'", "Converse has no words for it")
    body |= {
        name: value
        for name, value in {
            "system": system,
            "inferenceConfig": {name: value for name, value in config.items() if value is not None},
            "toolConfig": _write_tools(request),
            "additionalModelRequestFields": more,
            "outputConfig": output,
            "requestMetadata": dict(request.metadata or {}),
            "serviceTier": {"type": tier} if tier else {},
        }.items()
        if value
    }
    return body


def _unmarked(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [block for block in blocks if "cachePoint" not in block]


def _blocks(message: Message, number: int, claude: bool, names: set[str]) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        yield from parts.write(part, f"messages[{number}]", claude=claude, names=names)


def _write_thinking(request: Request, thinking: Thinking, claude: bool, more: dict[str, Any], output: dict[str, Any]) -> None:
    if claude:
        told, own, _ = write_thinking(request)
        output |= told
        more |= {"thinking": own} if own is not None else {}
        return
    if thinking.enabled is False or thinking.effort == "none":
        return  # the others think where an effort is asked for
    if thinking.effort is not None:
        if thinking.effort not in _EFFORTS:
            raise untranslatable(f"reasoning effort = '{thinking.effort[:40]}'", "Converse has no words for it")
        output["effort"] = thinking.effort
    if thinking.enabled or thinking.budget_tokens is not None:
        raise untranslatable("thinking", "Converse has no words for it, and this model's own are not known")


def _write_format(shape: Format, output: dict[str, Any]) -> None:
    if shape.kind == "text":
        return
    if shape.kind != "json_schema":
        raise untranslatable("response_format.type = 'json_object'", "Converse takes a schema alone")
    about = {name: value for name, value in (("name", shape.name), ("description", shape.description)) if value}
    schema = {"schema": _encode(dict(shape.schema or {})).decode()} | about
    output["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _write_tools(request: Request) -> dict[str, Any]:
    choice = request.tool_choice or ToolChoice()
    if choice.parallel is False and request.tools:
        raise untranslatable("parallel_tool_calls", "Converse has no words for it")
    if choice.mode == "none":
        if any(isinstance(part, ToolUse | ToolResult) for message in request.messages for part in message.parts):
            raise untranslatable("tool_choice = 'none'", "Converse has no words for it where tools were called before")
        return {}
    tools: list[dict[str, Any]] = []
    for tool in request.tools:
        spec: dict[str, Any] = {"name": tool.name}
        if tool.description:
            spec["description"] = tool.description
        schema = dict(tool.parameters) if tool.parameters is not None else {"type": "object", "properties": {}}
        spec["inputSchema"] = {"json": schema}
        if tool.strict is not None:
            spec["strict"] = tool.strict
        tools += [{"toolSpec": spec}, *([] if _TOOLS_UNCACHED.match(request.model) else parts.point(tool.keep))]
    if not tools:
        return {}
    if choice.mode is None:
        return {"tools": tools}
    return {"tools": tools, "toolChoice": {"tool": {"name": choice.name}} if choice.mode == "one" else {choice.mode: {}}}
