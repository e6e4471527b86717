"""Formats that hold the bodies of calls as they went over the wire: the data flywheel's lines, and rows for fine-tuning."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from modicum.errors import InputError, LogFormatError
from modicum.intake import plain
from modicum.intake.times import EARLIEST, check, epoch, latest, moment
from modicum.intake.told import Fields, Line
from modicum.store import identity
from modicum.types import UNKNOWN_USAGE, Call, Usage, quick
from modicum.wire import chat
from modicum.wire.observed import SHORTEST_ID
from modicum.wire.openai.usage import read_usage

MOST_DEPTH = 64
"""What the gateway takes too; what reads the bodies later may walk them by recursion."""
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
Given = TypeVar("Given")
Found = TypeVar("Found")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """What a format finds in a line."""

    request: bytes
    response: bytes | None
    started_at: Any = None
    """As written; None where the line does not say."""
    client_id: str | None = None
    duration_ms: float | None = None


def _data_flywheel(fields: Fields) -> Bodies:
    client_id = value_of(fields, "client_id")
    duration = value_of(fields, "duration_ms")
    if client_id is not None and (isinstance(client_id, bool) or not isinstance(client_id, str | int)):
        raise LogFormatError(f"client_id is {kind_of(client_id)}, not text")
    if duration is not None and (isinstance(duration, bool) or not isinstance(duration, int | float) or not 0 <= duration < 1e12):
        raise LogFormatError("duration_ms is not a number of milliseconds")
    if _is_null(fields.get("request")):
        raise LogFormatError("no 'request'")
    return Bodies(
        request=bytes(fields["request"]),
        response=None if _is_null(fields.get("response")) else bytes(fields["response"]),
        started_at=value_of(fields, "timestamp"),
        client_id=None if client_id is None else str(client_id),
        duration_ms=None if duration is None else float(duration),
    )


_OF_REQUEST = ("model", "tools", "tool_choice", "functions", "parallel_tool_calls", "response_format")


def _openai_finetune(fields: Fields) -> Bodies:
    try:
        messages = _raws(fields["messages"])
    except (msgspec.MsgspecError, RecursionError):
        raise LogFormatError("'messages' is not a list") from None
    last = chat.loads(bytes(messages[-1])) if messages else {}
    answered = last.get("role") == "assistant"
    said = messages[:-1] if answered else messages
    parts = [_encode(name) + b":" + bytes(fields[name]) for name in _OF_REQUEST if name in fields]
    request = b'{"messages":[' + b",".join(map(bytes, said)) + b"]" + b"".join(b"," + part for part in parts) + b"}"
    response = None
    if answered:
        if not said:
            raise LogFormatError("there is nothing before the assistant's message")
        reason = b"tool_calls" if last.get("tool_calls") else b"stop"
        choice = b'{"index":0,"message":' + bytes(messages[-1]) + b',"finish_reason":"' + reason + b'"}'
        response = b'{"object":"chat.completion","choices":[' + choice + b"]}"
    return Bodies(request=request, response=response, started_at=value_of(fields, "timestamp"))


_BODIES: dict[str, Callable[[Fields], Bodies]] = {"data-flywheel": _data_flywheel, "openai-finetune": _openai_finetune}
FORMATS = tuple(_BODIES)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a record needs of a request."""

    model: str | None
    user_id: str | None
    conversation_id: str | None
    streamed: bool


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """What a record needs of a response."""

    response_id: str | None = None
    model: str | None = None
    created: Any = None
    status: int = 200
    finish_reason: str | None = None
    failure: str | None = None
    usage: Usage = UNKNOWN_USAGE


_NOT_ANSWERED = _Answered()


def read(line: Line, form: str, scope: str) -> Call:
    """The call in a line of a format that holds its bodies. Raises InputError with a reason for the reader."""
    fields = line.fields
    if form == "openai-finetune" and "messages" not in fields:
        raise LogFormatError("no 'messages'")
    bodies = _BODIES[form](fields)
    may_be_deep = line.body.count(b"[") + line.body.count(b"{") > MOST_DEPTH
    asked = _asked(bodies.request, may_be_deep)
    answered = _NOT_ANSWERED if bodies.response is None else _answered(bodies.response, may_be_deep)
    created = answered.created
    if bodies.started_at is not None:
        started_at = check(moment(bodies.started_at), bodies.started_at)
    elif isinstance(created, int) and not isinstance(created, bool) and created > 0:
        made = epoch(created)
        started_at = made if made is not None and EARLIEST <= made <= latest() else line.fallback_time
    else:
        started_at = line.fallback_time
    if answered.response_id is not None and len(answered.response_id) >= SHORTEST_ID:
        who = identity.of_response(scope, answered.response_id)
    else:
        # A short id tells no two answers apart; with what was said it does, however the line around it is written.
        said = line.body.strip() if answered.response_id is None else b"\0".join((bodies.request, bodies.response or b""))
        digest = hashlib.blake2b(said, digest_size=16).digest()
        who = identity.of_line(scope, digest, line.occurrence(digest))
    return Call(
        call_id=identity.call_id(started_at, who),
        response_id=answered.response_id,
        scope=scope,
        client_id=bodies.client_id,
        user_id=asked.user_id,
        conversation_id=asked.conversation_id,
        started_at=started_at,
        duration_ms=bodies.duration_ms,
        streamed=asked.streamed,
        origin="import",
        source=form,
        request_model=asked.model,
        response_model=answered.model,
        request=bodies.request,
        response=bodies.response,
        status=answered.status,
        finish_reason=answered.finish_reason,
        error=answered.failure,
        usage=answered.usage,
    )


def _asked(body: bytes, may_be_deep: bool) -> _Asked:
    if not may_be_deep and (usual := plain.request(body)) is not None:
        return _Asked(
            model=usual.model or None,
            user_id=usual.user_id(),
            conversation_id=usual.conversation_id(),
            streamed=usual.stream is True,
        )
    request = _part(body, "request")
    if may_be_deep:
        _check_depth(request)
    chat.segments(request)
    return _Asked(
        model=_text(request.get("model")),
        user_id=chat.user_id(request),
        conversation_id=chat.conversation_id(request),
        streamed=request.get("stream") is True,
    )


def _answered(body: bytes, may_be_deep: bool) -> _Answered:
    if not may_be_deep and (usual := plain.response(body)) is not None:
        return _Answered(
            response_id=usual.id or None,
            model=usual.model or None,
            created=usual.created,
            finish_reason=usual.choices[0].finish_reason or None,
            usage=read_usage(usual.usage),
        )
    response = _part(body, "response")
    if may_be_deep:
        _check_depth(response)
    finish_reason = failure = None
    status = 200
    if response.get("error") and not response.get("choices"):
        failure, status = _error(response["error"])
    else:
        finish_reason = _named("response", chat.answer, response).finish_reason
    return _Answered(
        response_id=_text(response.get("id")),
        model=_text(response.get("model")),
        created=response.get("created"),
        status=status,
        finish_reason=finish_reason,
        failure=failure,
        usage=chat.usage(response),
    )


def value_of(fields: Fields, name: str) -> Any:
    if name not in fields:
        return None
    try:
        return msgspec.json.decode(fields[name])
    except (msgspec.DecodeError, RecursionError):
        raise LogFormatError(f"'{name}' cannot be read") from None


def _is_null(raw: msgspec.Raw | None) -> bool:
    return raw is None or bytes(raw) == b"null"


def _part(body: bytes, name: str) -> dict[str, Any]:
    return _named(name, chat.loads, body)


def _named(name: str, read: Callable[[Given], Found], value: Given) -> Found:
    """Read a part of the line; the error says which."""
    try:
        return read(value)
    except InputError as error:
        raise LogFormatError(f"{name}: {error.message}") from None


def _error(value: Any) -> tuple[str, int]:
    """Code and HTTP status of a response that is an error; never its message, which may quote what was asked."""
    code = value.get("code") if isinstance(value, dict) else None
    kind = value.get("type") if isinstance(value, dict) else None
    status = code if isinstance(code, int) and 400 <= code <= 599 else 500
    return _text(code) or _text(kind) or "error", status


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node) if isinstance(child, dict | list)]
        if not level:
            return
    raise LogFormatError(f"nested deeper than {MOST_DEPTH} levels")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _plain(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ")


def kind_of(value: Any) -> str:
    return {bool: "a boolean", float: "a number", int: "a number", str: "text", list: "a list", dict: "an object"}.get(type(value), "null")
