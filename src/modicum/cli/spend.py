"""`modicum spend`: what the calls cost, by what one wants to know."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click

from modicum import config
from modicum.admin import money
from modicum.admin.money import Asked, Checked, Window
from modicum.cli.options import ADMIN_KEY_ENV, at_home, print_json, print_table, printable, way_to
from modicum.report.invoice import plain_name
from modicum.report.money import BYS, SHOWN, By, SpendLine


def day(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A day or a time on the command line, UTC where it names no zone."""
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day like 2026-11-01") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def dimensions(ctx: click.Context, param: click.Parameter, value: str) -> tuple[By, ...]:
    """Words with commas between them."""
    words = dict.fromkeys(word.strip() for word in value.split(","))
    if unknown := [word for word in words if word not in BYS]:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(BYS)}")
    return tuple(by for by in BYS if by in words)


@click.command(epilog="Example:  modicum spend --by key,model --since 2026-11-01")
@click.option("--by", callback=dimensions, default="model", show_default=True, help=f"Any of {', '.join(BYS)}.")
@click.option("--since", metavar="DAY", callback=day, help="Calls from this day or time on, UTC.")
@click.option("--until", metavar="DAY", callback=day, help="Calls before it.")
@click.option("--check", "compare", is_flag=True, help="Compare the ledger of the keys with the calls instead; exit 1 where they differ.")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder that Modicum keeps. [default: .modicum]")
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path, dir_okay=False), help="Settings. [default: modicum.toml where it exists]"
)
@click.option("--format", "output", type=click.Choice(["text", "json", "csv"]), default="text", help="How the lines are printed.")
@click.option("--server", metavar="URL", help="Do it on this running gateway, through its admin API.")
@click.option(
    "--admin-key-env", metavar="NAME", help=f"The environment variable that holds an admin key for it. [default: {ADMIN_KEY_ENV}]"
)
def command(
    by: tuple[By, ...],
    since: datetime | None,
    until: datetime | None,
    compare: bool,
    home: Path | None,
    config_path: Path | None,
    output: str,
    server: str | None,
    admin_key_env: str | None,
) -> None:
    """Show what the calls cost.

    A call costs what was written down when it was made, else what the list says of its model and day. What usage and cost exports tell of
    beyond the recorded calls is counted with them, and what the other model of a route took, with that model. Calls whose cost is not
    known are counted, never taken as free.
    """
    settings = config.load(config_path, flags={"store.home": home})
    way = way_to(settings, server, admin_key_env)
    at_home(way)
    if compare:
        found = way.do(money.check, Window(since=since, until=until))
        if output == "json":
            print_json(found)
        else:
            _print_check(found)
        sys.exit(0 if found.agrees else 1)
    lines = way.do(money.spend, Asked(by=by, since=since, until=until))
    if output == "json":
        print_json([{**line.names, **figures(line)} for line in lines])
    elif output == "csv":
        _print_csv(by, lines)
    elif not lines:
        click.echo("No calls.")
    else:
        _print_lines(by, lines)


def figures(line: SpendLine) -> dict[str, object]:
    """All but the names."""
    return {name: getattr(line, name) for name in SpendLine.__dataclass_fields__ if name != "names"}


def _print_lines(by: tuple[By, ...], lines: tuple[SpendLine, ...]) -> None:
    print_table(
        (*by, "calls", "input", "output", "cached", "cost", "cost unknown", "refused", "estimated"),
        [
            (
                *(line.names[name] or "-" for name in by),
                f"{line.calls:,}",
                f"{line.input_tokens:,}",
                f"{line.output_tokens:,}",
                f"{line.cache_read_tokens:,}",
                "unknown" if line.cost_usd is None else f"${line.cost_usd:,.6f}",
                f"{line.calls_of_unknown_cost:,}",
                f"{line.calls_refused:,}",
                f"{line.calls_estimated:,}",
            )
            for line in lines
        ],
        right=range(len(by), len(by) + 8),
    )
    total = sum((line.cost_usd for line in lines if line.cost_usd is not None), start=Decimal(0))
    unknown = sum(line.calls_of_unknown_cost for line in lines)
    click.echo(f"${total:,.6f} in all" + (f", and {unknown:,} calls of unknown cost." if unknown else "."))
    for sentence in respelled(lines):
        click.echo(printable(sentence))
    told = sum((line.told_usd for line in lines), start=Decimal(0))
    if told or any(line.calls_told for line in lines):
        share = f" ({told / total:.1%})" if told and total else ""
        click.echo(f"${told:,.6f} of it{share} is told by usage and cost exports alone: no recorded call covers it.")


def respelled(lines: Sequence[SpendLine]) -> tuple[str, ...]:
    """Which of the names are of one model, and what they cost together: the report adds up what is one model at one price."""
    groups: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        if name := line.names.get("model"):
            its = groups.setdefault(plain_name(name), {})
            its[name] = its.get(name, Decimal(0)) + (line.cost_usd or 0)
    return tuple(
        f"{' and '.join(its)} are names of one model, ${sum(its.values()):,.6f} together; `modicum report` shows those at one price as one."
        for its in groups.values()
        if len(its) > 1
    )


def _print_csv(by: tuple[By, ...], lines: tuple[SpendLine, ...]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [name for name in SpendLine.__dataclass_fields__ if name != "names"]
    writer.writerow([*by, *names])
    for line in lines:
        writer.writerow([*(_cell(line.names[name]) for name in by), *(_number(getattr(line, name)) for name in names)])
    click.echo(out.getvalue(), nl=False)


def _cell(text: str | None) -> str:
    """A name that no spreadsheet takes for a formula."""
    text = printable(text or "")
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _number(value: object) -> str:
    return "" if value is None else f"{value:f}" if not isinstance(value, int) else str(value)


def _print_check(found: Checked) -> None:
    click.echo(f"{found.calls:,} calls stand in the ledger and in the record.")
    click.echo(f"ledger ${found.ledger_usd:,.6f}, of which ${found.held_usd:,.6f} are what was held for calls of unknown cost")
    click.echo(f"calls  ${found.calls_usd:,.6f}")
    if found.comparing_usd or found.compared_usd:
        click.echo(
            f"answers that were only compared: ledger ${found.comparing_usd:,.6f}, calls ${found.compared_usd:,.6f};"
            " the ledger counts what was held where the cost is unknown"
        )
    for what, ids in (
        ("cost differs", found.differing),
        ("lost with their worker", found.lost),
        ("in the ledger, not recorded", found.unrecorded),
        ("recorded, not in the ledger", found.uncounted),
    ):
        if ids:
            click.echo(f"{what}: {len(ids):,}")
            for call_id in ids[:SHOWN]:
                click.echo(f"  {call_id}")
            if len(ids) > SHOWN:
                click.echo(f"  and {len(ids) - SHOWN:,} more")
    click.echo("They agree." if found.agrees else "They do not agree.")
