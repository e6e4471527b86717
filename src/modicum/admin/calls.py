"""Recorded calls: one of them, why it was answered as it was, or all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from modicum.admin.money import Window
from modicum.admin.operation import Desk, One, Scope, instant, operation
from modicum.admin.told import ToldCall, told
from modicum.pipeline.why import explain
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, Decision

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A decision, and the same in five lines."""

    call_id: str
    decision: Decision | None
    lines: tuple[str, ...]


class Export(Window, frozen=True, kw_only=True):
    scope: Scope | None = None


@operation("GET", "/calls", role="admin", media="application/x-ndjson")
def export(desk: Desk, asked: Export) -> Iterator[bytes]:
    """Download calls, one JSON object a line, oldest first; `modicum import` reads them."""
    calls = Calls(desk.config.home)
    return _lines(calls.scan(scope=asked.scope, since=instant(asked.since), until=instant(asked.until)))


@operation("GET", "/calls/{ref}", role="admin")
def show(desk: Desk, asked: One) -> ToldCall:
    """Show one call by our id or by the response's own, with its bodies as they are kept."""
    return told(Calls(desk.config.home).get(asked.ref))


@operation("GET", "/calls/{ref}/why", role="admin")
def why(desk: Desk, asked: One) -> Why:
    """Explain who answered a call and why."""
    call = Calls(desk.config.home).get(asked.ref)
    return Why(call_id=call.call_id, decision=call.decision, lines=tuple(explain(call, Control(desk.config.home))))


def line(call: Call) -> bytes:
    """A call as one line of an export."""
    one = told(call)
    fields = {"timestamp": call.started_at, **msgspec.to_builtins(one.call)}
    return _encode({**fields, "request": one.request, "response": one.response}) + b"\n"


def _lines(calls: Iterator[Call]) -> Iterator[bytes]:
    for call in calls:
        yield line(call)
