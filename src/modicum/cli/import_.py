"""`modicum import`: recorded calls in from logs."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import click

from modicum.cli.options import Config, common, print_json, printable
from modicum.cli.progress import bar
from modicum.cli.spend import day
from modicum.errors import InputError
from modicum.intake import FORMATS, Options, Refusal, check_scope
from modicum.intake.columns import mapping
from modicum.intake.langfuse_api import share_of
from modicum.pipeline.bring_in import BroughtIn, bring_in
from modicum.report.words import count

SHOWN_IN_JSON = 1_000
NAMED_IN_A_ROW = 5
REASONS = 3


def share(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """A share on the command line: 0.1 or 10%."""
    try:
        return share_of(value)
    except InputError as error:
        raise click.BadParameter(error.message) from None


@click.command(epilog="Example:  modicum import calls.jsonl    or    zcat calls-*.gz | modicum import --scope team-a -")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@click.option("--from", "form", type=click.Choice(list(FORMATS)), help="The logs' format. [default: recognised record by record]")
@click.option("--columns", metavar="FIELD=COLUMN,...", help="Which column of a table is which: model=Model,input_tokens=Tokens in.")
@click.option("--scope", help="The scope (team, tenant, project) of the calls: a wall between workloads. [default: default]")
@click.option("--scope-from", metavar="FIELD", help="Take each call's scope from this top-level field, e.g. client_id.")
@click.option("--since", metavar="DAY", callback=day, help="From an API: calls from this day or time on, UTC. [default: 30 days ago]")
@click.option(
    "--sample", metavar="SHARE", callback=share, default="1", help="Keep the text of this share of the calls, e.g. 10%; figures of all."
)
@click.option("--strict", is_flag=True, help="Leave a log out whole if any of its records is refused.")
@common
def command(
    logs: tuple[str, ...],
    form: str | None,
    columns: str | None,
    scope: str | None,
    scope_from: str | None,
    since: datetime | None,
    sample: float,
    strict: bool,
    config: Config,
    as_json: bool,
) -> None:
    """Bring recorded calls in from logs: JSON lines, JSON or CSV, plain, .gz, .zst, - for standard input, or langfuse://HOST.

    Told apart by what they hold: OpenAI's bodies (data flywheel, fine-tuning rows, batches), LiteLLM's callbacks and spend logs,
    Langfuse's exports, OpenTelemetry's spans, exports of Helicone and OpenRouter, usage and cost exports of OpenAI and Anthropic; any
    other table with --columns. docs/formats has a page on each. langfuse:// asks the API with LANGFUSE_PUBLIC_KEY and
    LANGFUSE_SECRET_KEY, and goes on where it stopped.

    Importing again adds nothing: a call is known by its response's id, else by its line. Logs that tell of the same calls are joined:
    usage from one, text from another. Calls that were erased here are not taken again. Each refused record is named on standard error
    with its reason, a file that is no log once; the rest goes in, and the exit code is 1. It is 2 where nothing was read: no such file,
    options that do not go together.

    Bodies are kept for [store] keep_days after they came in, figures stay.
    """
    options = reading(form, scope, scope_from, columns)
    refusals: list[Refusal] = []
    told = Told()

    def hear(refusal: Refusal) -> None:
        if len(refusals) < SHOWN_IN_JSON:
            refusals.append(refusal)
        told(refusal)

    with bar("importing") as progress:
        logs_in = bring_in(config, logs, options, strict=strict, since=since, sample=sample, refused=hear, progress=progress)
    told.end()
    names = ("added", "known", "joined", "erased", "refused", "totals", "totals_known")
    added, known, joined, erased, refused, totals, totals_known = (sum(getattr(log, name) for log in logs_in) for name in names)
    left_out = [log.source for log in logs_in if not log.taken]
    if as_json:
        sums = {"added": added, "known": known, "joined": joined, "erased": erased, "refused": refused, "totals": totals}
        print_json(sums | {"logs": logs_in, "refusals": refusals})
    else:
        parts = [f"{count(added, 'call')} added"]
        parts += [f"{joined:,} joined with what another log told of them"] if joined else []
        parts += [f"{known:,} known already"] if known else []
        parts += [f"{erased:,} erased here before and not taken again"] if erased else []
        parts += [f"{count(totals, 'total')} of providers kept"] if totals else []
        parts += [f"{count(totals_known, 'total')} of providers known already"] if totals_known else []
        parts += [f"{count(refused, 'line')} refused"] if refused else []
        click.echo(", ".join(parts) + ".")
        _say_of_logs(logs_in, refused)
        for source in left_out:
            click.echo(printable(f"{source} was left out whole (--strict)."))
        for log in logs_in:
            if log.passed:
                what = ", ".join(f"{number:,} {name}" for name, number in log.passed[:5])
                click.echo(printable(f"{log.source}: left aside, for they are no calls to a model: {what}."))
            for note in log.notes:
                click.echo(printable(f"{log.source}: {note}"))
        if added:
            until = datetime.now(UTC) + timedelta(days=min(config.store.keep_days, 36_500))
            whose = "Its bodies are" if added == 1 else "Their bodies are"
            click.echo(f"{whose} kept until {until:%Y-%m-%d} ([store] keep_days = {config.store.keep_days}). Next: modicum workloads")
    if refused:
        sys.exit(1)


def _say_of_logs(logs: list[BroughtIn], refused: int) -> None:
    """Which formats were read, and why what was refused was."""
    forms: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for log in logs:
        forms.update(dict(log.forms))
        reasons.update(dict(log.reasons))
    if forms:
        click.echo("Read: " + ", ".join(f"{count(number, 'call')} of {form}" for form, number in forms.most_common()) + ".")
    elif not any(log.totals or log.totals_known for log in logs):
        click.echo("No call was found. docs/formats says what is read; --columns says which column of another table is which.")
    if refused > NAMED_IN_A_ROW:
        told = [f"{number:,} x {reason}" for reason, number in reasons.most_common(REASONS)]
        more = len(reasons) - len(told)
        click.echo(printable("Refused: " + "; ".join(told) + (f"; and for {count(more, 'more reason')}" if more > 0 else "") + "."))


def reading(form: str | None, scope: str | None, scope_from: str | None, columns: str | None = None) -> Options:
    """How logs are read. Raises UsageError where options contradict each other, InputError where --columns cannot be read."""
    if columns is not None and form not in (None, "columns"):
        raise click.UsageError("--columns says how a table of no known format is read: leave --from out")
    if scope is not None and scope_from is not None:
        raise click.UsageError(
            "--scope and --scope-from do not go together: say one scope for all calls, or the field that names each one's"
        )
    named = mapping(columns) if columns is not None else {}
    return Options(scope=check_scope("default" if scope is None else scope), scope_from=scope_from, form=form, columns=named)


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
