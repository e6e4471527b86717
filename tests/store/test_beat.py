"""The heartbeat: written whole, read strictly."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modicum.errors import StoreError
from modicum.store import beat

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_beat_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert beat.read(tmp_path) is None and beat.age(tmp_path) is None
    beat.write(tmp_path, run_id="r", at=NOW)
    assert beat.read(tmp_path) == NOW and beat.age(tmp_path, NOW + timedelta(seconds=7)) == timedelta(seconds=7)
    assert beat.path(tmp_path).stat().st_mode & 0o777 == 0o600 and os.listdir(tmp_path) == ["watch.json"]
    beat.write(tmp_path)
    assert (found := beat.age(tmp_path)) is not None and found < timedelta(seconds=5)


def test_a_beat_from_the_future_is_none(tmp_path: Path) -> None:
    beat.write(tmp_path, at=NOW)
    assert beat.age(tmp_path, NOW - timedelta(seconds=30)) == timedelta(0), "two machines' clocks differ"
    assert beat.age(tmp_path, NOW - timedelta(hours=1)) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"at": 5}',
        b'{"at": "2026-05-01T12:00:00"}',
        b'{"at": "yesterday"}',
        b'{"at": "9999-12-31T23:59:59-23:59"}',
        b'{"at": "2026-05-01T12:00:00Z", "pid": "x"}',
        b'{"at": "2026-05-01T12:00:00Z", "run_id": "' + b"x" * 2000 + b'"}',
    ],
)
def test_anything_else_is_no_beat(tmp_path: Path, body: bytes) -> None:
    beat.path(tmp_path).write_bytes(body)
    assert beat.read(tmp_path) is None and beat.age(tmp_path) is None


def test_what_is_no_file_is_no_beat(tmp_path: Path) -> None:
    beat.path(tmp_path).mkdir()
    assert beat.read(tmp_path) is None
    with pytest.raises(StoreError):
        beat.write(tmp_path)
    assert os.listdir(tmp_path) == ["watch.json"]
    beat.path(tmp_path).rmdir()
    os.mkfifo(beat.path(tmp_path))
    assert beat.read(tmp_path) is None, "and nobody waits for a writer"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.datetimes().map(lambda at: b'{"at":"%s+14:00"}' % at.isoformat().encode()))
def test_any_bytes_are_a_beat_or_none(tmp_path: Path, body: bytes) -> None:
    beat.path(tmp_path).write_bytes(body)
    found = beat.read(tmp_path)
    assert found is None or found.tzinfo is UTC
    beat.age(tmp_path)
