"""Labelling in a terminal: one call a screen, one key a label."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import click

from modicum.cli.options import console, printable
from modicum.cli.side_by_side import Pieces, differences, shown
from modicum.evaluate.labels import Choice, Label
from modicum.pipeline.label_wants import Question
from modicum.pipeline.labelling import Desk, Standing, prompt_of
from modicum.report.words import count, line

LINES = 24
"""Lines of one text on the screen; `m` shows all of it."""
VERDICT_KEYS: dict[str, Choice] = {"1": "a", "2": "b", "b": "both", "n": "neither"}
SAID: dict[Choice, str] = {"a": "1 is right", "b": "2 is right", "both": "both are right", "neither": "neither is right"}


class Keys:
    """The keyboard, key by key and without echo, from `with` to its end: what is typed ahead is not lost."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._before: list[Any] = []

    def __enter__(self) -> Keys:
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSADRAIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def next(self) -> str:
        """One key; empty for those that send more than a character (arrows). Raises EOFError, KeyboardInterrupt."""
        found = os.read(self._fd, 1)
        if found in (b"", b"\x04"):
            raise EOFError
        if found == b"\x1b" and select.select([self._fd], [], [], 0.05)[0]:
            os.read(self._fd, 64)
            return ""
        return found.decode("ascii", "ignore")

    def line(self, text: str) -> str:
        """A line, as lines are typed."""
        self.__exit__(None, None, None)
        try:
            return str(click.prompt(text, default="", show_default=False))
        finally:
            tty.setcbreak(self._fd, termios.TCSADRAIN)

    def page(self, text: str) -> None:
        """All of a text, in the pager."""
        self.__exit__(None, None, None)
        try:
            click.echo_via_pager(text)
        finally:
            tty.setcbreak(self._fd, termios.TCSADRAIN)


@dataclass(slots=True)
class Terminal:
    """The loop over a desk."""

    desk: Desk
    keys: Keys

    def run(self) -> None:
        """Ask until nothing is left or the person leaves. Raises KeyboardInterrupt."""
        question, again = self.desk.next(), True
        while question is not None:
            if again:
                self._show(question)
            try:
                pressed = self.keys.next()
            except EOFError:
                return
            done = self._press(pressed, question)
            if done == "quit":
                return
            again = done != "stay"
            if isinstance(done, Question):
                question = done
            elif done == "next":
                question = self.desk.next(after=question.id)

    def _press(self, pressed: str, question: Question) -> Question | str:
        """What a key does: `next`, `stay`, `again`, `quit`, or the question to go back to."""
        name = pressed.lower()
        if name in VERDICT_KEYS:
            self.desk.label(question.id, verdict=VERDICT_KEYS[name])
            click.echo(f"  {SAID[VERDICT_KEYS[name]]}")
        elif name == "l" and self.desk.choices:
            if (gold := self._pick()) is None:
                return "again"
            self.desk.label(question.id, gold=gold)
            click.echo(printable(f"  {gold} is right"))
        elif name == "s":
            self.desk.skip(question.id)
        elif name == "u":
            back = self.desk.undo()
            click.echo("  nothing to undo" if back is None else "  taken back")
            return "stay" if back is None else back
        elif name == "m":
            self.keys.page(_whole(question, prompt_of(self.desk.workload)))
            return "again"
        elif name in ("q", "\x1b"):
            return "quit"
        else:
            return "stay"
        return "next"

    def _pick(self) -> str | None:
        """The right label, by its number or how it begins; None: none of them."""
        choices = self.desk.choices
        click.echo(printable("  " + "   ".join(f"{number} {label}" for number, label in enumerate(choices, 1))))
        while text := self.keys.line("  the right label (its number, or how it begins; empty goes back)").strip():
            if text.isascii() and text.isdigit() and 1 <= int(text) <= len(choices):
                return choices[int(text) - 1]
            near = matching(text, choices)
            if len(near) == 1:
                return near[0]
            click.echo(printable(f"  {', '.join(near[:12])}" if near else "  no label begins so"))
        return None

    def _show(self, question: Question) -> None:
        from rich.padding import Padding
        from rich.text import Text

        screen = console()
        standing = self.desk.standing()
        screen.print()
        screen.rule(Text(line(f"{self.desk.workload.name}   {progress(standing)}"), style="bold"), align="left", style="dim")
        for name, value in question.slots:
            screen.print(Text(line(name), style="dim"))
            screen.print(Padding(Text(_cut(shown(value))), (0, 0, 0, 2)))
        for number, pieces in enumerate(differences(question.a, question.b), 1):
            screen.print(Text(f"\nanswer {number}", style="bold"))
            screen.print(Padding(_marked(pieces), (0, 0, 0, 2)))
        said = self.desk.said(question.id)
        screen.print(Text("\n" + ("" if said is None else f"you said: {_words(said)}.  ") + keys(bool(self.desk.choices)), style="dim"))


def keys(labels: bool) -> str:
    picks = "[l] pick the right label  " if labels else ""
    return f"[1] [2] right (better) answer  [b]oth  [n]either  {picks}[s]kip  [u]ndo  [m]ore  [q]uit"


def matching(text: str, choices: Sequence[str]) -> list[str]:
    """The labels that are this text but for its case, or begin with it."""
    wanted = text.casefold()
    exact = [choice for choice in choices if choice.casefold() == wanted]
    return exact or [choice for choice in choices if choice.casefold().startswith(wanted)]


def progress(standing: Standing) -> str:
    """`12 of 31 labelled, about 4 minutes left`."""
    said = f"{standing.settled:,} of {standing.wanted:,} labelled"
    if standing.skipped:
        said += f", {standing.skipped:,} skipped"
    if standing.seconds_a_call is not None and standing.left:
        minutes = standing.seconds_a_call * standing.left / 60
        said += f", about {count(max(round(minutes), 1), 'minute')} left"
    return said


def _words(label: Label) -> str:
    return f"{label.gold} is right" if label.gold is not None else SAID[label.verdict or "neither"]


def _cut(text: str) -> str:
    lines = text.split("\n")
    kept = "\n".join(lines[:LINES])
    kept = kept if len(kept) <= 80 * LINES else kept[: 80 * LINES] + "…"
    return kept if len(kept) >= len(text) else f"{kept}\n… ([m] shows all of it)"


def _marked(pieces: Pieces) -> Any:
    """A text with what differs underlined, for terminals without colour too."""
    from rich.text import Text

    text, room = Text(), 80 * LINES
    for piece, differs in pieces:
        text.append(piece[:room], style="bold underline" if differs else "")
        room -= len(piece)
        if room <= 0:
            text.append("… ([m] shows all of it)", style="dim")
            break
    return text


def _whole(question: Question, prompt: str) -> str:
    parts = [*((("prompt", prompt),) if prompt else ()), *question.slots, ("answer 1", question.a), ("answer 2", question.b)]
    return "\n\n".join(f"{line(name)}\n\n{shown(text)}" for name, text in parts) + "\n"
