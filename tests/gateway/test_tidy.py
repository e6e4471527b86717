"""The home is tidied by a process of its own; what it cannot do is an alarm, never an error of the gateway."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from pathlib import Path

from modicum.gateway.alarm import Alarm
from modicum.gateway.tidy import run
from modicum.store.calls import Calls
from modicum.store.home import prepare
from modicum.store.segments import SegmentWriter
from modicum.types import Call, new_call_id


def test_recorded_calls_enter_the_table(tmp_path: Path) -> None:
    home = prepare(tmp_path / "home")
    writer = SegmentWriter(home)
    call = Call(call_id=new_call_id(), started_at=datetime.now(UTC), origin="live", request=b"{}", response=b"{}")
    writer.append(call)
    asyncio.run(run(home, 90, Alarm(io.StringIO())))
    assert list((home / "calls").rglob("*.parquet"))
    assert [found.call_id for found in Calls(home).scan()] == [call.call_id]
    writer.close()


def test_what_fails_is_an_alarm(tmp_path: Path) -> None:
    heard = io.StringIO()
    (tmp_path / "file").write_text("no folder")
    asyncio.run(run(tmp_path / "file", 90, Alarm(heard)))
    assert "tidy" in heard.getvalue()
