"""Bodies in any caller's dialect as chat completions: what recognising, mining, certifying and counting see.

The canonical request of a conversation is what OpenAI's user would have sent: the system's text first, text as one string where there
is only text, no hints to caches. What cannot be said there does not vanish: the field stays under `<endpoint>.<its name>`, which no
list of harmless fields knows, so that no certificate is thought to cover the request. Where the conversation itself cannot be read,
there is no canonical request, and nobody but the incumbent can answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modicum.errors import InputError, UntranslatableError, UpstreamError
from modicum.types import Endpoint, Usage
from modicum.wire import openai
from modicum.wire.anthropic.usage import read_usage as read_anthropic
from modicum.wire.dialects import dialect, talks
from modicum.wire.openai.usage import read_usage as read_openai
from modicum.wire.talk import File, Image, Message, Part, Request, Text, ToolResult, ToolUse

_CONVERSATION: dict[Endpoint, tuple[str, ...]] = {
    "messages": ("model", "max_tokens", "system", "messages"),
    "responses": ("model", "instructions", "input"),
}
"""What a request is nothing without. Other fields are tried one by one where not all can be read."""
_EMPTY: dict[Endpoint, dict[str, Any]] = {
    "messages": {"model": "", "max_tokens": 1, "messages": []},
    "responses": {"model": "", "input": ""},
}


def chat_request(endpoint: Endpoint, request: dict[str, Any]) -> dict[str, Any] | None:
    """The same object for chat completions. None where there is no conversation, or it cannot be read."""
    if endpoint == "chat_completions":
        return request
    if not talks(endpoint):
        return None
    try:
        asked, others = _read(endpoint, request)
        return {**openai.DIALECT.write_request(_plain(asked)), **{f"{endpoint}.{name}": value for name, value in others.items()}}
    except InputError:
        return None


def _read(endpoint: Endpoint, request: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
    """The request, and the fields that have no words in ours."""
    read = dialect(endpoint).read_request
    try:
        return read(request), {}
    except UntranslatableError:
        if endpoint not in _CONVERSATION:
            raise
    whole = {name: request[name] for name in _CONVERSATION[endpoint] if name in request}
    others: dict[str, Any] = {}
    for name, value in request.items():
        if name in whole:
            continue
        try:
            read({**_EMPTY[endpoint], name: value})
        except UntranslatableError:
            others[name] = value
        else:
            whole[name] = value
    return read(whole), others


def _plain(asked: Request) -> Request:
    return replace(
        asked,
        messages=tuple(map(_plain_message, asked.messages)),
        tools=tuple(replace(tool, keep=None) for tool in asked.tools),
    )


def _plain_message(message: Message) -> Message:
    parts = tuple(_bare(part) for part in message.parts)
    text = _joined(parts)
    return replace(message, parts=parts if text is None else (text,), plain=message.plain or text is not None)


def _joined(parts: tuple[Part, ...]) -> Text | None:
    """Several texts as one, a line each, as `wire.chat` reads them."""
    texts = [part.text for part in parts if isinstance(part, Text)]
    return Text(text="\n".join(texts)) if texts and len(texts) == len(parts) else None


def _bare(part: Part) -> Part:
    """Without the hint to a cache."""
    if isinstance(part, ToolResult):
        inner = tuple(replace(one, keep=None) for one in part.parts)
        text = _joined(inner)
        return replace(part, keep=None, parts=inner if text is None else (text,), plain=part.plain or text is not None)
    return replace(part, keep=None) if isinstance(part, Text | Image | File | ToolUse) else part


def chat_response(endpoint: Endpoint, response: dict[str, Any]) -> dict[str, Any] | None:
    """The same object for chat completions. None where there is no conversation, or no answer in it."""
    if endpoint == "chat_completions":
        return response
    if not talks(endpoint):
        return None
    try:
        said = dialect(endpoint).read_response(response)
        return openai.DIALECT.write_response(replace(said, created=said.created or 0))
    except (InputError, UpstreamError):
        return None


def _responses(response: Mapping[str, Any]) -> Usage:
    from modicum.wire.responses.response import usage as read

    return read(response.get("usage"))


def _gemini(response: Mapping[str, Any]) -> Usage:
    from modicum.wire.gemini.response import usage as read

    return read(response.get("usageMetadata"))


def _bedrock(response: Mapping[str, Any]) -> Usage:
    from modicum.wire.bedrock.response import usage as read

    return read(response.get("usage"))


def _rerank(response: Mapping[str, Any]) -> Usage:
    from modicum.wire.cohere import usage as read

    return _silent(read(response))


def _silent(told: Usage) -> Usage:
    """Where no text is written none is charged: that is known, though no provider says so."""
    return told if told.input_tokens is None or told.output_tokens is not None else replace(told, output_tokens=0)


def _openai(response: Mapping[str, Any]) -> Usage:
    return read_openai(response.get("usage"))


_USAGES: dict[Endpoint, Callable[[Mapping[str, Any]], Usage]] = {
    "chat_completions": _openai,
    "completions": _openai,
    "embeddings": lambda response: _silent(_openai(response)),
    "messages": lambda response: read_anthropic(response.get("usage")),
    "responses": _responses,
    "generate_content": _gemini,
    "converse": _bedrock,
    "rerank": _rerank,
}


def usage(endpoint: Endpoint, response: dict[str, Any]) -> Usage:
    """Token counts as the provider gave them; what is absent or absurd is unknown, and so is all where nothing is charged."""
    read = _USAGES.get(endpoint)
    try:
        return read(response) if read is not None else Usage()
    except (InputError, UpstreamError):
        return Usage()


def model(endpoint: Endpoint, response: dict[str, Any]) -> str | None:
    """The model that says it answered."""
    told = response.get("modelVersion" if endpoint == "generate_content" else "model")
    return told if isinstance(told, str) and told else None


def service_tier(endpoint: Endpoint, response: dict[str, Any]) -> str | None:
    """The provider's word for the service that it gave, in OpenAI's where both have one."""
    if endpoint == "messages":
        from modicum.wire.anthropic.response import read_tier

        return read_tier(response.get("usage"))
    told = response.get("service_tier")
    return told if isinstance(told, str) and told else None


def finish_reason(endpoint: Endpoint, response: dict[str, Any]) -> str | None:
    """Why the first answer ended, in the words of chat completions."""
    chat = response if endpoint == "completions" else chat_response(endpoint, response)
    choices = chat.get("choices") if chat else None
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, dict) else None
    return reason if isinstance(reason, str) else None
