"""Callers: at a constant rate whatever the answers do (open loop), one after the other (closed loop), and wrk."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httptools

GIVE_UP_S = 60.0
"""An answer that takes longer is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where requests for one upstream enter: a gateway, or the upstream itself."""

    port: int
    model: str = "gpt-4o-mini"
    key: str = ""
    tls: ssl.SSLContext | None = None

    def request(self, characters: int, *, stream: bool = False, body: dict[str, Any] | None = None) -> bytes:
        """One request with a prompt of so many characters."""
        text = ("The quick brown fox jumps over the lazy dog. " * (characters // 45 + 1))[:characters]
        asked: dict[str, Any] = body or {"model": self.model, "messages": [{"role": "user", "content": text}]}
        if stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        data = json.dumps(asked).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
        key = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        return f"{head}{key}Content-Length: {len(data)}\r\n\r\n".encode() + data


@dataclass(slots=True)
class Taken:
    """What one turn of load has seen; times in seconds."""

    times: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Until the first event of a stream."""
    events: int = 0
    errors: int = 0
    wall_s: float = 0.0
    ids: list[str] = field(default_factory=list)
    """What the answers call themselves (x-request-id)."""
    sent: int = 0

    def p(self, percent: int, of: Sequence[float] | None = None) -> float:
        """A percentile in milliseconds; NaN where nothing was answered."""
        times = sorted(self.times if of is None else of)
        return times[min(len(times) - 1, len(times) * percent // 100)] * 1000 if times else float("nan")


class Line(asyncio.Protocol):
    """One connection: one request, then its answer, then the next."""

    def __init__(self, taken: Taken, done: Callable[[Line], None]) -> None:
        self.taken, self.done = taken, done
        self.open = True
        self.began = 0.0
        self.counts = True
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, request: bytes, *, counts: bool = True) -> None:
        self.counts = counts
        self.parser = httptools.HttpResponseParser(self)
        self.seen_first = self.ended = False
        self.tail = b""
        self.id = ""
        self.busy = True
        self.began = time.perf_counter()
        self.transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.busy = False

    def data_received(self, data: bytes) -> None:
        if not self.busy:  # a server that waited too long for a request says so and closes
            self.open = False
            self.transport.abort()
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id":
            self.id = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        # A mark may be cut in two; the last bytes of the piece before are looked at again.
        found = (self.tail[-5:] + body).count(b"data: ")
        if found and not self.seen_first:
            self.seen_first = True
            if self.counts:
                self.taken.first.append(time.perf_counter() - self.began)
        if self.counts:
            self.taken.events += found
        self.tail = (self.tail + body)[-16:]

    def on_message_complete(self) -> None:
        if self.counts:
            whole = self.parser.get_status_code() == 200 and (not self.seen_first or self.tail.rstrip().endswith(b"[DONE]"))
            if whole:
                self.taken.times.append(time.perf_counter() - self.began)
                self.taken.ids.append(self.id)
            else:
                self.taken.errors += 1
        if not self.parser.should_keep_alive():
            self.transport.close()
            self.open = False
        self.busy = False
        self.done(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self.busy:
            self.busy = False
            self.taken.errors += self.counts
            self.done(self)


async def constant(door: Door, request: bytes, *, rate: float, seconds: float, expected_s: float, warm_s: float = 1.0) -> Taken:
    """So many requests a second, evenly, for so long; each is sent when its time has come, whether or not others were answered.

    Enough connections are opened beforehand, and what is sent in the first `warm_s` does not count.
    """
    loop, taken = asyncio.get_running_loop(), Taken()
    idle: list[Line] = []
    lines: list[Line] = []
    waiting: list[bool] = []

    def free(line: Line) -> None:
        if line.open:
            idle.append(line)

    async def another() -> None:
        try:
            _, line = await loop.create_connection(lambda: Line(taken, free), "127.0.0.1", door.port, ssl=door.tls)
        except OSError:
            taken.errors += waiting.pop() if waiting else 0
            return
        lines.append(line)
        if waiting:
            line.ask(request, counts=waiting.pop())
        else:
            idle.append(line)

    opening: set[asyncio.Task[None]] = set()

    def fire(counts: bool) -> None:
        taken.sent += counts
        while idle:
            line = idle.pop()
            if line.open:
                line.ask(request, counts=counts)
                return
        waiting.append(counts)
        task = loop.create_task(another())
        opening.add(task)
        task.add_done_callback(opening.discard)

    await asyncio.gather(*(another() for _ in range(int(rate * expected_s * 1.1) + 2)))
    began = loop.time() + 0.05
    for number in range(int(rate * (seconds + warm_s))):
        loop.call_at(began + number / rate, fire, number >= rate * warm_s)
    await asyncio.sleep(seconds + warm_s + 0.1)
    until = loop.time() + GIVE_UP_S
    while loop.time() < until and len(taken.times) + taken.errors < taken.sent:
        await asyncio.sleep(0.02)
    taken.errors = taken.sent - len(taken.times)
    for line in lines:
        line.transport.abort()
    await asyncio.gather(*opening, return_exceptions=True)
    await asyncio.sleep(0.05)
    return taken


async def closed(door: Door, request: bytes, *, callers: int, seconds: float) -> Taken:
    """Callers that ask again as soon as they are answered."""
    loop, taken = asyncio.get_running_loop(), Taken()
    until = time.perf_counter() + seconds

    def again(line: Line) -> None:
        if line.open and time.perf_counter() < until:
            line.ask(request)

    began = time.perf_counter()
    lines = [(await loop.create_connection(lambda: Line(taken, again), "127.0.0.1", door.port, ssl=door.tls))[1] for _ in range(callers)]
    for line in lines:
        line.ask(request)
    await asyncio.sleep(seconds)
    taken.wall_s = time.perf_counter() - began
    limit = time.perf_counter() + 10
    while time.perf_counter() < limit and any(line.busy for line in lines):
        await asyncio.sleep(0.01)
    for line in lines:
        line.transport.abort()
    await asyncio.sleep(0.02)
    taken.wall_s = max(taken.wall_s, 1e-9)
    return taken


WRK = r"""
local file = io.open(os.getenv("BENCH_BODY"), "rb"); wrk.body = file:read("*a"); file:close()
wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"
local key = os.getenv("BENCH_KEY"); if key ~= "" then wrk.headers["Authorization"] = "Bearer " .. key end
done = function(summary, latency, requests)
  io.write(string.format('\nBENCH {"n":%d,"us":%d,"p50":%d,"p99":%d,"bad":%d,"broken":%d}\n', summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """One turn of closed-loop load of plain requests."""

    answered: int
    requests_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(door: Door, request: bytes, *, callers: int, seconds: float) -> Burst:
    """wrk with one thread. Raises RuntimeError where it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        script, body = Path(folder) / "bench.lua", Path(folder) / "body"
        script.write_text(WRK)
        body.write_bytes(request.partition(b"\r\n\r\n")[2])
        command = ["wrk", "-t1", f"-c{callers}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(script)]
        environment = {**os.environ, "BENCH_BODY": str(body), "BENCH_KEY": door.key}
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{door.port}/v1/chat/completions"], env=environment, capture_output=True, text=True
        )
    found = re.search(r"^BENCH (.*)$", done.stdout, re.M)
    if found is None:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    seen = json.loads(found.group(1))
    return Burst(
        answered=seen["n"] - seen["bad"],
        requests_s=seen["n"] / seen["us"] * 1e6,
        p50_ms=seen["p50"] / 1e3,
        p99_ms=seen["p99"] / 1e3,
        errors=seen["bad"] + seen["broken"],
    )


async def burst(door: Door, request: bytes, *, callers: int, seconds: float) -> Burst:
    """Plain requests as fast as they are answered: by wrk where it is installed, else by our own slower callers."""
    if shutil.which("wrk"):
        return await asyncio.to_thread(wrk, door, request, callers=callers, seconds=seconds)
    taken = await closed(door, request, callers=callers, seconds=seconds)
    rate = len(taken.times) / taken.wall_s
    return Burst(answered=len(taken.times), requests_s=rate, p50_ms=taken.p(50), p99_ms=taken.p(99), errors=taken.errors)


def median(values: Sequence[float | None]) -> float:
    """Of what is known; NaN where nothing is."""
    numbers = [value for value in values if value is not None and value == value]
    return statistics.median(numbers) if numbers else float("nan")
