"""Read a log record by record: what each tells of, a refusal with number and reason for each that tells of nothing we know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modicum.errors import InputError, LogFormatError
from modicum.intake import formats
from modicum.intake.lines import LONGEST_BYTES
from modicum.intake.pairs import Pairs
from modicum.intake.records import records
from modicum.intake.sources import Broken, Source
from modicum.intake.told import Line, Passed, Told
from modicum.types import Call, ProviderTotal


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How logs are to be taken."""

    scope: str = "default"
    scope_from: str | None = None
    """The top-level field that names each line's scope."""
    form: str | None = None
    """The format, where it shall not be recognised by content."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our fields -> the log's columns; empty: the log is of a format that we know."""
    longest_bytes: int = LONGEST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A record that did not go in, or a log of which nothing did."""

    source: str
    line: int
    reason: str
    whole: bool = False
    """Nothing of the log was read."""

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}" if self.whole else f"{self.source}:{self.line}: {self.reason}"


def tell(
    source: Source, options: Options, occurrence: Callable[[bytes], int], pairs: Pairs | None = None
) -> Iterator[Told | ProviderTotal | Passed | Refusal]:
    """What each record of a log tells of; blank lines are nothing. Memory: the longest record allowed.

    `occurrence` tells how often it has been asked for a digest, this time included; give a fresh one to each log, and the same `pairs` to
    all logs of an import.
    """
    if pairs is None:
        with Pairs() as own:
            yield from tell(source, options, occurrence, own)
        return
    columns = dict(options.columns)
    form = "columns" if columns else options.form
    missing: set[str] = set()

    def is_head(names: Mapping[str, Any]) -> bool:
        missing.update(column for column in columns.values() if column not in names)
        return not missing if columns else form is not None or formats.is_known(names)

    number = 0
    try:
        for one in records(source.pieces(), longest=options.longest_bytes, is_head=is_head):
            number = one.number
            if missing:
                named = ", ".join(f"'{column[:40]}'" for column in sorted(missing))
                yield Refusal(source=source.name, line=number, reason=f"--columns names {named}: the table has no such column", whole=True)
                return
            if one.body is None:
                rest = "" if one.ended else "; what follows it was not read"
                yield Refusal(source=source.name, line=number, reason=f"longer than {options.longest_bytes >> 20} MiB{rest}")
                continue
            if isinstance(one.body, LogFormatError):
                yield Refusal(source=source.name, line=number, reason=one.body.message, whole=one.whole)
                continue
            if not one.body or one.body.isspace():
                continue
            try:
                if form is None and one.names is not None:
                    form = formats.recognise(dict.fromkeys(one.names))  # a row leaves out its empty cells
                line = Line(
                    body=one.body,
                    fields=formats.fields_of(one.body),
                    number=number,
                    modified_at=source.modified_at,
                    occurrence=occurrence,
                    columns=columns,
                    pairs=pairs,
                    source=source.name,
                )
                yield from formats.told(line, scope=options.scope, scope_from=options.scope_from, form=form)
            except InputError as error:
                cut = "" if one.ended or one.body.rstrip().endswith(b"}") else "the log breaks off in this line; "
                yield Refusal(source=source.name, line=number, reason=cut + error.message)
    except Broken as error:
        yield Refusal(source=source.name, line=number + 1, reason=str(error))


def read(source: Source, options: Options, occurrence: Callable[[bytes], int]) -> Iterator[Call | Refusal]:
    """The calls of a log, and the refusals."""
    for one in tell(source, options, occurrence):
        if isinstance(one, Told):
            yield one.call
        elif isinstance(one, Refusal):
            yield one
