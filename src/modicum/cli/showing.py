"""One workload as `modicum workloads show` has it: template with its slots named, contract, labels, real calls.

For the operator's own terminal: what slots held stands here, and in no report.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import click

from modicum.cli.calls import record
from modicum.cli.options import print_table, printable
from modicum.pipeline.deciding import answer_text, brief, request_text
from modicum.report.words import count
from modicum.store.calls import Calls
from modicum.store.echoes import ERASED
from modicum.types import Call, Contract, Version, Workload
from modicum.workload.pattern import marked_lines

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
Slots = Callable[[Call], tuple[tuple[str, str], ...]]


def template_lines(workload: Workload) -> list[str]:
    """The prompt's fixed text with each slot's name in braces, version by version."""
    lines: list[str] = []
    for version in workload.versions:
        if len(workload.versions) > 1:
            lines.append(f"version {version.version_id}: {count(version.calls, 'call')}, {_days(version)}")
        for segment, text in marked_lines(version.template):
            lines += [f"{segment}:", *(f"  {line}" for line in text.split("\n"))]
        lines += [f"where {slot} is {value!r}" for slot, value in version.marks]
    return lines


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


def newest(calls: Calls, workload: Workload, most: int) -> list[Call]:
    """The newest calls of a workload, newest first."""
    return list(deque(calls.scan(scope=workload.scope, workload_id=workload.workload_id), maxlen=most))[::-1]


def example(call: Call, slots: Slots) -> dict[str, Any]:
    """One call with its bodies and what its slots hold."""
    return record(call) | {"slots": dict(slots(call))}


def print_workload(workload: Workload, contract: str, counts: dict[str, int], examples: Sequence[Call], slots: Slots) -> None:
    """All of it, as text; `contract` in a few words."""
    days = days_seen(workload)
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
            ("answer", contract),
            ("how it is read", how_read(workload.contract)),
            ("read", f"{workload.contract.read_share:.1%} of the answers; {workload.contract.discarded_share:.1%} say more than is read"),
        ],
    )
    click.echo("\nprompt, each slot by its name in braces:")
    for line in template_lines(workload):
        click.echo(printable("  " + line))
    if workload.contract.labels:
        print_table(("label", "calls"), label_rows(workload.contract, counts), right=(1,))
    for field in workload.contract.fields:
        labels = f", {count(len(field.labels), 'label')}" if field.labels else ""
        click.echo(printable(f"  field {'.'.join(field.path)}: {field.kind}{labels}"))
    click.echo("\nnewest calls:")
    for call in examples:
        click.echo(printable(f"  {call.call_id}  {call.started_at:%Y-%m-%d %H:%M}  {call.response_model or '?'}"))
        for name, value in _told(call, slots):
            click.echo(printable(f"    {name}: {brief(value, WIDTH)}"))
    click.echo(printable(f"\n`modicum calls show ID` shows one whole; `modicum workloads calls {workload.name}` lists more."))


def days_seen(workload: Workload) -> float:
    """Days between its first and last call, at least one."""
    return max(1.0, (workload.last_seen - workload.first_seen).total_seconds() / 86_400)


def _told(call: Call, slots: Slots) -> list[tuple[str, str]]:
    if call.request is None:
        return [("bodies", "not kept any more")]
    asked = slots(call) or (("request", request_text(call)),)
    return [*asked, ("answer", answer_text(call) or f"(none: status {call.status})")]


def _days(version: Version) -> str:
    return f"{version.first_seen:%Y-%m-%d} to {version.last_seen:%Y-%m-%d}"
