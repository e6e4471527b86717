"""Items of OpenAI's Responses, both ways: messages, function calls and their outputs, reasoning.

Items that follow each other and are the assistant's are one message of ours, and so are outputs that follow each other. What a
provider sealed or signed travels as `encrypted_content`: OpenAI's own behind its item's id, others' behind a mark of ours.
OpenAI caches by itself, so cache marks have no word and change no answer. Thought that OpenAI did not seal is not sent to it: it
accepts no reasoning but its own. Shapes as in openai-python 3.54, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modicum.wire.fields import data_url, split_data_url, untranslatable
from modicum.wire.fieldwise import Fields
from modicum.wire.openai.messages import with_error
from modicum.wire.talk import Audio, File, Image, Message, Part, Reasoning, Refusal, Text, ToolResult, ToolUse

SIGNED, SEALED = "modicum.signed.", "modicum.sealed."
_ROLES = ("user", "assistant", "system", "developer")


def read(items: Iterator[Fields]) -> Iterator[Message]:
    """Input items as messages."""
    held: list[Part] = []
    role, plain, outputs = "", True, False
    for item in items:
        kind = item.text("type") or "message"
        who, parts, as_string = _item(kind, item)
        item.done()
        together = who == role and (who == "assistant" or (outputs and kind == "function_call_output"))
        if held and not together:
            yield _turn(role, held, plain)
            held, plain = [], True
        held += parts
        plain = plain and as_string
        role, outputs = who, kind == "function_call_output"
    if held:
        yield _turn(role, held, plain)


def _item(kind: str, item: Fields) -> tuple[str, list[Part], bool]:
    """(whose it is, its parts, it was no list of parts)."""
    if kind == "message":
        who = item.word("role", *_ROLES) or "user"
        parts, as_string = _message(item)
        return who, parts, as_string
    if kind == "function_call_output":
        return "user", [_output(item)], True
    if kind in ("function_call", "reasoning"):
        return "assistant", list(answer(kind, item)), True
    raise untranslatable(f"{item.path}.type = '{kind[:60]}'")


def _turn(role: str, parts: list[Part], plain: bool) -> Message:
    one_text = sum(isinstance(part, Text | Refusal) for part in parts) <= 1
    return Message(role=role, parts=tuple(parts), plain=plain and one_text)  # type: ignore[arg-type]


def _message(item: Fields) -> tuple[list[Part], bool]:
    item.skip("id", "status", "phase")
    content = item.take("content")
    if isinstance(content, str):
        return [Text(text=content)], True
    return [_content(part) for part in Fields({"content": content}, item.path).each("content")], False


def _content(part: Fields) -> Part:
    kind = part.text("type")
    found: Part
    if kind in ("input_text", "output_text", "text"):
        found = Text(text=part.need_text("text"))
        part.skip("logprobs", "prompt_cache_breakpoint", "annotations")
    elif kind == "refusal":
        found = Refusal(text=part.need_text("refusal"))
    elif kind == "input_image":
        found = _image(part)
    elif kind == "input_file":
        found = _file(part)
    elif kind == "input_audio" and (sound := part.fields("input_audio")) is not None:
        found = Audio(data=sound.need_text("data"), format=sound.need_text("format"))
        sound.done()
    else:
        raise untranslatable(f"{part.path}.type = '{(kind or '')[:60]}'")
    part.done()
    return found


def _image(part: Fields) -> Image:
    url, detail = part.text("image_url"), part.text("detail")
    part.skip("prompt_cache_breakpoint")
    detail = None if detail == "auto" else detail
    if url is None:
        part.done()
        raise part.wrong("an image without image_url")
    if url.startswith("data:"):
        kind, data = split_data_url(url, part.at("image_url"))
        return Image(media_type=kind, data=data, detail=detail)
    return Image(url=url, detail=detail)


def _file(part: Fields) -> File:
    data, url, file_id, name = (part.text(field) for field in ("file_data", "file_url", "file_id", "filename"))
    part.skip("prompt_cache_breakpoint")
    part.harmless("detail", "auto")
    if data is None:
        return File(url=url, file_id=file_id, name=name)
    kind, raw = split_data_url(data, part.at("file_data")) if data.startswith("data:") else (None, data)
    return File(media_type=kind, data=raw, name=name)


def _output(item: Fields) -> ToolResult:
    call_id, output = item.need_text("call_id"), item.take("output")
    item.skip("id", "status")
    if isinstance(output, str):
        return ToolResult(id=call_id, parts=(Text(text=output),))
    parts = [_content(part) for part in Fields({"output": output}, item.path).each("output")]
    if not all(isinstance(part, Text | Image | File) for part in parts):
        raise untranslatable(item.at("output"))
    return ToolResult(id=call_id, parts=tuple(parts), plain=False)  # type: ignore[arg-type]


def answer(kind: str, item: Fields) -> Iterator[Part]:
    """An output item of the model's as parts. Raises UntranslatableError for kinds of other tools."""
    if kind == "function_call":
        yield ToolUse(id=item.need_text("call_id"), name=item.need_text("name"), arguments=item.text("arguments") or "")
        item.skip("id", "status", "caller", "async")
    elif kind == "reasoning":
        yield from _reasoning(item)
    elif kind == "message":
        item.skip("id", "status", "role", "phase")
        for part in item.each("content"):
            part.skip("logprobs")
            yield _content(part)
    else:
        raise untranslatable(f"{item.path}.type = '{kind[:60]}'")


def _reasoning(item: Fields) -> Iterator[Part]:
    item_id, packed = item.text("id") or "", item.text("encrypted_content")
    item.skip("status")
    texts = [part.need_text("text") for name in ("summary", "content") for part in item.each(name)]
    text = "\n\n".join(texts)
    if packed is not None and packed.startswith(SIGNED):
        yield Reasoning(text=text, signature=packed.removeprefix(SIGNED))
        return
    if text:
        yield Reasoning(text=text)
    if packed is not None:
        ours = packed.startswith(SEALED)
        yield Reasoning(sealed=packed.removeprefix(SEALED) if ours else f"{item_id}:{packed}")


def write_input(message: Message, where: str) -> Iterator[dict[str, Any]]:
    """A message as input items for OpenAI."""
    if message.name is not None:
        raise untranslatable(f"{where}.name", "Responses has no words for it")
    content: list[dict[str, Any]] = []
    thought = ""
    for part in (*message.parts, None):
        if isinstance(part, Text | Refusal | Image | File | Audio):
            content.append(_write_content(part, message.role, where))
            continue
        if content:
            one = message.plain and len(content) == 1 and "text" in content[0]
            yield {"type": "message", "role": message.role, "content": content[0]["text"] if one else content}
            content = []
        if isinstance(part, ToolUse):
            yield {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}
        elif isinstance(part, ToolResult):
            yield _write_output(part, where)
        elif part is not None and part.sealed is not None and part.sealed.startswith("rs_"):
            item_id, _, own = part.sealed.partition(":")
            summary = [{"type": "summary_text", "text": thought}] if thought else []
            yield {"type": "reasoning", "id": item_id, "summary": summary, "encrypted_content": own}
        thought = part.text if isinstance(part, Reasoning) and part.signature is None else ""


def _write_output(part: ToolResult, where: str) -> dict[str, Any]:
    part = with_error(part)
    head = {"type": "function_call_output", "call_id": part.id}
    if part.plain:
        return head | {"output": "\n".join(one.text for one in part.parts if isinstance(one, Text))}
    return head | {"output": [_write_content(one, "user", where) for one in part.parts]}


def _write_content(part: Text | Refusal | Image | File | Audio, role: str, where: str) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "output_text" if role == "assistant" else "input_text", "text": part.text}
        case Refusal():
            return {"type": "refusal", "refusal": part.text}
        case Image():
            url = data_url(part.media_type, part.data) if part.data is not None else part.url
            return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
        case File():
            data = None if part.data is None else data_url(part.media_type, part.data) if part.media_type else part.data
            named = {"file_data": data, "file_url": part.url, "file_id": part.file_id, "filename": part.name}
            return {"type": "input_file"} | {name: value for name, value in named.items() if value is not None}
        case Audio():
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}


def packed(part: Reasoning) -> str | None:
    """What of a thought its provider wants back, as `encrypted_content` for a caller."""
    if part.signature is not None:
        return SIGNED + part.signature
    if part.sealed is None:
        return None
    return part.sealed.partition(":")[2] if part.sealed.startswith("rs_") else SEALED + part.sealed
