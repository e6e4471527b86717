"""What is measured, each in interleaved rounds with a rotated order; every row is one turn of one side."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gateway import sides
from benchmarks.gateway.load import Burst, Taken, burst, closed, constant
from benchmarks.gateway.process import cpu_s, quiet, rss_mb, running, wait_ready
from benchmarks.gateway.sides import Ground, Side
from tests.gateway.routed import UP, headline

Row = dict[str, Any]
SLOW = "LiteLLM"
SLOW_TURNS = 3
"""A turn must be many times an answer's time, or what is under way at its end is paid for and not counted."""


async def rounds(found: Sequence[Side], count: int, turn: Callable[[Side], Awaitable[Row | None]], **about: Any) -> list[Row]:
    rows = []
    for number in range(count):
        first = number % len(found)
        for side in (*found[first:], *found[:first]):
            row = await turn(side)
            if row is not None:
                rows.append({"side": side.name, "round": number, "load": os.getloadavg()[0], **about, **row})
            await asyncio.to_thread(quiet, set(side.pids.values()))
    return rows


async def added(
    found: Sequence[Side], on: Ground, *, count: int, seconds: float, rates: Sequence[int], most: dict[str, float]
) -> list[Row]:
    """Milliseconds at a constant rate; what a gateway adds is told against `direct` in the same round.

    `most`: requests a second that a side was seen to do. Far above it nothing but a queue could be measured, so it is left out.
    """
    rows: list[Row] = []
    for upstream in ("late", "secure"):
        for characters in (1000, 16000):
            for rate in rates:

                async def turn(side: Side, upstream: str = upstream, characters: int = characters, rate: int = rate) -> Row | None:
                    door = side.doors.get(upstream)
                    if door is None or rate > 2 * most.get(side.name, rate):
                        return None
                    pid = side.pids.get(upstream)
                    before = cpu_s(pid) if pid else 0.0
                    # A slow rate needs a longer turn: its 99th percentile is made of few answers.
                    warm_s = min(1.0, seconds)
                    lasting = max(seconds, min(4 * seconds, 100 / rate))
                    taken = await constant(door, door.request(characters), rate=rate, seconds=lasting, expected_s=on.late_s, warm_s=warm_s)
                    asked = int(rate * (lasting + warm_s))  # what warms up costs CPU too
                    cpu = (cpu_s(pid) - before) / asked * 1e6 if pid else None
                    return {
                        "p50_ms": taken.p(50),
                        "p99_ms": taken.p(99),
                        "answered": len(taken.times),
                        "errors": taken.errors,
                        "cpu_us": cpu,
                    }

                about = {"stage": "added", "upstream": "http" if upstream == "late" else "https", "characters": characters, "rate": rate}
                rows += await rounds(found, count, turn, **about)
    return rows


async def throughput(found: Sequence[Side], *, count: int, seconds: float, callers: Sequence[int]) -> list[Row]:
    """Requests a second as fast as they are answered, an upstream that answers at once, 1,000 characters."""
    rows: list[Row] = []
    for many in callers:

        async def turn(side: Side, many: int = many) -> Row:
            return await _burst(side, side.doors["at_once"].request(1000), many, seconds * (SLOW_TURNS if side.name == SLOW else 1))

        rows += await rounds(found, count, turn, stage="throughput", callers=many)
    return rows


async def answers(our: Side, *, count: int, seconds: float, callers: Sequence[int]) -> list[Row]:
    """A specialist's answers: nothing goes upstream."""
    rows: list[Row] = []
    for many in callers:

        async def turn(side: Side, many: int = many) -> Row:
            door = side.doors["at_once"]
            return await _burst(side, door.request(0, body=headline(UP + " and so on" * 90)), many, seconds)

        rows += await rounds([our], count, turn, stage="answers", callers=many)
    return rows


async def streams(found: Sequence[Side], *, count: int, seconds: float, callers: int) -> list[Row]:
    """Streams of 50 events, 5 ms apart."""

    async def turn(side: Side) -> Row:
        door, pid = side.doors["late"], side.pids.get("late")
        before = cpu_s(pid) if pid else 0.0
        lasting = seconds * (SLOW_TURNS if side.name == SLOW else 1)
        taken: Taken = await closed(door, door.request(1000, stream=True), callers=callers, seconds=lasting)
        cpu = (cpu_s(pid) - before) / max(1, taken.events) * 1e6 if pid else None
        return {
            "first_p50_ms": taken.p(50, taken.first),
            "first_p99_ms": taken.p(99, taken.first),
            "p50_ms": taken.p(50),
            "p99_ms": taken.p(99),
            "streams_s": len(taken.times) / taken.wall_s,
            "answered": len(taken.times),
            "errors": taken.errors,
            "cpu_event_us": cpu,
        }

    return await rounds(found, count, turn, stage="streams", callers=callers)


def starts(on: Ground, python: Path | None, *, count: int) -> list[Row]:
    """Seconds from the command to the first answer, and memory then. A first start of each, which writes its byte code, does not count."""
    rows: list[Row] = []
    for number in range(-1, count):
        commands = {"ours": _our_start(on)} | ({SLOW: _litellm_start(on, python)} if python else {})
        for name, (command, env, port, path) in commands.items():
            log = on.folder / f"start-{name}.log"
            began = time.monotonic()
            with running(command, log, env=env, cwd=sides.ROOT) as process:
                wait_ready(process, port, path, log)
                seconds = time.monotonic() - began
                if number >= 0:
                    rows.append({"stage": "start", "side": name, "round": number, "start_s": seconds, "rss_mb": rss_mb(process.pid)})
    return rows


def _our_start(on: Ground) -> tuple[list[str], dict[str, str], int, str]:
    port = sides.free_port()
    home = Path(tempfile.mkdtemp(dir=on.folder)) / "home"
    return sides.command(home, port, on.ports, "at_once"), sides.environment(on), port, "/readyz"


def _litellm_start(on: Ground, python: Path) -> tuple[list[str], dict[str, str], int, str]:
    port = sides.free_port()
    return (
        sides.litellm_command(python, on.folder / "litellm.yaml", port),
        sides.litellm_environment(on, python),
        port,
        "/health/liveliness",
    )


async def _burst(side: Side, request: bytes, callers: int, seconds: float) -> Row:
    pid = side.pids.get("at_once")
    before = cpu_s(pid) if pid else 0.0
    seen: Burst = await burst(side.doors["at_once"], request, callers=callers, seconds=seconds)
    cpu = (cpu_s(pid) - before) / max(1, seen.answered) * 1e6 if pid else None
    return {
        "requests_s": seen.requests_s,
        "p50_ms": seen.p50_ms,
        "p99_ms": seen.p99_ms,
        "answered": seen.answered,
        "errors": seen.errors,
        "cpu_us": cpu,
        "rss_mb": rss_mb(pid) if pid else None,
    }
