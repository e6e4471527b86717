"""Read a log line by line: a call for each that is one, a refusal with number and reason for each that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modicum.errors import InputError
from modicum.intake.formats import calls_of, fallback
from modicum.intake.lines import LONGEST_BYTES, lines
from modicum.intake.sources import Broken, Source
from modicum.types import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How logs are to be taken."""

    scope: str = "default"
    scope_from: str | None = None
    """The top-level field that names each line's scope."""
    form: str | None = None
    """The format, where it shall not be recognised by content."""
    longest_bytes: int = LONGEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A line that did not go in."""

    source: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.reason}"


def read(source: Source, options: Options, occurrence: Callable[[bytes], int]) -> Iterator[Call | Refusal]:
    """What each line of a log is: a call, several of them, or a refusal; blank lines are nothing. Memory: the longest line allowed.

    `occurrence` tells how often it has been asked for a digest, this time included; give a fresh one to each log.
    """
    number = 0
    try:
        for number, line, ended in lines(source.pieces(), longest=options.longest_bytes):
            if line is None:
                yield Refusal(source=source.name, line=number, reason=f"longer than {options.longest_bytes >> 20} MiB")
                continue
            if not line or line.isspace():
                continue
            try:
                yield from calls_of(
                    line,
                    scope=options.scope,
                    scope_from=options.scope_from,
                    form=options.form,
                    fallback_time=fallback(source.modified_at, number),
                    occurrence=occurrence,
                )
            except InputError as error:
                cut = "" if ended or line.rstrip().endswith(b"}") else "the log breaks off in this line; "
                yield Refusal(source=source.name, line=number, reason=cut + error.message)
    except Broken as error:
        yield Refusal(source=source.name, line=number + 1, reason=str(error))
