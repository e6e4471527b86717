"""The calls of one workload as samples: recognised as they would be by day, read by the contract, priced."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from modicum.backends.priced import priced
from modicum.catalog import Catalogue, cost, tiers
from modicum.catalog.contexts import is_possible
from modicum.config import Config
from modicum.errors import InputError
from modicum.pipeline.viewed import Views
from modicum.store.alike import MOST_TOKENS
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, Sample, Workload
from modicum.wire import chat
from modicum.workload import Recogniser, sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What can be learned from, and how many calls of the workload cannot."""

    samples: tuple[Sample, ...]
    without_body: int
    answered_by_us: int
    """A specialist's own answers never train, tune or certify."""
    not_recognised: int
    """Calls that discovery counts here but that a request would not be recognised as by day."""


def recogniser_of(control: Control, scope: str) -> Recogniser:
    """What recognises the requests of one scope: the wall between scopes stands here too."""
    return Recogniser([workload for workload in control.workloads(scope) if not workload.ignored])


def gather(
    calls: Calls,
    workload: Workload,
    recogniser: Recogniser,
    catalogue: Catalogue,
    views: Views,
    *,
    until: datetime | None = None,
) -> Gathered:
    """The samples of `workload` up to and including `until`, oldest first."""
    missing: Counter[str] = Counter()
    samples: list[tuple[Sample, bool]] = []
    live: set[str] = set()
    scanned = calls.scan(
        scope=workload.scope, workload_id=workload.workload_id, until=None if until is None else until + timedelta(microseconds=1)
    )
    for call in views.of(scanned):
        if call.origin == "live" and call.response_id is not None:
            live.add(call.response_id)
        if _ours(call):
            missing["answered_by_us"] += 1
        elif call.request is None:
            missing["without_body"] += 1
        elif (found := _sample(call, workload, recogniser)) is None:
            missing["not_recognised"] += 1
        else:
            cost_usd = call.cost_usd if call.cost_usd is not None else _cost(call, catalogue)
            samples.append((dataclasses.replace(found, cost_usd=cost_usd), call.origin == "live"))
    # An application's own log of calls that the gateway recorded would bring each in twice, the copy without its decision.
    kept = tuple(found for found, is_live in samples if is_live or found.response_id not in live)
    return Gathered(
        samples=kept,
        without_body=missing["without_body"],
        answered_by_us=missing["answered_by_us"],
        not_recognised=missing["not_recognised"],
    )


def read_calls(
    calls: Calls, workload: Workload, recogniser: Recogniser, views: Views, call_ids: Iterable[str], *, since: datetime | None = None
) -> list[Sample]:
    """The samples of these calls, whoever answered them, oldest first; those without a body or not recognised by day are left out.

    An answer that is not the incumbent's is nobody's: its `value` is None.
    """
    found = []
    for call in views.of(calls.scan(scope=workload.scope, since=since, call_ids=call_ids)):
        if call.request is not None and (one := _sample(call, workload, recogniser)) is not None:
            found.append(dataclasses.replace(one, value=None) if _ours(call) else one)
    return found


def count_answers(config: Config, workload: Workload) -> dict[str, int]:
    """How often each answer was read in the recorded calls, most frequent first; "" counts those that could not be read."""
    recogniser = recogniser_of(Control(config.home), workload.scope)
    samples = gather(Calls(config.home), workload, recogniser, Catalogue(*priced(config)), Views.open(config)).samples
    return dict(Counter(sample.value or "" for sample in samples).most_common())


def _ours(call: Call) -> bool:
    """Did a specialist answer? By our own record, or by the name that stands in a log of somebody else's."""
    return (call.decision is not None and call.decision.reason == "answered") or (call.response_model or "").startswith("modicum/")


def _sample(call: Call, workload: Workload, recogniser: Recogniser) -> Sample | None:
    try:
        request = chat.loads(call.request or b"")
        recognised = recogniser.recognise(request)
        if recognised is None or recognised.workload_id != workload.workload_id or not recognised.version_id:
            return None  # by day such a request is not covered, so it must not be counted on by night
        response = chat.loads(call.response) if call.response is not None else {}
        return sample(workload, recognised, call, request, response)
    except InputError:
        return None


def _cost(call: Call, catalogue: Catalogue) -> Decimal | None:
    names, day = (call.response_model, call.request_model), call.started_at.date()
    longest = max(call.usage.input_tokens or 0, call.usage.output_tokens or 0)
    if longest > MOST_TOKENS or not is_possible(longest, names, day, catalogue, provider=call.provider):
        return None  # what cannot be is no price's ground
    price = tiers.price_of(
        catalogue,
        names,
        day,
        input_tokens=call.usage.input_tokens or 0,
        provider=call.provider,
        service_tier=call.service_tier,
    )
    return cost(price, call.usage)
