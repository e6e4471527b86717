"""Segments: appended to by one, sealed by anybody."""

from __future__ import annotations

import fcntl
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modicum.errors import StoreBusyError
from modicum.store.segments import SegmentWriter, open_all, seal, segments
from modicum.types import Call, new_call_id


def call(name: str = "r", size: int = 100) -> Call:
    return Call(call_id=new_call_id(), response_id=name, origin="live", started_at=datetime.now(UTC), request=b"q" * size)


def names(home: Path) -> list[str | None]:
    opened = open_all(home)
    try:
        return [found.response_id for segment in opened for _, found in segment.calls()]
    finally:
        for segment in opened:
            segment.file.close()


def states(home: Path) -> list[str]:
    return [segment.state for segment in segments(home)]


def test_a_writer_makes_no_file_before_the_first_call_and_seals_at_its_end(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.sync()
    writer.close()
    assert segments(tmp_path) == []
    writer.append(call("a"))
    assert states(tmp_path) == ["open"]
    writer.close()
    assert states(tmp_path) == ["seg"] and names(tmp_path) == ["a"]


def test_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        writer = SegmentWriter(tmp_path / "home")
        writer.append(call())
    finally:
        os.umask(before)
    for path in (tmp_path / "home", *(tmp_path / "home").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    writer.close()


def test_a_segment_rolls_by_size_and_by_age(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, roll_bytes=500)
    for number in range(6):
        writer.append(call(str(number), 200))
    assert states(tmp_path).count("seg") >= 1
    writer.close()
    assert sorted(map(str, names(tmp_path))) == list("012345")
    old = SegmentWriter(tmp_path / "old", roll_s=0.0)
    old.append(call("a"))
    old.sync()
    assert states(tmp_path / "old") == ["seg"]


def test_whoever_seals_an_open_segment_the_writer_goes_on_in_another(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(call("before"))
    seal(segments(tmp_path)[0].path)
    sealed = segments(tmp_path)[0].path
    body = sealed.read_bytes()
    writer.append(call("after"))
    assert sorted(states(tmp_path)) == ["open", "seg"]
    assert sealed.read_bytes() == body
    sealed.unlink()
    writer.close()
    assert names(tmp_path) == ["after"]


def test_a_sealed_segment_ends_where_its_calls_do(tmp_path: Path) -> None:
    """The mark of a seal is no call, even where whoever sealed was stopped half way and another seals again."""
    writer = SegmentWriter(tmp_path)
    writer.append(call("a"))
    path = segments(tmp_path)[0].path
    whole = path.read_bytes()
    for mark in range(10):
        path.write_bytes(whole + bytes(mark))
        assert names(tmp_path) == ["a"]
    writer.append(call("b"))
    seal(path)
    assert path.with_suffix(".seg").read_bytes() == whole + bytes(10)
    writer.close()
    assert names(tmp_path) == ["a", "b"]


def test_a_segment_that_was_taken_away_is_left_within_the_second(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(call("a"))
    segments(tmp_path)[0].path.unlink()
    writer.sync()
    writer.append(call("b"))
    writer.close()
    assert names(tmp_path) == ["b"]


def test_a_forked_child_begins_a_segment_of_its_own(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(call("a"))
    if not (child := os.fork()):
        writer.append(call("child"))
        writer.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writer.append(call("b"))
    assert sorted(states(tmp_path)) == ["open", "seg"]
    writer.close()
    assert sorted(map(str, names(tmp_path))) == ["a", "b", "child"]


def test_a_writer_never_waits_for_who_holds_its_segment(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(call("a"))
    held = segments(tmp_path)[0].path.open("rb")
    fcntl.flock(held, fcntl.LOCK_EX)
    writer.append(call("b"))
    with pytest.raises(StoreBusyError):
        seal(Path(held.name), wait_s=0.01)
    held.close()
    writer.close()
    assert names(tmp_path) == ["a", "b"]


def test_an_empty_segment_is_removed_when_it_is_sealed(tmp_path: Path) -> None:
    SegmentWriter(tmp_path)
    left = tmp_path / "segments" / f"{new_call_id()}.open"
    left.touch()
    seal(left)
    seal(left)
    assert segments(tmp_path) == []


def test_threads_may_share_a_writer(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, roll_bytes=3_000)

    def write(name: int) -> None:
        for number in range(50):
            writer.append(call(f"{name}-{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert sorted(map(str, names(tmp_path))) == sorted(f"{n}-{i}" for n in range(4) for i in range(50))


def test_a_strict_writer_records_the_same(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, durability="strict")
    writer.append(call("a"))
    assert names(tmp_path) == ["a"]
    writer.close()
