"""A canary behind real workers: its figures are those of the records, a collector hears of each comparison, `top` shows it."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from modicum.cli.top import Watching
from modicum.cli.top_source import Here
from tests.gateway.rig import Upstream, gateway
from tests.gateway.routed import OPEN, publish
from tests.gateway.test_canary import named


class Sink(HTTPServer):
    """A collector that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.spans = ExportTraceServiceRequest()
        self.logs = ExportLogsServiceRequest()


class Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
        sink = self.server
        assert isinstance(sink, Sink)
        if self.path == "/v1/traces":
            sink.spans.MergeFromString(body)
        elif self.path == "/v1/logs":
            sink.logs.MergeFromString(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


def test_figures_events_and_frames_are_those_of_the_records(tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home, "canary", share=0.5, form="echo Headline: {} rises", control_share=0.2)
    sink = Sink()
    thread = threading.Thread(target=sink.serve_forever)
    thread.start()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.server_port}"}
    prices = tmp_path / "modicum.toml"
    prices.write_text('[prices."gpt-4"]\ninput_usd_mtok = 30\noutput_usd_mtok = 60\n')
    try:
        with Upstream() as upstream, gateway(home, upstream.url, "--workers", "2", "--config", str(prices), env=env) as served:
            for number in range(40):
                served.post(named(number, OPEN if number % 5 == 0 else "down rises" if number % 2 else "up rises"))
            text = served.get("/metrics")[1].decode()
            frame = Watching(Here(home))
            frame.look()
            shown = frame.frame()
            calls = list(served.calls().values())
            assert served.stop() == 0
    finally:
        sink.shutdown()
        thread.join()
        sink.server_close()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("workload") == "direction":
                label = next(
                    (sample.labels[name] for name in ("reason", "outcome", "arm", "state", "answered_by") if name in sample.labels), ""
                )
                found.setdefault(sample.name, {})[label] = sample.value
    decisions = [call.decision for call in calls if call.decision is not None]
    assert len(decisions) == 40 and found["modicum_workload_requests_total"] == Counter(one.reason for one in decisions)
    drawn = [one for one in decisions if one.reason in ("canary", "control")]
    outcomes = Counter(
        "deferred" if not one.would_answer else "unread" if one.agreed is None else "agreed" if one.agreed else "differed" for one in drawn
    )
    assert found["modicum_audits_total"] == outcomes and {"agreed", "differed", "deferred"} <= set(outcomes)
    assert found["modicum_route_state"] == {"canary": 1} and found["modicum_route_share"][""] == 0.5
    assert found["modicum_stage_duration_seconds_count"][""] == sum(one.stage_ms is not None for one in decisions)
    spent = sum(float(call.cost_usd or 0) for call in calls)
    assert sum(found["modicum_workload_cost_usd_total"].values()) == pytest.approx(spent) and spent > 0

    (line,) = shown.lines
    answered = sum(one.reason == "answered" for one in decisions)
    assert (line.workload, line.state, line.requests) == ("direction", "canary", 40) and shown.workers == 2
    assert line.agreement == pytest.approx(outcomes["agreed"] / (outcomes["agreed"] + outcomes["differed"] + outcomes["unread"]))
    assert line.spend_usd == pytest.approx(spent) and line.baseline_usd is not None
    mean = spent / (40 - answered)  # the provider takes the same for each
    assert line.baseline_usd == pytest.approx(40 * mean) and shown.specialist == pytest.approx(answered / 40)

    spans = {
        next(pair.value.string_value for pair in span.attributes if pair.key == "modicum.call_id"): span
        for one in sink.spans.resource_spans for span in one.scope_spans[0].spans
    }  # fmt: skip
    events = [event for one in sink.logs.resource_logs for event in one.scope_logs[0].log_records]
    assert len(spans) == 40 and len(events) == sum(one.agreed is not None for one in decisions)
    by_id = {call.call_id: call.decision for call in calls}
    for event in events:
        about = {pair.key: pair.value for pair in event.attributes}
        call_id = about["modicum.call_id"].string_value
        decision = by_id[call_id]
        assert event.event_name == "gen_ai.evaluation.result" and event.span_id == spans[call_id].span_id
        assert decision is not None and about["gen_ai.evaluation.score.value"].double_value == float(decision.agreed is True)
    assert json.dumps(text).count("rises") == 0
