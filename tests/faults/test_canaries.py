"""Secrets in every place where a request, a reply, a crash or a figure could carry them: in no byte that is written (S5)."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Report
from tests.faults.provider import Exchange
from tests.faults.raw import chat, request, send, status
from tests.faults.world import PROVIDER_KEY, world, written

CALLER = "sk-proj-canaryCALLERcanary0123456789abcdef"
CARD = "4111 1111 1111 1111"
MAIL = "jane.canary@example.com"
GITHUB = "ghp_canaryCANARYcanaryCANARYcanaryCAN012"
PROMPT = "canaryprompt nobody else says this"
ANSWER = "canaryanswer nobody else says this"


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Takes in what is exported."""
    got: list[bytes] = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            got.append(str(self.headers).encode() + (gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", got
    finally:
        server.shutdown()
        server.server_close()


async def quotes(one: Exchange) -> bool:
    """A provider that quotes all it was sent in its error."""
    error = {"error": {"message": f"bad: {one.head.decode('latin-1')} {one.body.decode()}", "type": "x", "code": CALLER}}
    await one._whole(b"401 Unauthorized", json.dumps(error).encode(), {"x_debug": PROVIDER_KEY})
    return True


async def torn(one: Exchange) -> bool:
    await one.open_stream()
    await one.event({"choices": [{"index": 0, "delta": {"content": f"{ANSWER} {CARD} {PROVIDER_KEY}"}}]})
    return one.reset()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_stands_in_any_byte_that_is_written(tmp_path: Path, form: str, report: Report) -> None:
    secrets = (PROVIDER_KEY, CALLER, CARD, CARD.replace(" ", ""), MAIL, GITHUB)
    with collector() as (endpoint, exported):
        environment = {
            "PYTHONFAULTHANDLER": "1",
            "MODICUM_TELEMETRY__OTLP_ENDPOINT": endpoint,
            "MODICUM_TELEMETRY__LOG": form,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        with world(tmp_path / "home", env=environment, workers=2) as made:
            text = f"{PROMPT} {CARD} {MAIL} {GITHUB} {CALLER}"
            quoting, breaking, hanging = made.fresh(quotes, backup=quotes), made.fresh(torn), made.fresh(lambda one: one.hang())
            places = (
                b"authorization: Bearer %s\r\n",
                b"x-api-key: %s\r\n",
                b"api-key: %s\r\n",
                b"cookie: a=%s\r\n",
                b"x-anything: %s\r\n",
                b"traceparent: %s\r\n",
                b"x-request-id: %s\r\n",
                b"user-agent: %s\r\n",
            )
            headers = b"".join(place % CALLER.encode() for place in places)
            bodies = [
                chat(text),
                chat(text, stream=True),
                chat(text, model=quoting),
                chat(text, model=breaking, stream=True),
                chat(text, model=CALLER),
                chat(text, model=text),
                chat(text, user=MAIL, metadata={"user_id": GITHUB, "x": CARD}),
                chat(text, tools=[{"type": "function", "function": {"name": "f", "description": text}}]),
                chat(text, n=10**9),
                {"model": "steady", "input": text},
            ]
            for path in (
                "/v1/chat/completions",
                "/v1/messages",
                "/v1/responses",
                "/v1/completions",
                "/v1/embeddings",
                "/v1/rerank",
                f"/v1/{CALLER}",
                f"/v1/files?key={CALLER}",
                f"/v1/models/{CALLER}",
            ):
                for body in bodies:
                    received = send(
                        made.port,
                        request(
                            made,
                            {**body, "max_tokens": body.get("max_tokens", 9), "query": text, "documents": [text]},
                            path=path,
                            more=headers,
                        ),
                        timeout_s=10,
                    )
                    assert status(received) > 0
            for data in (
                b'{"model":"steady","messages":[{"role":"user","content":"' + text.encode(),
                text.encode(),
                b'["' + text.encode() + b'"]',
            ):
                send(made.port, request(made, data, more=headers))
            for head in (
                b"POST /v1/chat HTTP/1.1\r\nAuthorization: Bearer %s\r\nbad line\r\n\r\n",
                b"%s\r\n\r\n",
                b"GET /%s HTTP/9.9\r\n\r\n",
            ):
                send(made.port, head % CALLER.encode())
            # A worker that ends with a dump of its stacks, in the middle of a call.
            inside = threading.Thread(target=send, args=(made.port, request(made, chat(text, model=hanging), more=headers)))
            inside.start()
            time.sleep(0.3)
            made.killed = True
            for pid in made.pids():
                os.kill(pid, signal.SIGABRT)
            inside.join()
            until = time.monotonic() + 10
            while made.get("/healthz")[0] != 200 or len(made.pids()) < 2:
                assert time.monotonic() < until
                time.sleep(0.05)
            assert "Fatal Python error" in made.errors(), "the crash left no dump to look at"
            send(made.port, request(made, chat(text), more=headers))
            until = time.monotonic() + 12
            while not any(b"gen_ai" in one for one in exported) and time.monotonic() < until:
                time.sleep(0.1)
            figures = made.get("/metrics", secret=made.secret)[1]
            assert made.stop() == 0
            everything = [
                *written(made.home),
                ("standard output", made.said.encode()),
                ("figures", figures),
                *(("exported", one) for one in exported),
            ]
            looked = 0
            for place, content in everything:
                looked += len(content)
                for secret in (*secrets, made.secret):
                    assert secret.encode() not in content, (secret[:12], place)
                for said in (PROMPT, ANSWER):
                    assert said.encode() not in content or "/segments/" in place or "/calls/" in place, (said, place)
            assert any(b"gen_ai" in one for one in exported) and figures
            report(
                "S5",
                f"{form}: {len(secrets) + 1} secrets in 9 paths, 10 bodies, 8 headers, errors, a crash dump; 0 "
                f"in {looked:,} bytes of {len(everything)} files, lines, figures and exports",
            )
