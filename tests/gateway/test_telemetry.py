"""Figures over several workers, spans and histograms as a real collector reads them, and nothing of what was said in any of it."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import io
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from modicum.config import Config
from modicum.config.sections import ModelConfig, ProviderConfig, TelemetryConfig
from modicum.gateway.alarm import Alarm
from modicum.gateway.log import Log
from modicum.gateway.metrics import KINDS, Tally
from modicum.gateway.telemetry import Telemetry
from modicum.store.codec import record
from modicum.types import Call, Decision, Usage, new_call_id

CANARIES = ("canary-prompt-1f", "canary-answer-2f", "sk-canary-3f0123456789", "canary.user@example.org", "canary-header-5f")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def called(**more: Any) -> Call:
    about: dict[str, Any] = {
        "call_id": new_call_id(), "started_at": datetime.now(UTC), "duration_ms": 812.0, "origin": "live", "request_model": "gpt-4",
        "response_model": "gpt-4-0613", "provider": "upstream", "deployments": ("upstream/gpt-4", "upstream/gpt-4"), "status": 200,
        "request": b'{"model":"gpt-4","messages":[{"role":"user","content":"canary-prompt-1f sk-canary-3f0123456789"}]}',
        "response": b'{"choices":[{"message":{"role":"assistant","content":"canary-answer-2f"},"finish_reason":"stop"}]}',
        "user_id": "canary.user@example.org", "conversation_id": "canary-header-5f", "finish_reason": "stop",
        "usage": Usage(input_tokens=100, output_tokens=20, cache_read_tokens=60), "cost_usd": Decimal("0.5"),
        "decision": Decision(answered_by="gpt-4", reason="no_route", workload_id="w-1", value="canary-answer-2f"),
    }  # fmt: skip
    return Call(**about | more)


@contextmanager
def opened(home: Path, config: Config | None = None) -> Iterator[Telemetry]:
    telemetry = Telemetry.open(config or Config(), home)
    try:
        yield telemetry
    finally:
        telemetry.close()


def read(telemetry: Telemetry) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """What Prometheus reads: sample name -> labels -> value."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(asyncio.run(telemetry.render()).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_prometheus_reads_what_was_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as telemetry:
        telemetry.in_flight(+1)
        for _ in range(3):
            telemetry.observe(record(called(streamed=True, time_to_first_chunk_ms=90.0)), overhead_ms=0.4)
        specialist = Decision(answered_by="modicum/intents@abc", reason="answered")
        telemetry.observe(
            record(called(decision=specialist, provider=None, deployments=(), duration_ms=1.0, cost_usd=None)), overhead_ms=1.0
        )
        telemetry.observe(record(called(status=502, error="upstream_failed", cost_usd=None, usage=Usage(), response=None)), overhead_ms=0.1)
        telemetry.observe(record(called(cost_usd=None)), overhead_ms=0.1)
        telemetry.dropped()
        telemetry.alarm("route r-1")
        found = read(telemetry)
    by_whom = {
        dict(labels)["answered_by"]: number for labels, number in found["modicum_requests_total"].items() if dict(labels)["status"] == "2xx"
    }
    assert by_whom == {"provider": 4.0, "specialist": 1.0}
    (nobody,) = [labels for labels in found["modicum_requests_total"] if dict(labels)["answered_by"] == "nobody"]
    assert dict(nobody) == {
        "endpoint": "chat_completions",
        "provider": "upstream",
        "answered_by": "nobody",
        "status": "5xx",
        "reason": "no_route",
    }
    at = (("answered_by", "provider"), ("endpoint", "chat_completions"), ("provider", "upstream"))
    assert found["modicum_request_duration_seconds_count"][at] == 4 and found["modicum_request_duration_seconds_sum"][at] == pytest.approx(
        3.248
    )
    assert found["modicum_request_duration_seconds_bucket"][(*at[:2], ("le", "0.5"), at[2])] == 0
    assert found["modicum_request_duration_seconds_bucket"][(*at[:2], ("le", "1"), at[2])] == 4
    assert found["modicum_request_duration_seconds_bucket"][(*at[:2], ("le", "+Inf"), at[2])] == 4
    assert found["modicum_time_to_first_chunk_seconds_count"][at] == 3
    tokens = {(dict(labels)["type"], dict(labels)["model"]): number for labels, number in found["modicum_tokens_total"].items()}
    assert tokens[("input", "gpt-4-0613")] == 300 and tokens[("cache_read", "gpt-4-0613")] == 180 and tokens[("output", "specialist")] == 20
    assert sum(found["modicum_cost_usd_total"].values()) == 1.5
    assert sum(found["modicum_calls_without_cost_total"].values()) == 1, "a specialist's answer and nobody's cost nothing"
    attempts = {dict(labels)["outcome"]: number for labels, number in found["modicum_upstream_attempts_total"].items()}
    assert attempts == {"failed": 6.0, "answered": 4.0}
    assert found["modicum_in_flight_requests"][()] == 1 and found["modicum_records_dropped_total"][()] == 1
    assert found["modicum_alarms_total"][(("kind", "route"),)] == 1 and found["modicum_workers"][()] == 1
    assert {n for labels, n in found["modicum_alarms_total"].items() if labels != (("kind", "route"),)} == {0}, "none is born at 1"
    assert all(value > 0 for value in found["process_resident_memory_bytes"].values())


WORKERS = """
import asyncio, os, sys, time
from pathlib import Path
from modicum.config import Config
from modicum.gateway.telemetry import Telemetry
from modicum.store.codec import record
from modicum.store.codec import record
from tests.gateway.test_telemetry import called
home = Path(sys.argv[1])
ready_read, ready_write = os.pipe()
stay_read, stay_write = os.pipe()
pids = []
for number in range(3):
    if pid := os.fork():
        pids.append(pid)
        continue
    os.close(stay_write)
    telemetry = Telemetry.open(Config(), home)
    telemetry.in_flight(+1)
    for _ in range(10 * (number + 1)):
        telemetry.observe(record(called()), overhead_ms=0.1)
    os.write(ready_write, b"x")
    os.read(stay_read, 1)
    os._exit(0)
for _ in pids:
    os.read(ready_read, 1)
os.kill(pids[0], 9)
os.waitpid(pids[0], 0)
telemetry = Telemetry.open(Config(), home)
print(asyncio.run(telemetry.render()).decode())
"""


def test_every_worker_sees_what_all_counted_and_a_dead_one_takes_nothing_back(tmp_path: Path) -> None:
    stale = tmp_path / "metrics" / "of-a-run-before"
    stale.mkdir(parents=True)
    (stale / "1-0.names").write_text("0\t1\tmodicum_records_dropped_total{}\n")
    done = subprocess.run([sys.executable, "-c", WORKERS, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)
    found = {
        (sample.name, sample.labels.get("pid")): sample.value
        for family in text_string_to_metric_families(done.stdout)
        for sample in family.samples
        if sample.name in ("modicum_requests_total", "modicum_in_flight_requests", "modicum_workers", "modicum_records_dropped_total")
    }
    assert found == {
        ("modicum_requests_total", None): 60.0,
        ("modicum_in_flight_requests", None): 2.0,
        ("modicum_workers", None): 3.0,
        ("modicum_records_dropped_total", None): 0.0,
    }
    assert not stale.exists()


def test_labels_stay_few_whatever_callers_ask_for(tmp_path: Path) -> None:
    rng = random.Random(7)
    config = dataclasses.replace(Config(), models={"house-model": ModelConfig()})
    with opened(tmp_path, config) as telemetry:
        for number in range(10_000):
            model = f"m-{rng.random()}"
            priced = Decimal("0.1") if number % 2 else None
            telemetry.observe(record(called(request_model=model, response_model=model, cost_usd=priced)), overhead_ms=0.1)
            telemetry.alarm(f"kind{number}")
        telemetry.observe(record(called(request_model="house-model", cost_usd=None)), overhead_ms=0.1)
        for number in range(1_000):
            telemetry.observe(record(called(provider=f"p-{number}", deployments=(f"p-{number}/m",))), overhead_ms=0.1)
        text = asyncio.run(telemetry.render()).decode()
        found = read(telemetry)
    models = {dict(labels)["model"] for labels in found["modicum_tokens_total"]}
    assert len(models) <= 66 and {"house-model", "other"} <= models
    assert len({dict(labels)["provider"] for labels in found["modicum_requests_total"]}) <= 65
    assert sum(found["modicum_requests_total"].values()) == 11_001
    assert len(found["modicum_alarms_total"]) == len(KINDS) + 1 and text.count("\n") < 20_000


def test_observing_costs_microseconds(tmp_path: Path) -> None:
    call = called()
    with opened(tmp_path) as telemetry:
        rounds = []
        for _ in range(5):
            began = time.process_time()
            for _ in range(2_000):
                telemetry.observe(record(call), overhead_ms=0.1)
            rounds.append((time.process_time() - began) / 2_000)
    assert min(rounds) < 20e-6


class Collector:
    """Takes OTLP over HTTP; `failing` answers are 503 first."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.heads: list[bytes] = []
        self.traces = ExportTraceServiceRequest()
        self.metrics = ExportMetricsServiceRequest()
        self.logs = ExportLogsServiceRequest()
        self.missing = ""
        """A path that it does not know."""
        self.raw = b""
        self.failing = 0
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
                body = gzip.decompress(await reader.readexactly(length))
                if self.failing:
                    self.failing -= 1
                    writer.write(b"HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n")
                    continue
                path = head.split(b" ")[1].decode()
                self.paths.append(path)
                self.heads.append(head)
                self.raw += body
                if path == self.missing:
                    writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                    continue
                taken: dict[str, Any] = {"/v1/traces": self.traces, "/v1/metrics": self.metrics, "/v1/logs": self.logs}
                taken[path].MergeFromString(body)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    server = await asyncio.start_server(collector.answer, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)


async def sent(telemetry: Telemetry) -> None:
    """Let the worker end: what waits is sent then."""
    task = asyncio.create_task(telemetry.watch())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def collector_config(url: str, **more: Any) -> Config:
    providers = {"claude": ProviderConfig(kind="anthropic")}
    return dataclasses.replace(Config(), telemetry=TelemetryConfig(otlp_endpoint=url, **more), providers=providers)


def told(attributes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in attributes:
        kind = pair.value.WhichOneof("value")
        held = getattr(pair.value, kind)
        found[pair.key] = [one.string_value for one in held.values] if kind == "array_value" else held
    return found


async def test_a_collector_gets_spans_under_the_current_names(tmp_path: Path) -> None:
    async with collecting() as collector:
        with opened(tmp_path, collector_config(collector.url)) as telemetry:
            call = called(streamed=True, time_to_first_chunk_ms=90.0)
            telemetry.observe(record(call), overhead_ms=0.4, headers={b"traceparent": PARENT.encode()})
            telemetry.observe(record(called(provider="claude", endpoint="messages", status=429, error="rate_limit_error")), overhead_ms=0.1)
            specialist = Decision(
                answered_by="modicum/intents@abc", reason="answered", route_id="r-1", certificate_id="c-1", confidence=0.9
            )
            telemetry.observe(record(called(decision=specialist, provider=None)), overhead_ms=0.1)
            telemetry.observe(record(called()), overhead_ms=0.1, headers={b"traceparent": PARENT[:-2].encode() + b"00"})
            telemetry.observe(record(called(endpoint="models")), overhead_ms=0.1)
            await sent(telemetry)
    (of_resource,) = collector.traces.resource_spans
    (of_scope,) = of_resource.scope_spans
    assert told(of_resource.resource.attributes)["service.name"] == "modicum" and of_scope.scope.name == "modicum"
    first, second, third = of_scope.spans
    about = told(first.attributes)
    assert first.name == "chat gpt-4" and first.kind == 3 and first.status.code == 0
    assert first.trace_id.hex() == PARENT[3:35] and first.parent_span_id.hex() == PARENT[36:52]
    assert first.span_id.hex() == call.call_id.replace("-", "")[16:]
    assert first.end_time_unix_nano - first.start_time_unix_nano == 812_000_000
    assert about["gen_ai.provider.name"] == "openai" and "gen_ai.system" not in about
    assert (about["server.address"], about["server.port"]) == ("api.openai.com", 443)
    assert (about["gen_ai.usage.input_tokens"], about["gen_ai.usage.cache_read.input_tokens"]) == (100, 60)
    assert about["gen_ai.response.finish_reasons"] == ["stop"] and about["gen_ai.response.time_to_first_chunk"] == pytest.approx(0.09)
    assert about["modicum.call_id"] == call.call_id and about["modicum.cost_usd"] == 0.5
    about = told(second.attributes)
    assert second.status.code == 2 and about["error.type"] == "rate_limit_error" and about["gen_ai.provider.name"] == "anthropic"
    assert second.parent_span_id == b"" and len(second.trace_id) == 16
    about = told(third.attributes)
    assert (about["gen_ai.provider.name"], about["modicum.answered_by"], about["modicum.route_id"]) == ("modicum", "specialist", "r-1")


def compared(agreed: bool | None, **more: Any) -> Call:
    about: dict[str, Any] = {
        "answered_by": "gpt-4", "reason": "control", "workload_id": "w-1", "route_id": "r-1", "certificate_id": "c-1", "would_answer": True,
        "value": "canary-answer-2f", "agreed": agreed,
    }  # fmt: skip
    return called(decision=Decision(**about | more), response_id="chatcmpl-1")


async def test_a_collector_gets_an_event_for_each_comparison_in_the_call_s_own_span(tmp_path: Path) -> None:
    async with collecting() as collector:
        with opened(tmp_path, collector_config(collector.url)) as telemetry:
            first = compared(True)
            telemetry.observe(record(first), overhead_ms=0.1, headers={b"traceparent": PARENT.encode()})
            telemetry.observe(record(compared(False, reason="below_threshold", would_answer=False)), overhead_ms=0.1)
            telemetry.observe(record(compared(None)), overhead_ms=0.1)
            telemetry.observe(record(called()), overhead_ms=0.1)
            telemetry.observe(record(compared(True)), overhead_ms=0.1, headers={b"traceparent": PARENT[:-2].encode() + b"00"})
            await sent(telemetry)
    (of_resource,) = collector.logs.resource_logs
    (of_scope,) = of_resource.scope_logs
    assert told(of_resource.resource.attributes)["service.name"] == "modicum" and of_scope.scope.name == "modicum"
    agreed, differed = of_scope.log_records
    spans = collector.traces.resource_spans[0].scope_spans[0].spans
    assert agreed.event_name == "gen_ai.evaluation.result" and agreed.severity_number == 9
    assert (agreed.trace_id, agreed.span_id) == (spans[0].trace_id, spans[0].span_id) and agreed.trace_id.hex() == PARENT[3:35]
    assert agreed.time_unix_nano == spans[0].end_time_unix_nano
    assert (differed.trace_id, differed.span_id) == (spans[1].trace_id, spans[1].span_id)
    about = told(agreed.attributes)
    assert (about["gen_ai.evaluation.name"], about["gen_ai.evaluation.score.value"], about["gen_ai.evaluation.score.label"]) == (
        "modicum.agreement", 1.0, "agreed",
    )  # fmt: skip
    assert (about["gen_ai.response.id"], about["modicum.call_id"], about["modicum.drawn"]) == ("chatcmpl-1", first.call_id, True)
    other = told(differed.attributes)
    assert (other["gen_ai.evaluation.score.value"], other["gen_ai.evaluation.score.label"], other["modicum.drawn"]) == (
        0.0,
        "differed",
        False,
    )
    for canary in CANARIES:
        assert canary.encode() not in collector.raw, canary


async def test_a_collector_that_takes_no_events_is_asked_once(tmp_path: Path) -> None:
    errors = io.StringIO()
    async with collecting() as collector:
        collector.missing = "/v1/logs"
        telemetry = Telemetry.open(collector_config(collector.url), tmp_path, alarm=Alarm(errors))
        for _ in range(3):
            telemetry.observe(record(compared(True)), overhead_ms=0.1)
            await sent(telemetry)
        text = (await telemetry.render()).decode()
        telemetry.close()
    assert collector.paths.count("/v1/logs") == 1 and collector.paths.count("/v1/traces") == 3
    assert "modicum_traces_dropped_total 1" not in text and "audits are not told" in errors.getvalue()


async def test_a_collector_gets_the_convention_s_histograms(tmp_path: Path) -> None:
    async with collecting() as collector:
        with opened(tmp_path, collector_config(collector.url)) as telemetry:
            for _ in range(3):
                telemetry.observe(record(called(streamed=True, time_to_first_chunk_ms=90.0)), overhead_ms=0.4)
            await sent(telemetry)
    metrics = {metric.name: metric for metric in collector.metrics.resource_metrics[0].scope_metrics[0].metrics}
    assert sorted(metrics) == [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    ]
    (point,) = metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert metrics["gen_ai.client.operation.duration"].unit == "s" and point.count == 3 and point.sum == pytest.approx(2.436)
    assert list(point.explicit_bounds)[:2] == [0.01, 0.02] and sum(point.bucket_counts) == 3 and len(point.bucket_counts) == 15
    by_type = {told(p.attributes)["gen_ai.token.type"]: p.sum for p in metrics["gen_ai.client.token.usage"].histogram.data_points}
    assert by_type == {"input": 300.0, "output": 60.0}


async def test_a_collector_that_is_busy_for_a_moment_loses_nothing_and_one_that_is_away_is_told_of(tmp_path: Path) -> None:
    errors = io.StringIO()
    async with collecting() as collector:
        collector.failing = 1
        with opened(tmp_path / "a", collector_config(collector.url)) as telemetry:
            telemetry.observe(record(called()), overhead_ms=0.1)
            await sent(telemetry)
        assert len(collector.traces.resource_spans) == 1
        away = collector.url
    telemetry = Telemetry.open(collector_config(away), tmp_path / "b", alarm=Alarm(errors))
    telemetry.observe(record(called()), overhead_ms=0.1)
    await sent(telemetry)
    text = (await telemetry.render()).decode()
    telemetry.close()
    assert "modicum_traces_dropped_total 1\n" in text and "did not take 1 spans" in errors.getvalue()


async def test_nothing_of_what_was_said_is_told_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20collector-secret-6f")
    errors = io.StringIO()
    async with collecting() as collector:
        telemetry = Telemetry.open(collector_config(collector.url), tmp_path, alarm=Alarm(errors, form="json"))
        for more in (
            {},
            {
                "request_model": "canary-prompt-1f is my model",
                "response_model": "canary answer",
                "finish_reason": "canary-answer-2f said so!",
            },
            {"status": 400, "error": "you said: canary-prompt-1f", "response_id": "canary prompt 1f"},
            {"provider": None, "status": 401, "error": "invalid_api_key", "decision": None},
        ):
            telemetry.observe(record(called(**more)), overhead_ms=0.1, headers={b"traceparent": b"canary-header-5f"})
        await sent(telemetry)
        text = await telemetry.render()
        telemetry.close()
    assert collector.raw and b"authorization: Bearer collector-secret-6f" in collector.heads[0]
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for canary in (*CANARIES, "collector-secret-6f"):
        assert canary.encode() not in text + collector.raw + files + errors.getvalue().encode(), canary


async def test_content_is_told_where_the_operator_wants_it_and_only_what_was_kept(tmp_path: Path) -> None:
    tools = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    asked = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "<EMAIL_1>"}]}, {"role": "assistant", "tool_calls": tools}],
    }
    async with collecting() as collector:
        with opened(tmp_path, collector_config(collector.url, content=True)) as telemetry:
            telemetry.observe(record(called(request=json.dumps(asked).encode())), overhead_ms=0.1)
            telemetry.observe(record(called(request=None, response=None)), overhead_ms=0.1)
            telemetry.observe(record(called(request=b"{", response=b"[]")), overhead_ms=0.1)
            await sent(telemetry)
    first, second, third = (told(span.attributes) for span in collector.traces.resource_spans[0].scope_spans[0].spans)
    assert json.loads(first["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "<EMAIL_1>"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": "{}"}]},
    ]
    said = {"role": "assistant", "parts": [{"type": "text", "content": "canary-answer-2f"}], "finish_reason": "stop"}
    assert json.loads(first["gen_ai.output.messages"]) == [said]
    assert "gen_ai.input.messages" not in second and "gen_ai.output.messages" not in third


@pytest.mark.parametrize("form", ["text", "json"])
def test_alarms_and_the_start_are_lines(form: Any) -> None:
    stream = io.StringIO()
    heard: list[str] = []
    alarm = Alarm(stream, form=form, heard=heard.append)
    alarm.ring("snapshot", "a file\nis damaged")
    alarm.ring("snapshot", "again")
    Log(form, stream).started(url="http://127.0.0.1:1/v1", upstream="http://up", workers=2, observe=False)
    lines = stream.getvalue().splitlines()
    assert heard == ["snapshot", "snapshot"] and len(lines) == 2
    if form == "json":
        first, second = map(json.loads, lines)
        assert (first["event"], first["kind"], first["message"]) == ("alarm", "snapshot", "a file\nis damaged")
        assert (second["event"], second["workers"]) == ("started", 2)
    else:
        assert lines[0] == "modicum alarm: snapshot: a file is damaged" and lines[1].startswith("modicum: listening")


class Full(io.StringIO):
    """Standard error on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_an_alarm_that_cannot_be_written_stops_nothing() -> None:
    Log("json", Full()).alarm("recorder", "a call was answered and not recorded")
    Log("text", Full()).started(url="u", upstream="v", workers=1, observe=False)
    closed = io.StringIO()
    closed.close()
    Log("text", closed).alarm("keys", "x")


def test_who_looks_after_the_workers_counts_alarms_and_is_none_of_them(tmp_path: Path) -> None:
    with opened(tmp_path) as telemetry:
        tally = Tally(tmp_path)
        log = Log(stream=io.StringIO(), heard=tally.alarm)
        log.alarm("watcher", "it ended with 3")
        log.alarm("watcher", "it ended with 3")
        log.alarm("worker", "7 ended and is replaced")
        found = read(telemetry)
        tally.close()
    alarms = {dict(labels)["kind"]: number for labels, number in found["modicum_alarms_total"].items() if number}
    assert alarms == {"watcher": 2, "worker": 1} and found["modicum_workers"][()] == 1
