"""What the gateway adds: passing a call through against asking the provider directly, and a specialist's answer.

One worker, everything on loopback: a provider that answers at once from a fixed body, prompts of about 1,000 characters, kept
connections. Rounds are interleaved and medians printed; requests a second and CPU depend on the machine and on what else it
does, ratios less so. The stream has 50 events, sent at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import uvloop

from tests.gateway.rig import ask, chunk, completion, gateway
from tests.gateway.routed import UP, headline, publish

FILLER = " and so on" * 90
EVENTS = 50


class Provider(asyncio.Protocol):
    """Answers each request at once; a head and its body may come in several pieces."""

    plain = json.dumps(completion("up")).encode()
    events = (
        chunk({"role": "assistant"})
        + b"".join(chunk({"content": "x"}) for _ in range(EVENTS - 2))
        + chunk({}, "stop")
        + b"data: [DONE]\n\n"
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not end or len(body) < int(length or 0):
            return
        self.received = b""
        if b'"stream":true' in body.replace(b" ", b""):
            kind, answer = b"text/event-stream", self.events
        else:
            kind, answer = b"application/json", self.plain
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(answer), answer))


class Caller(asyncio.Protocol):
    """Sends one request after the other on one connection and times each."""

    def __init__(self, port: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n" % port
        self.request = head + b"Content-Length: %d\r\n\r\n%s" % (len(text), text)
        self.times: list[float] = []
        self.stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        self.received = b""
        self.began = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        lower = head.lower()
        if b"transfer-encoding" in lower:
            if not body.endswith(b"0\r\n\r\n"):
                return
        elif len(body) < int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        assert head.startswith(b"HTTP/1.1 200"), self.received
        self.times.append(time.perf_counter() - self.began)
        if self.stopped:
            self.transport.close()
        else:
            self.ask()


async def load(port: int, body: dict[str, Any], *, callers: int, seconds: float) -> tuple[list[float], float]:
    """(seconds of each request, requests a second)"""
    loop = asyncio.get_running_loop()
    made = [(await loop.create_connection(lambda: Caller(port, body), "127.0.0.1", port))[1] for _ in range(callers)]
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    for caller in made:
        caller.stopped = True
    times = [seconds for caller in made for seconds in caller.times]
    rate = len(times) / (time.perf_counter() - began)
    await asyncio.sleep(0.05)
    for caller in made:
        caller.transport.abort()
    return times, rate


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far; NaN where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(rounds: int, seconds: float) -> list[dict[str, Any]]:
    provider = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
    direct = provider.sockets[0].getsockname()[1]
    asks = {
        "plain": ask(text=FILLER),
        "stream": ask(text=FILLER, stream=True),
        "answer": headline(UP + FILLER),
    }
    results: dict[tuple[str, str, int], list[tuple[float, float, float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        publish(home, max_input_chars=5000)
        # Started in a thread: the gateway must not wait for this loop to print its line.
        context = gateway(home, f"http://127.0.0.1:{direct}/v1", env={"MODICUM_ROUTE__CONTROL_SHARE": "0"})
        served = await asyncio.to_thread(context.__enter__)
        try:
            cases = [
                ("plain", "direct", direct),
                ("plain", "gateway", served.port),
                ("stream", "direct", direct),
                ("stream", "gateway", served.port),
            ]
            cases.append(("answer", "gateway", served.port))
            for turn in range(rounds + 1):
                for callers in (1, 16):
                    for what, where, port in cases:
                        before = cpu_s(served.process.pid)
                        times, rate = await load(port, asks[what], callers=callers, seconds=seconds if turn else 0.3)
                        cpu = (cpu_s(served.process.pid) - before) / len(times)
                        cut = statistics.quantiles(times, n=100)
                        if turn:  # the first turn warms up
                            results.setdefault((what, where, callers), []).append((cut[49], cut[98], rate, cpu))
        finally:
            context.__exit__(None, None, None)
    provider.close()
    rows = []
    for (what, where, callers), found in results.items():
        p50, p99, rate, cpu = (statistics.median(column) for column in zip(*found, strict=True))
        row = {"what": what, "where": where, "callers": callers, "p50_ms": p50 * 1000, "p99_ms": p99 * 1000, "requests_s": rate}
        rows.append(row | {"gateway_cpu_us": cpu * 1e6 if where == "gateway" else None})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load for each case and round")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    rows = uvloop.run(measure(arguments.rounds, arguments.seconds))
    print(f"{'what':8}{'where':10}{'callers':>8}{'p50 ms':>9}{'p99 ms':>9}{'req/s':>9}{'CPU us':>9}")
    for row in rows:
        cpu = "" if row["gateway_cpu_us"] is None else f"{row['gateway_cpu_us']:.0f}"
        print(f"{row['what']:8}{row['where']:10}{row['callers']:8}{row['p50_ms']:9.3f}{row['p99_ms']:9.2f}{row['requests_s']:9.0f}{cpu:>9}")
    p50 = {(row["what"], row["where"]): row["p50_ms"] for row in rows if row["callers"] == 1}
    print(
        f"passing through adds {p50['plain', 'gateway'] - p50['plain', 'direct']:.3f} ms to the median call; load {os.getloadavg()[0]:.1f}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "load": os.getloadavg(), "python": sys.version}, indent=1))


if __name__ == "__main__":
    main()
