"""Requests of a live route, for who compares them: those that its certificate was tested on, and a sample of those that came since."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from modicum.config import Config
from modicum.pipeline.samples import read_calls, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.pipeline.window import Window, unpack
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Route, Sample, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """Calls that came after a time, whoever answered them."""

    ids: tuple[str, ...]
    """Of those that were drawn."""
    calls: int
    until: datetime | None
    """When the last of all began; None where none came."""


def came(config: Config, workload: Workload, after: datetime, most: int, draw: str) -> Came:
    """Those of a workload that an answer was given to, and so many of them drawn by chance alone; another `draw`, others. Reads no body."""
    count, until = 0, None

    def ranked() -> Iterator[tuple[bytes, str]]:
        nonlocal count, until
        since = after + timedelta(microseconds=1)
        for call in Calls(config.home).scan(scope=workload.scope, workload_id=workload.workload_id, since=since, bodies=False):
            if call.status < 400:
                count, until = count + 1, call.started_at
                yield hashlib.blake2b(f"{draw}\0{call.call_id}".encode(), digest_size=16).digest(), call.call_id

    ids = tuple(call_id for _, call_id in heapq.nsmallest(most, ranked()))
    return Came(ids=ids, calls=count, until=until)


def read(
    config: Config, control: Control, workload: Workload, route: Route, call_ids: Sequence[str], *, after: datetime | None = None
) -> list[Sample]:
    """These calls as the specialist sees them, those of versions that its certificate covers."""
    covered = control.certificate(route.certificate_id).cover.version_ids
    recogniser, views = recogniser_of(control, workload.scope), Views.open(config)
    samples = read_calls(Calls(config.home), workload, recogniser, views, call_ids, since=after)
    return [one for one in samples if one.version_id in covered]


def window_of(control: Control, route: Route) -> Window | None:
    """What its certificate was tested on, without any text; None where that is not kept."""
    certificate = control.certificate(route.certificate_id)
    attempts = control.attempts(route.workload_id)
    its = next((one for one in reversed(attempts) if one.number == certificate.attempt_number), None)
    record = None if its is None else control.window(its.attempt_id)
    return None if record is None else unpack(record)


def as_many(window: Window, calls: int, seed: int) -> list[str]:
    """The distinct requests among so many calls of the window, drawn by chance: as they would come among as many others."""
    rows = np.repeat(np.arange(len(window.samples)), window.weights)
    some = np.random.default_rng(seed).permutation(rows)[:calls]
    return [window.samples[row].call_id for row in np.unique(some).tolist()]
