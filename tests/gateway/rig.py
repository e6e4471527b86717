"""A scripted provider on raw sockets, and the gateway as a real process before it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from modicum.store import snapshot
from modicum.store.segments import open_all
from modicum.types import Call

KEY = "sk-canary-operator-0123456789"


def completion(content: str, model: str = "gpt-4", *, number: int = 0) -> dict[str, Any]:
    """A provider's plain answer."""
    return {
        "id": f"chatcmpl-up-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "system_fingerprint": "fp_1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content, "refusal": None}, "logprobs": None, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
    }


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One event of a provider's stream."""
    body = {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4-0613", **more}
    body["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps(body).encode() + b"\n\n"


class Upstream:
    """What it does is named by the request's model; what it saw stands in `heads`, `bodies` and `left`."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.left: list[float] = []
        self.connections = 0
        self.url = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Upstream:
        self._thread.start()
        self._started.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # a transport closes its socket in the loop's next rounds

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # what nobody reads any more would keep it open
            raise
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        body = await reader.readexactly(length)
        self.heads.append(head)
        self.bodies.append(body)
        if head.startswith(b"GET"):
            self._plain(writer, {"object": "list", "data": [{"id": "gpt-4", "object": "model", "created": 1, "owned_by": "them"}]})
            return True
        request = json.loads(body)
        what = request["model"]
        if what == "slow" or what == "hang":
            watch = asyncio.ensure_future(reader.read(1))
            done, _ = await asyncio.wait([watch], timeout=0.5 if what == "slow" else 30)
            if done:
                self.left.append(time.monotonic())
                return False
            watch.cancel()
            await asyncio.sleep(0)
        if what == "drop-kept" and sum(b"drop-kept" in b for b in self.bodies) == 2:
            return False  # the connection closes where the second request was just sent into it
        if what == "reset":
            writer.transport.abort()
            return False
        if what == "nonsense":
            writer.write(b"220 smtp ready\r\n\r\n")
            return False
        if what == "redirect":
            writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/stolen\r\nContent-Length: 0\r\n\r\n")
            return True
        if what == "error":
            auth = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization")), b"")
            echoed = {"error": {"message": f"bad key {auth.decode()}", "type": "x", "param": None, "code": "invalid_api_key"}}
            self._plain(writer, echoed, status=b"401 Unauthorized")
            return True
        if what == "torn":
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"id": "x"')
            await writer.drain()
            return False
        if what == "odd-bytes":
            odd = b'{ "id":"x",\n\n "choices" : [ {"message":{"content":"\xc3\xa9\\u00e9"},"finish_reason":"stop"}],"z":1.50}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(odd))
            writer.write(b"X-RateLimit-Remaining-Requests: 7\r\nX-Request-Id: req_theirs\r\nSet-Cookie: a=b\r\nX-Modicum-Model: forged\r\n")
            writer.write(b"Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nX-Two: a\r\nX-Two: b\r\n\r\n" + odd)
            return True
        if request.get("stream"):
            return await self._stream(reader, writer, what, request)
        last = request["messages"][-1]["content"]
        self._plain(writer, completion(f"echo {last}", what, number=len(self.bodies)))
        return True

    def _plain(self, writer: asyncio.StreamWriter, body: dict[str, Any], status: bytes = b"200 OK") -> None:
        text = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text))

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str, request: dict[str, Any]) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

        async def send(data: bytes) -> None:
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()

        await send(chunk({"role": "assistant", "content": ""}))
        words = ["He", "llo", " wörld"]
        if what == "endless":
            watch = asyncio.ensure_future(reader.read(1))
            while not watch.done():
                await send(chunk({"content": "more "}))
                await asyncio.sleep(0.01)
            self.left.append(time.monotonic())
            return False
        for word in words[:1] if what.startswith("break") else words:
            event = chunk({"content": word})
            await send(event[:20])  # events need not arrive whole
            await asyncio.sleep(0.01)
            await send(event[20:])
        if what == "break-reset":
            await asyncio.sleep(0.05)
            writer.transport.abort()
            return False
        if what == "break-quiet":
            writer.write(b"0\r\n\r\n")
            return True
        if what == "break-told":
            await send(b'data: {"error": {"message": "overloaded", "type": "server_error", "code": "overloaded"}}\n\n')
            writer.write(b"0\r\n\r\n")
            return True
        await send(chunk({}, "stop"))
        if (request.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}
            await send(
                b"data: " + json.dumps({"id": "chatcmpl-up", "model": "gpt-4-0613", "choices": [], "usage": usage}).encode() + b"\n\n"
            )
        if what != "no-done":
            await send(b"data: [DO")
            await send(b"NE]\n\n")
        writer.write(b"0\r\n\r\n")
        return True


class Gateway:
    """A running `modicum serve`."""

    def __init__(self, process: subprocess.Popen[str], home: Path, line: str, errors: Path) -> None:
        self.process, self.home, self.line, self._errors = process, home, line, errors
        self.port = int(line.partition("http://")[2].partition("/")[0].rpartition(":")[2])
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def post(self, body: Any, headers: dict[str, str] | None = None, *, path: str = "/v1/chat/completions") -> tuple[HTTPResponse, bytes]:
        """One request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, {"content-type": "application/json", **(headers or {})})
        response = connection.getresponse()
        try:
            return response, response.read()
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        try:
            return response, response.read()
        finally:
            connection.close()

    def calls(self) -> dict[str, Call]:
        """What is on record, by id."""
        return recorded(self.home)

    def call(self, call_id: str | None, *, within_s: float = 3.0) -> Call:
        """One recorded call, which a caller who left early may have to wait for."""
        until = time.monotonic() + within_s
        while True:
            if call_id is None and (calls := self.calls()):
                return max(calls.values(), key=lambda call: call.call_id)
            if call_id is not None and (found := self.calls().get(call_id)):
                return found
            assert time.monotonic() < until, f"{call_id} is not on record"
            time.sleep(0.02)

    def wait_for_snapshot(self, workers: int, *, within_s: float = 5.0) -> float:
        """Seconds until every worker serves the snapshot that lies under the home now."""
        wanted = snapshot.read(self.home)
        began = time.monotonic()
        seen: dict[int, str] = {}
        while len(seen) < workers or set(seen.values()) != {wanted.version if wanted else None}:
            assert time.monotonic() - began < within_s, (seen, self.errors())
            found = json.loads(self.get("/readyz")[1])
            seen[found["worker"]] = found["snapshot"]
        return time.monotonic() - began

    def errors(self) -> str:
        return self._errors.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


def recorded(home: Path) -> dict[str, Call]:
    """Every call in the segments under a home; one that stands there twice fails."""
    calls: dict[str, Call] = {}
    for segment in open_all(home):
        with segment.file:
            for _, call in segment.calls():
                assert call.call_id not in calls
                calls[call.call_id] = call
    return calls


def ask(model: str = "gpt-4", text: str = "hi", **more: Any) -> dict[str, Any]:
    """A request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


@contextmanager
def modicum(*arguments: str, env: dict[str, str] | None = None, errors: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command as a process of its own, and the first line that it prints."""
    with errors.open("w") as error_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "modicum", *arguments],
            stdout=subprocess.PIPE,
            stderr=error_file,
            text=True,
            env={**{k: v for k, v in os.environ.items() if not k.startswith(("MODICUM_", "OPENAI_"))}, **(env or {})},
        )
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            process.stdout.close()


@contextmanager
def gateway(home: Path, upstream: str, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Gateway]:
    """`modicum serve` before `upstream`, on a free port."""
    home.mkdir(exist_ok=True)
    errors = home / "stderr.txt"
    flags = ("serve", "--home", str(home), "--listen", "127.0.0.1:0", "--upstream", upstream, *arguments)
    with modicum(*flags, env={"OPENAI_API_KEY": KEY, **(env or {})}, errors=errors) as (process, line):
        assert line.startswith("Listening on"), errors.read_text()
        yield Gateway(process, home, line, errors)
