"""Chat requests: a table of fields, each with how it is read; what stands in no table is refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from modicum.errors import RequestError
from modicum.wire.fields import Take, flag, items, maybe, number, only, record, text, texts, untranslatable, whole
from modicum.wire.openai.messages import read_messages, write_messages
from modicum.wire.openai.parts import read_keep, write_keep
from modicum.wire.talk import Format, Request, Thinking, Tool, ToolChoice

LONGEST_USER = 64
"""Characters that OpenAI takes for `user`; a longer one is told by its SHA-256, which tells users apart as well."""

BUDGET_EFFORTS = ((0, "none"), (1024, "minimal"), (4096, "low"), (16384, "medium"), (32768, "high"))
"""Most tokens of a thinking budget that are called so; more is xhigh."""


def _stop(value: Any, at: str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else texts(value, at)


def _bias(value: Any, at: str) -> Mapping[str, float] | None:
    return {name: number(one, f"{at}.{name[:20]}") for name, one in record(value, at).items()} or None


def _metadata(value: Any, at: str) -> Mapping[str, str] | None:
    return {name: text(one, f"{at}.{name[:60]}") for name, one in record(value, at).items()} or None


def _format(value: Any, at: str) -> Format:
    body = record(value, at)
    kind = text(body.get("type"), f"{at}.type")
    if kind in ("text", "json_object"):
        only(body, ("type",), at)
        return Format(kind=cast(Literal["text", "json_object"], kind))
    if kind != "json_schema":
        raise untranslatable(f"{at}.type", f"the format {kind[:40]!r}")
    only(body, ("type", "json_schema"), at)
    at = f"{at}.json_schema"
    told = record(body.get("json_schema"), at)
    only(told, ("name", "description", "schema", "strict"), at)
    return Format(
        kind="json_schema",
        name=maybe(text, told.get("name"), f"{at}.name"),
        description=maybe(text, told.get("description"), f"{at}.description"),
        schema=maybe(record, told.get("schema"), f"{at}.schema"),
        strict=maybe(flag, told.get("strict"), f"{at}.strict"),
    )


def _write_format(told: Format) -> dict[str, Any]:
    if told.kind != "json_schema":
        return {"type": told.kind}
    schema = {"name": told.name or "answer", "description": told.description, "schema": told.schema, "strict": told.strict}
    return {"type": "json_schema", "json_schema": {name: value for name, value in schema.items() if value is not None}}


def _tools(value: Any, at: str) -> tuple[Tool, ...]:
    return tuple(_tool(record(one, f"{at}[{n}]"), f"{at}[{n}]") for n, one in enumerate(items(value, at)))


def _tool(tool: Mapping[str, Any], at: str) -> Tool:
    if tool.get("type") != "function":
        raise untranslatable(f"{at}.type", "a tool that is no function")
    only(tool, ("type", "function", "cache_control"), at)
    function = record(tool.get("function"), f"{at}.function")
    only(function, ("name", "description", "parameters", "strict", "cache_control"), f"{at}.function")
    keep = tool.get("cache_control") or function.get("cache_control")
    return Tool(
        name=text(function.get("name"), f"{at}.function.name"),
        description=maybe(text, function.get("description"), f"{at}.function.description"),
        parameters=maybe(record, function.get("parameters"), f"{at}.function.parameters"),
        strict=maybe(flag, function.get("strict"), f"{at}.function.strict"),
        keep=read_keep(keep, f"{at}.cache_control"),
    )


def _write_tool(tool: Tool) -> dict[str, Any]:
    told = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    return {
        "type": "function",
        "function": {name: value for name, value in told.items() if value is not None},
        **write_keep(tool.keep),
    }


def _choice(value: Any, at: str) -> ToolChoice:
    if isinstance(value, str):
        if value not in _MODES:
            raise untranslatable(at, f"the value {value[:40]!r}")
        return ToolChoice(mode=_MODES[value])
    body = record(value, at)
    if isinstance(kind := body.get("type"), str) and kind in _MODES:  # as some editors write it
        only(body, ("type",), at)
        return ToolChoice(mode=_MODES[kind])
    if body.get("type") != "function":
        raise untranslatable(f"{at}.type")
    only(body, ("type", "function"), at)
    function = record(body.get("function"), f"{at}.function")
    only(function, ("name",), f"{at}.function")
    return ToolChoice(mode="one", name=text(function.get("name"), f"{at}.function.name"))


_MODES: dict[str, Literal["auto", "none", "any"]] = {"auto": "auto", "none": "none", "required": "any"}
_CHOICES = {mode: name for name, mode in _MODES.items()}

_FIELDS: dict[str, tuple[str, Take]] = {
    "model": ("model", text),
    "max_tokens": ("max_tokens", whole),
    "max_completion_tokens": ("max_tokens", whole),
    "temperature": ("temperature", number),
    "top_p": ("top_p", number),
    "top_k": ("top_k", whole),
    "stop": ("stop", _stop),
    "n": ("choices", whole),
    "seed": ("seed", whole),
    "presence_penalty": ("presence_penalty", number),
    "frequency_penalty": ("frequency_penalty", number),
    "logprobs": ("logprobs", flag),
    "top_logprobs": ("top_logprobs", whole),
    "logit_bias": ("logit_bias", _bias),
    "user": ("user_id", text),
    "safety_identifier": ("user_id", text),
    "metadata": ("metadata", _metadata),
    "service_tier": ("service_tier", text),
    "store": ("store", flag),
    "stream": ("stream", flag),
    "response_format": ("format", _format),
    "tools": ("tools", _tools),
    "tool_choice": ("tool_choice", _choice),
}
"""Name here -> the request's field, and how it is read. Of two names for one field, the later one is written."""
_WRITTEN = {field: name for name, (field, _) in _FIELDS.items() if name != "safety_identifier"}
_APART = ("messages", "parallel_tool_calls", "reasoning_effort", "thinking", "reasoning", "stream_options")
_HINTS = ("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")
"""Where and how long OpenAI keeps a prompt in its cache. They change no answer, and end here."""
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "functions": ([],),
    "modalities": (["text"],),
    "verbosity": ("medium",),
}


def read_request(body: Mapping[str, Any]) -> Request:
    """Raises RequestError for what is no chat request, UntranslatableError for what only OpenAI has words for."""
    only(body, (*_FIELDS, *_APART, *_HINTS), neutral=_NEUTRAL)
    found: dict[str, Any] = {}
    for name, (field, take) in _FIELDS.items():
        if (value := body.get(name)) is not None:
            taken = take(value, name)
            if field in found and found[field] != taken and field == "max_tokens":
                raise RequestError("'max_tokens' and 'max_completion_tokens' are both set")
            found[field] = taken
    if "model" not in found:
        raise RequestError("'model' must be a string, found null")
    if (parallel := maybe(flag, body.get("parallel_tool_calls"), "parallel_tool_calls")) is not None:
        choice = found.get("tool_choice", ToolChoice())
        found["tool_choice"] = ToolChoice(mode=choice.mode, name=choice.name, parallel=parallel)
    if (effort := maybe(text, body.get("reasoning_effort"), "reasoning_effort")) is not None:
        found["thinking"] = _thinking(effort)
    elif (wish := maybe(record, body.get("thinking"), "thinking")) is not None:
        found["thinking"] = _wish(wish)
    elif (wish := maybe(record, body.get("reasoning"), "reasoning")) is not None:
        found["thinking"] = _openrouter(wish)
    if (options := maybe(record, body.get("stream_options"), "stream_options")) is not None:
        only(options, ("include_usage",), "stream_options", {"include_obfuscation": (True, False)})
        found["include_usage"] = maybe(flag, options.get("include_usage"), "stream_options.include_usage")
    return Request(messages=read_messages(body.get("messages")), **found)


def _thinking(effort: str) -> Thinking:
    """`none` is no thinking; `minimal` is none either, and little effort on the answer."""
    if effort == "none":
        return Thinking(enabled=False)
    return Thinking(enabled=False, effort="low") if effort == "minimal" else Thinking(effort=effort)


def _wish(wish: Mapping[str, Any]) -> Thinking:
    """`thinking`, as clients of LiteLLM, DeepSeek and others write it, in Anthropic's words."""
    only(wish, ("type", "budget_tokens"), "thinking")
    kind = text(wish.get("type"), "thinking.type")
    if kind not in ("enabled", "disabled", "adaptive"):
        raise untranslatable("thinking.type", f"the value {kind[:40]!r}")
    budget = maybe(whole, wish.get("budget_tokens"), "thinking.budget_tokens")
    return Thinking(enabled={"enabled": True, "disabled": False}.get(kind), budget_tokens=budget)


def _openrouter(wish: Mapping[str, Any]) -> Thinking:
    """`reasoning`, as OpenRouter's clients write it; whether it is shown is not asked elsewhere."""
    only(wish, ("effort", "max_tokens", "enabled", "exclude"), "reasoning")
    effort = maybe(text, wish.get("effort"), "reasoning.effort")
    budget = maybe(whole, wish.get("max_tokens"), "reasoning.max_tokens")
    if effort is not None:
        return replace(_thinking(effort), budget_tokens=budget)
    return Thinking(enabled=maybe(flag, wish.get("enabled"), "reasoning.enabled"), budget_tokens=budget)


def effort_of(thinking: Thinking) -> str | None:
    """OpenAI's word for it; None where the model is left to choose."""
    if thinking.enabled is False:
        return "minimal" if thinking.effort == "low" else "none"
    if thinking.effort is not None or thinking.budget_tokens is None:
        return thinking.effort
    return next((effort for most, effort in BUDGET_EFFORTS if thinking.budget_tokens <= most), "xhigh")


def write_request(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {"model": request.model, "messages": write_messages(request.messages)}
    for field, name in _WRITTEN.items():
        value = getattr(request, field)
        if field not in _SPECIAL and value is not None and value != ():
            body[name] = list(value) if isinstance(value, tuple) else value
    if request.tools:
        body["tools"] = [_write_tool(tool) for tool in request.tools]
    if (choice := request.tool_choice) is not None:
        if choice.mode == "one":
            body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        elif choice.mode is not None:
            body["tool_choice"] = _CHOICES[choice.mode]
        if choice.parallel is not None:
            body["parallel_tool_calls"] = choice.parallel
    if request.format is not None:
        body["response_format"] = _write_format(request.format)
    if request.thinking is not None and (effort := effort_of(request.thinking)) is not None:
        body["reasoning_effort"] = effort
    if request.user_id is not None:
        long = len(request.user_id) > LONGEST_USER
        body["user"] = hashlib.sha256(request.user_id.encode("utf-8", "surrogatepass")).hexdigest() if long else request.user_id
    if request.include_usage is not None:
        body["stream_options"] = {"include_usage": request.include_usage}
    return body


_SPECIAL = ("model", "tools", "tool_choice", "format", "user_id")
