"""OTLP in both forms, against the official messages; and bytes that are none."""

from __future__ import annotations

import base64
import struct
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from modicum.errors import InputError
from modicum.wire import otlp, protobuf

texts = st.text(st.characters(codec="utf-8"), max_size=12)
scalars = texts | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False) | st.binary(max_size=8)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6)
attributes = st.dictionaries(texts, values, max_size=4)


def put(target: Any, value: Any) -> None:
    """Write a value into an official AnyValue."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for one in value:
            put(target.array_value.values.add(), one)
    else:
        target.kvlist_value.SetInParent()
        fill(target.kvlist_value.values, value)


def fill(pairs: Any, held: dict[str, Any]) -> None:
    for key, value in held.items():
        pair = pairs.add()
        pair.key = key
        put(pair.value, value)


@st.composite
def requests(draw: st.DrawFn) -> tuple[ExportTraceServiceRequest, list[dict[str, Any]]]:
    """An official request, and what its spans hold."""
    request, held = ExportTraceServiceRequest(), []
    for _ in range(draw(st.integers(0, 2))):
        of_resource = request.resource_spans.add()
        about = draw(attributes)
        fill(of_resource.resource.attributes, about)
        for _ in range(draw(st.integers(0, 2))):
            of_scope = of_resource.scope_spans.add()
            of_scope.scope.name = draw(texts)
            for _ in range(draw(st.integers(0, 2))):
                span = of_scope.spans.add()
                span.trace_id, span.span_id = draw(st.binary(min_size=16, max_size=16)), draw(st.binary(min_size=8, max_size=8))
                span.name, span.kind, span.flags = draw(texts), 3, draw(st.integers(0, 0xFFFFFFFF))
                span.start_time_unix_nano, span.end_time_unix_nano = (
                    draw(st.integers(0, (1 << 64) - 1)),
                    draw(st.integers(0, (1 << 64) - 1)),
                )
                span.status.code = draw(st.sampled_from((0, 1, 2)))
                mine, theirs = draw(attributes), draw(attributes)
                fill(span.attributes, mine)
                event = span.events.add()
                event.name, event.time_unix_nano = draw(texts), 5
                fill(event.attributes, theirs)
                held.append(
                    {
                        "trace_id": span.trace_id.hex(), "span_id": span.span_id.hex(), "name": span.name,
                        "start_ns": span.start_time_unix_nano, "end_ns": span.end_time_unix_nano, "attributes": mine,
                        "failed": span.status.code == 2, "resource": about, "emitter": of_scope.scope.name,
                        "events": (otlp.Event(name=event.name, attributes=theirs),),
                    }
                )  # fmt: skip
    return request, held


@settings(max_examples=150)
@given(requests())
def test_protobuf_reads_as_the_official_library_reads_it(made: tuple[ExportTraceServiceRequest, list[dict[str, Any]]]) -> None:
    request, held = made
    assert list(otlp.spans(request.SerializeToString(), "protobuf")) == [otlp.Span(**one) for one in held]


@settings(max_examples=60)
@given(requests())
def test_json_reads_as_protobuf_does(made: tuple[ExportTraceServiceRequest, list[dict[str, Any]]]) -> None:
    request, _ = made
    official = json_format.MessageToDict(request, use_integers_for_enums=True)
    for of_resource in official.get("resourceSpans", ()):
        for of_scope in of_resource.get("scopeSpans", ()):
            for span in of_scope.get("spans", ()):
                span["traceId"], span["spanId"] = _hex(span["traceId"]), _hex(span["spanId"])
    found = list(otlp.spans(msgspec.json.encode(official), "json"))
    wanted = list(otlp.spans(request.SerializeToString(), "protobuf"))
    # Protobuf's JSON writes bytes as base64, which nothing tells from text once it is read; numbers that are whole lose their point.
    assert [(s.trace_id, s.span_id, s.name, s.start_ns, s.end_ns, s.failed, s.emitter) for s in found] == [
        (s.trace_id, s.span_id, s.name, s.start_ns, s.end_ns, s.failed, s.emitter) for s in wanted
    ]
    assert [list(s.attributes) for s in found] == [list(s.attributes) for s in wanted]


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


@given(st.dictionaries(texts, scalars.filter(lambda one: not isinstance(one, bytes)) | st.lists(texts, max_size=3), max_size=6))
def test_the_fast_way_writes_what_the_official_library_reads(held: dict[str, Any]) -> None:
    request = protobuf.encode(otlp.SPAN, {"traceId": "ab" * 16, "name": "x"}) + otlp.packed(held, otlp.OF_SPAN)
    wrapped = protobuf.encode(otlp.TRACES, {"resourceSpans": [{"scopeSpans": [{"spans": [protobuf.decode(otlp.SPAN, request)]}]}]})
    official = ExportTraceServiceRequest.FromString(wrapped).resource_spans[0].scope_spans[0].spans[0]
    assert official.trace_id.hex() == "ab" * 16
    for pair in official.attributes:
        mine = AnyValue()
        put(mine, held[pair.key])
        assert pair.value == mine
    assert len(official.attributes) == len(held)


def test_metrics_are_what_the_official_library_reads() -> None:
    point = {"count": 3, "sum": 4.5, "bucketCounts": [1, 2, 0], "explicitBounds": [1.0, 2.0], "attributes": otlp.attributes({"a": "b"})}
    metric = {"name": "m", "unit": "s", "histogram": {"dataPoints": [point], "aggregationTemporality": 2}}
    body = protobuf.encode(otlp.METRICS, {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    found = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0].metrics[0]
    assert found.name == "m" and list(found.histogram.data_points[0].bucket_counts) == [1, 2, 0]
    assert list(found.histogram.data_points[0].explicit_bounds) == [1.0, 2.0] and found.histogram.data_points[0].sum == 4.5


def test_replies_are_what_the_official_library_reads() -> None:
    whole = ExportTraceServiceResponse.FromString(otlp.taken("protobuf"))
    assert not whole.HasField("partial_success")
    part = ExportTraceServiceResponse.FromString(otlp.taken("protobuf", rejected=2, message="why"))
    assert part.partial_success.rejected_spans == 2 and part.partial_success.error_message == "why"
    assert json_format.Parse(otlp.taken("json", rejected=2, message="why"), ExportTraceServiceResponse()) == part
    assert json_format.Parse(otlp.taken("json"), ExportTraceServiceResponse()) == whole


@settings(max_examples=400)
@given(st.binary(max_size=200))
def test_any_bytes_are_spans_or_an_input_error(body: bytes) -> None:
    forms: tuple[otlp.Form, ...] = ("protobuf", "json")
    for form in forms:
        try:
            list(otlp.spans(body, form))
        except InputError as error:
            assert error.message


@settings(max_examples=200)
@given(requests(), st.data())
def test_bytes_that_break_off_or_are_changed_raise_nothing_else(
    made: tuple[ExportTraceServiceRequest, list[dict[str, Any]]], data: st.DataObject
) -> None:
    body = bytearray(made[0].SerializeToString())
    if body:
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
        body = body[: data.draw(st.integers(0, len(body)))]
    try:
        list(otlp.spans(bytes(body), "protobuf"))
    except InputError:
        return


names = texts | st.sampled_from(("spans", "attributes", "key", "value"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(json_values)
def test_any_json_in_the_place_of_anything_is_read_or_left_out(value: Any) -> None:
    for record in (
        {"resourceSpans": value},
        {"resourceSpans": [{"resource": value, "scopeSpans": [{"scope": value, "spans": [value]}]}]},
        {
            "resourceSpans": [
                {"scopeSpans": [{"spans": [{"attributes": [{"key": "a", "value": value}], "events": value, "status": value}]}]}
            ]
        },
    ):
        list(otlp.spans_of(record))


def test_depth_and_number_of_records_are_bounded() -> None:
    deep: dict[str, Any] = {"stringValue": "x"}
    for _ in range(40):
        deep = {"arrayValue": {"values": [deep]}}
    span = {"traceId": "a", "spanId": "b", "attributes": [{"key": "k", "value": deep}]}
    (found,) = otlp.spans_of({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    held = found.attributes["k"]
    depth = 0
    while isinstance(held, list):
        held, depth = held[0], depth + 1
    assert held is None and depth <= otlp.MOST_DEPTH
    nested = b""
    for _ in range(protobuf.MOST_DEPTH):
        inner = b"\x0a" + protobuf.varint(len(nested)) + nested
        nested = b"\x2a" + protobuf.varint(len(inner)) + inner
    with pytest.raises(InputError, match="nested deeper"):
        protobuf.decode(otlp.ANY, nested)
    with pytest.raises(InputError, match="records"):
        protobuf.decode(otlp.TRACES, b"\x0a\x00" * (protobuf.MOST_RECORDS + 1))
    with pytest.raises(InputError):
        list(otlp.spans(b"[" * 100_000, "json"))


@given(st.integers(0, (1 << 64) - 1))
def test_numbers_go_and_come_back(number: int) -> None:
    shape = protobuf.Message({1: protobuf.Field("n", "int"), 2: protobuf.Field("f", "fixed64")})
    signed = struct.unpack("<q", struct.pack("<Q", number))[0]
    assert protobuf.decode(shape, protobuf.encode(shape, {"n": signed, "f": number})) == {"n": signed, "f": number}


def test_what_somebody_thought_of_a_call_is_no_call() -> None:
    place = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "timeUnixNano": "1700000000000000000"}
    score = {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": 1.0}}
    events = [{**place, "eventName": name, "attributes": [score]} for name in ("gen_ai.evaluation.result", "gen_ai.choice")]
    told = [{"resourceLogs": [{"scopeLogs": [{"scope": {"name": "an.evaluator"}, "logRecords": one}]}]} for one in (events[:1], events)]
    assert list(otlp.spans_of_logs(msgspec.json.encode(told[0]))) == []
    (span,) = otlp.spans_of_logs(msgspec.json.encode(told[1]))
    assert [event.name for event in span.events] == ["gen_ai.choice"]
