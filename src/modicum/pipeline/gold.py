"""Labels that somebody gives with a fit or a trial, beside the calls that they are meant for: what is of no use as it stands is counted
and said before anything is tested. Values are shown to whoever gave them, and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from modicum.errors import InputError
from modicum.evaluate.labels import comparable
from modicum.evaluate.split import find_cut, share_that_certifies
from modicum.evaluate.told import Gold
from modicum.pipeline.errand import is_listed
from modicum.store.calls import Calls
from modicum.types import Sample, Workload

SHOWN = 3
LONGEST = 40
"""Characters of a value that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlisted:
    """Gold values of one workload's calls that are none of its labels."""

    workload: str
    """Its name."""
    given: int
    """Gold values for its calls."""
    unlisted: int
    examples: tuple[str, ...]

    @property
    def warning(self) -> str:
        what = f"gold value{'' if self.given == 1 else 's'} {'is' if self.unlisted == 1 else 'are'}"
        shown = ("such as " if self.unlisted > 1 else "") + ", ".join(repr(value) for value in self.examples)
        return (
            f"{self.unlisted:,} of {self.given:,} {what} no label of '{self.workload}' ({shown}): on such a call both answers count as"
            " wrong, the small model's and the incumbent's."
            f" `modicum workloads show {self.workload}` lists its labels; case and spaces around a value do not matter"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """How many of the labels speak of a call, and of a label of its workload."""

    given: int
    unknown: int
    """Of these, how many name no call of the workloads."""
    first_unknown: str | None = None
    unlisted: tuple[Unlisted, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line each for who gave them; none where each names a call and one of its workload's labels."""
        found = [one.warning for one in self.unlisted]
        if self.unknown:
            named = f"{self.unknown:,} of {self.given:,} labels name no call of these workloads and are not used"
            found.insert(0, f"{named}; the first: {self.first_unknown}")
        return tuple(found)


def match(calls: Calls, workloads: Iterable[Workload], given: Mapping[str, str | None]) -> Matched:
    """`given`: by the id of a call, ours or the response's, its gold value; None: a verdict on two answers. Raises InputError where there
    are some and none is of a call of these workloads."""
    known: set[str] = set()
    unlisted = []
    for workload in workloads if given else ():
        its: set[str] = set()
        for call in calls.scan(scope=workload.scope, workload_id=workload.workload_id, bodies=False):
            its.update(name for name in (call.call_id, call.response_id) if name is not None and name in given)
        if (found := _unlisted(workload, {name: value for name, value in given.items() if name in its})) is not None:
            unlisted.append(found)
        known |= its
    unknown = [name for name in given if name not in known]
    if given and not known:
        raise InputError(
            f"none of {len(given):,} labels names a call of these workloads; the first: {unknown[0]}",
            hint="an id is a call's or its response's, as `modicum workloads calls WORKLOAD` lists them",
        )
    first = unknown[0] if unknown else None
    return Matched(given=len(given), unknown=len(unknown), first_unknown=first, unlisted=tuple(unlisted))


def _unlisted(workload: Workload, given: Mapping[str, str | None]) -> Unlisted | None:
    """As the test will compare them: an answer that is from no list may be anything."""
    if not is_listed(workload.contract):
        return None
    labels = {comparable(label) for label in workload.contract.labels}
    gold = [value for value in given.values() if value is not None]
    strange = [value for value in gold if comparable(value) not in labels]
    if not strange:
        return None
    shown = tuple(value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…" for value in dict.fromkeys(strange))
    return Unlisted(workload=workload.name, given=len(gold), unlisted=len(strange), examples=shown[:SHOWN])


def of_old(gold: Gold, samples: tuple[Sample, ...], *, since: datetime | None = None) -> Gold:
    """What can train at a first attempt, or the first since a rollback. Labels of newer calls wait for the attempt that wants them, and
    are no reason for another one."""
    if not any(s.control and (since is None or s.at > since) for s in samples):
        return gold
    cut = find_cut(samples, certify_share=share_that_certifies(since), since=since)
    old = {s.call_id for s in samples if s.at < cut}
    return {call_id: value for call_id, value in gold.items() if call_id in old}
