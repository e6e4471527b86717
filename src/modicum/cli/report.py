"""`modicum report`: what the calls cost, what could take them over, what that saves."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modicum.cli.import_ import reading
from modicum.cli.options import Config, common, console, existing, print_json, printable
from modicum.cli.progress import bar
from modicum.errors import ModicumError, NotEnoughDataError
from modicum.intake import FORMATS, Options, Refusal
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.report import page, text
from modicum.report.gather import gather
from modicum.report.words import count

SHOWN_REFUSALS = 20


@click.command(epilog="Example:  modicum report calls.jsonl --html report.html")
@click.argument("logs", metavar="[LOG]...", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Also write one self-contained HTML page.")
@click.option("--from", "form", type=click.Choice(list(FORMATS)), help="The logs' format. [default: recognised line by line]")
@click.option("--scope", help="With LOG: the scope of its calls. Without: report on this scope alone.")
@click.option("--scope-from", metavar="FIELD", help="Take each call's scope from this top-level field, e.g. client_id.")
@common
def command(
    logs: tuple[Path, ...], html: Path | None, form: str | None, scope: str | None, scope_from: str | None, config: Config, as_json: bool
) -> None:
    """Report what the recorded calls cost by workload, what a small model could take over, and what that saves a month.

    With a LOG, it is brought in and searched for workloads first (as `modicum import` and `modicum workloads` do). The report
    is on everything under the home. Prices are those of the installed genai-prices under your own in [prices]; nothing
    is fetched. The page holds prompts with their slots marked, never what the slots held.
    """
    options = reading(form, scope, scope_from)
    if not logs:
        existing(config)
    refused = _take(config, logs, options) if logs else 0
    with bar("finding workloads") as progress:
        find(config, progress=progress, only_if_needed=True)
    try:
        found = gather(config, scope=None if logs else scope)
    except NotEnoughDataError:
        if not logs:
            raise
        raise _nothing(logs, refused, config) from None
    if html is not None:
        _write(html, page.render(found))
    if as_json:
        print_json(found)
    else:
        screen = console()
        click.echo(text.render(found, width=screen.width, colour=screen.is_terminal and not screen.no_color), nl=False, color=True)
    if html is not None:
        click.echo(printable(f"The page is {html}."), err=as_json)
    if refused:
        sys.exit(1)


def _take(config: Config, logs: tuple[Path, ...], options: Options) -> int:
    """Bring the logs in; how many lines were refused."""
    heard = 0

    def hear(refusal: Refusal) -> None:
        nonlocal heard
        heard += 1
        if heard <= SHOWN_REFUSALS:
            click.echo(printable(f"refused {refusal}"), err=True)

    with bar("importing") as progress:
        bring_in(config, logs, options, refused=hear, progress=progress)
    if heard > SHOWN_REFUSALS:
        click.echo(f"refused {count(heard - SHOWN_REFUSALS, 'more line')}; `modicum import` names them all", err=True)
    return heard


def _nothing(logs: tuple[Path, ...], refused: int, config: Config) -> NotEnoughDataError:
    """Nothing came in and nothing was there."""
    names = ", ".join(str(log) for log in logs)
    hint = f"and there are no other calls in {config.home}"
    if refused:
        return NotEnoughDataError(f"nothing to report on: no line of {names} is a call ({count(refused, 'line')} refused)", hint=hint)
    return NotEnoughDataError(f"nothing to report on: {names} brought in no call", hint=hint)


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ModicumError(f"cannot write {path}: {error.strerror}") from None
