"""Move what was recorded into the table, and drop bodies past their time: in a process of its own, for it loads what the day never does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from pathlib import Path

from modicum.gateway.alarm import Alarm, name

EVERY_S = 600.0


async def tidy(home: Path, keep_days: int, alarm: Alarm, *, every_s: float = EVERY_S) -> None:
    """Tidy the home every ten minutes or so until cancelled. Several workers may: the home's lock lets one at a time."""
    while True:
        await asyncio.sleep(every_s * random.uniform(0.8, 1.2))
        try:
            await run(home, keep_days, alarm)
        except OSError as error:
            alarm.ring("tidy", name(error))


async def run(home: Path, keep_days: int, alarm: Alarm) -> None:
    """Tidy once."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "modicum.store.compact", str(home), str(keep_days), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        code = await child.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):  # killed anywhere, it loses nothing
            child.kill()
        await child.wait()
        raise
    if code:
        alarm.ring("tidy", f"compacting the records ended with code {code}; it is tried again")
