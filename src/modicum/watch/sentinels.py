"""Does an incumbent still answer as it did? Recorded requests of a certify window, asked again of the model that answered them.

Asked where the incumbent calls itself otherwise than before, and once a week, within `sentinel_usd`; each time other requests. How often it
differs from what it said then is held against how often it differed from itself when nothing had changed. What comes of it is a warning,
never a step: its tests see what the route's own answers are worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import InputError
from modicum.pipeline.again import ENOUGH, Asker, SelfAgreement, known_agreement
from modicum.pipeline.purse import Purse
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.stats.two_samples import higher_p_value
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Route, Sample, Workload
from modicum.watch.sampled import window_of
from modicum.wire import chat
from modicum.workload.sample import INDEPENDENT

EVERY = timedelta(days=7)
LATELY = timedelta(days=7)
NEWEST = 20
"""Control calls of which the incumbent's name for itself is taken: what most of them say counts."""
SHOWN = 0.01
MOST_NAMES = 50


class Asked(msgspec.Struct):
    """What is known of the incumbent of one workload."""

    names: list[str] = []
    """What it called itself so far: its model, and its fingerprint where it tells one."""
    at: datetime | None = None
    """When it was last asked."""
    rounds: int = 0
    calls: int = 0
    differing: int = 0
    """How often it differs from itself where nothing changed: by what was asked again for a fit, else by the first round."""


def due(known: Asked, name: str | None, now: datetime) -> str:
    """Why it is to be asked now; empty where it is not."""
    if name is not None and known.names and name not in known.names:
        return f"the incumbent calls itself {name} now"
    if known.at is None or now - known.at >= EVERY:
        return "once a week"
    return ""


def look(config: Config, control: Control, workload: Workload, route: Route, known: Asked, now: datetime) -> tuple[Asked, str]:
    """What is known after this look, and a sentence that warns; empty where there is nothing to warn of. Asks at most what `sentinel_usd`
    pays. Raises ModicumError."""
    name = named(Calls(config.home), workload, now)
    why = due(known, name, now)
    names = known.names if name is None or name in known.names else [*known.names, name][-MOST_NAMES:]
    known = msgspec.structs.replace(known, names=names)
    if not why or config.watch.sentinel_usd <= 0:
        return known, ""
    tested = window_of(control, route)
    window = frozenset(one.call_id for one in tested.samples) if tested is not None else frozenset()
    purse = Purse(budget_usd=Decimal(repr(config.watch.sentinel_usd)))
    draw = f"sentinels {known.rounds}"
    asker = Asker(config, config.watch.sentinels, purse, among=lambda samples: [s for s in samples if s.call_id in window], draw=draw)
    plan = asker.plan(workload)
    base = _base(config, control, workload, known)
    found = asker.run(plan) if plan.samples else None
    if found is None or found.calls < ENOUGH:
        return msgspec.structs.replace(known, at=now), ""
    known = msgspec.structs.replace(known, at=now, rounds=known.rounds + 1)
    if base is None:
        return msgspec.structs.replace(known, calls=found.calls, differing=found.differing), ""
    known = msgspec.structs.replace(known, calls=base.calls, differing=base.differing)
    p = higher_p_value(found.differing, found.calls, base.differing, base.calls)
    return known, _warning(workload, why, found, base, p) if p <= SHOWN else ""


def named(calls: Calls, workload: Workload, now: datetime) -> str | None:
    """What the incumbent calls itself in most of the newest calls that it answered whatever they said; None where there are few."""
    newest = [
        call.call_id
        for call in calls.scan(scope=workload.scope, workload_id=workload.workload_id, since=now - LATELY, bodies=False)
        if call.status < 400 and call.response_model and call.decision is not None and call.decision.reason in INDEPENDENT
    ][-NEWEST:]
    if len(newest) < NEWEST:
        return None
    names: Counter[str] = Counter()
    for call in calls.scan(scope=workload.scope, since=now - LATELY, call_ids=newest):
        try:
            told = chat.loads(call.response).get("system_fingerprint") if call.response is not None else None
        except InputError:
            told = None
        names[f"{call.response_model} ({told})" if isinstance(told, str) and told else call.response_model or ""] += 1
    name, many = names.most_common(1)[0]
    return name[:200] if 2 * many > NEWEST else None


def _base(config: Config, control: Control, workload: Workload, known: Asked) -> SelfAgreement | None:
    """How often it differs from itself: as it was found first."""
    if known.calls:
        return SelfAgreement(calls=known.calls, differing=known.differing)
    if known.rounds:
        return None
    catalogue = Catalogue(*priced(config))
    samples: Sequence[Sample] = gather(
        Calls(config.home), workload, recogniser_of(control, workload.scope), catalogue, Views.open(config)
    ).samples
    return known_agreement(config, workload, samples, catalogue)


def _warning(workload: Workload, why: str, found: SelfAgreement, base: SelfAgreement, p: float) -> str:
    return (
        f"{workload.name}: {why}, and it answers {found.differing} of {found.calls} recorded requests otherwise than it did; of itself it "
        f"differed at {base.differing} of {base.calls} (p = {p:.2g}). An early sign: what the route loses is tested on its own calls"
    )
