"""What others are told of the calls: figures for Prometheus, spans and metrics for a collector. Never what was said, by default."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from modicum.config import Config, secret
from modicum.gateway.alarm import Alarm
from modicum.gateway.exchange import NO_HEADERS
from modicum.gateway.metrics import Metrics
from modicum.gateway.prometheus import CONTENT_TYPE
from modicum.store.codec import Record

if TYPE_CHECKING:
    from modicum.gateway.export import Exporter

__all__ = ["CONTENT_TYPE", "Telemetry"]


class Telemetry:
    """One worker's."""

    def __init__(self, metrics: Metrics, exporter: Exporter | None) -> None:
        self._metrics = metrics
        self._exporter = exporter
        self.in_flight = metrics.in_flight
        """A call began (+1) or ended (-1)."""

    @classmethod
    def open(cls, config: Config, home: Path, *, alarm: Alarm | None = None) -> Telemetry:
        """Nothing is sent before `watch` runs, and nothing at all where no collector is named. Raises ConfigError."""
        metrics = Metrics(config, home)
        url = config.telemetry.otlp_endpoint or secret("OTEL_EXPORTER_OTLP_ENDPOINT")
        if not url:
            return cls(metrics, None)
        from modicum.gateway.export import Exporter  # it writes OpenTelemetry's formats

        return cls(metrics, Exporter.open(url, config, metrics, alarm or Alarm()))

    def observe(self, record: Record, *, overhead_ms: float, headers: Mapping[bytes, bytes] = NO_HEADERS) -> None:
        """Count a call that ended. `overhead_ms`: of its duration, what the gateway took itself. `headers`: the caller's."""
        self._metrics.observe(record.head, overhead_ms)
        if self._exporter is not None:
            traceparent = headers.get(b"traceparent", b"").decode("latin-1").strip()
            self._exporter.take(record.call(), overhead_ms, traceparent)

    def dropped(self) -> None:
        """A call was answered and could not be recorded."""
        self._metrics.dropped()

    def alarm(self, kind: str) -> None:
        """Something of ours failed; `gateway.alarm` says what."""
        self._metrics.alarm(kind)

    def tapped(self, source: str, outcome: str, number: int) -> None:
        """Calls that were told of."""
        if number:
            self._metrics.count("modicum_tapped_calls_total", f'source="{source}",outcome="{outcome}"', number)

    async def render(self, scope: str | None = None) -> bytes:
        """Prometheus's text (`CONTENT_TYPE`), summed over all workers; of workloads, those of this scope where one is named."""
        return await asyncio.to_thread(self._metrics.render, scope)  # it reads files of every worker

    async def watch(self) -> None:
        """Send what was gathered to the collector every few seconds, until cancelled. Ends at once where none is named."""
        if self._exporter is not None:
            await self._exporter.watch()

    def close(self) -> None:
        self._metrics.close()
