"""`modicum report --declare`: declared workloads from a file or asked for row by row, priced. The report prints them as it prints calls."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.cli.options import Config, printable
from modicum.errors import NotEnoughDataError
from modicum.intake import declared
from modicum.intake.declared import Declared
from modicum.report.declared import DeclaredReport, declared_report
from modicum.report.ladder import LadderSettings, declared_ladders

_ASKED = (
    ("task", "Kind of task (classify, extract, summarise, ... ; empty: unsure)"),
    ("calls_month", "Calls a month"),
    ("input_tokens", "Tokens sent in a call, on average"),
    ("output_tokens", "Tokens received"),
    ("model", "Model today"),
    ("sample", "A sample prompt (may be left empty)"),
)
_RIGHT = {"name": "x", "task": "", "calls_month": "1", "input_tokens": "1", "output_tokens": "1", "model": "x", "sample": ""}
"""A row that nothing is wrong with, so that one answer can be looked at alone."""


def listed(path: Path, config: Config) -> DeclaredReport:
    """What a declared list costs and what could take it over; `-` on a terminal asks for its rows. Raises LogFormatError."""
    rows = ask() if str(path) == "-" and sys.stdin.isatty() else declared.read(path)
    now, catalogue = datetime.now(UTC), Catalogue(*priced(config))
    found = declared_report(rows, catalogue, today=now.date())
    cards, settings = Cards.open(config.home, priced(config)[0]), LadderSettings.of(config)
    ladders = {its.workload_id: its for its in declared_ladders(rows, cards=cards, catalogue=catalogue, settings=settings, now=now)}
    return replace(found, ladders=tuple(ladders[line.name] for line in found.workloads))


def ask() -> tuple[Declared, ...]:
    """Ask for workloads until a name is left empty. Raises NotEnoughDataError where none was given."""
    rows: list[Declared] = []
    while True:
        name = _answer("name", f"Name of workload {len(rows) + 1} (empty: no more)", {row.name for row in rows})
        if not name:
            break
        cells = {"name": name} | {field: _answer(field, text, set()) for field, text in _ASKED}
        row, _ = declared.check(cells)
        assert row is not None  # each answer was looked at
        rows.append(row)
    if not rows:
        raise NotEnoughDataError("no workload was declared", hint="a file with name, calls a month, tokens and model does too")
    return tuple(rows)


def _answer(field: str, text: str, taken: set[str]) -> str:
    """Ask for one field until the answer fits."""
    while True:
        said = str(click.prompt(text, default="", show_default=False, err=True)).strip()
        if field == "name" and not said:
            return said
        _, wrong = declared.check(_RIGHT | {field: said})
        if said in taken:
            wrong = [(field, "there is one of that name already")]
        if not wrong:
            return said
        click.echo(printable(f"  {wrong[0][1]}"), err=True)
