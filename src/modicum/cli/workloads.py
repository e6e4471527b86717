"""`modicum workloads`: find them, look at them, correct them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from modicum.cli.calls import record
from modicum.cli.options import Config, actor, common, print_json, print_table, printable
from modicum.cli.progress import bar
from modicum.pipeline.find import decide, find
from modicum.pipeline.samples import count_answers
from modicum.pipeline.switching import find_workload
from modicum.report.figures import spend_by_workload
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Pattern, Version, Workload


@click.group(invoke_without_command=True, epilog="Example:  modicum workloads    then    modicum workloads show bank-intent")
@click.pass_context
@common
def command(ctx: click.Context, config: Config, as_json: bool) -> None:
    """Find the workloads in the calls: calls of one template with one kind of answer.

    Without a subcommand: look at all calls again, then list. What you decided (name, read, merge, split, ignore) stays.
    """
    if ctx.invoked_subcommand is None:
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
    with bar("finding workloads") as progress:
        find(config, progress=progress, only_if_needed=True)
    if assign is not None:
        _write_assignments(config, assign)
    _list(config, as_json, scope)


def _list(config: Config, as_json: bool, scope: str | None = None) -> None:
    control = Control(config.home)
    workloads = sorted(control.workloads(scope), key=lambda w: (w.scope, -w.calls))
    spend = spend_by_workload(config, Calls(config.home).usage())
    if as_json:
        print_json([_fields(w, spend) for w in workloads])
        return
    if not workloads:
        click.echo("No workloads yet: bring calls in with `modicum import LOG`.")
        return
    print_table(
        ("workload", "id", "task", "answer", "calls", "spend", "incumbents", ""),
        [
            (
                w.name,
                w.workload_id,
                w.task,
                _contract(w),
                f"{w.calls:,}",
                "unknown" if spend.get(w.workload_id) is None else f"${spend[w.workload_id]:,.2f}",
                ", ".join(w.incumbents[:2]) + (" …" if len(w.incumbents) > 2 else ""),
                _remark(w),
            )
            for w in workloads
        ],
        right=(4, 5),
    )
    if unread := [w.name for w in workloads if not w.contract.can_be_served and w.contract.kind != "text"]:
        click.echo(
            "* answers say more than the label or record read from them; where that is all that counts: "
            f"`modicum workloads set {unread[0]} --read label`"
        )


def _fields(workload: Workload, spend: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(workload)
    return fields | {"spend_usd": spend.get(workload.workload_id), "id": workload.workload_id}


def _contract(workload: Workload) -> str:
    contract = workload.contract
    return {
        "label": f"one of {len(contract.labels)} labels",
        "object": f"JSON, {len(contract.fields)} fields",
        "number": "a number",
        "tool": "tool call",
        "text": "free text",
    }[contract.kind] + ("" if contract.can_be_served or contract.kind == "text" else " *")


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
    """Show a workload: template with its slots marked, versions, contract, labels, models, volume a day, five real calls."""
    control, calls = Control(config.home), Calls(config.home)
    workload = find_workload(control, ref)
    spend = spend_by_workload(config, calls.usage())
    counts = count_answers(config, workload)
    examples = _newest(calls, workload, 5)
    days = max(1.0, (workload.last_seen - workload.first_seen).total_seconds() / 86_400)
    if as_json:
        more = {"calls_a_day": workload.calls / days, "answers": counts, "examples": [record(call) for call in examples]}
        print_json(_fields(workload, spend) | more)
        return
    contract = workload.contract
    print_table(
        ("", ""),
        [
            ("workload", f"{workload.name} ({workload.workload_id}, scope {workload.scope})"),
            ("task", workload.task),
            (
                "calls",
                f"{workload.calls:,}, {workload.first_seen:%Y-%m-%d} to {workload.last_seen:%Y-%m-%d}, {workload.calls / days:,.0f} a day",
            ),
            ("incumbents", ", ".join(workload.incumbents)),
            ("answer", f"{_contract(workload)}, read by '{contract.reader}' as {contract.form!r}"),
            ("read", f"{contract.read_share:.1%} of the answers; reading discards more than form in {contract.discarded_share:.1%}"),
        ],
    )
    for version in workload.versions:
        click.echo(
            f"\nversion {version.version_id}: {version.calls:,} calls, {version.first_seen:%Y-%m-%d} to {version.last_seen:%Y-%m-%d}"
        )
        for line in template_lines(version):
            click.echo(printable("  " + line))
    if contract.labels:
        print_table(("label", "calls"), [(label, counts.get(label, 0)) for label in contract.labels], right=(1,))
    for field in contract.fields:
        click.echo(printable(f"  field {'.'.join(field.path)}: {field.kind}" + (f", {len(field.labels)} labels" if field.labels else "")))
    click.echo("\nnewest calls:")
    for call in examples:
        click.echo(printable(f"  {call.call_id}  {call.started_at:%Y-%m-%d %H:%M}  {call.response_model or '?'}"))
    click.echo(f"\n`modicum calls show ID` shows one whole; `modicum workloads calls {workload.name}` lists more.")


def template_lines(version: Version) -> list[str]:
    """The template as a reader sees it, `{…}` where a slot is."""
    lines = []
    for name, pattern in (("system", version.template.system), ("user", version.template.user)):
        if pattern is not None:
            lines += [f"{name}:", *(f"  {line}" for line in _marked(pattern).split("\n"))]
    return lines + [f"where {slot} is {value!r}" for slot, value in version.marks]


def _marked(pattern: Pattern) -> str:
    text = "{…}".join(pattern.literals)
    return ("" if pattern.anchored_start else "{…}") + text + ("" if pattern.anchored_end and pattern.literals else "{…}")


def _newest(calls: Calls, workload: Workload, count: int) -> list[Any]:
    newest: list[Any] = []
    for call in calls.scan(workload_id=workload.workload_id):
        newest = [*newest[-(count - 1) :], call]
    return newest[::-1]


@command.command("calls")
@click.argument("ref", metavar="WORKLOAD")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@common
def calls_(ref: str, limit: int, config: Config, as_json: bool) -> None:
    """List the newest calls of a workload."""
    calls = Calls(config.home)
    newest = _newest(calls, find_workload(Control(config.home), ref), limit)
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


def _decide(config: Config, ref: str, kind: Literal["name", "read", "merge", "split", "ignore"], payload: str, as_json: bool) -> None:
    with bar("looking again") as progress:
        workload = decide(config, ref, kind, payload, actor=actor(), progress=progress)
    if as_json:
        print_json(workload)
    else:
        remark = ", ignored" if workload.ignored else ""
        click.echo(f"{workload.name} ({workload.workload_id}): {_contract(workload)}, {workload.calls:,} calls{remark}")


@command.command("set")
@click.argument("ref", metavar="WORKLOAD")
@click.option("--read", "read_as", type=click.Choice(["label", "json", "text"]), required=True, help="What counts in its answers.")
@common
def set_(ref: str, read_as: str, config: Config, as_json: bool) -> None:
    """Say how the answers of a workload are to be read where they say more than a label or a record."""
    _decide(config, ref, "read", read_as, as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("name")
@common
def name(ref: str, name: str, config: Config, as_json: bool) -> None:
    """Give a workload a name."""
    _decide(config, ref, "name", name, as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("into", metavar="INTO")
@common
def merge(ref: str, into: str, config: Config, as_json: bool) -> None:
    """Count the calls of one workload as another's."""
    _decide(config, into, "merge", find_workload(Control(config.home), ref).workload_id, as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.argument("slot", metavar="SLOT")
@click.argument("value", metavar="VALUE")
@common
def split(ref: str, slot: str, value: str, config: Config, as_json: bool) -> None:
    """Make the calls with this value of a slot a workload of their own (`show` names the slots)."""
    _decide(config, ref, "split", msgspec.json.encode({"slot": slot, "value": value}).decode(), as_json)


@command.command()
@click.argument("ref", metavar="WORKLOAD")
@click.option("--undo", is_flag=True, help="Count it again.")
@common
def ignore(ref: str, undo: bool, config: Config, as_json: bool) -> None:
    """Leave a workload out of fits and routes."""
    _decide(config, ref, "ignore", "false" if undo else "", as_json)
