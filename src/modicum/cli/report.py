"""`modicum report`: what the calls cost, what could take them over, what that saves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from modicum.cli.declare import listed
from modicum.cli.delivering import Wanted, deliver, delivered, leave
from modicum.cli.import_ import reading
from modicum.cli.options import Config, common, existing, print_json, printable
from modicum.cli.progress import bar
from modicum.errors import NotEnoughDataError
from modicum.intake import FORMATS, Options, Refusal
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.report.beforehand import alone, held, mixed
from modicum.report.budget import Budget
from modicum.report.currency import Currency, shown_in
from modicum.report.estimate import as_report
from modicum.report.gather import gather
from modicum.report.period import EVER
from modicum.report.words import count

SHOWN_REFUSALS = 20


@click.command(epilog="Example:  modicum report calls.jsonl --html report.html")
@click.argument("logs", metavar="[LOG]...", nargs=-1)
@delivered
@click.option("--from", "form", type=click.Choice(list(FORMATS)), help="The logs' format. [default: recognised line by line]")
@click.option("--scope", help="With LOG: the scope of its calls. Without: report on this scope alone.")
@click.option("--scope-from", metavar="FIELD", help="Take each call's scope from this top-level field, e.g. client_id.")
@click.option(
    "--declare",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    help="No log: report on a declared list of workloads (CSV); - asks for them.",
)
@common
def command(
    logs: tuple[str, ...],
    wanted: Wanted,
    form: str | None,
    scope: str | None,
    scope_from: str | None,
    declare: Path | None,
    config: Config,
    as_json: bool,
) -> None:
    """Report what the recorded calls cost by workload, what a small model could take over, and what that saves a month.

    With a LOG, it is brought in and searched for workloads first (as `modicum import` and `modicum workloads` do). The home keeps it,
    and the report is on everything there: what was there before is said, and --home with a new folder looks at a LOG alone.

    Prices are those of the installed genai-prices under your own in [prices]; nothing is fetched. The page holds prompts with their
    slots marked, never what the slots held.

    Exits 1 where lines of a LOG were refused, 3 where --fail-over-budget says so.
    """
    currency, budget = wanted.money(config)
    if declare is not None:
        if logs or wanted.of_days:
            raise click.UsageError("--declare stands in the place of logs, and knows no days")
        leave(_declared(declare, config, wanted, budget, currency, as_json=as_json))
        return
    span, against = wanted.spans()
    options = reading(form, scope, scope_from)
    if not logs:
        existing(config)
    refused, beside = _take(config, logs, options) if logs else (0, "")
    if beside:
        click.echo(printable(f"{beside} They are in {config.home}. {alone(logs)}"), err=True)
    with bar("finding workloads") as progress:
        find(config, progress=progress, only_if_needed=True)
    try:
        with shown_in(currency):
            found = gather(config, scope=None if logs else scope, span=span, against=against)
    except NotEnoughDataError:
        if not logs or span != EVER:
            raise
        raise _nothing(logs, refused, config) from None
    found = replace(found, refused_lines=refused if logs else None, notes=(beside, *found.notes) if beside else found.notes)
    leave(deliver(found, wanted, budget, as_json=as_json), 1 if refused else 0)


def _declared(path: Path, config: Config, wanted: Wanted, budget: Budget | None, currency: Currency, *, as_json: bool) -> int:
    """The report on a declared list, printed as that on a log is; the exit code."""
    with shown_in(currency):
        found = listed(path, config)
        report = as_report(found)
    if as_json:
        print_json(found)
    code = deliver(report, wanted, budget, as_json=as_json, printed=as_json)
    if not as_json and not wanted.full:
        for note in found.notes:
            click.echo(printable(note))
    return code


def _take(config: Config, logs: tuple[str, ...], options: Options) -> tuple[int, str]:
    """Bring the logs in; how many lines were refused, and a word where the home held other calls before."""
    heard, before = 0, held(config.home)

    def hear(refusal: Refusal) -> None:
        nonlocal heard
        heard += 1
        if heard <= SHOWN_REFUSALS:
            click.echo(printable(f"refused {refusal}"), err=True)

    with bar("importing") as progress:
        brought = bring_in(config, logs, options, refused=hear, progress=progress)
    if heard > SHOWN_REFUSALS:
        click.echo(f"refused {count(heard - SHOWN_REFUSALS, 'more line')}; `modicum import` names them all", err=True)
    return heard, mixed(before, config.home, sum(log.known + log.joined for log in brought))


def _nothing(logs: tuple[str, ...], refused: int, config: Config) -> NotEnoughDataError:
    """Nothing came in and nothing was there."""
    names = ", ".join(logs)
    hint = f"and there are no other calls in {config.home}"
    if refused:
        return NotEnoughDataError(f"nothing to report on: no line of {names} is a call ({count(refused, 'line')} refused)", hint=hint)
    return NotEnoughDataError(f"nothing to report on: {names} brought in no call", hint=hint)
