"""The record as a file: it holds as it was written, and with any byte of its lines changed it does not."""

from __future__ import annotations

import io
import json
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modicum.errors import InputError
from modicum.store import audit_file, chain
from modicum.store.chain import GENESIS, Line, Walked

AT = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)


def lines(count: int) -> list[Line]:
    found: list[Line] = []
    for number in range(1, count + 1):
        before = found[-1].link if found else GENESIS
        found.append(
            chain.line(before, number=number, at=f"{AT.isoformat()}", actor="ada", action="note", subject="é", detail=f'"{number}\n')
        )
    return found


EXPORT = b"".join(audit_file.written(lines(5), AT))
HEADER_END = EXPORT.index(b"\n") + 1


def check(data: bytes, kept: str | None = None) -> Walked:
    return audit_file.verify(io.BytesIO(data), kept)


def test_what_is_written_holds() -> None:
    found = check(EXPORT)
    assert found.holds and found.lines == 5 and found.head == audit_file.head_of(io.BytesIO(EXPORT))
    rows = [json.loads(row) for row in EXPORT.splitlines()]
    assert rows[0] == {"format": "modicum-audit", "version": 1, "created": "2026-11-22T17:30:00Z", "count": 5, "head": rows[5]["link"]}
    assert list(rows[1]) == ["number", "at", "actor", "action", "subject", "detail", "nonce", "commitment", "link"]
    empty = b"".join(audit_file.written([], AT))
    assert check(empty).holds and check(empty).head == GENESIS


@settings(max_examples=300)
@given(st.integers(HEADER_END, len(EXPORT) - 1), st.integers(0, 255))
def test_any_byte_of_any_line_that_is_changed_is_found(at: int, byte: int) -> None:
    changed = EXPORT[:at] + bytes([byte]) + EXPORT[at + 1 :]
    assert check(changed).holds == (changed == EXPORT)


@settings(max_examples=200)
@given(st.integers(0, len(EXPORT)), st.integers(0, 300), st.binary(max_size=3))
def test_anything_cut_out_or_put_in_is_found(at: int, length: int, put: bytes) -> None:
    changed = EXPORT[:at] + put + EXPORT[at + length :]
    found = check(changed, kept=audit_file.head_of(io.BytesIO(EXPORT)))
    created = at < HEADER_END and found.holds and changed[HEADER_END:] == EXPORT[HEADER_END:]
    assert found.holds == (changed == EXPORT) or created, "the time of the export is vouched for by its signature alone"


@pytest.mark.parametrize("end", range(1, 5))
def test_an_end_that_was_cut_off_is_found_by_the_header(end: int) -> None:
    rows = EXPORT.splitlines(keepends=True)
    assert not check(b"".join(rows[: 1 + end])).holds
    shorter = b"".join(audit_file.written(lines(5)[:end], AT))
    assert check(shorter).holds and not check(shorter, kept=audit_file.head_of(io.BytesIO(EXPORT))).holds


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"count":5', b'"count":6'),
        (b'"count":5', b'"count": 5'),
        (b'"version":1', b'"version":2'),
        (b'"head":"', b'"head":"0'),
        (b"}\n", b',"x":1}\n'),
    ],
)
def test_a_header_that_does_not_fit_is_found(was: bytes, becomes: bytes) -> None:
    assert not check(EXPORT.replace(was, becomes, 1)).holds


def test_a_line_is_told_by_its_number_whatever_became_of_it() -> None:
    rows = EXPORT.splitlines(keepends=True)
    for spoiled in (b"\n", b"{}\n", rows[3].replace(b"ada", b"eve"), rows[3].replace(b'{"', b'{ "'), b'{"a":' * 5_000 + b"\n", b"\xff\n"):
        found = check(b"".join([*rows[:3], spoiled, *rows[4:]]))
        assert [fault.line for fault in found.faults] == [3], spoiled[:40]


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=400), st.lists(st.sampled_from([*EXPORT.splitlines(keepends=True), b"\n", b"{", b"null\n"])).map(b"".join))
)
@example(b"")
@example(EXPORT)
def test_any_bytes_are_answered(data: bytes) -> None:
    found = check(data)
    assert found.holds == (data == EXPORT) and len(found.faults) <= 100
    try:
        assert len(audit_file.head_of(io.BytesIO(data))) == 64
    except InputError:
        assert not data.startswith(EXPORT[:HEADER_END])


def test_a_line_without_an_end_is_not_read_whole() -> None:
    data = EXPORT + b'{"number":' + b"1" * (8 * audit_file.MAX_LINE_BYTES)
    tracemalloc.start()
    found = check(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not found.holds and most < 5 * audit_file.MAX_LINE_BYTES
    assert "longer than any line" in found.faults[0].what and found.faults[0].line == 6
