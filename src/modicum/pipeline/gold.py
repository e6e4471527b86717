"""Labels that somebody gives with a fit or a trial, beside the calls that they are meant for: those of no call are counted and said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modicum.errors import InputError
from modicum.store.calls import Calls
from modicum.types import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """How many of the labels speak of a call."""

    given: int
    unknown: int
    """Of these, how many name no call of the workloads."""
    first_unknown: str | None = None

    @property
    def warning(self) -> str:
        """One line for who gave them; empty where each names a call."""
        if not self.unknown:
            return ""
        return (
            f"{self.unknown:,} of {self.given:,} labels name no call of these workloads and are not used; the first: {self.first_unknown}"
        )


def match(calls: Calls, workloads: Iterable[Workload], names: Iterable[str]) -> Matched:
    """`names`: ids of calls, ours or the response's. Raises InputError where there are some and none is of a call of these workloads."""
    wanted = dict.fromkeys(names)
    known: set[str] = set()
    for workload in workloads if wanted else ():
        for call in calls.scan(scope=workload.scope, workload_id=workload.workload_id, bodies=False):
            known.update(name for name in (call.call_id, call.response_id) if name in wanted)
    unknown = [name for name in wanted if name not in known]
    if wanted and not known:
        raise InputError(
            f"none of {len(wanted):,} labels names a call of these workloads; the first: {unknown[0]}",
            hint="an id is a call's or its response's, as `modicum workloads calls WORKLOAD` lists them",
        )
    return Matched(given=len(wanted), unknown=len(unknown), first_unknown=unknown[0] if unknown else None)
