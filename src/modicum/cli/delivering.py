"""How a report is handed over: in which currency, held against which budget, as which files. One computation, any number of forms."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from modicum.cli.options import Config, console, printable
from modicum.errors import InputError, ModicumError
from modicum.report import document, page, said, screen, sheets, spreadsheet, text
from modicum.report.budget import Budget, choose
from modicum.report.currency import Currency, shown_in
from modicum.report.period import EVER, Span, span_of
from modicum.report.records import Report

OVER_BUDGET = 3
"""Exit code of --fail-over-budget: neither that of refused lines (1) nor of a mistake (2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the flags ask for."""

    html: Path | None
    csv: Path | None
    csv_bom: bool
    json: Path | None
    currency: str | None
    rate: str | None
    threshold: str | None
    fail_over_budget: bool
    since: str | None
    until: str | None
    compare: str | None
    against: str | None
    full: bool = False

    def money(self, config: Config) -> tuple[Currency, Budget | None]:
        """In what to show money, and what a month may cost. Raises InputError."""
        currency, budget = choose(
            config.report, today=datetime.now(UTC).date(), currency=self.currency, rate=self.rate, threshold=self.threshold
        )
        if self.fail_over_budget and budget is None:
            raise InputError("--fail-over-budget without a budget", hint="--threshold 'MYR 3000', or [report] threshold in modicum.toml")
        return currency, budget

    @property
    def of_days(self) -> bool:
        """Some flag speaks of days."""
        return any((self.since, self.until, self.compare, self.against))

    def spans(self) -> tuple[Span, Span | None]:
        """(the report's days, those that they are held against). Raises InputError."""
        if self.compare and (self.since or self.until):
            raise InputError(
                "--compare names the report's days, and so do --since and --until", hint="--since DAY --until DAY --against PERIOD"
            )
        if self.compare:
            span = span_of(self.compare)
            return span, span_of(self.against) if self.against else span.previous()
        first = _day(self.since, EVER.first)
        until = _day(self.until, EVER.last)
        last = date.fromordinal(until.toordinal() - 1) if self.until else until
        if last < first:
            raise InputError(f"no day lies between --since {self.since} and --until {self.until}, which is not in it any more")
        span = Span(first=first, last=last)
        if self.against and span == EVER:
            raise InputError("--against without the days to hold against it", hint="--compare 2026-10, or --since DAY")
        return span, span_of(self.against) if self.against else None


def delivered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of `Wanted`; the command receives it as `wanted`."""
    path = click.Path(path_type=Path, dir_okay=False, writable=True)

    @click.option("--full", is_flag=True, help="Print every workload, ladder and note. [default: what fits on a screen]")
    @click.option("--html", type=path, help="Also write one self-contained HTML page.")
    @click.option(
        "--csv", type=click.Path(path_type=Path), help="Also write tables: FILE.csv gets the workloads, a folder every table. Safe to open."
    )
    @click.option("--csv-bom", is_flag=True, help="Mark the CSV as UTF-8 for Excel.")
    @click.option("--json", "json_", type=path, help="Also write the JSON document.")
    @click.option("--currency", metavar="CODE", help="Show money in this currency (ISO 4217). [default: that of the threshold, else USD]")
    @click.option("--rate", metavar="N", help="What one US dollar is worth in it, e.g. 4.7. Nothing is fetched.")
    @click.option("--threshold", metavar="AMOUNT", help="What a month may cost, e.g. 'MYR 3000'.")
    @click.option("--fail-over-budget", is_flag=True, help=f"Exit {OVER_BUDGET} where a month costs more, or nobody can tell.")
    @click.option("--since", metavar="DAY", help="Report on the calls from this day on, UTC.")
    @click.option("--until", metavar="DAY", help="Report on the calls before this day.")
    @click.option("--compare", metavar="PERIOD", help="Report on a month (2026-10) or days (A..B), held against what lay before.")
    @click.option("--against", metavar="PERIOD", help="Hold the report against these days instead.")
    @functools.wraps(function)
    def command(*args: Any, json_: Path | None, **kwargs: Any) -> Any:
        wanted = {name: kwargs.pop(name) for name in Wanted.__dataclass_fields__ if name != "json"}
        return function(*args, wanted=Wanted(json=json_, **wanted), **kwargs)

    return command


def deliver(report: Report, wanted: Wanted, budget: Budget | None, *, as_json: bool, printed: bool = False) -> int:
    """Write the files that are wanted, print the report unless it was, and return the exit code. Raises ModicumError."""
    report = replace(report, budget=budget)
    with shown_in(report.currency):
        written = _files(report, wanted)
        if not printed and as_json:
            click.echo(document.encode(report), nl=False)
        elif not printed:
            on = console()
            render = text.render if wanted.full else screen.render
            click.echo(render(report, width=on.width, colour=on.is_terminal and not on.no_color), nl=False, color=True)
        for line in written:
            click.echo(printable(line), err=as_json)
        if wanted.fail_over_budget and budget is not None and said.is_over(budget, report):
            click.echo(said.against_budget(report), err=True)
            return OVER_BUDGET
    return 0


def _files(report: Report, wanted: Wanted) -> list[str]:
    """Write what is wanted; a line on each."""
    written = []
    if wanted.html is not None:
        _write(wanted.html, page.render(report))
        written.append(f"The page is {wanted.html}.")
    if wanted.json is not None:
        _write(wanted.json, document.encode(report))
        written.append(f"The document is {wanted.json}.")
    if wanted.csv is not None:
        paths = spreadsheet.write(sheets.sheets(report), wanted.csv, bom=wanted.csv_bom)
        written.append(f"The table is {paths[0]}." if len(paths) == 1 else f"The {len(paths)} tables are in {wanted.csv}.")
    return written


def _day(value: str | None, default: date) -> date:
    if value is None:
        return default
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InputError(f"{value!r} is not a day like 2026-11-01") from None


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ModicumError(f"cannot write {path}: {error.strerror}") from None


def leave(*codes: int) -> None:
    """Exit with the greatest of the codes, where one is not 0."""
    if max(codes):
        sys.exit(max(codes))
