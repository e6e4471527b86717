"""Moving what is sealed into the table, as a command of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from modicum.store import compact
from modicum.store.calls import Calls
from modicum.store.segments import SegmentWriter, segments
from modicum.types import Call, new_call_id


def test_the_command_moves_everything_and_drops_what_is_past_its_days(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    for number in range(3):
        writer.append(Call(call_id=new_call_id(), response_id=f"r{number}", origin="live", started_at=datetime.now(UTC), request=b"{}"))
    compact.main([str(tmp_path), "1"])
    assert segments(tmp_path) == []
    assert [call.request for call in Calls(tmp_path).scan()] == [b"{}"] * 3
    compact.main([str(tmp_path), "0"])
    assert [call.request for call in Calls(tmp_path).scan()] == [None] * 3
    writer.close()


def test_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    compact.main([str(tmp_path)])
    assert Calls(tmp_path).compact() == 0
    assert not (tmp_path / "calls" / "_delta_log").exists()
    assert Calls(tmp_path).expire_bodies(0) == 0
    assert list(Calls(tmp_path).scan()) == []
    assert Calls(tmp_path).erase(user_id="nobody") == 0


def test_a_damaged_segment_gives_what_can_be_read(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    for number in range(5):
        writer.append(
            Call(call_id=new_call_id(), response_id=f"r{number}", origin="live", started_at=datetime.now(UTC), request=b"x" * 100)
        )
    writer.close()
    path = segments(tmp_path)[0].path
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(bytes(body[:-7]))
    (tmp_path / "segments" / f"{new_call_id()}.zst").write_bytes(b"no zstd at all")
    calls = Calls(tmp_path)
    found = {call.response_id for call in calls.scan()}
    assert found == {"r0", "r1", "r3"}
    calls.compact()
    assert {call.response_id for call in calls.scan()} == found
