"""`modicum erase`: calls out, for good."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from modicum.cli.options import Config, actor, common, existing, print_json, printable
from modicum.errors import InputError, StoreError
from modicum.pipeline.provenance import to_refit
from modicum.pipeline.switching import publish
from modicum.report.words import count
from modicum.store.erase import erase, matching
from modicum.store.home import prepare
from modicum.store.key import evidence_key
from modicum.view import Redactor


@click.command(epilog="Example:  modicum erase --user u_1234    or    modicum erase --before 2026-01-01 --yes")
@click.option("--call", "call_id", metavar="ID", help="The call with this id, ours or the response's.")
@click.option("--user", "user_id", metavar="ID", help="All calls of this end user, as requests name them.")
@click.option("--before", metavar="DATE", help="All calls that started before this day or time (UTC).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def command(call_id: str | None, user_id: str | None, before: str | None, yes: bool, config: Config, as_json: bool) -> None:
    """Remove calls for good: afterwards nothing they said is left in any file under the home.

    Takes one of --call, --user and --before. The calls go from the table, from what a running `modicum serve` has written, from
    files that ask for labels and from all leftovers. What remains is a digest of each call's identity, so that importing an old log
    does not bring it back.

    A word that only these calls said goes from templates, labels and names too; a model that knows one is deleted and its route
    retired: `modicum workloads` and `modicum fit` make both anew. Other models that learnt from the calls are listed, to be fitted
    anew without them. Certificates stay: their evidence holds keyed hashes, no text.
    """
    which: dict[str, Any] = {"call_id": call_id, "user_id": user_id, "before": None if before is None else _moment(before)}
    if sum(value is not None for value in which.values()) != 1:
        raise click.UsageError("say which calls: one of --call, --user and --before")
    home = prepare(existing(config))
    wanted = [which]
    if user_id is not None:
        # calls that were stored redacted know such a user by an alias
        alias = Redactor.open(config.redact.table).alias(user_id, evidence_key(home))
        wanted += [which | {"user_id": alias}] if alias != user_id else []
    if not yes:
        found = sum(matching(home, **one) for one in wanted)
        if not sys.stdin.isatty():
            raise StoreError(f"{count(found, 'call')} would be erased for good", hint="say --yes to do it")
        click.confirm(f"Erase {count(found, 'call')} for good?", abort=True, err=True)
    erased = [erase(home, actor=actor(), **one) for one in wanted]
    publish(config)  # a gateway must not go on with a route to a model that was deleted
    calls, models = sum(one.calls for one in erased), sum(one.models for one in erased)
    routes = tuple(route for one in erased for route in one.routes)
    stale = to_refit(home)
    if as_json:
        print_json({"erased": calls, "models": models, "routes": routes, "refit": stale})
        return
    click.echo(f"{count(calls, 'call')} erased.")
    if models:
        off = f"; retired: {', '.join(routes)}" if routes else ""
        were = "was" if models == 1 else "were"
        click.echo(f"{count(models, 'model')} had learned words of theirs and {were} deleted{off}. Next: modicum workloads, modicum fit")
    for one in stale:
        learnt = f"{one.erased:,} of the {one.learnt_from:,} calls that it learnt from"
        click.echo(
            printable(f"To refit: {one.workload} ({one.route_id}, {one.state}): {learnt} are erased. Next: modicum fit {one.workload}")
        )


def _moment(text: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"'{text}' is no date", hint="write it as 2026-01-31 or 2026-01-31T12:00:00Z") from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
