"""A file that is no log is refused once, in words that say what it looks like."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.intake import Refusal, Told
from tests.intake.logs import take

GOOD = {"request": {"messages": [{"role": "user", "content": "Hai"}]}, "timestamp": 1790841600}


def packed(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(name, b"x" * 5_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "a PNG picture"),
        (b"%PDF-1.7\n" + b"\x00\xff\n" * 90, "a PDF"),
        (b"PAR1" + b"\x15\x00" * 50, "a Parquet file"),
        (packed("calls.jsonl"), "a ZIP archive"),
        (packed("[Content_Types].xml"), "office program"),
        (b"# A page\n\nThat holds words.\n\n- and a list\n" * 3, "looks like text"),
        (b"import os\nprint(os)\nexit()\n", "looks like text"),
        (b"<!doctype html>\n<html>\n<p>x</p>\n</html>\n", "a web page"),
        (b"<?xml version='1.0'?>\n<a>\n</a>\n", "XML"),
        (b"\x01\x02\x03\n\x04\xff\n\x05\x06\n\xfe\n" * 20, "binary data"),
        ("第一行\n第二行\n第三行\n".encode(), "looks like text"),
    ],
)
def test_what_is_no_log_is_refused_once(body: bytes, what: str) -> None:
    (refused,) = take(body)
    assert isinstance(refused, Refusal) and refused.whole and what in refused.reason
    assert str(refused).startswith("log: ") and "JSON lines" in refused.reason


def test_a_database_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as made:
        made.execute("CREATE TABLE x (y)")
    (refused,) = take((tmp_path / "a.db").read_bytes())
    assert isinstance(refused, Refusal) and "an SQLite database" in refused.reason


@given(st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=6), st.integers(0, 6))
def test_a_log_with_rubbish_in_it_is_still_read(rubbish: list[bytes], at: int) -> None:
    lines = [*rubbish[:at], json.dumps(GOOD).encode(), *rubbish[at:]]
    found = take(b"x\n" + b"\n".join(lines) + b"\n")
    assert sum(isinstance(one, Told) for one in found) == 1
    assert not any(one.whole for one in found if isinstance(one, Refusal))
