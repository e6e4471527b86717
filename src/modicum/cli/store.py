"""`modicum store`: what is kept of recorded calls."""

from __future__ import annotations

import sys

import click

from modicum.cli.options import Config, Subcommands, actor, common, existing, print_json
from modicum.cli.progress import bar
from modicum.errors import ConfigError, StoreError
from modicum.pipeline.switching import publish
from modicum.report.words import count
from modicum.store.calls import Calls
from modicum.store.redact import Redacted, preview, redact
from modicum.view import Redactor


@click.group(cls=Subcommands)
def command() -> None:
    """What is kept of recorded calls."""


@command.command("redact", epilog="Example:  modicum store redact --dry-run    then    modicum store redact")
@click.option("--dry-run", is_flag=True, help="Only count what would be taken out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def redact_(dry_run: bool, yes: bool, config: Config, as_json: bool) -> None:
    """Redact the bodies of calls that were stored whole, or under an older view.

    Secrets, card and account numbers, e-mail addresses, telephone and identity numbers become numbered placeholders, in every file under
    the home; with `[store] keep_bodies = "none"` the bodies go. Ids, times and figures stay. The values themselves cannot be had back.
    Killed or stopped, it goes on where it was when it is run again. Names and free text stay: see docs/redaction.md.
    """
    home, redactor = existing(config), Redactor.open(config.redact.table)
    if config.store.keep_bodies == "full":
        raise ConfigError('[store] keep_bodies is "full"', hint='set it to "redacted" first: new calls would be kept whole')
    if not dry_run and not yes:
        if not sys.stdin.isatty():
            raise StoreError("what is redacted cannot be had back", hint="say --yes to do it, --dry-run to see what it would take out")
        click.confirm("What is redacted cannot be had back. Go on?", abort=True, err=True)
    total = max(1, sum(row.calls for row in Calls(home).usage()))
    with bar("reading calls") as progress:

        def tell(calls: int) -> None:
            progress(min(1.0, calls / total), "")

        if dry_run:
            done = preview(home, redactor, tell)
        else:
            done = redact(home, redactor, how=config.store.keep_bodies, actor=actor(), progress=tell)
            publish(config)  # a gateway must not go on with a route to a model that was deleted
    if as_json:
        print_json({"dry_run": dry_run, "calls": done.calls, "values": done.values, "models": done.models, "routes": done.routes})
    else:
        _say(done, dry_run)


def _say(done: Redacted, dry_run: bool) -> None:
    would = "would be redacted" if dry_run else "redacted"
    click.echo(f"{count(done.calls, 'call')} {would}." if done.calls else "Every call is stored under this view already.")
    for kind, number in sorted(done.values.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"  {number:>9,}  {kind}")
    if done.models:
        off = f"; retired: {', '.join(done.routes)}" if done.routes else ""
        click.echo(f"{count(done.models, 'model')} had learned words of these values and went{off}.")
    if done.calls and not dry_run:
        click.echo("Next: modicum workloads, modicum fit")
