"""Two kinds of model server on loopback, scripted: what answers how is named by the model that is asked for."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.pipeline.traffic import SUBJECTS

Answer = Callable[[dict[str, Any]], str]


def sorts(request: dict[str, Any]) -> str:
    """What a model that can do the job answers to a parcel message."""
    text = request["messages"][-1]["content"].split()
    return max(SUBJECTS, key=lambda label: sum(word in SUBJECTS[label] for word in text))


class ModelServer:
    """`good` sorts messages, `bad` says "lost" to all, `flaky` fails every third time, `mute` rambles, `absent` is not there."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.by_status: Counter[int] = Counter()
        self.most_at_once = 0
        self.delay_s = 0.0
        self.answers: dict[str, Answer] = {}
        self.names: dict[str, str] = {}
        """What it calls a model in its answers, where that is not the name it was asked by with a date."""
        self.on_request: Callable[[int], None] = lambda number: None
        self._lock, self._now = threading.Lock(), 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body leave together

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, told = outer._answer(body)
                data = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                if status == 429:
                    self.send_header("retry-after", "0")
                self.end_headers()
                self.wfile.write(data)
                self.wfile.flush()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _answer(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        self.on_request(number)
        if self.delay_s:
            time.sleep(self.delay_s)
        with self._lock:
            self._now -= 1
            status, told = self._said(request, number)
            self.by_status[status] += 1
        return status, told

    def _said(self, request: dict[str, Any], number: int) -> tuple[int, dict[str, Any]]:
        model = request["model"]
        if model == "absent":
            return 404, {"error": {"message": "no such model", "type": "invalid_request_error", "code": "model_not_found"}}
        if model == "flaky" and number % 3 == 0:
            return (429 if number % 2 else 500), {"error": {"message": "too busy", "type": "server_error", "code": None}}
        text = self.answers[model](request) if model in self.answers else "lost" if model == "bad" else sorts(request)
        if model == "mute":
            text = "I would have to think about that for a while."
        return 200, {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1,
            "model": self.names.get(model, f"{model}-2026-01"),
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 60, "completion_tokens": 1, "total_tokens": 61},
        }
