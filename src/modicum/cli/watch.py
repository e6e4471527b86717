"""`modicum watch`: look after live routes until told to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from modicum.cli.options import Config, common, existing, print_json, printable
from modicum.config import load
from modicum.errors import ModicumError, StoreBusyError

if TYPE_CHECKING:
    from modicum.watch.run import Heard, Watcher

EXAMPLES = """\b
Examples:
  modicum watch                   in the foreground; with [watch] run = "alone", a service of its own
  modicum watch --once            look until everything is seen, then stop
  modicum watch --learn           find and fit what is due now, then stop
  modicum watch --format json     one JSON object a line, for whoever collects logs
"""
NICE = 10


@click.command("watch", epilog=EXAMPLES)
@click.option("--once", is_flag=True, help="Look until all that was recorded is seen, take the steps that follow, and stop.")
@click.option("--learn", is_flag=True, help="Find new workloads and versions, fit what is due, and stop. Proposes; takes no step.")
@click.option("--child", is_flag=True, hidden=True, help="Give way to others, and end when standard input closes.")
@common
def command(once: bool, learn: bool, child: bool, config: Config, as_json: bool) -> None:
    """Look after live routes: test that what was certified holds, send back what does not, bring on what does.

    Reads what the gateway records, draw by draw, in the order in which calls came. A route whose promise is broken goes back to the
    incumbent at once. Forward it goes only where [watch] automatic or `modicum route auto` says so. One process to a home looks, others
    wait to take over; it may be stopped or killed at any moment. One line tells of each change. SIGHUP reads the configuration again.
    """
    from modicum.watch.run import Watcher  # not at start-up: the control records are slow to load

    existing(config)
    if learn:
        _learn(config, as_json)
        return
    if once:
        _once(config, Watcher(config, lambda heard: None), as_json)
        return
    if child:
        os.nice(NICE)
    _run(config, _reread(config), as_json, child=child)


def _run(config: Config, reread: Callable[[], Config], as_json: bool, *, child: bool) -> None:
    from modicum.watch.run import Watcher

    ended, woken = threading.Event(), threading.Event()

    def end() -> None:
        ended.set()
        woken.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end())
    signal.signal(signal.SIGHUP, lambda *_: woken.set())
    if child:
        threading.Thread(target=_orphaned, args=(end,), daemon=True).start()
    while not ended.is_set():
        woken.clear()
        if not ended.is_set():
            Watcher(config, _teller(as_json)).until(woken)
        try:
            config = reread() if not ended.is_set() else config
        except ModicumError as error:
            click.echo(printable(f"{error.message}; what held before holds on"), err=True)


def _teller(as_json: bool) -> Callable[[Heard], None]:
    def tell(heard: Heard) -> None:
        if as_json:
            click.echo(msgspec.json.encode({"at": heard.at, "what": heard.what, "text": heard.text}))
        else:
            click.echo(printable(f"{heard.at:%Y-%m-%d %H:%M:%S} {heard.what}: {heard.text}"))

    return tell


def _once(config: Config, watcher: Watcher, as_json: bool) -> None:
    from modicum.pipeline.newcomers import newcomers, said
    from modicum.store.control import Control

    if not watcher.take():
        raise StoreBusyError("another process watches this home", hint="it does what --once would do")
    try:
        rounds = watcher.once()
    finally:
        watcher.close()
    found = newcomers(config, Control(config.home))
    notices = [notice for one in rounds for notice in one.notices]
    seen, live, unread = sum(one.seen for one in rounds), rounds[-1].live, rounds[-1].unread
    if as_json:
        print_json({"live": live, "records": seen, "notices": notices, "unread": unread, "newcomers": found})
        return
    click.echo(f"{live} live route{'' if live == 1 else 's'}, {seen:,} new record{'' if seen == 1 else 's'}")
    for notice in notices:
        click.echo(printable(f"{notice.kind}: {notice.text}"))
    for one in found:
        click.echo(printable(f"{one.workload}: a version of its prompt is not certified: {said(one)}"))
    if unread:
        click.echo(printable(unread), err=True)


def _learn(config: Config, as_json: bool) -> None:
    from modicum.store.control import Control
    from modicum.watch.learn import Learning

    control = Control(config.home)
    last = control.last_notice()
    if not Learning(config, lambda text: None if as_json else click.echo(printable(text))).run(["by hand"]):
        raise StoreBusyError("another process learns in this home", hint="what it finds stands in `modicum notices`")
    notices = control.notices(after=last)
    if as_json:
        print_json({"notices": notices})
    elif not notices:
        click.echo("Nothing new, and nothing is due.")


def _reread(config: Config) -> Callable[[], Config]:
    """Reads the configuration as this command did."""
    context = click.get_current_context()
    named = context.params.get("config_path") or (context.parent.params.get("config_path") if context.parent else None)
    return lambda: load(None if named is None else Path(named), flags={"store.home": config.home})


def _orphaned(end: Callable[[], None]) -> None:
    """Wait until whoever started this is gone."""
    while os.read(0, 1):
        pass
    end()
