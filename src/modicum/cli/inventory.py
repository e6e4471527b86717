"""`modicum inventory`: every specialist in service, as an operator, a spreadsheet or an auditor wants it."""

from __future__ import annotations

from pathlib import Path

import click

from modicum.admin import inventory
from modicum.admin.inventory import Wanted
from modicum.admin.reach import Reach, pages
from modicum.cli.options import Config, at_home, print_json, print_table, printable, reached
from modicum.report import inventory_forms as forms
from modicum.report import spreadsheet

SPARE = (8, 4, 7, 2, 9, 5, 0)
"""Columns that a narrow screen does without, in this order."""


@click.command(
    epilog="Example:  modicum inventory    or    modicum inventory --markdown > inventory.md    or    modicum inventory --csv inventory.csv"
)
@click.option("--scope", help="Only this scope.")
@click.option("--all", "everything", is_flag=True, help="Retired specialists too.")
@click.option("--markdown", is_flag=True, help="Print a document for auditors: a summary, then all that is known of each.")
@click.option("--csv", type=click.Path(path_type=Path, dir_okay=False), help="Write the table to this file instead. Safe to open.")
@reached
def command(scope: str | None, everything: bool, markdown: bool, csv: Path | None, way: Reach, config: Config, as_json: bool) -> None:
    """List every specialist in service, proposed, paused or rolled back.

    Of each: workload, scope, owner, purpose, what it is made of and under which licence, whose answers it learnt from and when these were
    given, its promise, how that was proved, when it expires and was last checked, who proposed it and who let it answer.
    `modicum workloads set WORKLOAD --owner NAME --purpose TEXT` says the first two of what nobody else can know.
    """
    if markdown and as_json:
        raise click.UsageError("say --markdown or --format json")
    at_home(way)
    found = list(pages(way, inventory.list_, Wanted(scope=scope, everything=everything)))
    rows = [one for page in found for one in page.items]
    first = found[0]
    if csv is not None:
        spreadsheet.write((forms.sheet(rows),), csv)
        click.echo(printable(f"The table is {csv}."), err=as_json or markdown)
    if as_json:
        record = {"lines": first.record_lines, "head": first.record_head}
        print_json({"at": first.at, "version": first.version, "record": record, "specialists": rows})
    elif markdown:
        made = forms.Made(at=first.at, version=first.version, record_lines=first.record_lines, record_head=first.record_head)
        click.echo(forms.markdown(rows, made), nl=False)
    elif csv is None and rows:
        print_table(forms.HEAD, list(map(forms.row, rows)), whole=(1, 10), spare=SPARE)
    elif csv is None:
        click.echo("No specialist is in service, proposed, paused or rolled back: `modicum fit` proposes them.")
