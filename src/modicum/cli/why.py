"""`modicum why CALL_ID`: a decision in five lines."""

from __future__ import annotations

import click

from modicum.admin import calls
from modicum.admin.operation import One
from modicum.admin.reach import Reach
from modicum.cli.options import Config, at_home, print_json, printable, reached


@click.command(epilog="Example:  modicum why 0198c0de-…   (the id stands in the reply's x-request-id)")
@click.argument("call_id")
@reached
def command(call_id: str, way: Reach, config: Config, as_json: bool) -> None:
    """Explain who answered a call and why."""
    at_home(way)
    found = way.do(calls.why, One(ref=call_id))
    if as_json:
        print_json({"call_id": found.call_id, "decision": found.decision})
    else:
        for line in found.lines:
            click.echo(printable(line))
