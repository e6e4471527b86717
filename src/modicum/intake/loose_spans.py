"""Spans one by one, as Phoenix's API and its tables and OpenTelemetry's console exporter write them, in place of OTLP's envelopes.

`{"name", "context": {"trace_id", "span_id"}, "start_time", "end_time", "attributes", "events"}`, attributes nested or with dots, or all of
it in columns (`context.trace_id`, `attributes.llm.model_name`). Source: `Span.to_json` of opentelemetry-sdk; `Span` of
arize-ai.github.io/phoenix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from modicum.intake.times import moment
from modicum.intake.told import Line
from modicum.store.codec import to_us
from modicum.wire.otlp import Event, Span

_ATTRIBUTES, _RESOURCE = "attributes.", "resource.attributes."


def looks_like(names: Any) -> bool:
    named = "context" in names or ("context.trace_id" in names and "context.span_id" in names)
    return named and "start_time" in names and ("attributes" in names or any(name.startswith(_ATTRIBUTES) for name in names))


def read(line: Line) -> Iterator[Span]:
    """The span in a record. Raises InputError where its times are none."""
    row = line.record()
    values = dict(_flat(row, ""))
    started, ended = moment(values.get("start_time")), values.get("end_time")
    yield Span(
        trace_id=_id(values.get("context.trace_id")),
        span_id=_id(values.get("context.span_id")),
        name=str(values.get("name") or ""),
        start_ns=_ns(started),
        end_ns=_ns(moment(ended)) if ended else 0,
        attributes=_below(values, _ATTRIBUTES) | _kind(values),
        events=tuple(_events(row.get("events"))),
        failed="ERROR" in (values.get("status_code"), values.get("status.status_code")),
        resource=_below(values, _RESOURCE),
    )


def _kind(values: Mapping[str, Any]) -> dict[str, Any]:
    """Phoenix takes the kind out of the attributes."""
    kind = values.get("span_kind")
    return {"openinference.span.kind": kind} if isinstance(kind, str) and kind != "UNKNOWN" else {}


def _below(values: Mapping[str, Any], start: str) -> dict[str, Any]:
    return {name.removeprefix(start): value for name, value in values.items() if name.startswith(start) and value is not None}


def _flat(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Every value under the names that lead to it, joined by dots; lists both whole and element by element."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{at}.{name}" if at else name)
        return
    yield at, value
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{at}.{number}")


def _events(listed: Any) -> Iterator[Event]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("attributes"), dict):
            yield Event(name=str(one.get("name") or ""), attributes=dict(_flat(one["attributes"], "")))


def _id(value: Any) -> str:
    return value.removeprefix("0x").lower() if isinstance(value, str) else ""


def _ns(at: datetime) -> int:
    return to_us(at) * 1000
