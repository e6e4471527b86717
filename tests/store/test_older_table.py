"""A table that was written before some columns were there is read and appended to."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arro3.core import Array, Field, RecordBatch, Schema
from deltalake import DeltaTable, write_deltalake

from modicum.store import rows
from modicum.store.calls import Calls
from modicum.store.marks import NAMES
from modicum.store.segments import SegmentWriter
from modicum.store.table import CONFIGURATION, WRITER
from modicum.types import Call, Usage, new_call_id

LATER = (
    "key_id",
    "endpoint",
    "provider",
    "deployments",
    "view_version",
    "service_tier",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "trace_id",
    "tags",
    "seen",
    "stage_usd",
    "stage_model",
    "stage_input_tokens",
    "stage_output_tokens",
    *NAMES,
)
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def older(home: Path, calls: list[Call]) -> None:
    """Write a table as it was before."""
    columns = {name: kind for name, kind in rows.COLUMNS.items() if name not in LATER}
    schema = Schema([Field(name, kind, nullable=True) for name, kind in columns.items()])
    values = dict(zip(rows.COLUMNS, zip(*(rows.row(call, 0) for call in calls), strict=True), strict=True))
    batch = RecordBatch([Array(values[name], kind) for name, kind in columns.items()], schema=schema)
    table = DeltaTable.create(home / "calls", schema=schema, partition_by=["scope", "day"], configuration=CONFIGURATION)
    write_deltalake(table, batch, mode="append", writer_properties=WRITER)


def call(number: int) -> Call:
    return Call(
        call_id=new_call_id(),
        response_id=f"r{number}",
        origin="live",
        started_at=START + timedelta(minutes=number),
        request=b"{}",
        response=b"[]",
        usage=Usage(input_tokens=5, output_tokens=7),
    )


@pytest.mark.parametrize("compacted", [False, True])
def test_both_are_read(tmp_path: Path, compacted: bool) -> None:
    home = Calls(tmp_path).home
    old = [call(number) for number in range(3)]
    older(home, old)
    assert list(Calls(home).scan()) == old
    assert Calls(home).get("r1") == old[1]
    new = dataclasses.replace(
        call(3),
        key_id="key-1",
        endpoint="messages",
        provider="anthropic",
        deployments=("a b/m", "anthropic/m"),
        view_version="3",
        service_tier="flex",
        usage=Usage(
            input_tokens=9, output_tokens=1, cache_write_tokens=4, cache_write_1h_tokens=3, audio_input_tokens=2, audio_output_tokens=1
        ),
    )
    writer = SegmentWriter(home)
    writer.append(new)
    writer.close()
    calls = Calls(home)
    if compacted:
        calls.compact()
    assert list(calls.scan()) == [*old, new]
    first, second = sorted(calls.usage(), key=lambda row: row.calls)
    assert (first.provider, first.service_tier, first.cache_write_1h_tokens, first.audio_input_tokens) == ("anthropic", "flex", 3, 2)
    assert (second.calls, second.provider, second.input_tokens, second.cache_write_1h_tokens) == (3, None, 15, 0)
    assert calls.erase(call_id="r0") == 1
    assert calls.expire_bodies(0) == 3
    assert [c.response_id for c in calls.scan()] == ["r1", "r2", "r3"]
