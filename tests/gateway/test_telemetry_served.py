"""A running gateway with several workers: its figures, its tap, and no word of what was said in what it writes beside its records."""

from __future__ import annotations

import json
import time
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from prometheus_client.parser import text_string_to_metric_families

from modicum.store.calls import Calls
from tests.gateway.rig import KEY, Gateway, Upstream, ask, gateway

SAID = "canary-said-7f"
CALLERS = "sk-canary-callers-8f0123456789"


def figures(served: Gateway) -> dict[str, float]:
    """The sum of every sample, by its name."""
    response, body = served.get("/metrics")
    assert response.status == 200 and response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def test_workers_of_one_port_are_counted_together_and_say_nothing_of_what_was_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Upstream() as upstream, gateway(home, upstream.url, "--workers", "2", env={"MODICUM_TELEMETRY__LOG": "json"}) as served:
        for _ in range(12):
            response, _ = served.post(ask(text=SAID), {"authorization": f"Bearer {CALLERS}"})
            assert response.status == 200
        served.post(ask("error", text=SAID))
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{served.url}/traces")))
        about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4"}
        messages = {"gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": SAID}]}])}
        with provider.get_tracer("an.application").start_as_current_span("chat gpt-4", attributes=about | messages):
            pass
        provider.shutdown()
        until = time.monotonic() + 10
        while (found := figures(served))["modicum_requests_total"] < 13 and time.monotonic() < until:
            time.sleep(0.05)
        text = served.get("/metrics")[1]
        errors = served.errors()
        started = json.loads(errors.splitlines()[0])
        counted = b"".join(path.read_bytes() for path in (home / "metrics").rglob("*") if path.is_file())
        assert served.stop() == 0
    assert (found["modicum_requests_total"], found["modicum_workers"], found["modicum_in_flight_requests"]) == (13, 2, 0)
    assert found["modicum_request_duration_seconds_count"] == found["modicum_overhead_seconds_count"] == 13
    assert found["modicum_tapped_calls_total"] == 1 and found["modicum_upstream_attempts_total"] >= 13
    (tapped,) = [call for call in Calls(home).scan() if call.source == "otlp"]
    assert tapped.request is not None and SAID.encode() in tapped.request
    assert (started["event"], started["workers"], started["url"]) == ("started", 2, served.url)
    for canary in (SAID, CALLERS, KEY):
        assert canary.encode() not in text + counted and canary not in errors
    assert not list((home / "metrics").iterdir()), "the last worker takes its files with it"
