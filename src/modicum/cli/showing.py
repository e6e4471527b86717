"""One workload as `modicum workloads show` has it: template with its slots named, contract, labels, real calls.

For the operator's own terminal: what slots held stands here, and in no report.
"""

from __future__ import annotations

import click

from modicum.admin.workloads import Example, WorkloadShown
from modicum.cli.options import print_table, printable
from modicum.pipeline.deciding import brief
from modicum.report.words import count
from modicum.store.echoes import ERASED
from modicum.types import Contract

WIDTH = 100
"""Characters of a slot's value or an answer."""
READERS = {
    "whole": "the whole answer is the {}",
    "first": "the {} stands first in the answer",
    "last": "the {} stands last in the answer",
    "emphasis": "the {} is what the answer emphasises or quotes",
    "search": "the {} stands anywhere in the answer",
    "json": "the answer is parsed as JSON",
    "number": "the {} is looked for in the answer",
    "tool": "name and arguments of the tool call",
    "text": "the answer as it is",
}


def how_read(contract: Contract) -> str:
    """How an answer is read and written, in words."""
    what = {"label": "label", "number": "number"}.get(contract.kind, "value")
    said = READERS.get(contract.reader, contract.reader).format(what)
    if contract.read_as:
        said += f" (you said: {contract.read_as})"
    if contract.form not in ("{}", "") and contract.kind not in ("tool", "text"):
        said += f"; it is written {contract.form.replace('{}', '…')!r}"
    return said


def label_rows(contract: Contract, counts: dict[str, int]) -> list[tuple[str, int]]:
    """(label, calls), without what an erasure left of a label that only erased calls said."""
    rows = [(label, counts.get(label, 0)) for label in contract.labels]
    return [(label, calls) for label, calls in rows if calls or ERASED not in label]


def print_workload(shown: WorkloadShown, contract: str) -> None:
    """All of it, as text; `contract` in a few words."""
    workload = shown.row.workload
    print_table(
        ("", ""),
        [
            ("workload", f"{workload.name} ({workload.workload_id}, scope {workload.scope})"),
            ("task", f"{workload.task}: {workload.task_why}" if workload.task_why else workload.task),
            (
                "calls",
                f"{workload.calls:,}, {workload.first_seen:%Y-%m-%d} to {workload.last_seen:%Y-%m-%d}, {shown.calls_a_day:,.0f} a day",
            ),
            *([("owner", shown.owner)] if shown.owner else []),
            *([("purpose", shown.purpose)] if shown.purpose else []),
            ("incumbents", ", ".join(workload.incumbents)),
            ("answer", contract),
            ("how it is read", how_read(workload.contract)),
            ("read", f"{workload.contract.read_share:.1%} of the answers; {workload.contract.discarded_share:.1%} say more than is read"),
        ],
    )
    click.echo("\nprompt, each slot by its name in braces:")
    for line in shown.template:
        click.echo(printable("  " + line))
    if workload.contract.labels:
        print_table(("label", "calls"), label_rows(workload.contract, shown.answers), right=(1,))
    for field in workload.contract.fields:
        labels = f", {count(len(field.labels), 'label')}" if field.labels else ""
        click.echo(printable(f"  field {'.'.join(field.path)}: {field.kind}{labels}"))
    click.echo("\nnewest calls:")
    for example in shown.examples:
        call = example.told.call
        click.echo(printable(f"  {call.call_id}  {call.started_at:%Y-%m-%d %H:%M}  {call.response_model or '?'}"))
        for name, value in _told(example):
            click.echo(printable(f"    {name}: {brief(value, WIDTH)}"))
    click.echo(printable(f"\n`modicum calls show ID` shows one whole; `modicum workloads calls {workload.name}` lists more."))


def _told(example: Example) -> list[tuple[str, str]]:
    if bytes(example.told.request) == b"null":
        return [("bodies", "not kept any more")]
    asked = [*example.slots.items()] or [("request", example.asked)]
    return [*asked, ("answer", example.answered or f"(none: status {example.told.call.status})")]
