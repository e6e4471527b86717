"""Requests of a live route, for who compares them: a sample of those that came in a time, and what its certificate was tested on."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modicum.config import Config
from modicum.pipeline.samples import read_calls, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.pipeline.window import Window, unpack
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Route, Sample, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """Calls that came in a time, whoever answered them."""

    ids: tuple[str, ...]
    """Of those that were drawn."""
    calls: int
    until: datetime | None
    """When the last of all began; None where none came."""


def came(config: Config, workload: Workload, most: int, draw: str, *, since: datetime, to: datetime | None = None) -> Came:
    """Those of a workload that an answer was given to, and so many of them drawn by chance alone; another `draw`, others. Reads no body.

    From `since` to `to`, both in it.
    """
    count, last = 0, None
    until = None if to is None else to + timedelta(microseconds=1)

    def ranked() -> Iterator[tuple[bytes, str]]:
        nonlocal count, last
        calls = Calls(config.home).scan(scope=workload.scope, workload_id=workload.workload_id, since=since, until=until, bodies=False)
        for call in calls:
            if call.status < 400:
                count, last = count + 1, call.started_at
                yield hashlib.blake2b(f"{draw}\0{call.call_id}".encode(), digest_size=16).digest(), call.call_id

    ids = tuple(call_id for _, call_id in heapq.nsmallest(most, ranked()))
    return Came(ids=ids, calls=count, until=last)


def read(
    config: Config, control: Control, workload: Workload, route: Route, call_ids: Sequence[str], *, since: datetime | None = None
) -> list[Sample]:
    """These calls as the specialist sees them, those of versions that its certificate covers."""
    covered = control.certificate(route.certificate_id).cover.version_ids
    recogniser, views = recogniser_of(control, workload.scope), Views.open(config)
    samples = read_calls(Calls(config.home), workload, recogniser, views, call_ids, since=since)
    return [one for one in samples if one.version_id in covered]


def window_of(control: Control, route: Route) -> Window | None:
    """What its certificate was tested on, without any text; None where that is not kept."""
    certificate = control.certificate(route.certificate_id)
    attempts = control.attempts(route.workload_id)
    its = next((one for one in reversed(attempts) if one.number == certificate.attempt_number), None)
    record = None if its is None else control.window(its.attempt_id)
    return None if record is None else unpack(record)
