"""What stands inside a message: text, images, files, audio, refusals, reasoning, tool calls.

Beside OpenAI's own words these are known, for many servers and clients use them: `cache_control` on parts, messages, tools and
tool calls (OpenRouter, LiteLLM), `reasoning_content` (DeepSeek, vLLM, LiteLLM), `reasoning` and `reasoning_details` (OpenRouter),
`thinking_blocks` (LiteLLM, Anthropic's shape), content parts of type `thinking` (Mistral).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modicum.wire.fields import data_url, items, maybe, only, record, split_data_url, text, untranslatable
from modicum.wire.talk import Audio, File, Image, Keep, Part, Reasoning, Refusal, Text, ToolUse

REASONING = ("thinking_blocks", "reasoning_content", "reasoning", "reasoning_details")
"""Fields of a message that hold what the model thought, in the order in which the first that says anything is believed."""

_KEEPS: dict[str, Keep] = {"5m": "5m", "1h": "1h"}


def read_keep(value: Any, at: str) -> Keep | None:
    """`{"type": "ephemeral", "ttl": "5m" | "1h"}`."""
    if value is None:
        return None
    body = record(value, at)
    only(body, ("type", "ttl", "scope"), at)  # `scope`: who shares it (Claude Code), which changes no answer
    ttl = "5m" if body.get("ttl") is None else text(body["ttl"], f"{at}.ttl")
    if body.get("type") != "ephemeral" or ttl not in _KEEPS:
        raise untranslatable(at)
    return _KEEPS[ttl]


def write_keep(keep: Keep | None) -> dict[str, Any]:
    """The field `cache_control`, or nothing."""
    if keep is None:
        return {}
    return {"cache_control": {"type": "ephemeral"} if keep == "5m" else {"type": "ephemeral", "ttl": keep}}


def _text(part: Mapping[str, Any], at: str) -> Text:
    only(part, ("type", "text", "cache_control"), at, {"annotations": ([],), "citations": ([],)})
    return Text(text=text(part.get("text"), f"{at}.text"), keep=read_keep(part.get("cache_control"), f"{at}.cache_control"))


def _image(part: Mapping[str, Any], at: str) -> Image:
    only(part, ("type", "image_url", "cache_control"), at)
    at_url = f"{at}.image_url"
    image = {"url": part["image_url"]} if isinstance(part.get("image_url"), str) else record(part.get("image_url"), at_url)
    only(image, ("url", "detail"), at_url)
    url = text(image.get("url"), f"{at_url}.url")
    detail = maybe(text, image.get("detail"), f"{at_url}.detail")
    keep = read_keep(part.get("cache_control"), f"{at}.cache_control")
    if not url.startswith("data:"):
        return Image(url=url, detail=detail, keep=keep)
    media_type, data = split_data_url(url, f"{at_url}.url")
    return Image(media_type=media_type, data=data, detail=detail, keep=keep)


def _file(part: Mapping[str, Any], at: str) -> File:
    only(part, ("type", "file", "cache_control"), at)
    at_file = f"{at}.file"
    file = record(part.get("file"), at_file)
    only(file, ("file_data", "file_id", "filename"), at_file)
    name = maybe(text, file.get("filename"), f"{at_file}.filename")
    keep = read_keep(part.get("cache_control"), f"{at}.cache_control")
    if file.get("file_data") is None:
        return File(file_id=text(file.get("file_id"), f"{at_file}.file_id"), name=name, keep=keep)
    media_type, data = split_data_url(text(file["file_data"], f"{at_file}.file_data"), f"{at_file}.file_data")
    return File(media_type=media_type, data=data, file_id=maybe(text, file.get("file_id"), f"{at_file}.file_id"), name=name, keep=keep)


def _audio(part: Mapping[str, Any], at: str) -> Audio:
    only(part, ("type", "input_audio"), at)
    audio = record(part.get("input_audio"), f"{at}.input_audio")
    only(audio, ("data", "format"), f"{at}.input_audio")
    return Audio(data=text(audio.get("data"), f"{at}.input_audio.data"), format=text(audio.get("format"), f"{at}.input_audio.format"))


def _refusal(part: Mapping[str, Any], at: str) -> Refusal:
    only(part, ("type", "refusal"), at)
    return Refusal(text=text(part.get("refusal"), f"{at}.refusal"))


def _thinking(part: Mapping[str, Any], at: str) -> Reasoning:
    only(part, ("type", "thinking", "signature"), at, {"closed": (True,)})
    thought = part.get("thinking")
    if isinstance(thought, list):
        thought = "".join(_text(record(one, at), at).text for one in thought)
    return Reasoning(text=text(thought, f"{at}.thinking"), signature=maybe(text, part.get("signature"), f"{at}.signature") or None)


_PARTS: dict[str, Callable[[Mapping[str, Any], str], Part]] = {
    "text": _text,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
    "refusal": _refusal,
    "thinking": _thinking,
}


def read_parts(value: Any, at: str) -> tuple[Part, ...]:
    """The content of a message: a string, a list of parts, or null."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (Text(text=value),)
    return tuple(_part(record(part, f"{at}[{n}]"), f"{at}[{n}]") for n, part in enumerate(items(value, at)))


def _part(part: Mapping[str, Any], at: str) -> Part:
    told = text(part.get("type"), f"{at}.type")
    read = _PARTS.get(told)
    if read is None:
        raise untranslatable(f"{at}.type", f"a part of type {told[:40]!r}")
    return read(part, at)


def write_parts(parts: Iterable[Part], at: str) -> list[dict[str, Any]]:
    return [write_part(part, at) for part in parts]


def write_part(part: Part, at: str) -> dict[str, Any]:
    """Raises UntranslatableError for what is no part of a message's content."""
    match part:
        case Text(text=said, keep=keep):
            return {"type": "text", "text": said, **write_keep(keep)}
        case Image(url=url, media_type=media_type, data=data, detail=detail, keep=keep):
            where = url if data is None else data_url(media_type, data)
            return {"type": "image_url", "image_url": {"url": where, **({"detail": detail} if detail else {})}, **write_keep(keep)}
        case File(url=url, media_type=media_type, data=data, file_id=file_id, name=name, keep=keep):
            if url is not None:
                raise untranslatable(f"{at}: a document's url", "chat completions take a document's data or its file_id")
            told = {"file_data": data_url(media_type, data) if data is not None else None, "file_id": file_id, "filename": name}
            return {"type": "file", "file": {key: value for key, value in told.items() if value is not None}, **write_keep(keep)}
        case Audio(data=data, format=form):
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        case _:
            raise untranslatable(f"{at}: {type(part).__name__}")


def read_tool_call(value: Any, at: str) -> ToolUse:
    call = record(value, at)
    only(call, ("id", "type", "function", "cache_control", "index", "extra_content", "provider_specific_fields"), at)
    if call.get("type", "function") not in ("function", None):
        raise untranslatable(f"{at}.type", "a tool call that is no function")
    function = record(call.get("function"), f"{at}.function")
    only(function, ("name", "arguments", "provider_specific_fields"), f"{at}.function")
    return ToolUse(
        id=maybe(text, call.get("id"), f"{at}.id") or "",
        name=text(function.get("name"), f"{at}.function.name"),
        arguments=maybe(text, function.get("arguments"), f"{at}.function.arguments") or "",
        keep=read_keep(call.get("cache_control"), f"{at}.cache_control"),
    )


def new_call_id() -> str:
    """For a call that its server gave no id: the caller needs one, and another for each."""
    return "call_" + os.urandom(12).hex()


def write_tool_call(use: ToolUse) -> dict[str, Any]:
    return {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": use.arguments}, **write_keep(use.keep)}


def read_reasoning(message: Mapping[str, Any], at: str) -> tuple[Reasoning, ...]:
    """What the model thought: of the fields that tell the same twice, the fullest."""
    if message.get("thinking_blocks"):
        return tuple(_block(one, f"{at}.thinking_blocks[{n}]") for n, one in enumerate(items(message["thinking_blocks"], at)))
    if message.get("reasoning_details"):
        found = tuple(_detail(one, f"{at}.reasoning_details[{n}]") for n, one in enumerate(items(message["reasoning_details"], at)))
        if any(one.signature or one.sealed for one in found):
            return found
    told = next((message[name] for name in ("reasoning_content", "reasoning") if message.get(name)), None)
    return () if told is None else (Reasoning(text=text(told, f"{at}.reasoning_content")),)


def _block(value: Any, at: str) -> Reasoning:
    block = record(value, at)
    if block.get("type") == "redacted_thinking":
        only(block, ("type", "data", "index"), at)
        return Reasoning(sealed=text(block.get("data"), f"{at}.data"))
    only(block, ("type", "thinking", "signature", "index"), at)  # `index`: of a stream, and of clients that send back what they read
    if block.get("type") != "thinking":
        raise untranslatable(f"{at}.type")
    return Reasoning(
        text=maybe(text, block.get("thinking"), f"{at}.thinking") or "",
        signature=maybe(text, block.get("signature"), f"{at}.signature") or None,
    )


def _detail(value: Any, at: str) -> Reasoning:
    detail = record(value, at)
    match detail.get("type"):
        case "reasoning.encrypted":
            return Reasoning(sealed=text(detail.get("data"), f"{at}.data"))
        case "reasoning.text":
            return Reasoning(
                text=maybe(text, detail.get("text"), f"{at}.text") or "",
                signature=maybe(text, detail.get("signature"), f"{at}.signature") or None,
            )
        case "reasoning.summary":
            return Reasoning(text=text(detail.get("summary"), f"{at}.summary"))
        case _:
            raise untranslatable(f"{at}.type")


def write_reasoning(parts: Iterable[Part]) -> dict[str, Any]:
    """`reasoning_content`, and `thinking_blocks` where something is signed or sealed."""
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    told: dict[str, Any] = {}
    if said := "".join(one.text for one in thoughts):
        told["reasoning_content"] = said
    if any(one.signature or one.sealed is not None for one in thoughts) or len(thoughts) > 1 or (thoughts and not said):
        told["thinking_blocks"] = [write_block(one) for one in thoughts]
    return told


def write_block(one: Reasoning) -> dict[str, Any]:
    if one.sealed is not None:
        return {"type": "redacted_thinking", "data": one.sealed}
    return {"type": "thinking", "thinking": one.text, "signature": one.signature or ""}
