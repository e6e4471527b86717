"""Workloads: find them, look at them, correct them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modicum.admin.operation import Desk, Limit, One, Page, Paged, Ref, Scope, Takes, operation, paged
from modicum.admin.told import ToldCall, told
from modicum.discover import split_id
from modicum.errors import NotFoundError
from modicum.pipeline import find as finding
from modicum.pipeline import owning
from modicum.pipeline.deciding import answer_text, brief, request_text, slot_reader, slots_of
from modicum.pipeline.describing import days_seen, newest, template_lines
from modicum.pipeline.samples import count_answers
from modicum.pipeline.switching import find_workload
from modicum.pipeline.viewed import Views
from modicum.report.owners import NOBODY, owners
from modicum.report.spend import spend_by_workload
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Workload

EXAMPLES = 5
TOLD_CHARS = 500
"""Of what an example asked and was answered."""
Kind = Literal["name", "read", "merge", "split", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRow:
    """A workload beside what it cost."""

    workload: Workload
    spend_usd: Decimal | None
    """Of its calls whose cost is known; null where no call's is."""
    can_be_served: bool
    """Its answers say no more than what is read from them, or that does not matter."""
    can_be_switched_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadPage(Page[WorkloadRow]):
    """A piece of the list, and what all calls are of."""

    scopes: tuple[str, ...]
    calls: int
    """In the scope that was asked for, of workloads or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One real call of a workload."""

    told: ToldCall
    slots: dict[str, str]
    asked: str
    """The beginning of what the user said last."""
    answered: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadShown:
    """A workload from all sides."""

    row: WorkloadRow
    calls_a_day: float
    template: tuple[str, ...]
    """The prompt's lines, each slot by its name in braces."""
    slots: tuple[str, ...]
    answers: dict[str, int]
    """How often each was read; "" counts those that could not be."""
    examples: tuple[Example, ...]
    owner: str
    """Who answers for it; empty: nobody was named."""
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadOwned:
    """Who answers for a workload, and what it is for. Empty: nothing was said."""

    workload_id: str
    name: str
    owner: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A workload, and the part that was split off."""

    workload: Workload
    part: Workload


class Listed(Paged, frozen=True, kw_only=True):
    scope: Scope | None = None


class Found(Takes, frozen=True, kw_only=True):
    only_if_needed: Annotated[bool, Meta(description="Only where something was imported or erased since the last time.")] = False


class Newest(One, frozen=True, kw_only=True):
    limit: Limit = 50
    differed: Annotated[bool, Meta(description="Only those on which its route would have answered otherwise than the incumbent.")] = False


class Named(One, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=80)]


class Read(One, frozen=True, kw_only=True):
    read: Annotated[Literal["label", "json", "text"] | None, Meta(description="What counts in them; null: as they were found.")]


class Ignored(One, frozen=True, kw_only=True):
    undo: bool = False


class Owning(One, frozen=True, kw_only=True):
    owner: Annotated[str | None, Meta(description="Who answers for it; empty takes it back, null leaves it.")] = None
    purpose: Annotated[str | None, Meta(description="What it is for; empty takes it back, null leaves it.")] = None


class Merged(One, frozen=True, kw_only=True):
    into: Annotated[Ref, Meta(description="The workload that takes the calls in.")]


class SplitOff(One, frozen=True, kw_only=True):
    slot: Ref
    value: Annotated[str, Meta(max_length=10_000)]


@operation("GET", "/workloads", role="admin")
def list_(desk: Desk, asked: Listed) -> WorkloadPage:
    """List the workloads, by scope, most calls first."""
    usage = Calls(desk.config.home).usage()
    scopes = sorted({row.scope for row in usage})
    if asked.scope is not None and scopes and asked.scope not in scopes:
        raise NotFoundError(f"no call is in scope '{asked.scope}'", hint=f"there are: {', '.join(scopes)}")
    workloads = sorted(Control(desk.config.home).workloads(asked.scope), key=lambda w: (w.scope, -w.calls, w.workload_id))
    spend = spend_by_workload(desk.config, usage)
    page = paged([_row(one, spend) for one in workloads], asked, lambda row: row.workload.workload_id)
    calls = sum(row.calls for row in usage if asked.scope in (None, row.scope))
    return WorkloadPage(items=page.items, next=page.next, scopes=tuple(scopes), calls=calls)


@operation("POST", "/workloads/find", role="admin", changes=True, long=True)
def find(desk: Desk, asked: Found) -> int:
    """Look for workloads in all calls again; how many there are. What was decided about them stays."""
    return len(finding.find(desk.config, progress=desk.progress, only_if_needed=asked.only_if_needed))


@operation("GET", "/workloads/{ref}", role="admin")
def show(desk: Desk, asked: One) -> WorkloadShown:
    """Show a workload: template, contract, labels, models, volume, and its newest calls with what their slots held."""
    config = desk.config
    calls = Calls(config.home)
    workload = find_workload(Control(config.home), asked.ref)
    slots = slot_reader(workload)
    said = owners(Control(config.home).decisions()).get(workload.workload_id, NOBODY)
    return WorkloadShown(
        owner=said.owner,
        purpose=said.purpose,
        row=_row(workload, spend_by_workload(config, calls.usage())),
        calls_a_day=workload.calls / days_seen(workload),
        template=tuple(template_lines(workload)),
        slots=tuple(slots_of(workload)),
        answers=count_answers(config, workload),
        examples=tuple(
            Example(
                told=told(call),
                slots=dict(slots(call)),
                asked=brief(request_text(call), TOLD_CHARS),
                answered=brief(answer_text(call), TOLD_CHARS),
            )
            for call in map(Views.open(config).see, newest(calls, workload, EXAMPLES))
        ),
    )


@operation("GET", "/workloads/{ref}/calls", role="admin")
def calls(desk: Desk, asked: Newest) -> tuple[ToldCall, ...]:
    """List the newest calls of a workload, newest first."""
    workload = find_workload(Control(desk.config.home), asked.ref)
    return tuple(told(call) for call in newest(Calls(desk.config.home), workload, asked.limit, differed=asked.differed))


@operation("POST", "/workloads/{ref}/name", role="admin", changes=True)
def name(desk: Desk, asked: Named) -> Workload:
    """Give a workload a name that no other of its scope has."""
    return _decide(desk, asked.ref, "name", asked.name)


@operation("POST", "/workloads/{ref}/read", role="admin", changes=True)
def read(desk: Desk, asked: Read) -> Workload:
    """Say how the answers of a workload are to be read; null takes it back."""
    return _decide(desk, asked.ref, "read", asked.read or "")


@operation("POST", "/workloads/{ref}/owner", role="admin", changes=True)
def own(desk: Desk, asked: Owning) -> WorkloadOwned:
    """Say who answers for a workload and what it is for; nothing else changes."""
    workload = owning.own(desk.config, asked.ref, owner=asked.owner, purpose=asked.purpose, actor=desk.actor)
    said = owners(Control(desk.config.home).decisions()).get(workload.workload_id, NOBODY)
    return WorkloadOwned(workload_id=workload.workload_id, name=workload.name, owner=said.owner, purpose=said.purpose)


@operation("POST", "/workloads/{ref}/ignore", role="admin", changes=True)
def ignore(desk: Desk, asked: Ignored) -> Workload:
    """Leave a workload out of fits and routes, or take it in again."""
    return _decide(desk, asked.ref, "ignore", "false" if asked.undo else "")


@operation("POST", "/workloads/{ref}/merge", role="admin", changes=True)
def merge(desk: Desk, asked: Merged) -> Workload:
    """Count the calls of a workload as another's of the same scope; a part goes back to where it was split off."""
    part = find_workload(Control(desk.config.home), asked.ref)
    return _decide(desk, asked.into, "merge", part.workload_id)


@operation("POST", "/workloads/{ref}/split", role="admin", changes=True)
def split(desk: Desk, asked: SplitOff) -> Split:
    """Make the calls with one value of a slot a workload of their own."""
    payload = msgspec.json.encode({"slot": asked.slot, "value": asked.value}).decode()
    workload = _decide(desk, asked.ref, "split", payload)
    part = find_workload(Control(desk.config.home), split_id(workload.workload_id, asked.slot, asked.value))
    return Split(workload=workload, part=part)


def _decide(desk: Desk, ref: str, kind: Kind, payload: str) -> Workload:
    return finding.decide(desk.config, ref, kind, payload, actor=desk.actor, progress=desk.progress)


def _row(workload: Workload, spend: dict[str, Any]) -> WorkloadRow:
    served = workload.contract.can_be_served
    return WorkloadRow(
        workload=workload,
        spend_usd=spend.get(workload.workload_id),
        can_be_served=served,
        can_be_switched_on=workload.routable and served and not workload.ignored,
    )
