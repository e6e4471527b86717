"""Requests of the Messages API: a table of fields, each with how it is read; what stands in no table is refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from modicum.errors import RequestError
from modicum.wire.anthropic.messages import read_messages, write_messages
from modicum.wire.fields import Take, flag, items, maybe, number, only, record, text, texts, untranslatable, whole
from modicum.wire.openai.parts import read_keep, write_keep
from modicum.wire.talk import File, Format, Image, Message, Request, Text, Thinking, Tool, ToolChoice, ToolResult, ToolUse

MAX_TOKENS = 4096
"""Anthropic wants to be told how long an answer may be; so long where the caller did not say. Every Claude can write that much."""
_MORE = ((re.compile(r"claude-3-[57]"), 8192), (re.compile(r"claude-(?:opus|sonnet|haiku|mythos|fable)-(?:[4-9]|\d\d)"), 32_000))
"""Models that can write more, as others do where no limit is set."""

EFFORTS = ("low", "medium", "high", "xhigh", "max")
BUDGETS = {"low": 2048, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""Tokens of thinking for models that take a budget and no effort."""
LEAST_BUDGET = 1024
BUDGET_MODELS = re.compile(r"claude-3|claude-(?:opus|sonnet|haiku)-4(?:-[0-5])?(?:-20\d{6}|-v\d|-latest|[^0-9-]|$)")
"""Models before 4.6 know no adaptive thinking (platform.claude.com, "Adaptive thinking", and the same page of Bedrock's guide)."""
NO_BUDGET = re.compile(r"claude-(?:opus|sonnet|haiku|mythos|fable)-(?:4-(?:[7-9]|1\d)|[5-9])(?!\d)")
"""Models from 4.7 on refuse a budget (the same pages, and "Troubleshooting thinking"): they get the effort that comes near it."""
BUDGET_EFFORTS = ((4096, "low"), (16384, "medium"), (32768, "high"))
"""As `wire.openai.request` calls budgets."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _service_tier(value: Any, at: str) -> str:
    tiers = {"auto": "auto", "standard_only": "default"}
    if text(value, at) not in tiers:
        raise untranslatable(at, f"the tier {value[:40]!r}")
    return tiers[value]


def _user(value: Any, at: str) -> str | None:
    metadata = record(value, at)
    only(metadata, ("user_id",), at)
    user: str | None = maybe(text, metadata.get("user_id"), f"{at}.user_id")
    return user


def _tools(value: Any, at: str) -> tuple[Tool, ...]:
    return tuple(_tool(record(one, f"{at}[{n}]"), f"{at}[{n}]") for n, one in enumerate(items(value, at)))


def _tool(tool: Mapping[str, Any], at: str) -> Tool:
    if tool.get("type") not in (None, "custom"):
        raise untranslatable(f"{at}.type", "a tool that the provider runs itself")
    neutral = {"eager_input_streaming": (True, False), "defer_loading": (False,), "input_examples": ([],), "allowed_callers": (["direct"],)}
    only(tool, ("type", "name", "description", "input_schema", "strict", "cache_control"), at, neutral)
    return Tool(
        name=text(tool.get("name"), f"{at}.name"),
        description=maybe(text, tool.get("description"), f"{at}.description"),
        parameters=maybe(record, tool.get("input_schema"), f"{at}.input_schema"),
        strict=maybe(flag, tool.get("strict"), f"{at}.strict"),
        keep=read_keep(tool.get("cache_control"), f"{at}.cache_control"),
    )


def _write_tool(tool: Tool) -> dict[str, Any]:
    schema = dict(tool.parameters) if tool.parameters else {"properties": {}}
    told = {"name": tool.name, "description": tool.description, "input_schema": {"type": "object", **schema}, "strict": tool.strict}
    return {**{name: value for name, value in told.items() if value is not None}, **write_keep(tool.keep)}


_CHOICES: dict[Literal["auto", "none", "any", "one"], str] = {"auto": "auto", "none": "none", "any": "any", "one": "tool"}
_MODES = {word: mode for mode, word in _CHOICES.items()}


def _choice(value: Any, at: str) -> ToolChoice:
    choice = record(value, at)
    only(choice, ("type", "name", "disable_parallel_tool_use"), at)
    kind = text(choice.get("type"), f"{at}.type")
    if kind not in _MODES:
        raise untranslatable(f"{at}.type", f"the value {kind[:40]!r}")
    single = maybe(flag, choice.get("disable_parallel_tool_use"), f"{at}.disable_parallel_tool_use")
    return ToolChoice(
        mode=_MODES[kind],
        name=text(choice.get("name"), f"{at}.name") if kind == "tool" else None,
        parallel=None if single is None else not single,
    )


def _write_choice(choice: ToolChoice) -> dict[str, Any]:
    """Where no tool may be called, it means nothing whether several may be."""
    mode = choice.mode or "auto"
    single = {} if choice.parallel is None or mode == "none" else {"disable_parallel_tool_use": not choice.parallel}
    return {"type": _CHOICES[mode], **({"name": choice.name} if mode == "one" else {}), **single}


def _thinking(value: Any, at: str) -> Thinking:
    body = record(value, at)
    only(body, ("type", "budget_tokens"), at, {"display": ("summarized", "omitted")})
    match body.get("type"):
        case "adaptive":
            return Thinking()
        case "enabled":
            return Thinking(enabled=True, budget_tokens=whole(body.get("budget_tokens"), f"{at}.budget_tokens"))
        case "disabled":
            return Thinking(enabled=False)
        case _:
            raise untranslatable(f"{at}.type")


def _format(value: Any, at: str) -> Format:
    """A schema's title is the format's name and its description the format's, which Anthropic has no fields for."""
    body = record(value, at)
    if body.get("type") != "json_schema":
        raise untranslatable(f"{at}.type")
    only(body, ("type", "schema"), at)
    schema = dict(record(body.get("schema"), f"{at}.schema"))
    title, description = schema.get("title"), schema.get("description")
    name = title if isinstance(title, str) and _NAME.fullmatch(title) else None
    if name is not None:
        del schema["title"]
    if isinstance(description, str):
        del schema["description"]
    return Format(
        kind="json_schema", name=name, description=description if isinstance(description, str) else None, schema=schema, strict=True
    )


def _write_format(told: Format) -> dict[str, Any] | None:
    if told.kind == "text":
        return None
    if told.kind != "json_schema" or told.schema is None:
        raise untranslatable("response_format", "Claude takes a JSON schema, not just the wish for JSON")
    schema = dict(told.schema)
    for name, value in (("title", told.name), ("description", told.description)):
        if value is not None:
            schema.setdefault(name, value)
    return {"type": "json_schema", "schema": schema}


_FIELDS: dict[str, tuple[str, Take]] = {
    "model": ("model", text),
    "max_tokens": ("max_tokens", whole),
    "temperature": ("temperature", number),
    "top_p": ("top_p", number),
    "top_k": ("top_k", whole),
    "stop_sequences": ("stop", texts),
    "stream": ("stream", flag),
    "metadata": ("user_id", _user),
    "service_tier": ("service_tier", _service_tier),
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _choice),
    "thinking": ("thinking", _thinking),
}
"""Name here -> the request's field, and how it is read."""
_APART = ("messages", "system", "output_config", "output_format", "cache_control", "diagnostics")
"""`diagnostics` asks to be told why a cache was missed, and ends here."""
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "speed": ("standard",),
    "mcp_servers": ([],),
    "context_management": ({}, {"edits": []}, {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}),
}

_SAYS_NOTHING: dict[str, tuple[str, tuple[Any, ...]]] = {
    "choices": ("n", (1,)),
    "seed": ("seed", ()),
    "presence_penalty": ("presence_penalty", (0,)),
    "frequency_penalty": ("frequency_penalty", (0,)),
    "logprobs": ("logprobs", (False,)),
    "top_logprobs": ("top_logprobs", (0,)),
    "logit_bias": ("logit_bias", ()),
    "store": ("store", (False,)),
}
"""Fields that Anthropic has no words for: their name in chat completions, and the values that say nothing.

`metadata`, which OpenAI keeps with the answer and shows to nobody, ends here.
"""


def read_request(body: Mapping[str, Any]) -> Request:
    """Raises RequestError for what is no request, UntranslatableError for what only Anthropic has words for."""
    only(body, (*_FIELDS, *_APART), neutral=_NEUTRAL)
    found = {field: take(body[name], name) for name, (field, take) in _FIELDS.items() if body.get(name) is not None}
    if "model" not in found:
        raise RequestError("'model' must be a string, found null")
    if (output := maybe(record, body.get("output_config"), "output_config")) is not None:
        only(output, ("effort", "format"), "output_config")
        if (effort := maybe(text, output.get("effort"), "output_config.effort")) is not None:
            found["thinking"] = replace(found.get("thinking", Thinking()), effort=effort)
        found["format"] = maybe(_format, output.get("format"), "output_config.format")
    if (form := maybe(_format, body.get("output_format"), "output_format")) is not None:  # its name while it was a beta
        found["format"] = form
    messages = read_messages(body.get("system"), body.get("messages"))
    if body.get("cache_control") is not None:
        messages = _keep_last(messages, body["cache_control"])
    # An Anthropic stream always counts.
    return Request(messages=messages, include_usage=True if found.get("stream") else None, **found)


def _keep_last(messages: tuple[Message, ...], value: Any) -> tuple[Message, ...]:
    """`cache_control` of the whole request marks the last part that can be."""
    keep = read_keep(value, "cache_control")
    if not messages or not messages[-1].parts:
        return messages
    *before, last = messages[-1].parts
    if not isinstance(last, Text | Image | File | ToolUse | ToolResult):
        raise untranslatable("cache_control")
    return (*messages[:-1], replace(messages[-1], parts=(*before, replace(last, keep=last.keep or keep)), plain=False))


def write_request(request: Request) -> dict[str, Any]:
    for field, (name, nothing) in _SAYS_NOTHING.items():
        if (value := getattr(request, field)) is not None and value not in nothing:
            raise untranslatable(name)
    if request.temperature is not None and request.temperature > 1:
        raise untranslatable("temperature", "Claude's ends at 1")
    system, messages = write_messages(request.messages)
    output, thinking, budget = write_thinking(request)
    if request.format is not None and (form := _write_format(request.format)) is not None:
        output["format"] = form
    told: dict[str, Any] = {
        "model": request.model,
        "max_tokens": max(limit(request.model), MAX_TOKENS + budget) if request.max_tokens is None else request.max_tokens,
        "system": system,
        "messages": messages,
        "tools": [_write_tool(tool) for tool in request.tools] or None,
        "tool_choice": _write_choice(request.tool_choice) if request.tool_choice is not None else None,
        "thinking": thinking,
        "output_config": output or None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop_sequences": list(request.stop) or None,
        "metadata": {"user_id": request.user_id} if request.user_id is not None else None,
        "service_tier": _write_tier(request.service_tier),
        "stream": request.stream,
    }
    return {name: value for name, value in told.items() if value is not None}


def limit(model: str) -> int:
    """Tokens that an answer may have where the caller set no limit."""
    return next((most for family, most in _MORE if family.search(model)), MAX_TOKENS)


def _write_tier(tier: str | None) -> str | None:
    if tier not in (None, "auto", "default"):
        raise untranslatable("service_tier", f"the tier {tier!r}")
    return "standard_only" if tier == "default" else tier


def write_thinking(request: Request) -> tuple[dict[str, Any], dict[str, Any] | None, int]:
    """(output_config, thinking, tokens to allow for it where the caller set no limit); Bedrock tells Claude the same."""
    thinking = request.thinking
    if thinking is None:
        return {}, None, 0
    if thinking.effort is not None and thinking.effort not in EFFORTS:
        raise untranslatable("reasoning_effort", f"the effort {thinking.effort[:40]!r}")
    by_budget = BUDGET_MODELS.search(request.model) is not None
    output = {"effort": thinking.effort} if thinking.effort is not None and not by_budget else {}
    if thinking.enabled is False:
        return output, {"type": "disabled"}, 0
    budget = thinking.budget_tokens
    if budget is not None and NO_BUDGET.search(request.model):
        effort = next((word for most, word in BUDGET_EFFORTS if budget <= most), "xhigh")
        return {"effort": effort} | output, {"type": "adaptive"}, 0
    if budget is None and by_budget:
        budget = BUDGETS[thinking.effort or "high"]
        if request.max_tokens is not None:
            budget = min(budget, request.max_tokens // 2)
        if budget < LEAST_BUDGET:
            raise untranslatable("reasoning_effort", f"{request.max_tokens} tokens in all leave no {LEAST_BUDGET} for thinking")
    if budget is None:
        return output, {"type": "adaptive"}, 0
    return output, {"type": "enabled", "budget_tokens": budget}, budget
