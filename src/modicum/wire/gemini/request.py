"""Gemini's GenerateContentRequest, both ways.

Model and streaming stand in the address, not in the body. Tools and answers' shapes are sent as JSON Schema
(`parametersJsonSchema`, `responseJsonSchema`); strict tools ask for the mode VALIDATED; a shape's name ends here. Effort is
`thinkingLevel` from version 3 on, and for 2.5 the budget that Google's OpenAI-compatible address gives it. Who asks (`user_id`,
`metadata`) changes no answer and ends here.
Read in Google's API reference for v1beta and the pages on thinking, function calling and OpenAI compatibility, 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from modicum.errors import RequestError
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields, plain, refuse
from modicum.wire.gemini import ids, parts
from modicum.wire.talk import Format, Message, Part, Request, Thinking, Tool, ToolChoice, ToolResult, ToolUse
from modicum.wire.turns import Numbered, parted

_NUMBERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_COUNTS = {"top_k": "topK", "max_tokens": "maxOutputTokens", "choices": "candidateCount", "seed": "seed", "top_logprobs": "logprobs"}
_REFUSED = ("logit_bias", "service_tier", "store")
_LEVELS = ("minimal", "low", "medium", "high")
_MORE = ("xhigh", "max")
"""Others have more than that; it does what it can."""
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}


def read(body: Mapping[str, Any]) -> Request:
    """Raises RequestError, or UntranslatableError for what has no word in ours."""
    fields = Fields(body)
    system = fields.fields("systemInstruction")
    messages = [] if system is None else _contents(system, "system", [])
    calls: list[tuple[str, str]] = []
    for content in fields.each("contents"):
        role = content.word("role", "user", "model", "function")
        messages += _contents(content, "assistant" if role == "model" else "user", calls)
    if not messages:
        raise RequestError("contents must be a list with at least one content")
    config = fields.fields("generationConfig") or Fields({})
    tools, choice = _tools(fields)
    settings: dict[str, Any] = {ours: config.number(theirs) for ours, theirs in _NUMBERS.items()}
    settings |= {ours: config.count(theirs) for ours, theirs in _COUNTS.items()}
    request = Request(
        model=fields.text("model") or "",
        messages=tuple(messages),
        tools=tools,
        tool_choice=choice,
        format=_format(config),
        thinking=_thinking(config.fields("thinkingConfig")),
        stop=config.texts("stopSequences"),
        logprobs=config.flag("responseLogprobs"),
        **settings,
    )
    config.done()
    fields.done()
    return request


def _contents(content: Fields, role: Literal["system", "user", "assistant"], calls: list[tuple[str, str]]) -> list[Message]:
    content.skip("role")
    found = [ours for part in content.each("parts") for ours in parts.read(part, calls)]
    content.done()
    return [Message(role=role, parts=tuple(found), plain=plain(found))] if found else []


def _tools(fields: Fields) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    config = fields.fields("toolConfig")
    calling = config.fields("functionCallingConfig") if config is not None else None
    mode = calling.word("mode", "AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED") if calling is not None else None
    allowed = calling.texts("allowedFunctionNames") if calling is not None else ()
    for one in (calling, config):
        if one is not None:
            one.done()
    strict = True if mode == "VALIDATED" else None
    tools: list[Tool] = []
    for tool in fields.each("tools"):
        for declared in tool.each("functionDeclarations"):
            schema, openapi = declared.object("parametersJsonSchema"), declared.object("parameters")
            tools.append(
                Tool(
                    name=declared.need_text("name"),
                    description=declared.text("description"),
                    parameters=schema if schema is not None else _lower(openapi),
                    strict=strict,
                )
            )
            declared.done()
        tool.done()
    if mode is None or mode == "MODE_UNSPECIFIED":
        return tuple(tools), None
    if allowed and (mode != "ANY" or len(allowed) > 1):
        raise untranslatable("toolConfig.functionCallingConfig.allowedFunctionNames")
    if allowed:
        return tuple(tools), ToolChoice(mode="one", name=allowed[0])
    return tuple(tools), ToolChoice(mode={"ANY": "any", "NONE": "none"}.get(mode, "auto"))  # type: ignore[arg-type]


def _lower(schema: Any) -> Any:
    """An OpenAPI schema as JSON Schema: the names of types in small letters."""
    if isinstance(schema, list):
        return [_lower(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _lower(value) for name, value in schema.items()}
    kind = found.get("type")
    if isinstance(kind, str):
        found["type"] = kind.lower()
        if found.pop("nullable", None) is True:
            found["type"] = [kind.lower(), "null"]
    return found


def _format(config: Fields) -> Format | None:
    kind = config.word("responseMimeType", "text/plain", "application/json")
    schema, openapi = config.object("responseJsonSchema"), config.object("responseSchema")
    if schema is None and openapi is not None:
        schema = _lower(openapi)
    if schema is not None:
        return Format(kind="json_schema", name="response", schema=schema)
    return None if kind is None else Format(kind="text" if kind == "text/plain" else "json_object")


def _thinking(config: Fields | None) -> Thinking | None:
    if config is None:
        return None
    shown, budget, level = config.flag("includeThoughts"), config.count("thinkingBudget"), config.text("thinkingLevel")
    config.done()
    if budget is not None and budget <= 0:
        return Thinking(enabled=budget < 0)
    return Thinking(enabled=True if shown else None, effort=level.lower() if level else None, budget_tokens=budget)


def write(request: Request) -> dict[str, Any]:
    """Raises UntranslatableError for what Gemini has no word for."""
    refuse(request, "Gemini", *_REFUSED)
    body: dict[str, Any] = {}
    names = {part.id: part.name for message in request.messages for part in message.parts if isinstance(part, ToolUse)}
    unsigned = ids.strict_about_signatures(request.model)
    places = {call_id: n for n, call_id in enumerate(names)}

    def written(group: list[Numbered], *, unsigned: bool) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for number, message in group:
            found += parts.write(_in_order(message.parts, places), names, unsigned=unsigned, where=f"messages[{number}]")
        return found

    first, turns = parted(request.messages)
    if system := written(first, unsigned=False):
        body["systemInstruction"] = {"parts": system}
    roles = (("model" if role == "assistant" else "user", group) for role, group in turns)
    told = ((role, written(group, unsigned=unsigned and role == "model")) for role, group in roles)
    body["contents"] = [{"role": role, "parts": found} for role, found in told if found]
    if config := _config(request):
        body["generationConfig"] = config
    return body | _write_tools(request)


def _in_order(given: tuple[Part, ...], places: Mapping[str, int]) -> tuple[Part, ...]:
    """Results in the order of their calls: without ids that is how Gemini tells two of one function apart."""
    results = iter(sorted((p for p in given if isinstance(p, ToolResult)), key=lambda part: places.get(part.id, 0)))
    return tuple(next(results) if isinstance(part, ToolResult) else part for part in given)


def _config(request: Request) -> dict[str, Any]:
    config: dict[str, Any] = {theirs: getattr(request, ours) for ours, theirs in (_NUMBERS | _COUNTS).items()}
    config["responseLogprobs"] = request.logprobs
    config["stopSequences"] = list(request.stop) or None
    if (shape := request.format) is not None:
        config["responseMimeType"] = "text/plain" if shape.kind == "text" else "application/json"
        if shape.kind == "json_schema":
            about = {"description": shape.description} if shape.description else {}
            config["responseJsonSchema"] = about | dict(shape.schema or {})
    if request.thinking is not None:
        config["thinkingConfig"] = _write_thinking(request.thinking, request.model)
    return {name: value for name, value in config.items() if value is not None and value != {}}


def _write_thinking(thinking: Thinking, model: str) -> dict[str, Any]:
    if thinking.enabled is False or thinking.effort == "none":
        return _least(model)
    found: dict[str, Any] = {"includeThoughts": True} if thinking.enabled else {}
    if thinking.budget_tokens is not None:
        return found | {"thinkingBudget": thinking.budget_tokens}
    if thinking.effort is None:
        return found
    effort = "high" if thinking.effort in _MORE else thinking.effort
    if effort not in _LEVELS:
        raise untranslatable(f"reasoning effort = '{effort[:40]}'", "Gemini has no words for it")
    if "gemini-2." in model:
        return found | {"thinkingBudget": _BUDGETS[effort]}
    return found | {"thinkingLevel": effort}


def _least(model: str) -> dict[str, Any]:
    """As little thought as the model can do with."""
    if "gemini-2.5-pro" in model:
        return {"thinkingBudget": 128}
    if "gemini-1." in model or "gemini-2.0" in model:
        return {}  # it cannot think, and refuses the field
    if ids.strict_about_signatures(model):
        return {"thinkingLevel": "minimal" if "flash" in model else "low"}
    return {"thinkingBudget": 0}


def _write_tools(request: Request) -> dict[str, Any]:
    declared: list[dict[str, Any]] = []
    for tool in request.tools:
        one: dict[str, Any] = {"name": tool.name}
        if tool.description is not None:
            one["description"] = tool.description
        if tool.parameters is not None:
            one["parametersJsonSchema"] = dict(tool.parameters)
        declared.append(one)
    body: dict[str, Any] = {"tools": [{"functionDeclarations": declared}]} if declared else {}
    choice = request.tool_choice or ToolChoice()
    if choice.parallel is False and declared:
        raise untranslatable("parallel_tool_calls", "Gemini has no words for it")
    mode = {"auto": "AUTO", "none": "NONE", "any": "ANY", "one": "ANY", None: None}[choice.mode]
    if mode in ("AUTO", None) and any(tool.strict for tool in request.tools):
        mode = "VALIDATED"
    if mode is not None:
        named = {"allowedFunctionNames": [choice.name]} if choice.mode == "one" else {}
        body["toolConfig"] = {"functionCallingConfig": {"mode": mode, **named}}
    return body
