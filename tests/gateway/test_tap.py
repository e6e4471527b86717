"""The tap, over real sockets and with OpenTelemetry's own exporter: what is told of is on record, each call once."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from modicum.config import Config
from modicum.config.sections import ServeConfig, StoreConfig
from modicum.errors import ModicumError
from modicum.gateway import admit, front, tap
from modicum.gateway.day import Day
from modicum.gateway.exchange import Asked, Reply
from modicum.pipeline.bring_in import bring_in
from modicum.store.calls import Calls
from modicum.store.home import changing, prepare
from modicum.types import Call, Key
from modicum.wire import chat

MAIL = "ann.canary@example.org"
ASKED = f"my card was stolen, write to {MAIL}"


@dataclasses.dataclass
class Open:
    """The tap as it answers on a port."""

    config: Config
    port: int

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def calls(self) -> list[Call]:
        return list(Calls(self.config.home).scan())


@contextmanager
def opened(home: Path, *, key: Key | None = None, keep_bodies: str = "redacted", **serve: Any) -> Iterator[Open]:
    """The two functions behind a front, as the gateway calls them once it knows who asks."""
    store = StoreConfig(home=prepare(home), keep_bodies=keep_bodies)  # type: ignore[arg-type]
    config = dataclasses.replace(Config(), store=store, serve=ServeConfig(**serve))

    @dataclasses.dataclass
    class Only:
        config: Config

    day = cast(Day, Only(config))

    async def app(asked: Asked, reply: Reply) -> None:
        try:
            await (tap.traces if asked.path == "/v1/traces" else tap.callback)(day, asked, reply, key=key)
        except ModicumError as error:
            await admit.refuse(asked, reply, error)

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    bound.listen()
    started: Future[Callable[[], object]] = Future()

    async def work() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        started.set_result(lambda: loop.call_soon_threadsafe(stopped.set))
        await front.serve(app, bound, config.serve, stopped)

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    stop = started.result(5)
    try:
        yield Open(config, bound.getsockname()[1])
    finally:
        stop()
        thread.join(10)
        bound.close()


class Twice(SpanExporter):
    """Sends everything two times, as an exporter does that saw no reply."""

    def __init__(self, inner: SpanExporter) -> None:
        self.inner = inner
        self.results: list[SpanExportResult] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.results += [self.inner.export(spans), self.inner.export(spans)]
        return self.results[-1]

    def shutdown(self) -> None:
        self.inner.shutdown()


def spoken(number: int) -> dict[str, Any]:
    """Attributes of one call."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.response.id": f"chatcmpl-0123456789-{number}",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Name the intent."}]),
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"{ASKED} {number}"}]}]),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": f"wrote to {MAIL}"}]}]),
    }


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.NoCompression])
def test_opentelemetrys_exporter_is_understood_and_its_repeats_add_nothing(tmp_path: Path, compression: Compression) -> None:
    with opened(tmp_path / "home", scope="team") as open_tap:
        exporter = Twice(OTLPSpanExporter(f"http://127.0.0.1:{open_tap.port}/v1/traces", compression=compression))
        provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("opentelemetry.instrumentation.openai")
        for number in range(3):
            with tracer.start_as_current_span("POST /orders"), tracer.start_as_current_span("chat gpt-4", attributes=spoken(number)):
                pass
        provider.shutdown()
        assert exporter.results == [SpanExportResult.SUCCESS] * 12
        calls = open_tap.calls()
    assert len(calls) == 3
    for call in calls:
        assert (call.scope, call.origin, call.source, call.provider, call.client_id) == ("team", "import", "otlp", "openai", "shop")
        assert call.request is not None and call.response is not None and call.view_version is not None
        assert MAIL.encode() not in call.request + call.response
        assert "<EMAIL_1>" in chat.segments(chat.loads(call.request)).last_user
        assert "<EMAIL_1>" in (chat.answer(chat.loads(call.response)).content or "")
        assert call.usage.input_tokens == 12


def request_json(*attributes: dict[str, Any], trace: str = "ab" * 16) -> bytes:
    """An OTLP request in JSON."""
    start = time.time_ns() - 10**10
    spans = [
        {
            "traceId": trace,
            "spanId": f"{number + 1:016x}",
            "name": "x",
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 10**9),
            "attributes": [
                {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
                for key, value in one.items()
                if isinstance(value, str | int)
            ],
        }
        for number, one in enumerate(attributes)
    ]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def test_replies_tell_what_was_left_out_in_the_form_that_was_asked_in(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as open_tap:
        body = request_json(spoken(0), {"http.request.method": "GET"})
        status, headers, reply = open_tap.post("/v1/traces", body, content_type="application/json")
        assert (status, headers["content-type"]) == (200, "application/json")
        assert json.loads(reply)["partialSuccess"] == {"rejectedSpans": "0", "errorMessage": "1 ignored: no calls to a model"}
        broken = request_json(spoken(1), trace="0" * 32)
        status, _, reply = open_tap.post("/v1/traces", broken, content_type="application/json; charset=utf-8")
        assert status == 200 and json.loads(reply)["partialSuccess"]["rejectedSpans"] == "1"
        status, headers, reply = open_tap.post("/v1/traces", b"", content_type="application/x-protobuf")
        assert (status, headers["content-type"]) == (200, "application/x-protobuf")
        assert not ExportTraceServiceResponse.FromString(reply).HasField("partial_success")
        assert len(open_tap.calls()) == 1


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"content_type": "application/json"}, b"{", 400, 3),
        ({"content_type": "application/x-protobuf"}, b"\xff\xff", 400, 3),
        ({"content_type": "text/plain"}, b"{}", 415, 3),
        ({"content_type": "application/json", "content_encoding": "br"}, b"{}", 415, 3),
        ({"content_type": "application/json", "content_encoding": "gzip"}, b"not gzip", 400, 3),
        ({"content_type": "application/json", "content_encoding": "gzip"}, gzip.compress(b"{}")[:-3], 400, 3),
        ({"content_type": "application/json", "content_encoding": "gzip"}, gzip.compress(b" " * 900_000), 413, 8),
        ({"content_type": "application/json"}, b" " * 1_000_001, 413, 8),
    ],
)
def test_what_is_refused_is_refused_as_a_status(tmp_path: Path, headers: dict[str, str], body: bytes, status: int, code: int) -> None:
    with opened(tmp_path / "home", max_body_bytes=1_000_000) as open_tap:
        found, _, reply = open_tap.post("/v1/traces", body, **headers)
        assert found == status
        if headers["content_type"] == "application/json":
            assert json.loads(reply)["code"] == code and json.loads(reply)["message"]
        else:
            assert reply[:2] == bytes((8, code))


def test_a_busy_store_sends_the_sender_away_for_a_while_and_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as open_tap:
        body = request_json(spoken(0))
        with changing(open_tap.config.home):
            status, headers, reply = open_tap.post("/v1/traces", body, content_type="application/json")
            assert (status, headers["retry-after"], json.loads(reply)["code"]) == (503, "5", 14)
        assert open_tap.post("/v1/traces", body, content_type="application/json")[0] == 200
        assert len(open_tap.calls()) == 1


def payload(number: int, **more: Any) -> dict[str, Any]:
    """What LiteLLM 1.106 sends of one call, less what is not read."""
    start = time.time() - 10
    return {
        "id": f"chatcmpl-9876543210-{number}", "litellm_call_id": f"l-{number}", "call_type": "acompletion", "stream": None,
        "status": "success",
        "response_cost": 0.001, "custom_llm_provider": "openai", "total_tokens": 15, "prompt_tokens": 12, "completion_tokens": 3,
        "startTime": start, "endTime": start + 1, "completionStartTime": start + 1, "model": "gpt-4", "model_group": "gpt-4",
        "metadata": {"user_api_key_alias": "shop"}, "messages": [{"role": "user", "content": f"{ASKED} {number}"}],
        "response": {"id": f"chatcmpl-9876543210-{number}", "model": "gpt-4",
                     "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}]},
        "error_str": None, "model_parameters": {},
    } | more  # fmt: skip


def test_litellms_callback_as_an_array_as_lines_and_one_by_one(tmp_path: Path) -> None:
    key = Key(
        key_id="k", name="tap", digest="", shown="", scope="from-key", created_at=__import__("datetime").datetime.now(), created_by="x"
    )
    with opened(tmp_path / "home", key=key) as open_tap:
        payloads = [payload(number) for number in range(4)]
        array = json.dumps([*payloads[:2], None, payload(9, call_type="aspeech"), payload(8, response_cost=float("nan"))]).encode()
        status, _, reply = open_tap.post("/v1/tap", array, content_type="application/json")
        assert status == 200
        told = json.loads(reply)
        assert (told["added"], told["known"], told["ignored"], told["refused"]) == (3, 0, 1, 1)
        lines = b"\n".join([json.dumps(payloads[1]).encode(), json.dumps(payloads[2]).encode(), b"{broken"])
        told = json.loads(open_tap.post("/v1/tap", lines, content_type="application/json")[2])
        assert (told["added"], told["known"], told["refused"]) == (1, 1, 1)
        told = json.loads(open_tap.post("/v1/tap", json.dumps(payloads[3]).encode(), content_type="application/json")[2])
        assert (told["added"], told["known"], told["refused"]) == (1, 0, 0)
        status, _, reply = open_tap.post("/v1/tap", b"{broken", content_type="application/json")
        assert status == 400 and json.loads(reply)["error"]["message"]
        calls = open_tap.calls()
    assert len(calls) == 5 and {call.scope for call in calls} == {"from-key"} and {call.source for call in calls} == {"litellm"}
    assert all(call.request and MAIL.encode() not in call.request for call in calls)


def test_one_call_told_of_by_span_and_by_callback_and_by_file_is_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    one = payload(0, id="chatcmpl-0123456789-0")
    with opened(home) as open_tap:
        assert open_tap.post("/v1/traces", request_json(spoken(0)), content_type="application/json")[0] == 200
        told = json.loads(open_tap.post("/v1/tap", json.dumps(one).encode(), content_type="application/json")[2])
        assert (told["added"], told["known"]) == (0, 1)
    log = tmp_path / "log.jsonl"
    log.write_bytes(json.dumps(one).encode() + b"\n" + request_json(spoken(0), spoken(1), {"db.system": "x"}) + b"\n")
    (taken,) = bring_in(open_tap.config, [log])
    assert (taken.added, taken.known, taken.joined, taken.refused) == (1, 1, 1, 0)
    assert {call.response_id for call in Calls(home).scan()} == {"chatcmpl-0123456789-0", "chatcmpl-0123456789-1"}


@pytest.mark.parametrize("keep_bodies", ["full", "none"])
def test_bodies_are_kept_as_the_operator_says(tmp_path: Path, keep_bodies: str) -> None:
    with opened(tmp_path / "home", keep_bodies=keep_bodies) as open_tap:
        open_tap.post("/v1/traces", request_json(spoken(0)), content_type="application/json")
        (call,) = open_tap.calls()
    assert call.view_version is None and call.usage.input_tokens == 12
    assert (call.request is None) == (keep_bodies == "none")
    assert call.request is None or MAIL.encode() in call.request


def test_a_closed_tap_says_so(tmp_path: Path) -> None:
    with opened(tmp_path / "home", tap=False) as open_tap:
        assert open_tap.post("/v1/traces", b"{}", content_type="application/json")[0] == 404
        assert open_tap.post("/v1/tap", b"[]", content_type="application/json")[0] == 404
