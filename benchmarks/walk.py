"""What one call costs in our own code, part by part: the real walk in one process, without sockets.

    python -m benchmarks.walk                       a plain chat completion that passes through
    python -m benchmarks.walk --stream --in-flight 400
    python -m benchmarks.walk --profile 40          the 40 dearest functions, by their own time

Everything is real but the network: a home on disk with a key that has limits and budgets, the ledger, the records, prices, redaction,
the recogniser, our client and its connections. In place of sockets stand a front that hands over the head and body of a
request, and transports that answer as a provider would. What the kernel takes for sockets is so left out; what it takes for
files is not. Parts are timed within each other: the time of a part includes those that it calls.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import functools
import gc
import json
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.gateway.upstream import ANSWER, STREAM, Provider
from modicum.backends.connection import Connection
from modicum.backends.dial import Names, Trust
from modicum.backends.pool import Place, Pool
from modicum.catalog.prepared import prepare_prices
from modicum.config import load
from modicum.gateway.app import application
from modicum.gateway.day import Day
from modicum.gateway.exchange import Asked
from modicum.gateway.library import Kept
from modicum.gateway.server import COLLECT
from modicum.store import keys
from modicum.store.segments import SegmentWriter
from modicum.types import Key
from tests.gateway.routed import UP, headline, publish

PARTS = (
    "gateway.answer:authenticate",
    "gateway.answer:admitted",
    "gateway.limits:read",
    "gateway.till:Till.reserve",
    "store.ledger:Ledger.reserve",
    "gateway.answer:see",
    "gateway.answer:choose",
    "gateway.answer:ask",
    "backends.upstreams:Upstreams.send",
    "backends.client:Client.send",
    "gateway.plain:plain",
    "gateway.through:stream",
    "gateway.record:Recorder.keep",
    "gateway.draft:Draft.record",
    "gateway.draft:Draft._usage",
    "gateway.draft:Draft._cost",
    "gateway.draft:Draft._stored",
    "store.segments:SegmentWriter.append_frame",
    "store.codec:Record.frame",
    "gateway.till:Hold.settle",
    "gateway.telemetry:Telemetry.observe",
)


class Transport(asyncio.Transport):
    """Answers whatever is written to it, in the next turn of the loop or later; knows no HTTP but the end of a head."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pieces: list[bytes], late_s: float) -> None:
        super().__init__()
        self._loop, self._pieces, self._late_s = loop, pieces, late_s
        self.connection: Connection

    def write(self, data: Any) -> None:
        if self._late_s:
            self._loop.call_later(self._late_s, self._answer)
        else:
            self._loop.call_soon(self._answer)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"")

    def _answer(self, at: int = 0) -> None:
        self.connection.data_received(self._pieces[at])
        if at + 1 < len(self._pieces):  # each in a turn of the loop of its own, as events come
            self._loop.call_soon(self._answer, at + 1)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.connection.connection_lost(None)


class Near(Pool):
    """A pool whose connections lead nowhere."""

    pieces: list[bytes]
    late_s: float

    async def connect(self, within_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        transport = Transport(loop, self.pieces, self.late_s)
        connection = transport.connection = Connection(self, loop, self.place.where, 30.0)
        connection.connection_made(transport)
        return connection


@dataclass(slots=True, kw_only=True)
class Walk:
    """One gateway in this process, and what it is asked."""

    app: Callable[..., Any]
    headers: list[tuple[bytes, bytes]]
    body: bytes
    statuses: list[int]
    sent: int = 0

    async def once(self) -> None:
        reply = Kept()
        await self.app(Asked("POST", "/v1/chat/completions", self.headers, body=self.body), reply)
        self.statuses.append(reply.status)
        self.sent += sum(map(len, reply.pieces))


def opened(home: Path, *, characters: int, stream: bool, answers: bool, late_s: float) -> tuple[Day, Walk]:
    """A gateway over a new home, its provider near, and a request for it."""
    publish(home, max_input_chars=5000)
    prepare_prices(home)
    secret = keys.new_secret()
    many = Decimal(10**6)
    key = Key(
        key_id="k1",
        name="walk",
        digest=keys.digest(secret),
        shown=secret[:9],
        requests_minute=10**9,
        tokens_minute=10**9,
        concurrency=10**5,
        budget_day_usd=many,
        budget_month_usd=many,
        created_at=datetime.now(UTC),
        created_by="benchmark",
    )
    keys.write(home, [key])
    os.environ["OPENAI_API_KEY"] = "sk-upstream"
    config = load(flags={"store.home": home, "upstream.url": "http://127.0.0.1:9/v1", "route.control_share": 0.0}, environ={})
    day = Day.open(config, SegmentWriter(home))
    near = Near(Place(scheme="http", host="127.0.0.1", port=9, ca_file=None, proxy=None, where="http://127.0.0.1:9"), Names(), Trust())
    body = json.dumps(ANSWER, separators=(",", ":")).encode()
    head = b"HTTP/1.1 200 OK\r\nServer: near\r\nDate: Sun, 22 Nov 2026 05:00:00 GMT\r\nContent-Type: application/json\r\n"
    near.pieces = [STREAM, *Provider.events, b"0\r\n\r\n"] if stream else [head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)]
    near.late_s = late_s
    way = day.client._way("http://127.0.0.1:9", None, True)
    way.pool = near
    day.client._ways["http://127.0.0.1:9", None, True] = way
    text = ("The quick brown fox jumps over the lazy dog. " * (characters // 45 + 1))[:characters]
    asked: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    if answers:
        asked = headline(UP + " and so on" * (characters // 10))
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    sent = json.dumps(asked).encode()
    headers = [
        (b"host", b"127.0.0.1:8321"),
        (b"content-type", b"application/json"),
        (b"authorization", f"Bearer {secret}".encode()),
        (b"content-length", b"%d" % len(sent)),
    ]
    return day, Walk(app=application(day), headers=headers, body=sent, statuses=[])


async def measure(walk: Walk, *, calls: int, in_flight: int) -> float:
    """Microseconds of processor time a call."""
    left = calls

    async def ask() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await walk.once()

    before = time.process_time_ns()
    await asyncio.gather(*(ask() for _ in range(in_flight)))
    return (time.process_time_ns() - before) / calls / 1000


class Clocks:
    """Processor time within parts. What other calls take while a part waits counts too, so measure with one in flight."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}

    def set_up(self) -> None:
        """Every part behind a clock, wherever its name was imported to."""
        for part in PARTS:
            module_name, _, path = part.partition(":")
            holder: Any = import_module(f"modicum.{module_name}")
            *outer, last = path.split(".")
            for name in outer:
                holder = getattr(holder, name, None)
            plain = getattr(holder, last, None)
            if plain is not None:
                setattr(holder, last, self._clocked(part, plain))

    def _clocked(self, part: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        spent = self.spent
        spent[part] = 0

        @functools.wraps(plain)
        def clocked(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time_ns()
            try:
                return plain(*args, **kwargs)
            finally:
                spent[part] += time.thread_time_ns() - began

        @functools.wraps(plain)
        async def clocked_later(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time_ns()
            try:
                return await plain(*args, **kwargs)
            finally:
                spent[part] += time.thread_time_ns() - began

        return clocked_later if asyncio.iscoroutinefunction(plain) else clocked


async def main_async(arguments: argparse.Namespace, home: Path) -> dict[str, Any]:
    day, walk = opened(
        home, characters=arguments.characters, stream=arguments.stream, answers=arguments.answers, late_s=arguments.late_ms / 1000
    )
    day.start()
    await measure(walk, calls=4 * arguments.calls, in_flight=arguments.in_flight)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    rounds = [await measure(walk, calls=arguments.calls, in_flight=arguments.in_flight) for _ in range(arguments.rounds)]
    found: dict[str, Any] = {"us": round(statistics.median(rounds), 1), "least_us": round(min(rounds), 1)}
    print(f"{found['least_us']:8.1f} us a call in the least of {len(rounds)} rounds, {found['us']:.1f} in their median")
    if arguments.profile:
        with cProfile.Profile() as profile:
            await measure(walk, calls=4 * arguments.calls, in_flight=arguments.in_flight)
        pstats.Stats(profile).sort_stats(arguments.sort).print_stats(arguments.profile)
    if not arguments.only_total:
        clocks = Clocks()
        clocks.set_up()
        turns = []
        for _ in range(arguments.rounds):
            before = dict(clocks.spent)
            await measure(walk, calls=arguments.calls, in_flight=1)
            turns.append({part: (spent - before[part]) / arguments.calls / 1000 for part, spent in clocks.spent.items()})
        found["parts"] = {part: round(min(turn[part] for turn in turns), 1) for part in clocks.spent}
        for part, us in found["parts"].items():
            print(f"{us:8.1f}   {part}")
    wrong = sum(status != 200 for status in walk.statuses)
    if wrong or not walk.statuses:
        raise SystemExit(f"{wrong} of {len(walk.statuses)} answers were no answers")
    await day.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=500, help="in a round")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--in-flight", type=int, default=1)
    parser.add_argument("--characters", type=int, default=1000, help="of the prompt")
    parser.add_argument("--late-ms", type=float, default=0.0, help="how long the provider takes")
    parser.add_argument("--stream", action="store_true", help="a stream of 50 events")
    parser.add_argument("--answers", action="store_true", help="calls that the specialist answers")
    parser.add_argument("--only-total", action="store_true", help="no parts")
    parser.add_argument("--profile", type=int, default=0, metavar="ROWS")
    parser.add_argument("--sort", default="tottime")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="modicum-walk-") as folder:
        found = uvloop.run(main_async(arguments, Path(folder) / "home"))
    if arguments.json:
        arguments.json.parent.mkdir(exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
