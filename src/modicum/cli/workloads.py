"""`modicum workloads`: find them, look at them, correct them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import click
import msgspec

from modicum.admin import workloads as operations
from modicum.admin.operation import One, Operation, Takes
from modicum.admin.reach import Reach, pages
from modicum.admin.workloads import Found, Ignored, Listed, Merged, Named, Newest, Owning, Read, SplitOff, WorkloadRow
from modicum.cli import showing
from modicum.cli.calls import record
from modicum.cli.options import Config, Subcommands, at_home, print_json, print_table, printable, reached
from modicum.cli.progress import bar
from modicum.discover.blocks import LEAST_CALLS
from modicum.pipeline.switching import as_what
from modicum.report.words import count, money
from modicum.store.calls import Calls
from modicum.types import Workload

T = TypeVar("T", bound=Takes)
R = TypeVar("R")


@click.group(
    cls=Subcommands, invoke_without_command=True, epilog="Example:  modicum workloads    then    modicum workloads show bank-intent"
)
@click.pass_context
@reached
def command(ctx: click.Context, way: Reach, config: Config, as_json: bool) -> None:
    """Find the workloads in the calls: calls of one template with one kind of answer.

    Without a subcommand: look at all calls again, then list. What you decided (name, read, merge, split, ignore) stays.
    """
    if ctx.invoked_subcommand is None:
        at_home(way)
        with bar("finding workloads") as progress:
            way.do(operations.find, Found(), progress)
        _list(way, as_json)


@command.command("list")
@click.option(
    "--assign", type=click.Path(path_type=Path, dir_okay=False, writable=True), help='Write {"id", "workload_id"} a line for each call.'
)
@click.option("--scope", help="Only this scope.")
@reached
def list_(assign: Path | None, scope: str | None, way: Reach, config: Config, as_json: bool) -> None:
    """List the workloads, most calls first."""
    at_home(way)
    if way.local:  # a gateway's are found when somebody asks for it: it may have better to do now
        with bar("finding workloads") as progress:
            way.do(operations.find, Found(only_if_needed=True), progress)
    if assign is not None:
        if not way.local:
            raise click.UsageError("--assign reads a folder; leave --server out")
        _write_assignments(config, assign)
    _list(way, as_json, scope)


def _list(way: Reach, as_json: bool, scope: str | None = None) -> None:
    found = list(pages(way, operations.list_, Listed(scope=scope)))
    rows = [row for page in found for row in page.items]
    if as_json:
        print_json([_fields(row) for row in rows])
        return
    if not rows:
        click.echo(_none_yet(found[0].calls))
        return
    several = len(found[0].scopes) > 1
    print_table(
        (*(("scope",) if several else ()), "workload", "id", "task", "answer", "calls", "spend", "incumbents", ""),
        [
            (
                *((w.scope,) if several else ()),
                w.name,
                w.workload_id,
                w.task,
                _contract(w),
                f"{w.calls:,}",
                money(row.spend_usd),
                ", ".join(w.incumbents[:2]) + (" …" if len(w.incumbents) > 2 else ""),
                _remark(w),
            )
            for row in rows
            for w in (row.workload,)
        ],
        right=(4 + several, 5 + several),
    )
    if unread := [row.workload for row in rows if not row.can_be_served]:
        click.echo(
            "* answers say more than the label or record read from them; where that is all that counts: "
            f"`modicum workloads set {unread[0].workload_id} --read {as_what(unread[0])}`"
        )


def _none_yet(calls: int) -> str:
    if not calls:
        return "No calls yet: bring some in with `modicum import LOG`."
    need = f"one needs at least {LEAST_CALLS} calls with the same prompt around what changes"
    return f"No workloads yet: {need}, and there {'is' if calls == 1 else 'are'} {count(calls, 'call')}."


def _fields(row: WorkloadRow) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(row.workload)
    return fields | {
        "id": row.workload.workload_id,
        "contract": fields["contract"] | {"can_be_served": row.can_be_served},
        "can_be_switched_on": row.can_be_switched_on,
        "spend_usd": row.spend_usd,
    }


def _contract(workload: Workload) -> str:
    contract = workload.contract
    return {
        "label": f"one of {count(len(contract.labels), 'label')}",
        "object": f"JSON, {count(len(contract.fields), 'field')}",
        "number": "a number",
        "tool": "tool call",
        "text": "free text",
    }[contract.kind] + ("" if contract.can_be_served else " *")


def _remark(workload: Workload) -> str:
    remarks = ["ignored"] if workload.ignored else []
    remarks += [] if workload.routable or not workload.in_words else ["no template to recognise"]
    remarks += [f"{len(workload.versions)} versions"] if len(workload.versions) > 1 else []
    return ", ".join(remarks)


def _write_assignments(config: Config, path: Path) -> None:
    calls = Calls(config.home)
    with path.open("wb") as file:
        for call_id, workload_id, _ in calls.assignments(by_response_id=True):
            file.write(msgspec.json.encode({"id": call_id, "workload_id": workload_id}) + b"\n")


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@reached
def show(ref: str, way: Reach, config: Config, as_json: bool) -> None:
    """Show a workload: template with its slots named, versions, contract, labels, models, volume a day, five real calls.

    The calls are shown with what their slots held: this is for your own terminal, the report never says it.
    """
    at_home(way)
    found = way.do(operations.show, One(ref=ref))
    if as_json:
        more = {
            "calls_a_day": found.calls_a_day,
            "template": found.template,
            "slots": found.slots,
            "answers": found.answers,
            "examples": [record(one.told) | {"slots": one.slots} for one in found.examples],
            "owner": found.owner,
            "purpose": found.purpose,
        }
        print_json(_fields(found.row) | more)
    else:
        showing.print_workload(found, _contract(found.row.workload))


@command.command("calls")
@click.argument("ref", metavar="WORKLOAD")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--differed", is_flag=True, help="Only those on which its route would have answered otherwise than the incumbent did.")
@reached
def calls_(ref: str, limit: int, differed: bool, way: Reach, config: Config, as_json: bool) -> None:
    """List the newest calls of a workload. `modicum why CALL` says what both said."""
    at_home(way)
    newest = way.do(operations.calls, Newest(ref=ref, limit=limit, differed=differed))
    if as_json:
        print_json([record(told) for told in newest])
    else:
        print_table(
            ("call", "at", "model", "answered by"),
            [
                (
                    call.call_id,
                    f"{call.started_at:%Y-%m-%d %H:%M:%S}",
                    call.response_model or "unknown",
                    call.decision.answered_by if call.decision else "",
                )
                for call in (told.call for told in newest)
            ],
        )


def _do(way: Reach, operation: Operation[T, R], asked: T) -> R:
    at_home(way)
    with bar("looking again") as progress:
        return way.do(operation, asked, progress)


def _tell(workload: Workload, as_json: bool) -> None:
    if as_json:
        print_json(workload)
    else:
        click.echo(printable(_said(workload)))


def _said(workload: Workload) -> str:
    remark = ", ignored" if workload.ignored else ""
    return f"{workload.name} ({workload.workload_id}): {_contract(workload)}, {count(workload.calls, 'call')}{remark}"


@command.command("set")
@click.argument("ref", metavar="WORKLOAD")
@click.option("--read", "read_as", type=click.Choice(["label", "json", "text"]), help="What counts in its answers.")
@click.option("--undo", is_flag=True, help="Read them again as they were found to be.")
@click.option("--owner", metavar="NAME", help="Who answers for it; '' takes it back.")
@click.option("--purpose", metavar="TEXT", help="What it is for; '' takes it back.")
@reached
def set_(
    ref: str,
    read_as: Literal["label", "json", "text"] | None,
    undo: bool,
    owner: str | None,
    purpose: str | None,
    way: Reach,
    config: Config,
    as_json: bool,
) -> None:
    """Say how the answers of a workload are to be read, or who answers for it and what it is for.

    --read is for answers that say more than a label or a record; it is refused where no answer can be read so, and --undo takes it back.
    --owner and --purpose stand in `modicum inventory`.
    """
    owned = (owner, purpose) != (None, None)
    if (read_as is not None and undo) or not (read_as or undo or owned):
        raise click.UsageError("say --read label, --read json or --read text, or --undo; or --owner, --purpose, or both")
    if owned:
        at_home(way)
        said = way.do(operations.own, Owning(ref=ref, owner=owner, purpose=purpose))
        if not (read_as or undo):
            if as_json:
                print_json(said)
            else:
                click.echo(
                    printable(f"{said.name} ({said.workload_id}): owner {said.owner or 'unknown'}; {said.purpose or 'no purpose said'}")
                )
            return
    _tell(_do(way, operations.read, Read(ref=ref, read=read_as)), as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("name")
@reached
def name(ref: str, name: str, way: Reach, config: Config, as_json: bool) -> None:
    """Give a workload a name that no other of its scope has. Naming it again is how to undo it."""
    _tell(_do(way, operations.name, Named(ref=ref, name=name)), as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("into", metavar="INTO")
@reached
def merge(ref: str, into: str, way: Reach, config: Config, as_json: bool) -> None:
    """Count the calls of one workload as another's of the same scope.

    Merging a part back into the workload that it was split off from undoes the split. Any other merge stays.
    """
    _tell(_do(way, operations.merge, Merged(ref=ref, into=into)), as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("slot", metavar="SLOT")
@click.argument("value", metavar="VALUE")
@reached
def split(ref: str, slot: str, value: str, way: Reach, config: Config, as_json: bool) -> None:
    """Make the calls with this value of a slot a workload of their own (`show` names the slots).

    `modicum workloads merge PART WORKLOAD` undoes it.
    """
    made = _do(way, operations.split, SplitOff(ref=ref, slot=slot, value=value))
    _tell(made.workload, as_json)
    if not as_json:
        click.echo(printable(_said(made.part)))


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.option("--undo", is_flag=True, help="Count it again.")
@reached
def ignore(ref: str, undo: bool, way: Reach, config: Config, as_json: bool) -> None:
    """Leave a workload out of fits and routes; --undo takes it in again."""
    _tell(_do(way, operations.ignore, Ignored(ref=ref, undo=undo)), as_json)
