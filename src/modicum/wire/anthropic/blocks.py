"""Content blocks: text, images, documents, tool use, tool results, thinking."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import msgspec

from modicum.errors import UntranslatableError
from modicum.wire.fields import flag, items, maybe, only, plain_text, record, text, untranslatable
from modicum.wire.openai.parts import read_keep, write_keep
from modicum.wire.talk import File, Image, Keep, Part, Reasoning, Refusal, Text, ToolResult, ToolUse

_CACHED = ("type", "cache_control")
_NO_CITATIONS: dict[str, tuple[Any, ...]] = {"citations": ([], {"enabled": False})}
_IDENTIFIER = re.compile(r"[a-zA-Z0-9_-]+")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def _keep(block: Mapping[str, Any], at: str) -> Keep | None:
    return read_keep(block.get("cache_control"), f"{at}.cache_control")


def _text(block: Mapping[str, Any], at: str) -> Text:
    only(block, (*_CACHED, "text", "citations"), at)  # citations of former answers only tell where they came from
    return Text(text=text(block.get("text"), f"{at}.text"), keep=_keep(block, at))


def _image(block: Mapping[str, Any], at: str) -> Image:
    only(block, (*_CACHED, "source"), at, {"transformations": ({},)})
    at_source = f"{at}.source"
    source = record(block.get("source"), at_source)
    match source.get("type"):
        case "base64":
            only(source, ("type", "media_type", "data"), at_source)
            media_type, data = text(source.get("media_type"), f"{at_source}.media_type"), text(source.get("data"), f"{at_source}.data")
            return Image(media_type=media_type, data=data, keep=_keep(block, at))
        case "url":
            only(source, ("type", "url"), at_source)
            return Image(url=text(source.get("url"), f"{at_source}.url"), keep=_keep(block, at))
        case _:
            raise untranslatable(f"{at_source}.type", "an image that is neither base64 nor a url")


def _document(block: Mapping[str, Any], at: str) -> File:
    only(block, (*_CACHED, "source", "title"), at, _NO_CITATIONS)
    at_source = f"{at}.source"
    source = record(block.get("source"), at_source)
    name = maybe(text, block.get("title"), f"{at}.title")
    keep = _keep(block, at)

    def told(field: str) -> str:
        return text(source.get(field), f"{at_source}.{field}")

    match source.get("type"):
        case "base64":
            only(source, ("type", "media_type", "data"), at_source)
            return File(media_type=told("media_type"), data=told("data"), name=name, keep=keep)
        case "text":
            only(source, ("type", "media_type", "data"), at_source)
            coded = base64.b64encode(told("data").encode("utf-8", "surrogatepass")).decode()
            return File(media_type="text/plain", data=coded, name=name, keep=keep)
        case "url":
            only(source, ("type", "url"), at_source)
            return File(url=told("url"), name=name, keep=keep)
        case "file":
            only(source, ("type", "file_id"), at_source)
            return File(file_id=told("file_id"), name=name, keep=keep)
        case _:
            raise untranslatable(f"{at_source}.type", "a document of this kind")


def _tool_use(block: Mapping[str, Any], at: str) -> ToolUse:
    only(block, (*_CACHED, "id", "name", "input"), at, {"caller": ({"type": "direct"},)})
    arguments = record(block.get("input"), f"{at}.input")
    return ToolUse(
        id=text(block.get("id"), f"{at}.id"),
        name=text(block.get("name"), f"{at}.name"),
        arguments=_encode(arguments).decode(),
        keep=_keep(block, at),
    )


def _tool_result(block: Mapping[str, Any], at: str) -> ToolResult:
    only(block, (*_CACHED, "tool_use_id", "content", "is_error"), at)
    content = block.get("content")
    parts = read_blocks(content, f"{at}.content")
    if strange := next((part for part in parts if not isinstance(part, Text | Image | File)), None):
        raise untranslatable(f"{at}.content", f"a {type(strange).__name__} in a tool's result")
    return ToolResult(
        id=text(block.get("tool_use_id"), f"{at}.tool_use_id"),
        parts=cast(tuple[Text | Image | File, ...], parts),
        plain=not isinstance(content, list),
        error=maybe(flag, block.get("is_error"), f"{at}.is_error") or False,
        keep=_keep(block, at),
    )


def _thinking(block: Mapping[str, Any], at: str) -> Reasoning:
    only(block, ("type", "thinking", "signature"), at)
    signature = maybe(text, block.get("signature"), f"{at}.signature")
    return Reasoning(text=text(block.get("thinking"), f"{at}.thinking"), signature=signature or None)


def _sealed(block: Mapping[str, Any], at: str) -> Reasoning:
    only(block, ("type", "data"), at)
    return Reasoning(sealed=text(block.get("data"), f"{at}.data"))


_BLOCKS: dict[str, Callable[[Mapping[str, Any], str], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _sealed,
}


def read_blocks(content: Any, at: str) -> tuple[Part, ...]:
    """A string, or a list of blocks. Raises UntranslatableError for blocks of Anthropic's own tools, citations and the like."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(text=content),)
    return tuple(read_block(record(one, f"{at}[{n}]"), f"{at}[{n}]") for n, one in enumerate(items(content, at)))


def read_block(block: Mapping[str, Any], at: str) -> Part:
    told = text(block.get("type"), f"{at}.type")
    read = _BLOCKS.get(told)
    if read is None:
        raise untranslatable(f"{at}.type", f"a block of type {told[:40]!r}")
    return read(block, at)


def write_blocks(parts: Iterable[Part], at: str) -> list[dict[str, Any]]:
    return [write_block(part, f"{at}[{n}]") for n, part in enumerate(parts)]


def write_block(part: Part, at: str) -> dict[str, Any]:
    match part:
        case Text(text=said, keep=keep):
            return {"type": "text", "text": said, **write_keep(keep)}
        case Refusal(text=said):
            return {"type": "text", "text": said}
        case Image(url=url, media_type=media_type, data=data, keep=keep):
            source = {"type": "url", "url": url} if data is None else {"type": "base64", "media_type": media_type, "data": data}
            return {"type": "image", "source": source, **write_keep(keep)}
        case File():
            return _write_document(part, at)
        case ToolUse(id=told, name=name, arguments=arguments, keep=keep):
            return {"type": "tool_use", "id": identifier(told), "name": name, "input": _input(arguments, at), **write_keep(keep)}
        case ToolResult(id=told, parts=parts, plain=plain, error=error, keep=keep):
            content = write_content(parts, plain, f"{at}.content")
            failed = {"is_error": True} if error else {}
            return {"type": "tool_result", "tool_use_id": identifier(told), "content": content, **failed, **write_keep(keep)}
        case Reasoning(sealed=str(sealed)):
            return {"type": "redacted_thinking", "data": sealed}
        case Reasoning(text=said, signature=signature):
            return {"type": "thinking", "thinking": said, "signature": signature or ""}
        case _:
            raise untranslatable(f"{at}: {type(part).__name__}")


def _write_document(part: File, at: str) -> dict[str, Any]:
    source: dict[str, Any]
    if part.data is not None and part.media_type == "text/plain":
        source = {"type": "text", "media_type": "text/plain", "data": plain_text(part.data, f"{at}.file.file_data")}
    elif part.data is not None:
        if part.media_type != "application/pdf":
            raise untranslatable(
                f"{at}.file.file_data", f"a document of type {str(part.media_type)[:60]!r}, where PDF and plain text are taken"
            )
        source = {"type": "base64", "media_type": part.media_type, "data": part.data}
    elif part.url is not None:
        source = {"type": "url", "url": part.url}
    else:
        source = {"type": "file", "file_id": part.file_id}
    return {"type": "document", "source": source, **({"title": part.name} if part.name else {}), **write_keep(part.keep)}


def write_content(parts: tuple[Part, ...], plain: bool, at: str) -> str | list[dict[str, Any]]:
    """One string where it was one and can be, else blocks."""
    if plain and not parts:
        return ""
    if plain and len(parts) == 1 and isinstance(parts[0], Text) and parts[0].keep is None:
        return parts[0].text
    return write_blocks(parts, at)


def identifier(told: str, longest: int | None = None) -> str:
    """An id that Anthropic takes. Others (Kimi's `functions.look:0`) are told by their digest, the same for call and result."""
    if _IDENTIFIER.fullmatch(told) and (longest is None or len(told) <= longest):
        return told
    return "toolu_" + hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _input(arguments: str, at: str) -> dict[str, Any]:
    if not arguments.strip():
        return {}
    try:
        value = _decode(arguments)
    except (msgspec.DecodeError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UntranslatableError(f"'{at}' cannot be said in the provider's dialect: the arguments of a tool call are no JSON object")
    return value
