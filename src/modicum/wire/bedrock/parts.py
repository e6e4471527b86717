"""Content blocks of Bedrock's Converse, both ways.

A cache point stands after what it keeps; here it is `keep` of the part before it. Thought without a signature that Claude would
know, and thought of other providers, is not sent to a Claude model, which refuses it; an image's `detail` has
no word, and blank texts, which it refuses, say nothing. Shapes as in the service's model of botocore 1.44.5, read 2026-11-22.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import msgspec

from modicum.errors import RequestError
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields, arguments
from modicum.wire.talk import Audio, File, Image, Keep, Part, Reasoning, Refusal, Text, ToolResult, ToolUse
from modicum.wire.thoughts import of_claude

_encode = msgspec.json.Encoder().encode
DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_MEDIA_TYPES = {form: kind for kind, form in DOCUMENTS.items()}
_IMAGES = ("png", "jpeg", "gif", "webp")
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}\Z")
_UNNAMEABLE = re.compile(r"[^0-9A-Za-z\-()\[\] ]+")


def read(blocks: Iterator[Fields]) -> Iterator[Part]:
    """Blocks as parts, in order."""
    held: Part | None = None
    for block in blocks:
        if (point := block.fields("cachePoint")) is not None:
            point.skip("type")
            keep: Keep = "1h" if point.word("ttl", "5m", "1h") == "1h" else "5m"
            point.done()
            if held is None:
                raise untranslatable(block.at("cachePoint"), "nothing stands before it")
            held = kept(held, keep)
        else:
            if held is not None:
                yield held
            held = _block(block)
        block.done()
    if held is not None:
        yield held


def kept(part: Part, keep: Keep) -> Part:
    if isinstance(part, Audio | Reasoning | Refusal):
        raise untranslatable("cachePoint", f"after {type(part).__name__.lower()}")
    return replace(part, keep=keep)


def _block(block: Fields) -> Part:
    if (text := block.text("text")) is not None:
        return Text(text=text)
    if (use := block.fields("toolUse")) is not None:
        found = ToolUse(id=use.need_text("toolUseId"), name=use.need_text("name"), arguments=_encode(use.take("input") or {}).decode())
        use.done()
        return found
    if (result := block.fields("toolResult")) is not None:
        return _result(result)
    if (thought := block.fields("reasoningContent")) is not None:
        return _thought(thought)
    if (sound := block.fields("audio")) is not None:
        source = sound.fields("source") or Fields({})
        heard = Audio(format=sound.need_text("format"), data=source.need_text("bytes"))
        source.done()
        sound.done()
        return heard
    return _media(block)


def _media(block: Fields) -> Image | File:
    kind, media = "image", block.fields("image")
    if media is None:
        kind, media = "document", block.fields("document")
    if media is None:
        block.done()
        raise block.wrong("a block of unknown kind")
    form, source = media.text("format"), media.fields("source") or Fields({})
    data, stored, text = source.text("bytes"), source.fields("s3Location"), source.text("text")
    url = stored.need_text("uri") if stored is not None else None
    for one in (stored, source):
        if one is not None:
            one.done()
    name = media.text("name")
    media.skip("citations")
    media.done()
    if kind == "image":
        return Image(media_type=f"image/{form}" if form else None, data=data, url=url)
    if text is not None:
        return File(media_type="text/plain", data=base64.b64encode(text.encode()).decode(), name=name)
    return File(media_type=_MEDIA_TYPES.get(form or ""), data=data, url=url, name=name)


def _result(result: Fields) -> ToolResult:
    parts: list[Text | Image | File] = []
    for block in result.each("content"):
        said = block.take("json")
        text = block.text("text")
        if said is not None:
            parts.append(Text(text=_encode(said).decode()))
        else:
            parts.append(Text(text=text) if text is not None else _media(block))
        block.done()
    found = ToolResult(
        id=result.need_text("toolUseId"),
        parts=tuple(parts),
        plain=len(parts) == 1 and isinstance(parts[0], Text),
        error=result.word("status", "success", "error") == "error",
    )
    result.done()
    return found


def _thought(thought: Fields) -> Reasoning:
    sealed = thought.text("redactedContent")
    inner = thought.fields("reasoningText")
    thought.done()
    if inner is None:
        return Reasoning(sealed=sealed)
    found = Reasoning(text=inner.text("text") or "", signature=inner.text("signature"))
    inner.done()
    return found


def write(part: Part, where: str, *, claude: bool, names: set[str]) -> list[dict[str, Any]]:
    """One part as blocks, its cache point included. `names` holds the documents' names that are taken."""
    found = _write(part, where, claude, names)
    return [found, *point(getattr(part, "keep", None))] if found else []


def point(keep: Keep | None) -> list[dict[str, Any]]:
    if keep is None:
        return []
    return [{"cachePoint": {"type": "default"} | ({"ttl": keep} if keep == "1h" else {})}]


def _write(part: Part, where: str, claude: bool, names: set[str]) -> dict[str, Any] | None:
    match part:
        case Text() | Refusal():
            return {"text": part.text} if part.text.strip() else None  # a blank block is refused
        case Image() | File():
            return _write_media(part, where, names)
        case Audio():
            return {"audio": {"format": part.format, "source": {"bytes": part.data}}}
        case ToolUse():
            return {"toolUse": {"toolUseId": tool_id(part.id), "name": part.name, "input": arguments(part.arguments, where)}}
        case ToolResult():
            status: Literal["success", "error"] = "error" if part.error else "success"
            content = [
                {"text": one.text} if isinstance(one, Text) else _write_media(one, where, names)
                for one in part.parts
                if not (isinstance(one, Text) and not one.text.strip())
            ]
            return {"toolResult": {"toolUseId": tool_id(part.id), "content": content, "status": status}}
        case Reasoning():
            return _write_thought(part, claude)


def _write_thought(part: Reasoning, claude: bool) -> dict[str, Any] | None:
    if part.sealed is not None:
        return {"reasoningContent": {"redactedContent": part.sealed}} if of_claude(part) else None
    known = part.signature if of_claude(part) else None
    if claude and known is None:
        return None
    return {"reasoningContent": {"reasoningText": {"text": part.text} | ({"signature": known} if known else {})}}


def tool_id(given: str) -> str:
    """At most 64 letters, digits and `_.:-`; a longer or stranger id becomes the same short one each time."""
    return given if _ID.match(given) else "tool_" + hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:40]


def _write_media(part: Image | File, where: str, names: set[str]) -> dict[str, Any]:
    if part.data is not None:
        source: dict[str, Any] = {"bytes": part.data}
    elif part.url is not None and part.url.startswith("s3://"):
        source = {"s3Location": {"uri": part.url}}
    else:
        raise untranslatable(f"{where}.url" if part.url is not None else f"{where}.file_id", "Bedrock takes data and s3:// alone")
    if isinstance(part, Image):
        form = (part.media_type or "").removeprefix("image/").replace("jpg", "jpeg")
        if form not in _IMAGES:
            raise untranslatable(f"{where}.media_type = '{part.media_type}'", "Bedrock takes png, jpeg, gif and webp")
        return {"image": {"format": form, "source": source}}
    ending = (part.name or "").rpartition(".")[2].lower()
    form = DOCUMENTS.get(part.media_type or "", ending)
    if form not in _MEDIA_TYPES:
        raise RequestError(f"{where}: Bedrock takes no documents of the type '{part.media_type}'")
    return {"document": {"format": form, "name": _name(part.name, names), "source": source}}


def _name(given: str | None, names: set[str]) -> str:
    """A name that Bedrock allows, and no other document of the request has."""
    plain = " ".join(_UNNAMEABLE.sub(" ", given or "").split())[:180] or "document"
    name, number = plain, 1
    while name in names:
        number += 1
        name = f"{plain} {number}"
    names.add(name)
    return name
