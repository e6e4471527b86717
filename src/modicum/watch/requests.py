"""Are a live route's requests still those that it was certified on? An early sign: promises nothing, and sends nothing back.

Looked at by what learns, at most twice a day, on the calls since the last look and no others. The i-th look at a route spends δ·6/(π²i²) of
`DOUBT`, so the chance that a route whose requests never change is ever warned of is at most that. What is told are numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from modicum.artefact import Artefacts
from modicum.backends.encoder import text_of
from modicum.backends.model import model_of
from modicum.backends.specialist import load
from modicum.config import Config
from modicum.evaluate.groups import text_of_slots
from modicum.stats.sequence import spending
from modicum.store.control import Control
from modicum.types import Route, Sample, Workload
from modicum.watch import sampled, unlike

EVERY = timedelta(hours=12)
AGAIN = timedelta(days=7)
"""Until what was told of is told of again."""
DOUBT = 0.05
MOST = 2 * unlike.MOST
"""Calls that are read of each side."""


class Looked(msgspec.Struct):
    """What is known of the requests of one route."""

    looks: int = 0
    at: datetime | None = None
    until: datetime | None = None
    """Calls up to here were looked at."""
    told: datetime | None = None


def look(config: Config, control: Control, workload: Workload, route: Route, known: Looked, now: datetime) -> tuple[Looked, str]:
    """What is known after this look, and a sentence that warns; empty where there is nothing to warn of. Raises ModicumError."""
    if known.at is not None and now - known.at < EVERY:
        return known, ""
    certificate, window = control.certificate(route.certificate_id), sampled.window_of(control, route)
    number, after = known.looks + 1, known.until or certificate.window_to
    most = 0 if window is None else min(MOST, sum(window.weights))
    if window is None or most < unlike.LEAST:
        return known, ""
    came = sampled.came(config, workload, after, most, f"requests {number}")
    if came.calls < unlike.LEAST:
        return known, ""
    new = sampled.read(config, control, workload, route, came.ids, after=after)
    ids = sampled.as_many(window, len(new), number)
    then = sampled.read(config, control, workload, route, ids, after=certificate.window_from)
    found = unlike.compare(then, new, text_of=_reads(config, route), seed=number)
    if found is None:
        return known, ""  # what came waits for more
    known = msgspec.structs.replace(known, looks=number, at=now, until=came.until)
    said = list(found.said(spending(DOUBT, number)))
    if not said or (known.told is not None and now - known.told < AGAIN):
        return known, ""
    return msgspec.structs.replace(known, told=now), _warning(workload, route, said)


def _reads(config: Config, route: Route) -> Callable[[Sample], str]:
    """The text that its stage reads of a request."""
    artefact = Artefacts(config.home / "artefacts").read(route.artefact_digest)
    used = () if model_of(artefact) is not None else load(artefact).used_slots
    return (lambda sample: text_of(sample.slots, used)) if used else text_of_slots


def _warning(workload: Workload, route: Route, said: list[str]) -> str:
    return (
        f"{workload.name}: its requests are not those it was certified on: {'; '.join(said)}. An early sign: whether answers are worse is "
        f"for the tests to say (`modicum route show {route.route_id}`)"
    )
