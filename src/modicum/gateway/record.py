"""Write what happened to one request as a Call, once, before the caller has its last byte; settle what was reserved for it.

Where the store cannot be written the operator's word holds: `fail_open` goes on serving, counts and alarms, for an application must
not stop because its observer does; `fail_closed` answers 503 before anything is sent anywhere.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from modicum.errors import StoreUnavailableError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.apart import LONG_BYTES, apart
from modicum.gateway.draft import CLIENT_LEFT, Draft
from modicum.gateway.telemetry import Telemetry
from modicum.types import Call, Usage

SYNC_S = 1.0


class Writer(Protocol):
    """What the recorder needs of `store.segments.SegmentWriter`."""

    def append(self, call: Call) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


class Recorder:
    """Writes drafts, and calls that were answered elsewhere. `failed` says whether the last write did."""

    def __init__(self, writer: Writer, telemetry: Telemetry, alarm: Alarm, *, strict: bool) -> None:
        self._writer = writer
        self._telemetry = telemetry
        self._alarm = alarm
        self._strict = strict
        self.failed = False

    async def keep(self, draft: Draft) -> None:
        """Record the call, once. Never raises: `draft.recorded` says whether the store has it."""
        if draft.kept:
            return
        draft.kept = True
        try:
            draft.begins()
            long = len(draft.response_body or b"") > LONG_BYTES or (draft.seen is None and len(draft.body or b"") > LONG_BYTES)
            call = draft.call_kept = await apart(lambda: draft.call(self._alarm)) if long else draft.call(self._alarm)
        except Exception as error:
            self._lose(error)
            if draft.hold is not None:
                draft.hold.settle(None, Usage()) if draft.tried else draft.hold.cancel()
            return
        draft.recorded = await self.write(call)
        try:
            if draft.hold is not None:
                if draft.own_usage is None and not draft.taken and not (draft.tried and call.status == CLIENT_LEFT):
                    draft.hold.cancel()  # nobody bills a refusal; whoever leaves before the answer is billed for what was asked
                else:
                    draft.hold.settle(call.cost_usd, call.usage)
            self._telemetry.observe(call, overhead_ms=draft.overhead_ms or 0.0, traceparent=draft.traceparent)
        except Exception as error:
            self._alarm.ring("recorder", f"{name(error)}; a call was recorded, and not settled or measured")

    async def keep_or_refuse(self, draft: Draft) -> None:
        """The same, but raises StoreUnavailableError under `fail_closed` where the store did not take it."""
        await self.keep(draft)
        if not draft.recorded and draft.setting.fail_closed:
            raise StoreUnavailableError("the call could not be recorded, and nothing may be answered unrecorded")

    async def write(self, call: Call) -> bool:
        """Write a call; False, with an alarm, where the store does not take it."""
        try:
            if self._strict:
                await asyncio.shield(asyncio.to_thread(self._writer.append, call))
            else:
                self._writer.append(call)
        except Exception as error:
            self._lose(error)
            return False
        self.failed = False
        return True

    def _lose(self, error: Exception) -> None:
        self.failed = True
        self._telemetry.dropped()
        self._alarm.ring("recorder", f"{name(error)}; a call was answered and not recorded")

    async def sync(self) -> None:
        """Bring what was written to the disk every second, until cancelled."""
        while True:
            await asyncio.sleep(SYNC_S)
            try:
                await asyncio.to_thread(self._writer.sync)
            except Exception as error:
                self._alarm.ring("recorder", f"{name(error)}; the disk may not have the last calls")

    def close(self) -> None:
        """Seal what was written."""
        try:
            self._writer.close()
        except Exception as error:
            self._alarm.ring("recorder", f"{name(error)}; the last segment stays open")
