"""What is counted of calls, and how Prometheus reads it. Units are seconds, dollars and tokens.

Labels have few values: ours, the operator's, or `other`. Nothing that a caller writes becomes one.
"""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modicum.config import Config
from modicum.gateway.counts import Counts
from modicum.store.codec import Head
from modicum.types import Call, Decision
from modicum.version import __version__

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
MOST_MODELS = 64
MOST_PROVIDERS = 64
MOST_KINDS = 32
MOST_SERIES = 1024
"""Kinds of calls of which is kept where they are counted: names of models come from callers."""
LONGEST_LABEL = 100
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}")
_KIND = re.compile(r"[a-z_]{1,24}")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)
_SHORT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_OUR_FAILURES = frozenset(("upstream_failed", "upstream_timeout", "upstream_unavailable"))


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    about: str
    buckets: tuple[float, ...] = ()


FAMILIES = (
    Family("modicum_requests_total", "counter", "Calls, by who answered them and why."),
    Family("modicum_request_duration_seconds", "histogram", "From the head of a request to the last byte of its reply.", _SECONDS),
    Family("modicum_overhead_seconds", "histogram", "Of that, what the gateway took itself.", _SHORT),
    Family("modicum_time_to_first_chunk_seconds", "histogram", "From the head of a request to the first chunk of a stream.", _SECONDS),
    Family("modicum_tokens_total", "counter", "Tokens, by type. Input includes cache reads and writes, output includes reasoning."),
    Family("modicum_cost_usd_total", "counter", "What the calls with a known price cost."),
    Family("modicum_calls_without_cost_total", "counter", "Calls that were answered and whose price is not known."),
    Family("modicum_upstream_attempts_total", "counter", "Tries at providers, retries and fallbacks included."),
    Family("modicum_in_flight_requests", "gauge", "Calls that are being answered now."),
    Family("modicum_records_dropped_total", "counter", "Calls that were answered and could not be recorded."),
    Family("modicum_alarms_total", "counter", "Failures of the gateway's own, by kind."),
    Family("modicum_tapped_calls_total", "counter", "Calls that were answered elsewhere and told of here, by what became of them."),
    Family("modicum_traces_dropped_total", "counter", "Spans that the collector did not take."),
)
_BY_NAME = {family.name: family for family in FAMILIES}


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
        self._in_flight = self._at("modicum_in_flight_requests", "")
        self._dropped = self._at("modicum_records_dropped_total", "")

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
            _count(numbers, series.duration, _SECONDS, call.duration_ms / 1000)
        _count(numbers, series.overhead, _SHORT, overhead_ms / 1000)
        if call.time_to_first_chunk_ms is not None and call.streamed:
            _count(numbers, series.first, _SECONDS, call.time_to_first_chunk_ms / 1000)
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
        if decision is not None and decision.stage_model and decision.reason != "answered":
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
        provider = _escaped(self.provider(call.provider))
        place = f'endpoint="{call.endpoint}",provider="{provider}"'
        of_model = f'provider="{provider}",model="{_escaped(model)}"'
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

    def _aside(self, decision: Decision) -> None:
        """What another model took that a route asked, and whose answer nobody got: a try at it, answered where it said what that took."""
        asked, usage = decision.stage_model or "", decision.stage_usage
        provider, _, model = asked.partition("/")
        labels = f'provider="{_escaped(self.provider(provider))}",model="{_escaped(_among(self._models, model, MOST_MODELS))}"'
        self._numbers[self._tried(asked, answered=usage is not None)] += 1
        if decision.stage_cost_usd:
            self.count("modicum_cost_usd_total", labels, float(decision.stage_cost_usd))
        if usage is not None:
            for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
                if tokens:
                    self.count("modicum_tokens_total", f'type="{kind}",{labels}', tokens)

    def _tried(self, deployment: str, *, answered: bool) -> int:
        provider = _escaped(self.provider(deployment.partition("/")[0]))
        return self._at("modicum_upstream_attempts_total", f'provider="{provider}",outcome="{"answered" if answered else "failed"}"')

    def _at(self, name: str, labels: str) -> int:
        full = f"{name}{{{labels}}}"
        found = self._index.get(full)
        if found is None:
            family = _BY_NAME[name]
            found = self._counts.add(full, len(family.buckets) + 2 if family.buckets else 1)
            found = self._index[full] = self._spare if found is None else found
        return found

    def render(self) -> bytes:
        """Everything as Prometheus's text, summed over all workers of this run."""
        sums: dict[str, dict[str, list[float]]] = {family.name: {} for family in FAMILIES}
        alive: set[int] = set()
        for full, numbers, pid, lives in self._counts.read():
            if lives:
                alive.add(pid)
            name, _, labels = full.partition("{")
            family = _BY_NAME.get(name)
            if family is None or (family.kind == "gauge" and not lives):
                continue
            before = sums[name].setdefault(labels[:-1], [0.0] * len(numbers))
            for at, number in enumerate(numbers):
                before[at] += number
        lines = [line for family in FAMILIES for line in _lines(family, sums[family.name])]
        lines += _head("modicum_build_info", "gauge", "What runs here.")
        lines.append(f'modicum_build_info{{version="{_escaped(__version__)}"}} 1')
        lines += _head("modicum_workers", "gauge", "Processes that share the port.")
        lines.append(f"modicum_workers {len(alive)}")
        lines += _processes(sorted(alive))
        return ("\n".join(lines) + "\n").encode()


def who(call: Call | Head) -> Literal["specialist", "provider", "nobody"]:
    """Who answered a call."""
    if call.decision is not None and call.decision.answered_by.startswith("modicum/"):
        return "specialist"
    if call.error in _OUR_FAILURES or (call.provider is None and call.status >= 400):
        return "nobody"
    return "provider"


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


def _head(name: str, kind: str, about: str) -> list[str]:
    return [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]


def _lines(family: Family, series: dict[str, list[float]]) -> Iterator[str]:
    yield from _head(family.name, family.kind, family.about)
    for labels, numbers in sorted(series.items()):
        if family.kind != "histogram":
            yield f"{family.name}{{{labels}}} {_number(numbers[0])}" if labels else f"{family.name} {_number(numbers[0])}"
            continue
        total = 0.0
        for bound, number in zip((*map(_number, family.buckets), "+Inf"), numbers, strict=False):
            total += number
            yield f'{family.name}_bucket{{{labels},le="{bound}"}} {_number(total)}'
        yield f"{family.name}_sum{{{labels}}} {_number(numbers[-1])}"
        yield f"{family.name}_count{{{labels}}} {_number(total)}"


def _processes(pids: list[int]) -> Iterator[str]:
    """Memory, processor time and open files of every worker, where the system tells (Linux)."""
    found: dict[str, list[str]] = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                stat = file.read().rpartition(")")[2].split()
            ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
            up = float(Path("/proc/uptime").read_text("ascii").split()[0])
            label = f'{{pid="{pid}"}}'
            found.setdefault("cpu", []).append(f"process_cpu_seconds_total{label} {_number((int(stat[11]) + int(stat[12])) / ticks)}")
            found.setdefault("memory", []).append(f"process_resident_memory_bytes{label} {int(stat[21]) * page}")
            found.setdefault("start", []).append(
                f"process_start_time_seconds{label} {_number(round(time.time() - up + int(stat[19]) / ticks, 2))}"
            )
            found.setdefault("files", []).append(f"process_open_fds{label} {len(os.listdir(f'/proc/{pid}/fd'))}")
        except (OSError, ValueError, IndexError):
            continue
    for kind, name, type_, about in (
        ("cpu", "process_cpu_seconds_total", "counter", "Processor time of a worker."),
        ("memory", "process_resident_memory_bytes", "gauge", "Memory of a worker."),
        ("start", "process_start_time_seconds", "gauge", "When a worker began, since 1970."),
        ("files", "process_open_fds", "gauge", "Open files of a worker, connections among them."),
    ):
        if kind in found:
            yield from _head(name, type_, about)
            yield from found[kind]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _escaped(text: str) -> str:
    """A label's value. A tab or a line's end would break the file of names too."""
    return "".join(c if c.isprintable() else "?" for c in text).replace("\\", "\\\\").replace('"', '\\"')
