"""What is counted of calls; `prometheus` says it. Units are seconds, dollars and tokens.

Labels have few values: ours, the operator's, or `other`. Nothing that a caller writes becomes one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modicum.config import Config
from modicum.gateway.counts import Counts
from modicum.gateway.families import COUNTED, SECONDS, SHORT, STAGE, WIDE
from modicum.gateway.prometheus import escaped, render
from modicum.gateway.standing import Standing
from modicum.store.codec import Head
from modicum.types import Call, Decision

MOST_MODELS = 64
MOST_PROVIDERS = 64
MOST_KINDS = 32
MOST_WORKLOADS = 128
MOST_SERIES = 1024
"""Kinds of calls of which is kept where they are counted: names of models come from callers."""
KINDS = (
    *(
        "adapter",
        "configuration",
        "feedback",
        "gateway",
        "keys",
        "ledger",
        "prices",
        "recogniser",
        "recorder",
        "redaction",
        "route",
        "slow",
        "snapshot",
    ),
    *("telemetry", "tidy", "unwatched", "watcher", "worker"),
)
"""Of alarms. They begin at 0: where a series is born at 1, nobody sees it rise."""
LONGEST_LABEL = 100
DRAWN = frozenset(("shadow", "control", "canary"))
"""Reasons that chance alone gave: what the stage says of such a call is an audit."""
Outcome = Literal["agreed", "differed", "unread", "deferred", "not_compared", "failed"]
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}")
_KIND = re.compile(r"[a-z_]{1,24}")
_OUR_FAILURES = frozenset(("upstream_failed", "upstream_timeout", "upstream_unavailable"))


@dataclass(slots=True)
class _Of:
    """Where the numbers of calls of one workload and one kind stand."""

    requests: int
    duration: int
    cost: int
    priced: int
    stage_cost: int
    stage_priced: int
    audits: int
    stage: int


@dataclass(slots=True)
class _Series:
    """Where the numbers of calls of one kind stand."""

    requests: int
    duration: int
    overhead: int
    first: int
    tokens: tuple[int, int, int, int, int]
    cost: int
    without_cost: int
    """Where calls like this one lack a cost that they should have; else where nobody reads."""
    tries: tuple[int, ...]
    """One for each deployment that was tried."""


class Metrics:
    """One worker's counting, and the sum over all."""

    def __init__(self, config: Config, home: Path) -> None:
        self._counts = Counts(home)
        self._numbers = self._counts.numbers
        self._index: dict[str, int] = {}
        self._spare = self._counts.add("", 32) or 0
        """Where is counted what no room is left for; nobody reads it."""
        self._series: dict[tuple[object, ...], _Series] = {}
        """By all of a call that chooses a series: callers name models, so few are kept."""
        self._known = {*config.models, *(d.model for model in config.models.values() for d in model.deployments), *config.prices}
        self._models: set[str] = set()
        self._providers = {"upstream", *config.providers}
        self._kinds: set[str] = set()
        self._workloads: set[str] = set()
        self._of: dict[tuple[object, ...], _Of] = {}
        self._standing = Standing(home, config.route.control_share)
        self._in_flight = self._at("modicum_in_flight_requests", "")
        self._dropped = self._at("modicum_records_dropped_total", "")
        for kind in KINDS:
            self._at("modicum_alarms_total", f'kind="{_among(self._kinds, kind, MOST_KINDS)}"')

    def observe(self, call: Head, overhead_ms: float) -> None:
        """Count one call."""
        decision, cost_usd = call.decision, call.cost_usd
        key = (
            call.endpoint,
            call.provider,
            call.status,
            call.error,
            call.request_model,
            call.response_model,
            call.deployments,
            cost_usd is None,
            None if decision is None else (decision.reason, decision.answered_by),
        )
        series = self._series.get(key) or self._new(key, call)
        numbers = self._numbers
        numbers[series.requests] += 1
        if call.duration_ms is not None:
            _count(numbers, series.duration, SECONDS, call.duration_ms / 1000)
        _count(numbers, series.overhead, SHORT, overhead_ms / 1000)
        if call.time_to_first_chunk_ms is not None and call.streamed:
            _count(numbers, series.first, SECONDS, call.time_to_first_chunk_ms / 1000)
        usage = call.usage
        if usage is not None:
            sent, got, read, written, thought = series.tokens
            if usage.input_tokens:
                numbers[sent] += usage.input_tokens
            if usage.output_tokens:
                numbers[got] += usage.output_tokens
            if usage.cache_read_tokens:
                numbers[read] += usage.cache_read_tokens
            if usage.cache_write_tokens:
                numbers[written] += usage.cache_write_tokens
            if usage.reasoning_tokens:
                numbers[thought] += usage.reasoning_tokens
        if cost_usd is None:
            numbers[series.without_cost] += 1
        else:
            numbers[series.cost] += float(cost_usd)
        for at in series.tries:
            numbers[at] += 1
        if decision is not None:
            if decision.workload_id is not None:
                self._of_workload(call, decision, decision.workload_id)
            if decision.stage_model and decision.reason != "answered":
                self._aside(decision)

    def model(self, call: Call | Head) -> str:
        """A name that the operator wrote, or one that has a price and whose shape is a model's; else `other`. Few."""
        asked = call.request_model
        if asked is not None and asked in self._known:
            return asked
        told = call.response_model
        if told is None or call.cost_usd is None or not (told in self._models or _MODEL.fullmatch(told)):
            return "other"
        return _among(self._models, told, MOST_MODELS)

    def provider(self, name: str | None) -> str:
        """A provider as the configuration names it."""
        return "none" if name is None else _among(self._providers, name, MOST_PROVIDERS)

    def in_flight(self, change: int) -> None:
        self._numbers[self._in_flight] += change

    def dropped(self) -> None:
        self._numbers[self._dropped] += 1

    def alarm(self, kind: str) -> None:
        """Count an alarm under the first word of its kind: the rest names one route."""
        word = kind.partition(" ")[0]
        word = _among(self._kinds, word, MOST_KINDS) if _KIND.fullmatch(word) else "other"
        self.count("modicum_alarms_total", f'kind="{word}"')

    def count(self, name: str, labels: str = "", number: float = 1) -> None:
        self._numbers[self._at(name, labels)] += number

    def close(self) -> None:
        self._counts.close()

    def _new(self, key: tuple[object, ...], call: Head) -> _Series:
        """Where calls like this one are counted."""
        answered_by = who(call)
        reason = call.decision.reason if call.decision is not None else "none"
        model = self.model(call) if answered_by != "specialist" else "specialist"
        provider = escaped(self.provider(call.provider))
        place = f'endpoint="{call.endpoint}",provider="{provider}"'
        of_model = f'provider="{provider}",model="{escaped(model)}"'
        should_cost = answered_by == "provider" and call.status < 400
        last = len(call.deployments) - 1
        series = _Series(
            requests=self._at(
                "modicum_requests_total", f'{place},answered_by="{answered_by}",status="{call.status // 100}xx",reason="{reason}"'
            ),
            duration=self._at("modicum_request_duration_seconds", f'{place},answered_by="{answered_by}"'),
            overhead=self._at("modicum_overhead_seconds", f'endpoint="{call.endpoint}",answered_by="{answered_by}"'),
            first=self._at("modicum_time_to_first_chunk_seconds", f'{place},answered_by="{answered_by}"'),
            tokens=(
                self._at("modicum_tokens_total", f'type="input",{of_model}'),
                self._at("modicum_tokens_total", f'type="output",{of_model}'),
                self._at("modicum_tokens_total", f'type="cache_read",{of_model}'),
                self._at("modicum_tokens_total", f'type="cache_write",{of_model}'),
                self._at("modicum_tokens_total", f'type="reasoning",{of_model}'),
            ),
            cost=self._at("modicum_cost_usd_total", of_model),
            without_cost=self._at("modicum_calls_without_cost_total", of_model) if should_cost else self._spare,
            tries=tuple(
                self._tried(
                    deployment, answered=number == last and answered_by != "nobody" and call.provider is not None and call.status < 500
                )
                for number, deployment in enumerate(call.deployments)
            ),
        )
        if len(self._series) >= MOST_SERIES:
            self._series.clear()
        self._series[key] = series
        return series

    def _of_workload(self, call: Head, decision: Decision, workload_id: str) -> None:
        """Count a call for its workload."""
        numbers, by, found = self._numbers, who(call), outcome(call, decision)
        asked = decision.stage_model is not None
        key = (workload_id, call.scope, decision.reason, decision.would_answer, found, asked, by, call.status < 400)
        at = self._of.get(key)
        if at is None:
            at = self._of[key] = self._new_of(call, decision, workload_id, by, found)
        numbers[at.requests] += 1
        if call.duration_ms is not None:
            _count(numbers, at.duration, WIDE, call.duration_ms / 1000)
        if call.cost_usd is not None:
            numbers[at.cost] += float(call.cost_usd)
            numbers[at.priced] += 1
        if decision.stage_cost_usd is not None and by != "specialist":
            numbers[at.stage_cost] += float(decision.stage_cost_usd)
            numbers[at.stage_priced] += 1
        if decision.stage_ms is not None:
            _count(numbers, at.stage, STAGE, decision.stage_ms / 1000)
        numbers[at.audits] += 1

    def _new_of(self, call: Head, decision: Decision, workload_id: str, by: str, found: Outcome | None) -> _Of:
        if len(self._of) >= MOST_SERIES:
            self._of.clear()
        place = f'scope="{escaped(call.scope[:LONGEST_LABEL])}",workload="{escaped(_among(self._workloads, workload_id, MOST_WORKLOADS))}"'
        arm = "stage" if by == "specialist" else "drawn" if found and decision.would_answer else "deferred"
        return _Of(
            requests=self._at("modicum_workload_requests_total", f'{place},reason="{decision.reason}"'),
            duration=self._at("modicum_workload_duration_seconds", f'{place},answered_by="{by}"') if call.status < 400 else self._spare,
            cost=self._at("modicum_workload_cost_usd_total", f'{place},arm="{arm}"'),
            priced=self._at("modicum_workload_priced_calls_total", f'{place},arm="{arm}"'),
            stage_cost=self._at("modicum_workload_cost_usd_total", f'{place},arm="stage"') if decision.stage_model else self._spare,
            stage_priced=self._at("modicum_workload_priced_calls_total", f'{place},arm="stage"') if decision.stage_model else self._spare,
            audits=self._at("modicum_audits_total", f'{place},outcome="{found}"') if found else self._spare,
            stage=self._at("modicum_stage_duration_seconds", place),
        )

    def _aside(self, decision: Decision) -> None:
        """What another model took that a route asked, and whose answer nobody got: a try at it, answered where it said what that took."""
        asked, usage = decision.stage_model or "", decision.stage_usage
        provider, _, model = asked.partition("/")
        labels = f'provider="{escaped(self.provider(provider))}",model="{escaped(_among(self._models, model, MOST_MODELS))}"'
        self._numbers[self._tried(asked, answered=usage is not None)] += 1
        if decision.stage_cost_usd:
            self.count("modicum_cost_usd_total", labels, float(decision.stage_cost_usd))
        if usage is not None:
            for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
                if tokens:
                    self.count("modicum_tokens_total", f'type="{kind}",{labels}', tokens)

    def _tried(self, deployment: str, *, answered: bool) -> int:
        provider = escaped(self.provider(deployment.partition("/")[0]))
        return self._at("modicum_upstream_attempts_total", f'provider="{provider}",outcome="{"answered" if answered else "failed"}"')

    def _at(self, name: str, labels: str) -> int:
        full = f"{name}{{{labels}}}"
        found = self._index.get(full)
        if found is None:
            family = COUNTED[name]
            found = self._counts.add(full, len(family.buckets) + 2 if family.buckets else 1)
            found = self._index[full] = self._spare if found is None else found
        return found

    def render(self, scope: str | None = None) -> bytes:
        """Everything as Prometheus's text, summed over all workers of this run; of workloads, those of this scope where one is named."""
        return render(self._counts.read(), self._standing, scope=scope)


class Tally:
    """Alarms of a process that is no worker: the one that looks after the workers. Nothing is opened before the first."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._counts: Counts | None = None
        self._at: dict[str, int] = {}

    def alarm(self, kind: str) -> None:
        """Count an alarm, of `KINDS`."""
        if self._counts is None:
            self._counts = Counts(self._home)
        if kind not in self._at:
            self._at[kind] = self._counts.add(f'modicum_alarms_total{{kind="{kind}"}}') or 0
        self._counts.numbers[self._at[kind]] += 1

    def close(self) -> None:
        if self._counts is not None:
            self._counts.close()
            self._counts = None


def who(call: Call | Head) -> Literal["specialist", "provider", "nobody"]:
    """Who answered a call."""
    if call.decision is not None and call.decision.answered_by.startswith("modicum/"):
        return "specialist"
    if call.error in _OUR_FAILURES or (call.provider is None and call.status >= 400):
        return "nobody"
    return "provider"


def outcome(call: Head, decision: Decision) -> Outcome | None:
    """What an audit found; None where chance alone did not put the call before the incumbent, or that gave no answer. What lies outside of
    a certificate is deferred: it loses nothing."""
    if decision.reason not in DRAWN or decision.route_id is None or call.status >= 400 or call.error is not None:
        return None
    if decision.stage_failed:
        return "failed"
    if decision.would_answer is None:
        return "not_compared" if decision.detail.startswith("not compared") else "deferred"
    if not decision.would_answer:
        return "deferred"
    return "unread" if decision.agreed is None else "agreed" if decision.agreed else "differed"


def _among(known: set[str], name: str, most: int) -> str:
    """The name where it is known or there is room for it, else `other`."""
    if name in known:
        return name
    if len(known) >= most or len(name) > LONGEST_LABEL:
        return "other"
    known.add(name)
    return name


def _count(numbers: memoryview[float], start: int, bounds: tuple[float, ...], value: float) -> None:
    """Count a value into its bucket; the last number of a histogram is the sum."""
    numbers[start + bisect_left(bounds, value)] += 1
    numbers[start + len(bounds) + 1] += value
