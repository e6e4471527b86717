"""The formats of logs, recognised by what a line holds, and how a line of each becomes a call.

- `data-flywheel`: `{"timestamp", "client_id", "request", "response", "duration_ms"}` with verbatim OpenAI bodies (NVIDIA's Data Flywheel).
- `openai-finetune`: `{"messages": [...]}`, optionally with `tools`, `functions`, `response_format` or `model`: the last message, if it is
  the assistant's, is the answer to all before it.
- `litellm`: a StandardLoggingPayload of LiteLLM's proxy, as its callbacks and buckets hold them.
- `otlp`: an ExportTraceServiceRequest in JSON, as OpenTelemetry's collector writes traces to a file: a call for each span of one.

A line that says it was called before 2015, or more than a day from now by this machine's clock, is refused. One that does not
say when takes its response's `created` where that is such a time, else the time its file was last changed, a microsecond
later for each line, so that the log's order stays.

A line that one of our own specialists answered (`model` begins with "modicum/") is a call like any other here; what fits and
proves leaves it out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec

from modicum.errors import InputError, LogFormatError
from modicum.intake.times import EARLIEST, check, epoch, latest, moment
from modicum.store import identity
from modicum.types import Call, Usage
from modicum.wire import chat, genai, litellm, otlp
from modicum.wire.observed import Observed

MOST_DEPTH = 64
"""What the gateway takes too; what reads the bodies later may walk them by recursion."""
LONGEST_SCOPE_BYTES = 80
"""A scope names a folder, percent-escaped."""
_RESERVED_SCOPES = ("__HIVE_DEFAULT_PARTITION__",)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
Fields = Mapping[str, msgspec.Raw]
Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Bodies:
    """What a format finds in a line."""

    request: bytes
    response: bytes | None
    started_at: Any = None
    """As written; None where the line does not say."""
    client_id: str | None = None
    duration_ms: float | None = None


def _data_flywheel(fields: Fields) -> Bodies:
    client_id = _value(fields, "client_id")
    duration = _value(fields, "duration_ms")
    if client_id is not None and (isinstance(client_id, bool) or not isinstance(client_id, str | int)):
        raise LogFormatError(f"client_id is {_kind(client_id)}, not text")
    if duration is not None and (isinstance(duration, bool) or not isinstance(duration, int | float) or not 0 <= duration < 1e12):
        raise LogFormatError("duration_ms is not a number of milliseconds")
    if _is_null(fields.get("request")):
        raise LogFormatError("no 'request'")
    return Bodies(
        request=bytes(fields["request"]),
        response=None if _is_null(fields.get("response")) else bytes(fields["response"]),
        started_at=_value(fields, "timestamp"),
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
    return Bodies(request=request, response=response, started_at=_value(fields, "timestamp"))


def _litellm(line: bytes) -> Iterator[Observed | None]:
    yield litellm.observe(chat.loads(line))


def _otlp(line: bytes) -> Iterator[Observed | None]:
    refused: list[str] = []
    for span in otlp.spans(line, "json"):
        try:
            yield genai.observe(span)
        except InputError as error:
            refused.append(error.message)
    if refused:
        raise LogFormatError(f"{len(refused)} of its spans are left out: {refused[0]}")


_BODIES: dict[str, Callable[[Fields], Bodies]] = {"data-flywheel": _data_flywheel, "openai-finetune": _openai_finetune}
_OBSERVED: dict[str, Callable[[bytes], Iterator[Observed | None]]] = {"litellm": _litellm, "otlp": _otlp}
"""Formats that others than those who made the calls wrote: identity and figures stand in them, bodies are rebuilt."""
FORMATS = (*_BODIES, *_OBSERVED)


def recognise(fields: Fields) -> str:
    """The format of a line. Raises LogFormatError where it is none we know."""
    if "resourceSpans" in fields:
        return "otlp"
    if "call_type" in fields and "startTime" in fields:
        return "litellm"
    if "request" in fields:
        return "data-flywheel"
    if "messages" in fields:
        return "openai-finetune"
    raise LogFormatError("no format we know: neither 'request' nor 'messages' is there, nor 'resourceSpans' or 'call_type'")


def calls_of(
    line: bytes,
    *,
    scope: str,
    scope_from: str | None,
    form: str | None,
    fallback_time: datetime,
    occurrence: Callable[[bytes], int],
) -> Iterator[Call]:
    """The calls in a line: one, but for `otlp`. `form` names the format where it shall not be recognised; `occurrence` counts a line's
    digest in this source.

    Raises InputError with a reason for the reader.
    """
    fields = _line(line)
    form = form or recognise(fields)
    if scope_from is not None:
        scope = _scope(fields, scope_from)
    if form not in _OBSERVED:
        yield _call(line, fields, form, scope, fallback_time, occurrence)
        return
    for one in _OBSERVED[form](line):
        if one is not None:
            check(one.call.started_at, one.call.started_at.isoformat())
            who = identity.of_response(scope, one.identity)
            yield dataclasses.replace(one.call, call_id=identity.call_id(one.call.started_at, who), scope=scope)


def _line(line: bytes) -> Fields:
    if b"\0" in line:
        raise LogFormatError("holds NUL bytes")
    try:
        if not line.isascii():
            line.decode()
    except UnicodeDecodeError as error:
        raise LogFormatError(f"not UTF-8: byte {error.start + 1} is 0x{line[error.start]:02x}") from None
    try:
        return _fields(line)
    except RecursionError:
        raise LogFormatError("nested too deeply") from None
    except msgspec.ValidationError:
        raise LogFormatError("not a JSON object") from None
    except msgspec.DecodeError as error:
        raise LogFormatError(f"not JSON: {_plain(error)}") from None


def _call(line: bytes, fields: Fields, form: str, scope: str, fallback_time: datetime, occurrence: Callable[[bytes], int]) -> Call:
    """The call in a line of a format that holds its bodies."""
    if form == "openai-finetune" and "messages" not in fields:
        raise LogFormatError("no 'messages'")
    bodies = _BODIES[form](fields)

    request = _part(bodies.request, "request")
    may_be_deep = line.count(b"[") + line.count(b"{") > MOST_DEPTH
    if may_be_deep:
        _check_depth(request)
    response = None if bodies.response is None else _part(bodies.response, "response")
    chat.segments(request)
    finish_reason = failure = response_id = created = None
    status, usage = 200, Usage()
    if response is not None:
        if may_be_deep:
            _check_depth(response)
        if response.get("error") and not response.get("choices"):
            failure, status = _error(response["error"])
        else:
            finish_reason = _named("response", chat.answer, response).finish_reason
        usage = chat.usage(response)
        response_id = _text(response.get("id"))
        created = response.get("created")
    if bodies.started_at is not None:
        started_at = check(moment(bodies.started_at), bodies.started_at)
    elif isinstance(created, int) and not isinstance(created, bool) and created > 0:
        made = epoch(created)
        started_at = made if made is not None and EARLIEST <= made <= latest() else fallback_time
    else:
        started_at = fallback_time
    if response_id is not None:
        who = identity.of_response(scope, response_id)
    else:
        digest = hashlib.blake2b(line.strip(), digest_size=16).digest()
        who = identity.of_line(scope, digest, occurrence(digest))
    return Call(
        call_id=identity.call_id(started_at, who),
        response_id=response_id,
        scope=scope,
        client_id=bodies.client_id,
        user_id=chat.user_id(request),
        conversation_id=chat.conversation_id(request),
        started_at=started_at,
        duration_ms=bodies.duration_ms,
        streamed=request.get("stream") is True,
        origin="import",
        source=form,
        request_model=_text(request.get("model")),
        response_model=_text(response.get("model")) if response else None,
        request=bodies.request,
        response=bodies.response,
        status=status,
        finish_reason=finish_reason,
        error=failure,
        usage=usage,
    )


def fallback(modified_at: datetime, number: int) -> datetime:
    """When a line without a time is taken to have been called."""
    return modified_at + timedelta(microseconds=number)


def check_scope(scope: str) -> str:
    """The name, if it can be a scope's. Raises InputError."""
    if not scope.strip() or not scope.isprintable() or scope in _RESERVED_SCOPES:
        raise InputError(f"{scope!r} cannot be the name of a scope")
    if len(scope.encode("utf-8", "replace")) > LONGEST_SCOPE_BYTES:
        raise InputError(f"the scope {scope[:20]!r}... is longer than {LONGEST_SCOPE_BYTES} bytes")
    return scope


def _scope(fields: Fields, name: str) -> str:
    value = _value(fields, name)
    if value is None:
        raise LogFormatError(f"no '{name}' to take the scope from")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise LogFormatError(f"'{name}' is {_kind(value)}: a scope is text")
    return check_scope(str(value))


def _value(fields: Fields, name: str) -> Any:
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


def _kind(value: Any) -> str:
    return {bool: "a boolean", float: "a number", int: "a number", str: "text", list: "a list", dict: "an object"}.get(type(value), "null")
