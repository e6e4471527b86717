"""`modicum workloads`: find them, look at them, correct them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from modicum.cli import showing
from modicum.cli.calls import record
from modicum.cli.options import Config, actor, common, existing, print_json, print_table, printable
from modicum.cli.progress import bar
from modicum.discover import split_id
from modicum.discover.blocks import LEAST_CALLS
from modicum.errors import NotFoundError
from modicum.pipeline.deciding import slot_reader, slots_of
from modicum.pipeline.find import decide, find
from modicum.pipeline.samples import count_answers
from modicum.pipeline.switching import as_what, find_workload
from modicum.pipeline.viewed import Views
from modicum.report.figures import spend_by_workload
from modicum.report.words import count, money
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Workload

EXAMPLES = 5


@click.group(invoke_without_command=True, epilog="Example:  modicum workloads    then    modicum workloads show bank-intent")
@click.pass_context
@common
def command(ctx: click.Context, config: Config, as_json: bool) -> None:
    """Find the workloads in the calls: calls of one template with one kind of answer.

    Without a subcommand: look at all calls again, then list. What you decided (name, read, merge, split, ignore) stays.
    """
    if ctx.invoked_subcommand is None:
        existing(config)
        with bar("finding workloads") as progress:
            find(config, progress=progress)
        _list(config, as_json)


@command.command("list")
@click.option(
    "--assign", type=click.Path(path_type=Path, dir_okay=False, writable=True), help='Write {"id", "workload_id"} a line for each call.'
)
@click.option("--scope", help="Only this scope.")
@common
def list_(assign: Path | None, scope: str | None, config: Config, as_json: bool) -> None:
    """List the workloads, most calls first."""
    existing(config)
    with bar("finding workloads") as progress:
        find(config, progress=progress, only_if_needed=True)
    if assign is not None:
        _write_assignments(config, assign)
    _list(config, as_json, scope)


def _list(config: Config, as_json: bool, scope: str | None = None) -> None:
    control = Control(config.home)
    usage = Calls(config.home).usage()
    scopes = sorted({row.scope for row in usage})
    if scope is not None and scopes and scope not in scopes:
        raise NotFoundError(f"no call is in scope '{scope}'", hint=f"there are: {', '.join(scopes)}")
    workloads = sorted(control.workloads(scope), key=lambda w: (w.scope, -w.calls))
    spend = spend_by_workload(config, usage)
    if as_json:
        print_json([_fields(w, spend) for w in workloads])
        return
    if not workloads:
        click.echo(_none_yet(sum(row.calls for row in usage if scope in (None, row.scope))))
        return
    several = len(scopes) > 1
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
                money(spend.get(w.workload_id)),
                ", ".join(w.incumbents[:2]) + (" …" if len(w.incumbents) > 2 else ""),
                _remark(w),
            )
            for w in workloads
        ],
        right=(4 + several, 5 + several),
    )
    if unread := [w for w in workloads if not w.contract.can_be_served]:
        click.echo(
            "* answers say more than the label or record read from them; where that is all that counts: "
            f"`modicum workloads set {unread[0].workload_id} --read {as_what(unread[0])}`"
        )


def _none_yet(calls: int) -> str:
    if not calls:
        return "No calls yet: bring some in with `modicum import LOG`."
    need = f"one needs at least {LEAST_CALLS} calls with the same prompt around what changes"
    return f"No workloads yet: {need}, and there {'is' if calls == 1 else 'are'} {count(calls, 'call')}."


def _fields(workload: Workload, spend: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(workload)
    served = workload.contract.can_be_served
    return fields | {
        "id": workload.workload_id,
        "contract": fields["contract"] | {"can_be_served": served},
        "can_be_switched_on": workload.routable and served and not workload.ignored,
        "spend_usd": spend.get(workload.workload_id),
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
    remarks += [] if workload.routable else ["no template to recognise"]
    remarks += [f"{len(workload.versions)} versions"] if len(workload.versions) > 1 else []
    return ", ".join(remarks)


def _write_assignments(config: Config, path: Path) -> None:
    calls = Calls(config.home)
    with path.open("wb") as file:
        for call_id, workload_id, _ in calls.assignments(by_response_id=True):
            file.write(msgspec.json.encode({"id": call_id, "workload_id": workload_id}) + b"\n")


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@common
def show(ref: str, config: Config, as_json: bool) -> None:
    """Show a workload: template with its slots named, versions, contract, labels, models, volume a day, five real calls.

    The calls are shown with what their slots held: this is for your own terminal, the report never says it.
    """
    control, calls = Control(existing(config)), Calls(config.home)
    workload = find_workload(control, ref)
    counts = count_answers(config, workload)
    examples = [*map(Views.open(config).see, showing.newest(calls, workload, EXAMPLES))]
    slots = slot_reader(workload)
    if as_json:
        more = {
            "calls_a_day": workload.calls / showing.days_seen(workload),
            "template": showing.template_lines(workload),
            "slots": slots_of(workload),
            "answers": counts,
            "examples": [showing.example(call, slots) for call in examples],
        }
        print_json(_fields(workload, spend_by_workload(config, calls.usage())) | more)
    else:
        showing.print_workload(workload, _contract(workload), counts, examples, slots)


@command.command("calls")
@click.argument("ref", metavar="WORKLOAD")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@common
def calls_(ref: str, limit: int, config: Config, as_json: bool) -> None:
    """List the newest calls of a workload."""
    calls = Calls(existing(config))
    newest = showing.newest(calls, find_workload(Control(config.home), ref), limit)
    if as_json:
        print_json([record(call) for call in newest])
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
                for call in newest
            ],
        )


def _decide(config: Config, ref: str, kind: Literal["name", "read", "merge", "split", "ignore"], payload: str, as_json: bool) -> Workload:
    existing(config)
    with bar("looking again") as progress:
        workload = decide(config, ref, kind, payload, actor=actor(), progress=progress)
    if as_json:
        print_json(workload)
    else:
        click.echo(printable(_said(workload)))
    return workload


def _said(workload: Workload) -> str:
    remark = ", ignored" if workload.ignored else ""
    return f"{workload.name} ({workload.workload_id}): {_contract(workload)}, {count(workload.calls, 'call')}{remark}"


@command.command("set")
@click.argument("ref", metavar="WORKLOAD")
@click.option("--read", "read_as", type=click.Choice(["label", "json", "text"]), help="What counts in its answers.")
@click.option("--undo", is_flag=True, help="Read them again as they were found to be.")
@common
def set_(ref: str, read_as: str | None, undo: bool, config: Config, as_json: bool) -> None:
    """Say how the answers of a workload are to be read where they say more than a label or a record.

    Refused where no answer can be read so. --undo takes it back.
    """
    if (read_as is None) != undo:
        raise click.UsageError("say --read label, --read json or --read text, or --undo")
    _decide(config, ref, "read", read_as or "", as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("name")
@common
def name(ref: str, name: str, config: Config, as_json: bool) -> None:
    """Give a workload a name that no other of its scope has. Naming it again is how to undo it."""
    _decide(config, ref, "name", name, as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("into", metavar="INTO")
@common
def merge(ref: str, into: str, config: Config, as_json: bool) -> None:
    """Count the calls of one workload as another's of the same scope.

    Merging a part back into the workload that it was split off from undoes the split. Any other merge stays.
    """
    _decide(config, into, "merge", find_workload(Control(existing(config)), ref).workload_id, as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("slot", metavar="SLOT")
@click.argument("value", metavar="VALUE")
@common
def split(ref: str, slot: str, value: str, config: Config, as_json: bool) -> None:
    """Make the calls with this value of a slot a workload of their own (`show` names the slots).

    `modicum workloads merge PART WORKLOAD` undoes it.
    """
    payload = msgspec.json.encode({"slot": slot, "value": value}).decode()
    workload = _decide(config, ref, "split", payload, as_json)
    if not as_json:
        part = find_workload(Control(config.home), split_id(workload.workload_id, slot, value))
        click.echo(printable(_said(part)))


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.option("--undo", is_flag=True, help="Count it again.")
@common
def ignore(ref: str, undo: bool, config: Config, as_json: bool) -> None:
    """Leave a workload out of fits and routes; --undo takes it in again."""
    _decide(config, ref, "ignore", "false" if undo else "", as_json)
