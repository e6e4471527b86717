"""`modicum calls`: show one recorded call, or take all of them elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from modicum.admin import calls as operations
from modicum.admin.operation import One
from modicum.admin.reach import Reach
from modicum.admin.told import ToldCall
from modicum.cli.options import Config, Subcommands, at_home, common, existing, print_json, print_table, printable, reached
from modicum.store.calls import Calls
from modicum.types import Decision


@click.group(cls=Subcommands)
def command() -> None:
    """Show or export recorded calls."""


@command.command()
@click.argument("call_id", metavar="ID")
@reached
def show(call_id: str, way: Reach, config: Config, as_json: bool) -> None:
    """Show one call by our id or by the response's own, with its verbatim bodies."""
    at_home(way)
    told = way.do(operations.show, One(ref=call_id))
    if as_json:
        print_json(record(told))
        return
    call = told.call
    usage = call.usage
    print_table(
        ("", ""),
        [
            ("call", call.call_id),
            ("response", call.response_id or "unknown"),
            ("scope", call.scope),
            ("at", call.started_at.isoformat(timespec="milliseconds")),
            ("model", f"{call.request_model or 'unknown'} -> {call.response_model or 'unknown'}"),
            ("status", f"{call.status} {call.error or call.finish_reason or ''}"),
            ("tokens", f"{_known(usage.input_tokens)} in, {_known(usage.output_tokens)} out"),
            ("took", "unknown" if call.duration_ms is None else f"{call.duration_ms:,.0f} ms"),
            *_decided(call.decision),
        ],
    )
    for name, body in (("request", told.request), ("response", told.response)):
        click.echo(f"\n{name}:")
        click.echo("  (no body is kept)" if bytes(body) == b"null" else printable(_pretty(bytes(body))))


@command.command()
@click.option("--scope", metavar="NAME", help="Only this scope's.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only calls from this day on (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Only calls before this day (UTC).")
@common
def export(scope: str | None, since: datetime | None, until: datetime | None, config: Config, as_json: bool) -> None:
    """Write calls to standard output, one JSON object a line, oldest first: bodies as they are kept, and every figure.

    `modicum import` reads such a file. Example: modicum calls export | zstd > calls.jsonl.zst
    """
    for call in Calls(existing(config)).scan(scope=scope, since=_utc(since), until=_utc(until)):
        click.echo(operations.line(call), nl=False)


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)


def record(told: ToldCall) -> dict[str, Any]:
    """The call with its bodies as JSON values."""
    return {**msgspec.to_builtins(told.call), "request": told.request, "response": told.response}


def _pretty(body: bytes) -> str:
    """JSON over several lines; text that was none stands as it is."""
    try:
        text = msgspec.json.decode(body, type=str)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.format(body, indent=2).decode()
    return text


def _decided(decision: Decision | None) -> list[tuple[str, str]]:
    if decision is None:
        return []
    chance = "" if decision.propensity is None else f", by a chance of {decision.propensity:.3g}"
    return [("answered by", decision.answered_by), ("because", decision.reason + chance), ("route", decision.route_id or "none")]


def _known(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
