"""`modicum reconcile`: recorded spend against a provider's invoice."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import click

from modicum import config
from modicum.cli.options import existing, print_json, print_table, printable
from modicum.report.difference import Held, Reconciled, differs, dollars
from modicum.report.invoiced import held_against

SHOWN_DAYS = 40
SHOWN_REFUSALS = 10


@click.command(
    epilog="Example:  modicum reconcile costs.json usage.json    or    modicum reconcile --format csv costs.csv > difference.csv"
)
@click.argument("invoice", metavar="[INVOICE]...", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--scope", help="Compare the calls of this scope alone.")
@click.option(
    "--at-least", type=click.FloatRange(0, 100), default=95.0, show_default=True, help="Percent that must be explained; else exit 1."
)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder that Modicum keeps. [default: .modicum]")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Settings. [default: modicum.toml where it exists]"
)
@click.option("--format", "output", type=click.Choice(["text", "json", "csv"]), default="text", help="How the result is printed.")
def command(
    invoice: tuple[Path, ...], scope: str | None, at_least: float, home: Path | None, config_path: Path | None, output: str
) -> None:
    """Hold recorded spend against a provider's usage or cost export, and explain the difference.

    INVOICE is an export of OpenAI's, Anthropic's or OpenRouter's: JSON of their APIs, or CSV of their consoles. Give usage (tokens) and
    costs (dollars) of the same days together, and each difference is taken apart: calls that are missing, cached tokens, batches, a price
    of your own. Without one, those that were imported. Nothing is stored. Exit code 0: explained; 1: less than --at-least, or records of
    the export were refused.
    """
    settings = config.load(config_path, flags={"store.home": home})
    existing(settings)
    found, refused = held_against(settings, invoice, scope=scope)
    for refusal in refused[:SHOWN_REFUSALS]:
        click.echo(printable(f"refused {refusal}"), err=True)
    if len(refused) > SHOWN_REFUSALS:
        click.echo(f"refused {len(refused) - SHOWN_REFUSALS:,} more records", err=True)
    if output == "json":
        print_json(found)
    elif output == "csv":
        click.echo(_csv(found), nl=False)
    else:
        _print(found)
    sys.exit(0 if 100 * found.explained >= at_least and not refused else 1)


def _print(found: Reconciled) -> None:
    click.echo(printable(found.headline))
    if found.causes:
        print_table(
            ("what the difference is", "invoice - record"),
            [(cause.kind, dollars(cause.usd, sign=True)) for cause in found.causes],
            right=(1,),
        )
    differing = [row for row in found.rows if differs(row)]
    rows = sorted(differing, key=lambda row: -abs(row.difference_usd))[:SHOWN_DAYS]
    if rows:
        print_table(
            ("day", "model", "invoice", "record", "difference", "requests", "calls", "because"),
            [
                (
                    row.day,
                    row.model,
                    _invoiced(row),
                    dollars(row.recorded_usd),
                    dollars(row.difference_usd, sign=True),
                    "-" if row.invoice_requests is None else f"{row.invoice_requests:,}",
                    f"{row.recorded_calls:,}",
                    because(row),
                )
                for row in rows
            ],
            right=(2, 3, 4, 5, 6),
        )
    if len(differing) > len(rows):
        click.echo(f"and {len(differing) - len(rows):,} more lines that differ by less; --format csv has all")
    for note in found.notes:
        click.echo(note)


def _invoiced(row: Held) -> str:
    """The dollars of an invoice; those of our own list are marked."""
    if not row.invoice_is_list:
        return dollars(row.invoice_usd)
    return f"{dollars(row.invoice_usd)} by list" if row.invoice_listed else "unknown"


def because(row: Held) -> str:
    """The causes of one line that matter in it, in words, largest first."""
    ordered = sorted(row.causes, key=lambda cause: -abs(cause.usd))
    ordered = [cause for cause in ordered if 100 * abs(cause.usd) >= abs(ordered[0].usd)]
    return "; ".join(f"{cause.kind} {dollars(cause.usd, sign=True)}" + (f" ({cause.detail})" if cause.detail else "") for cause in ordered)


def _csv(found: Reconciled) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    kinds = sorted({cause.kind for row in found.rows for cause in row.causes})
    head = ("day", "provider", "model", "invoice_usd", "recorded_usd", "difference_usd", "invoice_requests", "recorded_calls")
    writer.writerow([*head, *kinds])
    for row in found.rows:
        sums = {kind: sum((cause.usd for cause in row.causes if cause.kind == kind), Decimal(0)) for kind in kinds}
        figures: Sequence[object] = (row.invoice_usd, row.recorded_usd, row.difference_usd, row.invoice_requests, row.recorded_calls)
        writer.writerow([row.day, _cell(row.provider), _cell(row.model), *map(_number, figures), *(_number(sums[kind]) for kind in kinds)])
    return out.getvalue()


def _cell(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    text = printable(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _number(value: object) -> str:
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
