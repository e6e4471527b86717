"""Send spans, audits and histograms to the OpenTelemetry collector that the operator named: OTLP over HTTP in protobuf, by our own client.

A call costs the request that made it a few microseconds; spans are made and sent later, a few at a time, by a task of the worker's. A
collector that is slow or away costs nothing but spans: what waits is bounded, and what is dropped is counted and said.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import deque
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from modicum.backends.client import Client, Timeouts
from modicum.backends.facts import facts
from modicum.config import Config, ProviderConfig, secret
from modicum.errors import ConfigError, ModicumError, UpstreamError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.metrics import Metrics
from modicum.gateway.traces import Ended, Histograms, Provider, audit, ended, span
from modicum.types import Call, new_call_id
from modicum.version import __version__
from modicum.wire import genai, otlp, protobuf

EVERY_S = 5.0
METRICS_EVERY = 6
"""Of these rounds."""
MOST_WAITING = 8_192
BATCH = 512
AT_ONCE = 32
"""Spans that are made before others get their turn."""
EVENTS = "/v1/logs"
TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0, read_s=10.0)
LAST_S = 3.0
"""How long the last sending may take when the worker ends."""
_AGAIN = frozenset((408, 429, 502, 503, 504))
_NOT_THERE = frozenset((404, 405, 501))
"""What a collector without a pipeline for logs answers at /v1/logs."""


class Exporter:
    """One worker's."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        resource: Mapping[str, str],
        providers: Mapping[str, Provider],
        metrics: Metrics,
        alarm: Alarm,
        *,
        content: bool,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._resource = {"attributes": otlp.attributes(resource)}
        self._providers = providers
        self._metrics = metrics
        self._content = content
        self._waiting: deque[Ended] = deque()
        self._histograms = Histograms(time.time_ns())
        self._alarm = alarm
        self._takes_events = True

    @classmethod
    def open(cls, url: str, config: Config, metrics: Metrics, alarm: Alarm) -> Exporter:
        """For the collector at `url`. Raises ConfigError."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError("telemetry.otlp_endpoint is not a web address", hint="for example http://127.0.0.1:4318")
        resource = {
            "service.name": secret("OTEL_SERVICE_NAME") or "modicum",
            "service.version": __version__,
            "service.instance.id": new_call_id(),
        }
        resource = _pairs(secret("OTEL_RESOURCE_ATTRIBUTES")) | resource
        headers = _pairs(secret("OTEL_EXPORTER_OTLP_HEADERS"))
        providers = {"upstream": _provider("upstream", config.upstream)}
        providers |= {known: _provider(known, one) for known, one in config.providers.items()}
        return cls(url, headers, resource, providers, metrics, alarm, content=config.telemetry.content)

    def take(self, call: Call, overhead_ms: float, traceparent: str) -> None:
        """Keep what is to be told of a call."""
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.count("modicum_traces_dropped_total")
            return
        self._waiting.append(ended(call, self._metrics.model(call), overhead_ms, traceparent, content=self._content))

    async def watch(self) -> None:
        """Send every few seconds until cancelled, then once more."""
        client, rounds = Client(), 0
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                rounds += 1
                await self._send(client, metrics=rounds % METRICS_EVERY == 0)
        except asyncio.CancelledError:
            try:
                async with asyncio.timeout(LAST_S):
                    await self._send(client, metrics=True)
            except TimeoutError:
                self._drop(len(self._waiting), "the last spans could not be sent in time")
            raise
        finally:
            await client.close()

    async def _send(self, client: Client, *, metrics: bool) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            spans, events = [], []
            for number, one in enumerate(batch):
                if number % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)
                try:
                    self._histograms.take(one, self._providers)
                    if (made := span(one, self._providers)) is not None:
                        spans.append(made)
                    if self._takes_events and (found := audit(one, time.time_ns())) is not None:
                        events.append(found)
                except Exception as error:  # a span must never end the task that sends all others
                    self._drop(1, f"a span could not be made: {name(error)}")
            if spans and not await self._post(client, "/v1/traces", self._wrapped(spans), len(spans)):
                break
            if events and not await self._post(client, EVENTS, self._wrapped(events), len(events)):
                break
        if metrics and (figures := self._histograms.metrics(time.time_ns())):
            record = {"resource": self._resource, "scopeMetrics": [{"scope": {"name": genai.OURS}, "metrics": figures}]}
            await self._post(client, "/v1/metrics", protobuf.encode(otlp.METRICS, {"resourceMetrics": [record]}), 0)

    def _wrapped(self, spans: list[bytes]) -> bytes:
        """An ExportTraceServiceRequest of spans that are encoded already; of log records, an ExportLogsServiceRequest: its numbers are the
        same."""
        scope = protobuf.encode(otlp.SCOPE, {"name": genai.OURS, "version": __version__})
        of_scope = _field(1, scope) + b"".join(_field(2, one) for one in spans)
        return _field(1, _field(1, protobuf.encode(otlp.RESOURCE, self._resource)) + _field(2, of_scope))

    async def _post(self, client: Client, path: str, body: bytes, count: int) -> bool:
        """Whether the collector can be asked more. What it does not take now it gets once more, then it is dropped."""
        packed = await asyncio.to_thread(gzip.compress, body, 1)
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip", **self._headers}
        for again in (False, True):
            try:
                reply = await client.send("POST", self._url + path, list(headers.items()), packed, timeouts=TIMEOUTS)
                try:
                    async for _ in reply.chunks():
                        pass
                finally:
                    reply.close()
            except UpstreamError as error:
                what = error.message
            else:
                if reply.status < 300:
                    return True
                what = f"it answered {reply.status}"
                if path == EVENTS and reply.status in _NOT_THERE:
                    self._takes_events = False
                    self._alarm.ring("telemetry", f"{what} at {EVENTS}: audits are not told until the next start")
                    return True
                if reply.status not in _AGAIN:
                    self._drop(count, what)
                    return True
            if not again:
                await asyncio.sleep(1.0)
        self._drop(count, what)
        return False

    def _drop(self, count: int, what: str) -> None:
        self._metrics.count("modicum_traces_dropped_total", number=count)
        self._metrics.alarm("telemetry")
        self._alarm.ring("telemetry", f"the collector did not take {count} spans: {what}")


def _field(number: int, data: bytes) -> bytes:
    return protobuf.varint(number << 3 | 2) + protobuf.varint(len(data)) + data


def _provider(known: str, settings: ProviderConfig) -> Provider:
    try:
        about = facts(settings.kind or known)
    except ModicumError:
        return Provider(name=known)
    place = urlsplit(settings.url or about.url)
    host = place.hostname if place.hostname and "{" not in place.netloc else None
    try:
        port = place.port
    except ValueError:
        port = None
    return Provider(
        name=about.genai or about.kind, address=host, port=None if host is None else port or (443 if place.scheme == "https" else 80)
    )


def _pairs(text: str | None) -> dict[str, str]:
    """`a=1,b=2` with percent escapes, as OpenTelemetry writes headers and attributes in its variables."""
    found = {}
    for pair in (text or "").split(","):
        key, equals, value = pair.partition("=")
        if equals and key.strip():
            found[key.strip()] = unquote(value.strip())
    return found
