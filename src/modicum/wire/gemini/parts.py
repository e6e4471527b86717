"""Parts of Gemini's contents, both ways.

A thought's signature stands on the part after the thought; here it is a `Reasoning` of its own before that part, and within the
id of a `ToolUse` (see `ids`). File names, cache marks (Gemini caches by itself) and an image's `detail` have no
word and change no answer; they end here. Fields as in v1beta's Content, read in Google's API reference, 2026-11-22.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from modicum.errors import RequestError
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields, arguments
from modicum.wire.gemini import ids
from modicum.wire.talk import Audio, File, Image, Part, Reasoning, Refusal, Text, ToolResult, ToolUse

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_SOUNDS = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/x-wav": "wav", "audio/wav": "wav"}


def read(part: Fields, calls: list[tuple[str, str]]) -> Iterator[Part]:
    """One part as ours. `calls` holds (id, name) of the function calls that nobody answered yet; it is kept up to date."""
    signature = part.text("thoughtSignature")
    thought = part.flag("thought")
    text = part.text("text")
    call, response = part.fields("functionCall"), part.fields("functionResponse")
    inline, stored = part.fields("inlineData"), part.fields("fileData")
    part.done()
    if call is not None:
        use = _call(call, signature)
        calls.append((use.id, use.name))
        yield use
    elif response is not None:
        yield _response(response, calls)
    elif thought:
        yield Reasoning(text=text or "", signature=ids.MARK + signature if signature else None)
    else:
        if signature:
            yield Reasoning(signature=ids.MARK + signature)
        if inline is not None or stored is not None:
            yield _media(part, inline, stored)
        elif text or not signature:
            yield Text(text=text or "")


def _call(call: Fields, signature: str | None) -> ToolUse:
    own, name, given = call.text("id"), call.need_text("name"), call.object("args")
    call.done()
    signature = None if signature == ids.UNSIGNED else signature
    return ToolUse(id=ids.seal(own, signature), name=name, arguments=_encode(given or {}).decode())


def _response(response: Fields, calls: list[tuple[str, str]]) -> ToolResult:
    own, name = response.text("id"), response.need_text("name")
    said = response.object("response") or {}
    media = [_media(each, each.fields("inlineData"), each.fields("fileData")) for each in response.each("parts")]
    response.done()
    at = next((n for n, (known, of) in enumerate(calls) if of == name and (own is None or ids.unseal(known)[0] == own)), None)
    call_id = calls.pop(at)[0] if at is not None else ids.seal(own, None)
    error = said.keys() == {"error"}
    inner = next(iter(said.values())) if error or said.keys() == {"output"} else None
    text = inner if isinstance(inner, str) else _encode(said).decode()
    if any(isinstance(one, Audio) for one in media):
        raise untranslatable(response.at("parts"))
    texts = (Text(text=text),) if text or not media else ()
    return ToolResult(
        id=call_id, parts=(*texts, *(one for one in media if not isinstance(one, Audio))), plain=not media, error=error and text is inner
    )


def _media(part: Fields, inline: Fields | None, stored: Fields | None) -> Image | File | Audio:
    if inline is not None:
        kind, data = inline.need_text("mimeType"), inline.need_text("data")
        inline.skip("displayName")
        inline.done()
        if kind.startswith("audio/"):
            return Audio(data=data, format=_SOUNDS.get(kind, kind.removeprefix("audio/")))
        return Image(media_type=kind, data=data) if kind.startswith("image/") else File(media_type=kind, data=data)
    if stored is None:
        raise part.wrong("a part of unknown kind")
    kind, url = stored.text("mimeType") or "", stored.need_text("fileUri")
    stored.skip("displayName")
    stored.done()
    return Image(media_type=kind, url=url) if kind.startswith("image/") else File(media_type=kind or None, url=url)


def write(parts: tuple[Part, ...], names: Mapping[str, str], *, unsigned: bool, where: str) -> list[dict[str, Any]]:
    """Ours as Gemini's. `names` knows the function of every call's id; `unsigned`: its first call must carry some signature."""
    found: list[dict[str, Any]] = []
    signature: str | None = None
    for part in parts:
        if isinstance(part, Text) and not part.text:
            continue  # Vertex refuses an empty text
        if isinstance(part, Reasoning):
            if signature:
                found.append({"text": "", "thoughtSignature": signature})
            known = part.signature if part.signature and part.signature.startswith(ids.MARK) else None
            signature = known.removeprefix(ids.MARK) if known else None
            if part.text:
                found.append({"text": part.text, "thought": True, **_signed(signature)})
                signature = None
            continue
        one = _part(part, names, where)
        if "functionCall" in one:
            unsigned = unsigned and not (signature or "thoughtSignature" in one)
            one |= _signed(signature or (ids.UNSIGNED if unsigned else None))
            unsigned = False
        else:
            one |= _signed(signature)
        signature = None
        found.append(one)
    return [*found, {"text": "", "thoughtSignature": signature}] if signature else found


def _signed(signature: str | None) -> dict[str, Any]:
    return {"thoughtSignature": signature} if signature else {}


def _part(part: Part, names: Mapping[str, str], where: str) -> dict[str, Any]:
    match part:
        case Text() | Refusal():
            return {"text": part.text}
        case Image() | File():
            return _write_media(part, where)
        case Audio():
            return {"inlineData": {"mimeType": f"audio/{part.format}", "data": part.data}}
        case ToolUse():
            own, signature = ids.unseal(part.id)
            call: dict[str, Any] = {"name": part.name, "args": arguments(part.arguments, where)}
            return {"functionCall": ({"id": own} if own else {}) | call, **_signed(signature)}
        case ToolResult():
            return {"functionResponse": _write_result(part, names, where)}
        case _:
            raise untranslatable(where, "Gemini has no words for it")


def _write_result(result: ToolResult, names: Mapping[str, str], where: str) -> dict[str, Any]:
    if result.id not in names:
        raise RequestError(f"{where}: the tool result '{result.id[:40]}' answers no call of this conversation")
    own, _ = ids.unseal(result.id)
    text = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    media = [_write_media(part, where) for part in result.parts if not isinstance(part, Text)]
    said = {"name": names[result.id], "response": {"error" if result.error else "output": text}}
    return ({"id": own} if own else {}) | said | ({"parts": media} if media else {})


def _write_media(part: Image | File, where: str) -> dict[str, Any]:
    kind = "image/jpeg" if part.media_type == "image/jpg" else part.media_type
    if part.data is not None:
        if not kind:
            raise RequestError(f"{where}: data without its media type")
        return {"inlineData": {"mimeType": kind, "data": part.data}}
    if part.url is None:
        raise untranslatable(f"{where}.file_id", "Gemini has no words for it")
    kind = kind or mimetypes.guess_type(part.url.partition("?")[0])[0]
    return {"fileData": ({"mimeType": kind} if kind else {}) | {"fileUri": part.url}}
