"""Callers who send a byte now and then, or take nothing of what they asked for (F9)."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.client import Answer, Mix, Others, load, p99
from tests.faults.conftest import Length, Report
from tests.faults.provider import Exchange, delta
from tests.faults.world import World, resident_kb, world

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def made(tmp_path: Path, length: Length) -> Iterator[World]:
    limits = {} if length.long else {"MODICUM_SERVE__HEADER_TIMEOUT_S": "1.5", "MODICUM_SERVE__BODY_TIMEOUT_S": "2"}
    with world(tmp_path / "home", env=limits) as found:
        found.settle_in()
        yield found


def test_many_slow_callers_are_sent_away_and_nobody_else_waits(made: World, length: Length, report: Report) -> None:
    number = length.of(150, 2000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, number * 2 + 500), hard), hard))
    every_s = 10.0 if length.long else 0.5
    limits = (10.0, 30.0) if length.long else (1.5, 2.0)
    steady = [Mix("steady"), Mix("steady", True)]
    ends: dict[str, list[tuple[float, bytes]]] = {"head": [], "body": []}

    async def drip(kind: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
        began = time.monotonic()
        writer.write(
            b"POST /v1/chat" if kind == "head" else HEAD + b"X-Modicum-Key: %s\r\nContent-Length: 1000\r\n\r\n" % made.secret.encode()
        )
        said = b""
        try:
            while True:
                try:
                    async with asyncio.timeout(every_s):
                        piece = await reader.read(4096)
                except TimeoutError:
                    writer.write(b"x")
                    continue
                if not piece:
                    break
                said += piece
        except ConnectionError:
            pass
        writer.transport.abort()
        ends[kind].append((time.monotonic() - began, said))

    turns = 3 if length.long else 1

    async def turn() -> float:
        seconds = min(length.seconds, limits[1]) / turns
        found = await load(made.port, steady, seconds=seconds, rps=length.rps, secret=made.secret)
        made.log += found
        assert [one for one in found if not one.done] == []
        return p99(found)

    async def all_of_them() -> Others:
        # In the first turn this process is busy with their connections too: the median leaves that out.
        quiet = [await turn() for _ in range(turns)]
        slow = [asyncio.create_task(drip(kind)) for kind in ("head", "body") for _ in range(number // 2)]
        loud = [await turn() for _ in range(turns)]
        await asyncio.gather(*slow)
        return Others(list(zip(quiet, loud, strict=True)))

    before_kb = resident_kb(made.pids()[0])
    others = asyncio.run(all_of_them())
    grown = resident_kb(made.pids()[0]) - before_kb
    for kind, limit in zip(("head", "body"), limits, strict=True):
        assert len(ends[kind]) == number // 2
        latest = max(took for took, _ in ends[kind])
        assert latest < limit + 3 + number / 500, (kind, latest)
        assert all(not said or b" 408 " in said for _, said in ends[kind])
    figures = made.check(others=others, long=length.long)
    slowest = {kind: max(took for took, _ in found) for kind, found in ends.items()}
    report(
        "F9",
        f"{number} slow callers: heads ended after {slowest['head']:.1f} s (limit {limits[0]:g}), bodies after "
        f"{slowest['body']:.1f} s (limit {limits[1]:g}); "
        f"memory +{grown / 1024:.0f} MiB; {figures['calls']} calls of others; {others}",
    )


def test_a_caller_who_does_not_read_stops_the_provider(made: World, length: Length, report: Report) -> None:
    """What is read ahead of a slow reader is bounded; in the long form it is gone after its half minute."""
    sent = [0]

    async def flood(one: Exchange) -> bool:
        await one.open_stream()
        event = b"data: " + json.dumps(delta(one.model, content="x" * 4000)).encode() + b"\n\n"
        data = (b"%x\r\n%s\r\n" % (len(event), event)) * 8
        while True:
            try:
                one.writer.write(data)
                await one.writer.drain()
            except ConnectionError:
                one.left = time.monotonic()
                return False
            sent[0] += len(data)

    name = made.fresh(flood)
    body = json.dumps({"model": name, "stream": True, "messages": [{"role": "user", "content": "tagslow"}]}).encode()
    before_kb = resident_kb(made.pids()[0])
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", made.port))
        slow.sendall(HEAD + b"X-Modicum-Key: %s\r\nContent-Length: %d\r\n\r\n" % (made.secret.encode(), len(body)) + body)
        time.sleep(1.0)
        first = sent[0]
        time.sleep(1.0)
        assert sent[0] == first > 0, "the provider was read from though nobody took it"
        grown = resident_kb(made.pids()[0]) - before_kb
        assert grown < 8 * 1024, grown
        assert all(one.done for one in made.together(*["steady"] * 8))
        if length.long:
            until = time.monotonic() + 40
            while made.provider.of(name)[-1].left is None and time.monotonic() < until:
                time.sleep(0.2)
            took = (made.provider.of(name)[-1].left or float("inf")) - made.provider.of(name)[-1].began
            assert 25 < took < 40, took
    until = time.monotonic() + 5
    while "tagslow" not in made.calls():
        assert time.monotonic() < until
        time.sleep(0.05)

    made.log.append(Answer("tagslow", name, True, left=True))
    made.check()
    report("F9", f"a reader who takes nothing: {first / 1024:.0f} KiB read ahead of it, kernel buffers included, memory +{grown} KiB")


def test_connections_beyond_the_limit_are_told_so(tmp_path: Path) -> None:
    with world(tmp_path / "home", env={"MODICUM_SERVE__MAX_CONNECTIONS": "20"}) as made:
        held = [socket.create_connection(("127.0.0.1", made.port)) for _ in range(20)]
        try:
            time.sleep(0.2)
            found = made.ask("steady")
            assert found.status == 503 and found.headers["retry-after"] and found.error["code"] == "too_many_connections"
            held.pop().close()
            time.sleep(0.2)
            assert made.ask("steady").done
        finally:
            for one in held:
                one.close()
        made.check()
