"""`modicum top`: what the gateway does now, drawn over and over."""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import click
import msgspec

from modicum.cli.options import ADMIN_KEY_ENV, Config, common, console, printable
from modicum.cli.stopping import until_stopped
from modicum.cli.top_source import Here, Source, There
from modicum.cli.top_text import KEYS, draw
from modicum.errors import ModicumError
from modicum.report.top import SORTS, Frame, Look, Sort, frame, restarted

WINDOW_S = 60.0
MOST_LOOKS = 240
EXAMPLES = """\b
Examples:
  modicum top                                    this machine's gateway, until q
  modicum top --once                             one frame, since the gateway began
  modicum top --json --interval 10 >> top.jsonl  a line each ten seconds
  modicum top --url https://gateway.internal:8321
"""


@dataclass(slots=True)
class Watching:
    """The looks of the last minute, and what is made of them."""

    source: Source
    sort: Sort = "requests"
    whole_run: bool = False
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=MOST_LOOKS))

    def look(self) -> None:
        """Look once more. Raises ModicumError."""
        now = self.source.look()
        if self.looks and restarted(now.samples, self.looks[-1].samples):
            self.looks.clear()
        self.looks.append(now)
        while len(self.looks) > 2 and (now.at - self.looks[1].at).total_seconds() >= WINDOW_S:
            self.looks.popleft()

    def frame(self) -> Frame:
        before = self.looks[0] if len(self.looks) > 1 and not self.whole_run else None
        return frame(self.looks[-1], before, notices=self.source.notices(), sort=self.sort)


@click.command("top", epilog=EXAMPLES)
@click.option("--url", metavar="URL", help="A gateway on another machine: its /metrics is read.")
@click.option("--key-env", metavar="NAME", default=ADMIN_KEY_ENV, show_default=True, help="The variable that holds a key for --url.")
@click.option("--interval", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, help="Seconds between two frames.")
@click.option("--sort", type=click.Choice(SORTS), default="requests", show_default=True, help="Order of the workloads.")
@click.option("--once", is_flag=True, help="Print one frame, since the gateway began. So it is too where the output is no terminal.")
@click.option("--json", "lines", is_flag=True, help="Print each frame as a line of JSON.")
@common
def command(config: Config, as_json: bool, url: str | None, key_env: str, interval: float, sort: Sort, once: bool, lines: bool) -> None:
    """What the gateway does now: who answers, how fast, what it costs, how each route stands.

    Figures are of the last minute, those of the first frame since the gateway began; agreement is of the whole run. Keys: q quits,
    p pauses, s changes the order, w changes between the last minute and the whole run.
    """
    source: Source = There(url, key_env) if url else Here(config.home)
    watching = Watching(source, sort)
    try:
        if once and (lines or as_json):
            watching.look()
            click.echo(msgspec.json.encode(watching.frame()))
        elif lines or as_json:
            with until_stopped():
                _print(watching, interval)
        elif once or not sys.stdout.isatty():
            watching.look()
            screen = console()
            click.echo("\n".join(draw(watching.frame(), width=screen.width, colour=_colour(screen), place=source.place, sort=sort)))
        else:
            with until_stopped():
                _live(watching, interval)
    finally:
        source.close()


def _print(watching: Watching, interval: float) -> None:
    """A line a frame. A gateway that goes away for a while ends no collection."""
    watching.look()
    while True:
        click.echo(msgspec.json.encode(watching.frame()))
        looked = False
        while not looked:
            time.sleep(interval)
            try:
                watching.look()
                looked = True
            except ModicumError as error:
                click.echo(printable(f"modicum: {error.message}"), err=True)


def _live(watching: Watching, interval: float) -> None:
    from modicum.cli.top_screen import Screen

    colour = _colour(console())
    paused, problem, shown, due = False, "", None, 0.0
    with Screen() as screen:
        while True:
            if not paused and time.monotonic() >= due:
                due = time.monotonic() + interval
                try:
                    watching.look()
                    problem = ""
                except ModicumError as error:  # it may be starting again
                    problem = error.message
                shown = watching.frame() if watching.looks else None
            columns, height = screen.size
            note = " ".join(part for part in (KEYS, "paused" if paused else "", problem) if part)
            if shown is None:
                screen.show([printable(problem)[:columns], KEYS])
            else:
                place, sort = watching.source.place, watching.sort
                screen.show(draw(shown, width=columns, height=height, colour=colour, place=place, sort=sort, note=note))
            try:
                key = screen.wait(interval if paused else due - time.monotonic())
            except EOFError:
                return
            if key in ("q", "Q"):
                return
            if key == "p":
                paused = not paused
            elif key == "s":
                watching.sort = SORTS[(SORTS.index(watching.sort) + 1) % len(SORTS)]
            elif key == "w":
                watching.whole_run = not watching.whole_run
            if key in ("s", "w") and watching.looks:
                shown = watching.frame()


def _colour(screen: Any) -> bool:
    """Not where NO_COLOR is set, or the terminal has none."""
    return screen.color_system is not None and not screen.no_color
