"""`modicum audit`: who changed what, and whether the record of it is as it was written."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from modicum.admin import audit
from modicum.admin.audit import Asked, Verify
from modicum.admin.operation import MOST_ITEMS, Nothing
from modicum.admin.reach import Reach
from modicum.cli.options import Config, Subcommands, at_home, print_json, print_table, printable, reached
from modicum.cli.spend import day
from modicum.errors import InputError
from modicum.pipeline import auditing
from modicum.report.words import count
from modicum.store.chain import Walked


@click.group(
    cls=Subcommands, epilog="Example:  modicum audit export audit.jsonl    then, on any machine,    modicum audit verify audit.jsonl"
)
def command() -> None:
    """Show, export and verify the record of changes.

    Every change of a workload, attempt, certificate, route or key, every erasure and every import of an artefact is a line of it, with
    who made it. Lines are chained by digests: one that was changed, taken out, put in or moved is found by its number.
    """


@command.command()
@click.option("--since", metavar="DAY", callback=day, help="Lines from this day or time on, UTC.")
@click.option("--until", metavar="DAY", callback=day, help="Lines before it.")
@click.option("--subject", metavar="NAME|ID", help="Lines about this; of a workload, those about its routes and certificates too.")
@click.option("--action", metavar="ACTION", help="One kind of change, or all of a family: route.on, route, key.")
@click.option("--actor", metavar="NAME", help="One person's or key's.")
@click.option("--limit", type=click.IntRange(1, MOST_ITEMS), default=50, show_default=True)
@click.option("--below", type=click.IntRange(1), metavar="NUMBER", help="Lines before this one: the next page.")
@reached
def show(
    since: datetime | None,
    until: datetime | None,
    subject: str | None,
    action: str | None,
    actor: str | None,
    limit: int,
    below: int | None,
    way: Reach,
    config: Config,
    as_json: bool,
) -> None:
    """List who changed what, newest first."""
    at_home(way)
    cursor = None if below is None else str(below)
    page = way.do(audit.list_, Asked(since=since, until=until, subject=subject, action=action, actor=actor, limit=limit, cursor=cursor))
    if as_json:
        print_json(page.items)
        return
    if not page.items:
        click.echo("No such line.")
        return
    print_table(
        ("line", "at", "by", "what", "of", ""),
        [
            (
                one.number,
                f"{one.at:%Y-%m-%d %H:%M:%S}",
                one.actor,
                one.action,
                one.subject,
                one.detail + (" (erased)" if one.erased else ""),
            )
            for one in page.items
        ],
        right=(0,),
    )
    if page.next is not None:
        click.echo(f"There are more: --below {page.next}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign it with this private key (PEM, EC); FILE.sig lies beside it.",
)
@reached
def export(file: Path, key: Path | None, way: Reach, config: Config, as_json: bool) -> None:
    """Write the whole record to FILE as JSON Lines, with its head.

    Keep the head, or the file, where nobody who can write the home can write: only against it is an end found that was cut off, and a
    record that somebody wrote anew. An export made before an erasure still holds what was erased since.
    """
    at_home(way)
    _write(file, way.do(audit.export, Nothing()))
    found = auditing.verify_file(file)
    signature = auditing.sign_file(file, key) if key is not None else None
    if as_json:
        print_json(
            {"file": str(file), "signature": signature and str(signature), "lines": found.lines, "head": found.head, "holds": found.holds}
        )
    else:
        click.echo(
            f"{count(found.lines, 'line')} written to {printable(str(file))}"
            + (f", signed in {printable(str(signature))}" if signature else "")
        )
        click.echo(f"head {found.head}")
        _tell_faults(found)
    if not found.holds:
        sys.exit(1)


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--head", metavar="HASH|FILE", help="A head that was kept, or the export that has it: the record must still go through it.")
@click.option("--public-key", type=click.Path(path_type=Path, dir_okay=False), help="PEM; the export's signature must hold under it.")
@reached
def verify(file: Path | None, head: str | None, public_key: Path | None, way: Reach, config: Config, as_json: bool) -> None:
    """Check the record of this home, or an export of it. Exit code 1 where something does not hold; it is told by line.

    FILE is what `modicum audit export` wrote, and needs no home. A record that was kept as FILE and has grown since is checked against
    it with --head FILE.
    """
    kept = None if head is None else auditing.kept_head(head)
    if public_key is not None and file is None:
        raise click.UsageError("--public-key checks an export; name its file")
    if file is not None:
        if not way.local:
            raise click.UsageError("a file is checked here; leave --server out")
        found = auditing.verify_file(file, kept)
    else:
        at_home(way)
        found = way.do(audit.verify, Verify(head=kept))
    unsigned = auditing.check_file(file, public_key) if file is not None and public_key is not None else None
    if as_json:
        told: dict[str, Any] = msgspec.to_builtins(found)
        print_json(told | {"holds": found.holds and not unsigned, "signature": None if unsigned is None else unsigned or "holds"})
    else:
        _tell(found, kept, exported=file is not None)
        if unsigned is not None:
            click.echo(printable(f"Signature: {unsigned or 'holds'}."))
    if not found.holds or unsigned:
        sys.exit(1)


def _tell(found: Walked, kept: str | None, *, exported: bool) -> None:
    _tell_faults(found, exported=exported)
    span = f", {found.first_at[:10]} to {found.last_at[:10]}" if found.first_at and found.last_at else ""
    erased = f"; {count(found.erased, 'line')} of them erased since, as the record says" if found.erased else ""
    click.echo(printable(f"{count(found.lines, 'line')}{span}{erased}."))
    if kept is not None and found.kept_head_at is not None:
        later = found.lines - found.kept_head_at
        click.echo(f"The head that was kept is line {found.kept_head_at}'s; {count(later, 'line')} came after it.")
    click.echo(f"head {printable(found.head)}")
    click.echo("Every line is as it was written." if found.holds else "DOES NOT HOLD.")


def _tell_faults(found: Walked, *, exported: bool = False) -> None:
    """`exported`: of a file, in which a header stands before record 1."""
    whole = exported
    for fault in sorted(found.faults, key=lambda one: (one.line is None, one.line or 0)):
        if fault.line is None:
            click.echo(printable(fault.what))
            continue
        whole = whole and "missing" not in fault.what and "put in or moved" not in fault.what  # else it stands in another line
        click.echo(printable(f"record {fault.line}{f' (line {fault.line + 1} of the file)' if whole else ''}: {fault.what}"))
    if found.faults_untold:
        click.echo(f"and {found.faults_untold:,} more")


def _write(path: Path, pieces: Any) -> None:
    """To a file that only its owner reads."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
