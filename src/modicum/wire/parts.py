"""Messages and tools as those who trace calls write them, as OpenAI's. What cannot be read is left out; nothing here raises."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def messages(listed: Any) -> list[dict[str, Any]]:
    """Every message that is one. A message of several tool results becomes several."""
    if isinstance(listed, dict):
        listed = listed.get("messages", [listed])
    found: list[dict[str, Any]] = []
    for one in listed if isinstance(listed, list) else ():
        results = _results(one)
        if results:
            found += results
        elif read := message(one):
            found.append(read)
    return found


def message(one: Any) -> dict[str, Any] | None:
    """One message, None where it holds nothing."""
    if not isinstance(one, dict):
        return None
    listed = one.get("parts")
    said = one.get("content") if listed is None else listed
    said = one.get("contents") if said is None else said
    if isinstance(said, str) and said[:2] == "[{":
        said = _listed(said)
    calls = _calls(one.get("tool_calls"))
    content: Any = said if isinstance(said, str) else None
    if isinstance(said, list):
        content, more = _content(said)
        calls += more
    elif isinstance(said, dict):
        content, more = _content([said])
        calls += more
    role = one.get("role")
    found: dict[str, Any] = {"role": role.lower() if isinstance(role, str) and role else "user"}
    found["role"] = {"human": "user", "ai": "assistant", "model": "assistant"}.get(found["role"], found["role"])
    if content is not None:
        found["content"] = content
    if calls:
        found["tool_calls"] = calls
    for name in ("tool_call_id", "name", "refusal"):
        if isinstance(value := one.get(name), str) and value:
            found[name] = value
    if found["role"] == "tool" and "tool_call_id" not in found and isinstance(one.get("id"), str):
        found["tool_call_id"] = one["id"]
    return found if len(found) > 1 else None


def _content(listed: list[Any]) -> tuple[Any, list[dict[str, Any]]]:
    """(content, tool calls) of a message's parts. Text alone is one string; what a model thought is no part of its answer."""
    texts: list[str] = []
    others: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for part in listed:
        if isinstance(part, str):
            texts.append(part)
            continue
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if kind in ("tool_call", "tool-call", "tool_use", "function"):
            calls += _calls([part])
        elif kind in ("text", "input_text", "output_text", None):
            text = next((found for name in ("content", "text") if isinstance(found := part.get(name), str)), None)
            if text is not None:
                texts.append(text)
        elif kind not in ("reasoning", "thinking"):
            others.append(_other(part))
    if others:
        return [*({"type": "text", "text": text} for text in texts), *others], calls
    return ("\n".join(texts) if texts else None), calls


def _other(part: dict[str, Any]) -> dict[str, Any]:
    """A part that is not text, in OpenAI's form where it is an image."""
    image = part.get("image_url") or part.get("uri") or part.get("image")
    if isinstance(image, dict):
        inner = image.get("image")
        image = image.get("url") or (inner.get("url") if isinstance(inner, dict) else None)
    if part.get("type") == "blob" and isinstance(data := part.get("content"), str):
        image = f"data:{part.get('mime_type') or 'application/octet-stream'};base64,{data}"
    if isinstance(image, str):
        return {"type": "image_url", "image_url": {"url": image}}
    return {"type": str(part.get("type"))[:40]}


def _results(one: Any) -> list[dict[str, Any]]:
    """A message of tool results as one message each."""
    listed = one.get("parts") if isinstance(one, dict) else None
    listed = one.get("content") if isinstance(one, dict) and not isinstance(listed, list) else listed
    found = []
    for part in listed if isinstance(listed, list) else ():
        if isinstance(part, dict) and part.get("type") in ("tool_call_response", "tool-result", "tool_result"):
            said = next((part[name] for name in ("response", "result", "content", "output") if part.get(name) is not None), "")
            name = part.get("id") or part.get("toolCallId") or part.get("tool_use_id")
            found.append({"role": "tool", "tool_call_id": name if isinstance(name, str) else "", "content": _as_text(said)})
    return found


def _calls(listed: Any) -> list[dict[str, Any]]:
    """Tool calls in OpenAI's form: arguments are JSON text."""
    found = []
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        function: dict[str, Any] = inner if isinstance(inner := one.get("function"), dict) else one
        name = function.get("name") or function.get("toolName")
        if not isinstance(name, str):
            continue
        said = next((function[key] for key in ("arguments", "args", "input") if function.get(key) is not None), "{}")
        call_id = one.get("id") or one.get("toolCallId")
        shape = {"name": name, "arguments": _as_text(said)}
        found.append({"id": call_id if isinstance(call_id, str) else "", "type": "function", "function": shape})
    return found


def tool(one: Any) -> dict[str, Any] | None:
    """A tool's definition in OpenAI's form."""
    if not isinstance(one, dict):
        return None
    function: dict[str, Any] = inner if isinstance(inner := one.get("function"), dict) else one
    name = function.get("name")
    if not isinstance(name, str):
        return None
    shape: dict[str, Any] = {"name": name}
    if isinstance(about := function.get("description"), str):
        shape["description"] = about
    parameters = next((function[key] for key in ("parameters", "input_schema") if function.get(key) is not None), None)
    if isinstance(parameters, str):
        parameters = _listed(parameters)
    if isinstance(parameters, dict):
        shape["parameters"] = parameters
    return {"type": "function", "function": shape}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()


def _listed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text
