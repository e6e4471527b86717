"""Assignments come back as they went in, whatever the ids look like."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from modicum.discover.assigned import Assigned

IDS = st.uuids().map(str) | st.uuids().map(lambda one: str(one).upper()) | st.text(max_size=40) | st.uuids().map(lambda one: one.hex)


@given(st.lists(st.tuples(IDS, st.sampled_from(["w1", "w2", ""]), st.sampled_from(["v1", ""]))))
def test_they_come_back(rows: list[tuple[str, str, str]]) -> None:
    found = Assigned()
    found.extend(rows)
    assert list(found) == rows == list(found)
    assert len(found) == len(rows)
    assert all(row in found for row in rows)


def test_odd_ids() -> None:
    odd = str(uuid.uuid4()).replace("-", " ")
    rows = [(odd, "w", "v"), ("1" * 36, "w", "v"), (f"{'0' * 32}----", "w", "v"), ("00000000-0000-7000-8000-000000000000", "w", "v")]
    found = Assigned()
    found.extend(rows)
    assert list(found) == rows
