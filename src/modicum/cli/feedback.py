"""`modicum feedback`: what people and systems said of recorded calls."""

from __future__ import annotations

from pathlib import Path

import click

from modicum.cli.options import Config, Subcommands, common, existing, print_json, print_table, printable
from modicum.pipeline.hear import hear, standing
from modicum.report.words import count

SHOWN = 20


@click.group(cls=Subcommands)
def command() -> None:
    """What people and systems said of calls: right answers, corrections, scores, outcomes. Applications send it to POST /v1/feedback."""


@command.command("import", epilog="Example:  modicum feedback import tickets.csv")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--scope", help="The scope of the calls that it speaks of. [default: serve.scope]")
@common
def import_(files: tuple[Path, ...], scope: str | None, config: Config, as_json: bool) -> None:
    """Bring feedback in: CSV with a head, or JSON lines, with the fields of POST /v1/feedback.

    A call is named by its id here or by its response's id, in `call_id` (or `response_id`, `id`); a conversation by `conversation_id`.
    With it goes one or more of label, correction, score, outcome, comment. The same row again changes nothing. Exits 1 where rows were
    refused.
    """
    existing(config)
    found = [hear(config, path, scope=scope or config.serve.scope) for path in files]
    refused = [(path.name, line, why) for path, one in zip(files, found, strict=True) for line, why in one.refused]
    if as_json:
        print_json({"added": sum(one.added for one in found), "refused": [{"file": f, "line": n, "why": w} for f, n, w in refused]})
    else:
        kept = count(sum(one.added for one in found), "row")
        click.echo(f"{kept} kept, {len(refused):,} refused." if refused else f"{kept} kept.")
        for name, line, why in refused[:SHOWN]:
            click.echo(printable(f"{name}:{line}: {why}"), err=True)
        if len(refused) > SHOWN:
            click.echo(f"and {len(refused) - SHOWN:,} more", err=True)
    if refused:
        raise click.exceptions.Exit(1)


@command.command("list", epilog="Example:  modicum feedback list")
@common
def list_(config: Config, as_json: bool) -> None:
    """How much feedback there is, and how much of it speaks of calls on record."""
    existing(config)
    found = standing(config)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("No feedback yet: applications send it to POST /v1/feedback, `modicum feedback import FILE` brings it in.")
        return
    print_table(
        ("scope", "rows", "of calls on record", "labels", "corrections", "scores", "outcomes"),
        [
            (
                one.scope,
                f"{one.rows:,}",
                f"{one.matched:,}",
                f"{one.labels:,}",
                f"{one.corrections:,}",
                f"{one.scores:,}",
                ", ".join(f"{number:,} {word}" for word, number in one.outcomes[:5]),
            )
            for one in found
        ],
        right=(1, 2, 3, 4, 5),
    )
