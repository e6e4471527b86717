"""Write what happened to one request as a Call, once, before the caller has its last byte; settle what was reserved for it.

Where the store cannot be written the operator's word holds: `fail_open` goes on serving, counts and alarms, for an application must
not stop because its observer does; `fail_closed` answers 503 before anything is sent anywhere.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Protocol

from modicum.errors import StoreUnavailableError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.apart import LONG_BYTES, apart
from modicum.gateway.draft import CLIENT_LEFT, Draft
from modicum.gateway.telemetry import Telemetry
from modicum.types import UNKNOWN_USAGE

SYNC_S = 1.0


class Writer(Protocol):
    """What the recorder needs of `store.segments.SegmentWriter`."""

    def append_frame(self, frame: bytes) -> None: ...
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
            if draft.beside is not None:
                await draft.hear(draft.beside)
            if len(draft.response_body or b"") > LONG_BYTES or (draft.seen is None and len(draft.body or b"") > LONG_BYTES):
                record = await apart(lambda: draft.record(self._alarm))
            else:
                record = draft.record(self._alarm)
            draft.record_kept = record
        except Exception as error:
            self._lose(error)
            if draft.hold is not None:
                draft.hold.settle(None, UNKNOWN_USAGE) if draft.tried else draft.hold.cancel()
            return
        try:
            frame = record.frame()
            if self._strict:
                await asyncio.shield(asyncio.to_thread(self._writer.append_frame, frame))
            else:
                self._writer.append_frame(frame)
        except Exception as error:
            self._lose(error)
        else:
            draft.recorded, self.failed = True, False
        try:
            if draft.hold is not None:
                head = record.head
                if draft.own_usage is None and not draft.taken and not (draft.tried and head.status == CLIENT_LEFT):
                    if draft.consulted:
                        draft.hold.settle(draft.first_usd(Decimal(0)), UNKNOWN_USAGE)
                    else:
                        draft.hold.cancel()  # nobody bills a refusal; whoever leaves before the answer is billed for what was asked
                else:
                    draft.hold.settle(draft.first_usd(head.cost_usd), head.usage or UNKNOWN_USAGE)
            self._telemetry.observe(record, overhead_ms=draft.overhead_ms or 0.0, headers=draft.headers)
        except Exception as error:
            self._alarm.ring("recorder", f"{name(error)}; a call was recorded, and not settled or measured")

    async def keep_or_refuse(self, draft: Draft) -> None:
        """The same, but raises StoreUnavailableError under `fail_closed` where the store did not take it."""
        await self.keep(draft)
        if not draft.recorded and draft.setting.fail_closed:
            raise StoreUnavailableError("the call could not be recorded, and nothing may be answered unrecorded")

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
