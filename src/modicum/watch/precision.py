"""Does a specialist in fewer bits still say what it says in full precision? A sample of live calls, asked of both by what learns.

The certificate is of the specialist as it runs, and its own tests hold it to that. This is an early sign: it says where few bits begin to
cost what they did not cost when it was fitted. Nothing is sent anywhere.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from modicum.artefact import Artefacts, about_of
from modicum.config import Config
from modicum.errors import ModicumError
from modicum.evaluate.groups import text_of_slots
from modicum.pipeline import drifting
from modicum.stats.binomial import clopper_pearson
from modicum.stats.sequence import spending
from modicum.store.control import Control
from modicum.types import Route, Workload
from modicum.watch import sampled
from modicum.workload.sameness import normalise

EVERY = timedelta(hours=12)
AGAIN = timedelta(days=7)
"""Until what was told of is told of again."""
MOST = 300
"""Calls that both are asked about: some CPU seconds."""
LEAST = 50
DOUBT = 0.05
"""The chance that a specialist which does agree often enough on distinct requests is ever warned of; the i-th look spends δ·6/(π²i²)."""
FULL = frozenset(("", "fp32", "int16"))
"""Nothing that was given up is kept beside these."""


class Held(msgspec.Struct):
    """What is known of the fewer bits of one route."""

    looks: int = 0
    at: datetime | None = None
    until: datetime | None = None
    """Calls up to here were drawn from."""
    calls: int = 0
    """In all looks,"""
    agreed: int = 0
    """... and of these, those at which both said the same."""
    told: datetime | None = None
    lacks: bool = False
    """It was said that the full precision is not there."""


def look(config: Config, control: Control, workload: Workload, route: Route, known: Held, now: datetime) -> tuple[Held, str, str]:
    """What is known after this look, a sentence that warns, and a remark that is no warning. Raises ModicumError."""
    if known.at is not None and now - known.at < EVERY:
        return known, "", ""
    artefacts = Artefacts(config.home / "artefacts")
    artefact = artefacts.read(route.artefact_digest)
    settings = about_of(artefact.about).settings
    precision = drifting.precision_of(settings)
    if precision in FULL:
        return known, "", ""
    number, after = known.looks + 1, known.until or control.certificate(route.certificate_id).window_to
    came = sampled.came(config, workload, after, MOST, f"precision {number}")
    if came.calls < LEAST:
        return known, "", ""
    try:
        pair = drifting.pair_of(artefacts, artefact)
    except ModicumError as error:
        if known.lacks:
            return known, "", ""
        remark = f"{workload.name}: {precision} is not compared with full precision any more: {error.message}"
        return msgspec.structs.replace(known, lacks=True), "", remark
    samples = sampled.read(config, control, workload, route, came.ids, after=after)
    rows = drifting.ask(pair, list({normalise(text_of_slots(one)): one for one in samples}.values()))  # of those alike, one
    if len(rows) < LEAST:
        return known, "", ""
    agreed = sum(one.full == one.small for one in rows)
    known = msgspec.structs.replace(
        known, looks=number, at=now, until=came.until, calls=known.calls + len(rows), agreed=known.agreed + agreed, lacks=False
    )
    wanted, sure = config.fit.drift_agreement, 1 - spending(DOUBT, number)
    for calls, same in ((len(rows), agreed), (known.calls, known.agreed)):  # what began now, and what is small and lasts
        if highest(same, calls, sure) < wanted and (known.told is None or now - known.told >= AGAIN):
            return msgspec.structs.replace(known, told=now), _warning(workload, route, precision, same, calls, wanted), ""
    return known, "", ""


def highest(agreed: int, calls: int, confidence: float) -> float:
    """The most that the share may be on which both agree; one of two limits that are looked at, each from one side."""
    return clopper_pearson(agreed, calls, confidence)[1]


def _warning(workload: Workload, route: Route, precision: str, agreed: int, calls: int, wanted: float) -> str:
    low, high = clopper_pearson(agreed, calls, 0.95)
    return (
        f"{workload.name}: in {precision} it agrees with full precision on {agreed} of {calls} newer calls ({agreed / calls:.1%}; 95 %: "
        f"{low:.1%} to {high:.1%}), {wanted:.1%} were asked when it was fitted; `modicum artefact drift {route.route_id}` shows where. An "
        f"early sign: what is certified is the specialist as it runs, and the tests hold it to that"
    )
