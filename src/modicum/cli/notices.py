"""`modicum notices`: what the watcher told of, and whether it gets where it should."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import click

from modicum.cli.options import Config, common, existing, print_json, print_table, printable
from modicum.errors import ConfigError
from modicum.types import Notice, NoticeKind

if TYPE_CHECKING:
    from modicum.watch.receiver import Posted, Receiver

EXAMPLES = """\b
Examples:
  modicum notices                                        the newest first
  modicum notices --kind alarm --limit 100
  MODICUM_SLACK_URL=https://hooks.slack.com/… modicum notices --send-test
"""
TEST = "This is a test: nothing happened. Whoever reads it will hear of alarms and of steps of routes here."


@click.command("notices", epilog=EXAMPLES)
@click.option("--kind", type=click.Choice(get_args(NoticeKind)), help="Only these.")
@click.option("--workload", metavar="NAME", help="Only of this workload.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@click.option("--send-test", is_flag=True, help="Post a test to every receiver that the environment names, and say what came of it.")
@common
def command(config: Config, as_json: bool, kind: str | None, workload: str | None, limit: int, send_test: bool) -> int:
    """List what the watcher told of: steps of routes, alarms, early signs.

    Each is posted to the addresses in the variables that [watch] webhook_url_env and slack_url_env name, by `modicum watch`.
    """
    if send_test:
        return _send_test(config, as_json)
    from modicum.store.control import Control  # slow to load

    existing(config)
    found = [
        notice
        for notice in reversed(Control(config.home).notices())
        if kind in (None, notice.kind) and workload in (None, notice.workload, notice.workload_id)
    ][:limit]
    if as_json:
        print_json(found)
    elif not found:
        click.echo("No notices yet: `modicum watch` writes them.")
    else:
        rows = [(n.number, f"{n.at.astimezone():%Y-%m-%d %H:%M}", n.kind, _where(n), n.bare) for n in found]
        print_table(("number", "at", "kind", "workload", "what"), rows, right=(0,))
    return 0


def _send_test(config: Config, as_json: bool) -> int:
    from modicum.watch.receiver import receivers

    found = receivers(config)
    if not found:
        names = f"{config.watch.webhook_url_env} and {config.watch.slack_url_env}"
        raise ConfigError(f"no receiver: {names} are empty", hint="put the address of a webhook into one of them")
    notice = Notice(number=0, at=datetime.now(UTC), kind="moved", scope="default", workload_id="test", workload="test", text=TEST)
    posted = asyncio.run(_post(found, notice))
    if as_json:
        print_json([{"receiver": one.name, **dataclasses.asdict(came)} for one, came in zip(found, posted, strict=True)])
    else:
        for one, came in zip(found, posted, strict=True):
            click.echo(printable(f"the {one.name} {'took it' if came.taken else came.problem}"))
    return 0 if all(came.taken for came in posted) else 1


async def _post(found: list[Receiver], notice: Notice) -> list[Posted]:
    from modicum.backends.client import Client

    client = Client()
    try:
        return [await one.post(client, notice, test=True) for one in found]
    finally:
        await client.close()


def _where(notice: Notice) -> str:
    return notice.workload if notice.scope == "default" else f"{notice.scope}/{notice.workload}"
