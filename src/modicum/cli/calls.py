"""`modicum calls show`: one recorded call, bodies included."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from modicum.cli.options import Config, common, existing, print_json, print_table, printable
from modicum.store.calls import Calls
from modicum.types import Call


@click.group()
def command() -> None:
    """Show recorded calls."""


@command.command()
@click.argument("call_id", metavar="ID")
@common
def show(call_id: str, config: Config, as_json: bool) -> None:
    """Show one call by our id or by the response's own, with its verbatim bodies."""
    call = Calls(existing(config)).get(call_id)
    if as_json:
        print_json(record(call))
        return
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
        ],
    )
    for name, body in (("request", call.request), ("response", call.response)):
        click.echo(f"\n{name}:")
        click.echo("  (no body is kept)" if body is None else printable(_pretty(body)))


def record(call: Call) -> dict[str, Any]:
    """The call with its bodies as JSON values."""
    fields: dict[str, Any] = msgspec.to_builtins(call)
    for name, body in (("request", call.request), ("response", call.response)):
        fields[name] = None if body is None else _value(body)
    return fields


def _value(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def _pretty(body: bytes) -> str:
    try:
        return msgspec.json.format(body, indent=2).decode()
    except (msgspec.DecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def _known(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
