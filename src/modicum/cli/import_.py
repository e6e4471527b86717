"""`modicum import`: recorded calls in from logs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from modicum.cli.options import Config, common, print_json, printable
from modicum.cli.progress import bar
from modicum.intake import FORMATS, Options, Refusal, check_scope
from modicum.pipeline.bring_in import bring_in
from modicum.report.words import count

SHOWN_IN_JSON = 1_000
NAMED_IN_A_ROW = 100


@click.command(epilog="Example:  modicum import calls.jsonl    or    zcat calls-*.gz | modicum import --scope team-a -")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--from", "form", type=click.Choice(list(FORMATS)), help="The logs' format. [default: recognised line by line]")
@click.option("--scope", help="The scope (team, tenant, project) of the calls: a wall between workloads. [default: default]")
@click.option("--scope-from", metavar="FIELD", help="Take each call's scope from this top-level field, e.g. client_id.")
@click.option("--strict", is_flag=True, help="Leave a log out whole if any of its lines is refused.")
@common
def command(
    logs: tuple[Path, ...], form: str | None, scope: str | None, scope_from: str | None, strict: bool, config: Config, as_json: bool
) -> None:
    """Bring recorded calls in from JSON lines: plain, .gz, .zst, or - for standard input.

    A line is {"timestamp", "client_id", "request", "response", "duration_ms"} with OpenAI's bodies, or a fine-tuning row
    {"messages": [...]}; or what LiteLLM's callbacks or an OpenTelemetry collector wrote to a file. A line without a time takes its
    response's `created`, else the time its file was last changed.

    Importing again adds nothing: a call is known by its response's id, else by its line. Calls that were erased here are not taken
    again. Each refused line is named on standard error with its reason, the rest goes in; the exit code is then 1.

    Bodies are kept for [store] keep_days after they came in, figures stay.
    """
    options = reading(form, scope, scope_from)
    refusals: list[Refusal] = []
    told = Told()

    def hear(refusal: Refusal) -> None:
        if len(refusals) < SHOWN_IN_JSON:
            refusals.append(refusal)
        told(refusal)

    with bar("importing") as progress:
        logs_in = bring_in(config, logs, options, strict=strict, refused=hear, progress=progress)
    told.end()
    added, known, erased, refused = (sum(getattr(log, name) for log in logs_in) for name in ("added", "known", "erased", "refused"))
    left_out = [log.source for log in logs_in if not log.taken]
    if as_json:
        totals = {"added": added, "known": known, "erased": erased, "refused": refused}
        print_json(totals | {"logs": logs_in, "refusals": refusals})
    else:
        parts = [f"{count(added, 'call')} added"]
        parts += [f"{known:,} known already"] if known else []
        parts += [f"{erased:,} erased here before and not taken again"] if erased else []
        parts += [f"{count(refused, 'line')} refused"] if refused else []
        click.echo(", ".join(parts) + ".")
        for source in left_out:
            click.echo(printable(f"{source} was left out whole (--strict)."))
        if added:
            until = datetime.now(UTC) + timedelta(days=min(config.store.keep_days, 36_500))
            whose = "Its bodies are" if added == 1 else "Their bodies are"
            click.echo(f"{whose} kept until {until:%Y-%m-%d} ([store] keep_days = {config.store.keep_days}). Next: modicum workloads")
    if refused:
        sys.exit(1)


def reading(form: str | None, scope: str | None, scope_from: str | None) -> Options:
    """How logs are read. Raises UsageError where a scope is both given and to be taken from a field."""
    if scope is not None and scope_from is not None:
        raise click.UsageError(
            "--scope and --scope-from do not go together: say one scope for all calls, or the field that names each one's"
        )
    return Options(scope=check_scope("default" if scope is None else scope), scope_from=scope_from, form=form)


class Told:
    """Name refused lines on standard error; a long run of neighbours with one reason ends in one line for the rest of it."""

    def __init__(self) -> None:
        self._last: Refusal | None = None
        self._run = 0

    def __call__(self, refusal: Refusal) -> None:
        last = self._last
        if last is not None and (refusal.source, refusal.line, refusal.reason) == (last.source, last.line + 1, last.reason):
            self._run += 1
        else:
            self.end()
            self._run = 1
        self._last = refusal
        if self._run <= NAMED_IN_A_ROW:
            click.echo(printable(f"refused {refusal}"), err=True)

    def end(self) -> None:
        if self._last is not None and self._run > NAMED_IN_A_ROW:
            more = self._run - NAMED_IN_A_ROW
            click.echo(printable(f"refused {self._last.source}: the {more:,} lines up to {self._last.line} for the same reason"), err=True)
