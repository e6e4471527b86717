"""Half an hour of load: does memory stay flat, is there an error, is every answer on record?

Plain calls at a constant rate and streams beside them; each answer's id is compared with the store afterwards.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from benchmarks.gateway.load import closed, constant
from benchmarks.gateway.process import cpu_s, rss_mb
from benchmarks.gateway.sides import Ground, ours
from modicum.store.calls import Calls

EVERY_S = 10.0
STREAMS = 16
LEG_S = 55.0
"""The load comes in legs, each with connections of its own."""


async def soak(on: Ground, *, minutes: float, rate: float) -> dict[str, Any]:
    """Figures of one run. Memory is the gateway's own process: what tidies the home beside it comes and goes."""
    # Started in a thread: it must not hold this loop up while it starts.
    context = ours(on, upstreams=("late",))
    side = await asyncio.to_thread(context.__enter__)
    memory: list[tuple[float, float]] = []
    ids: list[str] = []
    errors = answered = 0
    try:
        door, pid = side.doors["late"], side.pids["late"]
        began = time.monotonic()
        watching = asyncio.create_task(_watch(pid, began, memory))
        while (left := minutes * 60 - (time.monotonic() - began)) > 1:
            seconds = min(LEG_S, left)
            plain, streamed = await asyncio.gather(
                constant(door, door.request(1000), rate=rate, seconds=seconds, expected_s=on.late_s, warm_s=0.0),
                closed(door, door.request(1000, stream=True), callers=STREAMS, seconds=seconds),
            )
            for taken in (plain, streamed):
                ids += taken.ids
                errors += taken.errors
                answered += len(taken.times)
        watching.cancel()
        cpu = cpu_s(pid)
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
    lost, doubled = await asyncio.to_thread(compare, side.homes[0], ids)
    settled = [mb for at, mb in memory if minutes * 6 <= at <= minutes * 12] or [mb for _, mb in memory[:1]]
    end = [mb for at, mb in memory if at >= minutes * 54] or [mb for _, mb in memory[-1:]]
    first, last = max(settled, default=float("nan")), max(end, default=float("nan"))
    return {
        "stage": "soak",
        "minutes": minutes,
        "rate": rate,
        "answered": answered,
        "errors": errors,
        "lost": lost,
        "doubled": doubled,
        "rss_settled_mb": first,
        "rss_end_mb": last,
        "rss_most_mb": max((mb for _, mb in memory), default=float("nan")),
        "growth_percent": (last / first - 1) * 100,
        "cpu_us": cpu / max(1, answered) * 1e6,
        "memory": [(round(at), round(mb, 1)) for at, mb in memory],
    }


def compare(home: Path, ids: list[str]) -> tuple[int, int]:
    """(answers that are not on record, calls that stand there twice)"""
    wanted = set(ids)
    seen: set[str] = set()
    doubled = 0
    for call in Calls(home).scan(bodies=False):
        doubled += call.call_id in seen
        seen.add(call.call_id)
    return len(wanted - seen), doubled


async def _watch(pid: int, began: float, memory: list[tuple[float, float]]) -> None:
    while True:
        memory.append((time.monotonic() - began, rss_mb(pid, alone=True)))
        await asyncio.sleep(EVERY_S)
