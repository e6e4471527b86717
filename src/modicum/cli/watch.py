"""`modicum watch`: look after live routes until told to stop."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import click
import msgspec

from modicum.cli.options import Config, common, existing, print_json, printable
from modicum.errors import StoreBusyError

EXAMPLES = """\b
Examples:
  modicum watch                   in the foreground; with [watch] run = "alone", a service of its own
  modicum watch --once            look until everything is seen, then stop
  modicum watch --format json     one JSON object a line, for whoever collects logs
"""
NICE = 10


@click.command("watch", epilog=EXAMPLES)
@click.option("--once", is_flag=True, help="Look until all that was recorded is seen, take the steps that follow, and stop.")
@click.option("--child", is_flag=True, hidden=True, help="Give way to others, and end when standard input closes.")
@common
def command(once: bool, child: bool, config: Config, as_json: bool) -> None:
    """Look after live routes: test that what was certified holds, send back what does not, bring on what does.

    Reads what the gateway records, draw by draw, in the order in which calls came. A route whose promise is broken goes back to the
    incumbent at once. Forward it goes only where [watch] automatic or `modicum route auto` says so. One process to a home looks, others
    wait to take over; it may be stopped or killed at any moment. One line tells of each change.
    """
    from modicum.watch.run import Heard, Watcher  # not at start-up: the control records are slow to load

    existing(config)
    if child:
        os.nice(NICE)

    def tell(heard: Heard) -> None:
        if as_json and not once:
            click.echo(msgspec.json.encode({"at": heard.at, "what": heard.what, "text": heard.text}))
        elif not once:
            click.echo(printable(f"{heard.at:%Y-%m-%d %H:%M:%S} {heard.what}: {heard.text}"))

    watcher = Watcher(config, tell)
    if once:
        _once(watcher, as_json)
        return
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if child:
        threading.Thread(target=_orphaned, args=(stopped,), daemon=True).start()
    watcher.until(stopped)


def _once(watcher: Any, as_json: bool) -> None:
    if not watcher.take():
        raise StoreBusyError("another process watches this home", hint="it does what --once would do")
    try:
        rounds = watcher.once()
    finally:
        watcher.close()
    notices = [notice for one in rounds for notice in one.notices]
    seen, live = sum(one.seen for one in rounds), rounds[-1].live
    if as_json:
        print_json({"live": live, "records": seen, "notices": notices, "unread": rounds[-1].unread})
        return
    click.echo(f"{live} live route{'' if live == 1 else 's'}, {seen:,} new record{'' if seen == 1 else 's'}")
    for notice in notices:
        click.echo(printable(f"{notice.kind}: {notice.text}"))
    if rounds[-1].unread:
        click.echo(printable(rounds[-1].unread), err=True)


def _orphaned(stopped: threading.Event) -> None:
    """Wait until whoever started this is gone."""
    while os.read(0, 1):
        pass
    stopped.set()
