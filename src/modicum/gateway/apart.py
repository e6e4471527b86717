"""Work that may take long, in a thread beside the loop, so that other callers do not wait for one whose body is long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

LONG_BYTES = 128 * 1024
"""Redacting so much takes some ms, and up to a second where it is full of numbers and addresses."""
Found = TypeVar("Found")


async def apart(work: Callable[[], Found]) -> Found:
    """What `work` returns, or raises. Nobody else touches what it works on meanwhile: a caller who leaves is heeded when it is over."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    left: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            left = error
    if left is not None and (waiting := asyncio.current_task()) is not None:
        waiting.cancel(*left.args)
    return task.result()
