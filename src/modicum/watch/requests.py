"""Are a live route's requests still those that it was certified on? An early sign: promises nothing, and sends nothing back.

Looked at by what learns, at most twice a day: the calls since the last look, and no others, against all that came in the time of the
certify window. Of both as many are drawn by chance alone: the window's own rows leave out requests that were asked before it, and what
comes again would look new beside them. So where calls come independently of each other and what they ask never changes, the chance that a
route is ever warned of is at most `DOUBT`. What is told are numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime

from modicum.artefact import Artefacts
from modicum.backends.encoder import text_of
from modicum.backends.model import model_of
from modicum.backends.specialist import load
from modicum.config import Config
from modicum.evaluate.groups import text_of_slots
from modicum.store.control import Control
from modicum.types import Route, Sample, Workload
from modicum.watch import sampled, unlike
from modicum.watch.looked import Looked

MOST = 2 * unlike.MOST
"""Calls that are read of each side."""


def look(config: Config, control: Control, workload: Workload, route: Route, known: Looked, now: datetime) -> tuple[Looked, str]:
    """What is known after this look, and a sentence that warns; empty where there is nothing to warn of. Raises ModicumError."""
    if known.rests(now):
        return known, ""
    certificate, number = control.certificate(route.certificate_id), known.number
    since, began = known.since(certificate), certificate.window_from
    came = sampled.came(config, workload, MOST, f"requests {number}", since=since)
    if came.calls < unlike.LEAST:
        return known.waits(now), ""
    was = sampled.came(config, workload, len(came.ids), f"requests then {number}", since=began, to=certificate.window_to)
    new = sampled.read(config, control, workload, route, came.ids, since=since)
    then = sampled.read(config, control, workload, route, was.ids, since=began)
    fewer = min(len(then), len(new))
    found = unlike.compare(_some(then, fewer, number), _some(new, fewer, number), text_of=_reads(config, route), seed=number)
    if found is None:
        return known.waits(now), ""
    said, known = list(found.said(known.level)), known.seen(now, came.until)
    return (known.warned(now), _warning(workload, route, said)) if said and known.tells(now) else (known, "")


def _some(samples: Sequence[Sample], count: int, seed: int) -> list[Sample]:
    """So many of them, drawn by chance: what is distinct among more calls is rarer."""
    return random.Random(seed).sample(samples, count)


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
