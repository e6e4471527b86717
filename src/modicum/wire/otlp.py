"""OTLP/HTTP: requests that bring spans, in JSON and in protobuf, and the replies to them. What the spans mean is `wire.genai`'s to say.

Source: opentelemetry.io/docs/specs/otlp (1.x) and opentelemetry-proto's `trace.proto`, `common.proto`, `collector/trace/v1`. JSON names
are lowerCamelCase, ids are hex, 64-bit numbers may be text; fields that are not known are left alone.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from modicum.errors import InputError
from modicum.wire import protobuf
from modicum.wire.protobuf import Field, Message

Form = Literal["json", "protobuf"]
OF_SPAN = protobuf.varint(9 << 3 | 2)
"""The tag before an attribute of a span."""
_double = struct.Struct("<d").pack
MOST_DEPTH = 32
"""Of arrays and maps within one attribute."""

ANY = Message()
KEY_VALUE = Message({1: Field("key"), 2: Field("value", "record", ANY)})
_ATTRIBUTES = Field("attributes", "record", KEY_VALUE, repeated=True)
ANY.add(
    {
        1: Field("stringValue"),
        2: Field("boolValue", "bool"),
        3: Field("intValue", "int"),
        4: Field("doubleValue", "double"),
        5: Field("arrayValue", "record", Message({1: Field("values", "record", ANY, repeated=True)})),
        6: Field("kvlistValue", "record", Message({1: Field("values", "record", KEY_VALUE, repeated=True)})),
        7: Field("bytesValue", "bytes"),
    }
)
RESOURCE = Message({1: _ATTRIBUTES})
SCOPE = Message({1: Field("name"), 2: Field("version"), 3: _ATTRIBUTES})
EVENT = Message({1: Field("timeUnixNano", "fixed64"), 2: Field("name"), 3: _ATTRIBUTES})
SPAN = Message(
    {
        1: Field("traceId", "hex"),
        2: Field("spanId", "hex"),
        4: Field("parentSpanId", "hex"),
        5: Field("name"),
        6: Field("kind", "int"),
        7: Field("startTimeUnixNano", "fixed64"),
        8: Field("endTimeUnixNano", "fixed64"),
        9: _ATTRIBUTES,
        11: Field("events", "record", EVENT, repeated=True),
        15: Field("status", "record", Message({2: Field("message"), 3: Field("code", "int")})),
    }
)
_SCOPE_SPANS = Message({1: Field("scope", "record", SCOPE), 2: Field("spans", "record", SPAN, repeated=True)})
_RESOURCE_SPANS = Message({1: Field("resource", "record", RESOURCE), 2: Field("scopeSpans", "record", _SCOPE_SPANS, repeated=True)})
TRACES = Message({1: Field("resourceSpans", "record", _RESOURCE_SPANS, repeated=True)})
"""ExportTraceServiceRequest."""
_POINT = Message(
    {
        2: Field("startTimeUnixNano", "fixed64"),
        3: Field("timeUnixNano", "fixed64"),
        4: Field("count", "fixed64"),
        5: Field("sum", "double"),
        6: Field("bucketCounts", "fixed64", repeated=True),
        7: Field("explicitBounds", "double", repeated=True),
        9: _ATTRIBUTES,
    }
)
_HISTOGRAM = Message({1: Field("dataPoints", "record", _POINT, repeated=True), 2: Field("aggregationTemporality", "int")})
_METRIC = Message({1: Field("name"), 2: Field("description"), 3: Field("unit"), 9: Field("histogram", "record", _HISTOGRAM)})
_SCOPE_METRICS = Message({1: Field("scope", "record", SCOPE), 2: Field("metrics", "record", _METRIC, repeated=True)})
_RESOURCE_METRICS = Message({1: Field("resource", "record", RESOURCE), 2: Field("scopeMetrics", "record", _SCOPE_METRICS, repeated=True)})
METRICS = Message({1: Field("resourceMetrics", "record", _RESOURCE_METRICS, repeated=True)})
"""ExportMetricsServiceRequest, as far as we write it: histograms."""
EVALUATION = "gen_ai.evaluation.result"
"""The event that says what somebody thought of a call; it is none."""
OF_LOG = protobuf.varint(6 << 3 | 2)
"""The tag before an attribute of a log record."""
LOG = Message(
    {
        1: Field("timeUnixNano", "fixed64"),
        2: Field("severityNumber", "int"),
        9: Field("traceId", "hex"),
        10: Field("spanId", "hex"),
        11: Field("observedTimeUnixNano", "fixed64"),
        12: Field("eventName"),
    }
)
"""LogRecord, as far as we write it: an event, its attributes aside."""
_PARTIAL = Message({1: Field("rejectedSpans", "int"), 2: Field("errorMessage")})
TAKEN = Message({1: Field("partialSuccess", "record", _PARTIAL)})
"""ExportTraceServiceResponse."""
STATUS = Message({1: Field("code", "int"), 2: Field("message")})
"""google.rpc.Status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened within a span."""

    name: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span as it was sent. Ids are hex, times nanoseconds since 1970."""

    trace_id: str
    span_id: str
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    """Values are text, numbers, booleans, bytes, lists and dicts."""
    events: tuple[Event, ...] = ()
    failed: bool = False
    """Its status is ERROR."""
    resource: Mapping[str, Any]
    emitter: str = ""
    """The instrumentation scope's name."""


def spans(body: bytes, form: Form) -> Iterator[Span]:
    """The spans of an ExportTraceServiceRequest. Raises InputError at once where the body is none; a span that is no span is one
    without ids."""
    record = protobuf.decode(TRACES, body) if form == "protobuf" else _json(body)
    return _spans(record)


def spans_of(record: Mapping[str, Any]) -> Iterator[Span]:
    """The same of a request that was decoded already."""
    return _spans(record)


def spans_of_logs(body: bytes) -> Iterator[Span]:
    """What the log records of an ExportLogsServiceRequest in JSON say of spans: one span for each that they name, as far as they tell it.

    Events of calls to a model were span events once and are log records now; the span itself comes with the traces.
    """
    told: dict[tuple[str, str], list[tuple[int, str, dict[str, Any]]]] = {}
    resources: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
    for of_resource in _records(_json(body).get("resourceLogs")):
        resource = _attributes(_record(of_resource.get("resource")).get("attributes"))
        for of_scope in _records(of_resource.get("scopeLogs")):
            emitter = _text(_record(of_scope.get("scope")).get("name"))
            for one in _records(of_scope.get("logRecords")):
                values = _attributes(one.get("attributes"))
                name = _text(one.get("eventName")) or _text(values.get("event.name"))
                if not name.startswith("gen_ai.") or name == EVALUATION:
                    continue
                if isinstance(said := _any(one.get("body"), MOST_DEPTH), dict):
                    values["body"] = said
                which = _text(one.get("traceId")).lower(), _text(one.get("spanId")).lower()
                at = whole(one.get("timeUnixNano")) or whole(one.get("observedTimeUnixNano")) or 0
                told.setdefault(which, []).append((at, name, values))
                resources[which] = resource, emitter
    for (trace_id, span_id), found in told.items():
        found.sort(key=lambda event: event[0])
        merged = {key: value for _, _, values in found for key, value in values.items() if key.startswith("gen_ai.")}
        merged.setdefault("gen_ai.operation.name", "chat")
        resource, emitter = resources[trace_id, span_id]
        yield Span(
            trace_id=trace_id,
            span_id=span_id,
            name=found[0][1],
            start_ns=found[0][0],
            end_ns=0,
            attributes=merged,
            events=tuple(Event(name=name, attributes=values) for _, name, values in found),
            resource=resource,
            emitter=emitter,
        )


def _json(body: bytes) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not JSON: {error}") from None
    except RecursionError:
        raise InputError("JSON is nested too deeply") from None
    if not isinstance(record, dict):
        raise InputError("an OTLP request is a JSON object")
    return record


def _spans(record: Mapping[str, Any]) -> Iterator[Span]:
    for of_resource in _records(record.get("resourceSpans")):
        resource = _attributes(_record(of_resource.get("resource")).get("attributes"))
        for of_scope in _records(of_resource.get("scopeSpans")):
            emitter = _text(_record(of_scope.get("scope")).get("name"))
            for span in _records(of_scope.get("spans")):
                yield Span(
                    trace_id=_text(span.get("traceId")).lower(),
                    span_id=_text(span.get("spanId")).lower(),
                    name=_text(span.get("name")),
                    start_ns=whole(span.get("startTimeUnixNano")) or 0,
                    end_ns=whole(span.get("endTimeUnixNano")) or 0,
                    attributes=_attributes(span.get("attributes")),
                    events=tuple(
                        Event(name=_text(event.get("name")), attributes=_attributes(event.get("attributes")))
                        for event in _records(span.get("events"))
                    ),
                    failed=_record(span.get("status")).get("code") in (2, "STATUS_CODE_ERROR"),
                    resource=resource,
                    emitter=emitter,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {key: _any(pair.get("value"), MOST_DEPTH) for pair in _records(pairs) if isinstance(key := pair.get("key", ""), str)}


def _any(value: Any, depth: int) -> Any:
    """An AnyValue as what it holds; None for an empty one, and below the depth allowed."""
    if not isinstance(value, dict) or not value or depth == 0:
        return None
    if isinstance(text := value.get("stringValue"), str):
        return text
    if "intValue" in value:
        return whole(value["intValue"])
    if "arrayValue" in value:
        return [_any(one, depth - 1) for one in _record(value["arrayValue"]).get("values") or () if isinstance(one, dict)]
    if "kvlistValue" in value:
        pairs = _records(_record(value["kvlistValue"]).get("values"))
        return {key: _any(pair.get("value"), depth - 1) for pair in pairs if isinstance(key := pair.get("key", ""), str)}
    return next((value[name] for name in ("boolValue", "doubleValue", "bytesValue") if name in value), None)


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP writes them; what is None is left out."""
    return [{"key": key, "value": _written(value)} for key, value in values.items() if value is not None]


def _written(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": value}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"arrayValue": {"values": [_written(one) for one in value]}}


def packed(values: Mapping[str, Any], tag: bytes) -> bytes:
    """Attributes as protobuf, each behind `tag`: what `protobuf.encode` would write, in a third of the time; a span has twenty."""
    parts: list[bytes] = []
    for key, value in values.items():
        kind = type(value)
        if kind is str:
            text = value.encode("utf-8", "replace")
            one = b"\x0a" + protobuf.varint(len(text)) + text
        elif kind is int and value >= 0:
            one = b"\x18" + protobuf.varint(value)
        elif kind is float:
            one = b"\x21" + _double(value)
        elif value is None:
            continue
        else:
            one = protobuf.encode(ANY, _written(value))
        name = _key(key)
        size = protobuf.varint(len(one))
        parts += (tag, protobuf.varint(len(name) + len(size) + len(one)), name, size, one)
    return b"".join(parts)


@functools.lru_cache(512)
def _key(key: str) -> bytes:
    text = key.encode()
    return b"\x0a" + protobuf.varint(len(text)) + text + b"\x12"


def taken(form: Form, *, rejected: int = 0, message: str = "") -> bytes:
    """The reply to a request that was taken in, in whole or in part. A message without rejected spans is a warning."""
    record: dict[str, Any] = {"partialSuccess": {"rejectedSpans": rejected, "errorMessage": message}} if rejected or message else {}
    if form == "protobuf":
        return protobuf.encode(TAKEN, record)
    if record:
        record["partialSuccess"]["rejectedSpans"] = str(rejected)  # protobuf's JSON writes 64-bit numbers as text
    return msgspec.json.encode(record)


def refused(form: Form, code: int, message: str) -> bytes:
    """A google.rpc.Status. `code` is one of google.rpc.Code."""
    record = {"code": code, "message": message}
    return protobuf.encode(STATUS, record) if form == "protobuf" else msgspec.json.encode(record)


def whole(value: Any) -> int | None:
    """A whole number, which JSON may write as text."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20 else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _records(value: Any) -> Iterator[dict[str, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _record(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
