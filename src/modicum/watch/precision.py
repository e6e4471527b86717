"""Does a specialist in fewer bits still say what it says in full precision? A sample of live calls, asked of both by what learns.

The certificate is of the specialist as it runs, and its own tests hold it to that. This is an early sign: it says where few bits begin to
cost what they did not cost when it was fitted. Nothing is sent anywhere.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from modicum.artefact import Artefacts, about_of
from modicum.config import Config
from modicum.errors import ModicumError
from modicum.evaluate.groups import text_of_slots
from modicum.pipeline import drifting
from modicum.stats.binomial import clopper_pearson, upper_limit
from modicum.store.control import Control
from modicum.types import Route, Workload
from modicum.watch import sampled
from modicum.watch.looked import Looked
from modicum.workload.sameness import normalise

MOST = 300
"""Calls that both are asked about: some CPU seconds."""
LEAST = 50
FULL = frozenset(("", "fp32", "int16"))
"""Nothing that was given up is kept beside these."""


class Held(Looked):
    """What is known of the fewer bits of one route."""

    lacks: bool = False
    """It was said that the full precision is not there."""


def look(config: Config, control: Control, workload: Workload, route: Route, known: Held, now: datetime) -> tuple[Held, str, str]:
    """What is known after this look, a sentence that warns, and a remark that is no warning. Raises ModicumError."""
    if known.rests(now):
        return known, "", ""
    artefacts = Artefacts(config.home / "artefacts")
    artefact = artefacts.read(route.artefact_digest)
    precision = drifting.precision_of(about_of(artefact.about).settings)
    if precision in FULL:
        return known, "", ""
    since = known.since(control.certificate(route.certificate_id))
    came = sampled.came(config, workload, MOST, f"precision {known.number}", since=since)
    if came.calls < LEAST:
        return known.waits(now), "", ""
    try:
        pair = drifting.pair_of(artefacts, artefact)
    except ModicumError as error:
        if known.lacks:
            return known.waits(now), "", ""
        remark = f"{workload.name}: {precision} is not compared with full precision any more: {error.message}"
        return msgspec.structs.replace(known.waits(now), lacks=True), "", remark
    samples = sampled.read(config, control, workload, route, came.ids, since=since)
    rows = drifting.ask(pair, list({normalise(text_of_slots(one)): one for one in samples}.values()))  # of those alike, one
    if len(rows) < LEAST:
        return known.waits(now), "", ""
    calls, agreed = len(rows), sum(one.full == one.small for one in rows)
    wanted, beyond = config.fit.drift_agreement, upper_limit(agreed, calls, 1 - known.level) < config.fit.drift_agreement
    known = msgspec.structs.replace(known.seen(now, came.until), lacks=False)
    if beyond and known.tells(now):
        return known.warned(now), _warning(workload, route, precision, agreed, calls, wanted), ""
    return known, "", ""


def _warning(workload: Workload, route: Route, precision: str, agreed: int, calls: int, wanted: float) -> str:
    low, high = clopper_pearson(agreed, calls, 0.95)
    return (
        f"{workload.name}: in {precision} it agrees with full precision on {agreed} of {calls} newer calls ({agreed / calls:.1%}; 95 %: "
        f"{low:.1%} to {high:.1%}), {wanted:.1%} were asked when it was fitted; `modicum artefact drift {route.route_id}` shows where. An "
        f"early sign: what is certified is the specialist as it runs, and the tests hold it to that"
    )
