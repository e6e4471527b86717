"""Counting digests in bounded memory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modicum.store.home import prepare
from modicum.store.occurrences import Occurrences


@given(st.lists(st.sampled_from([bytes([n]) * 16 for n in range(9)]), max_size=60), st.integers(1, 10))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_are_the_same_in_memory_and_on_disk(tmp_path: Path, digests: list[bytes], in_memory: int) -> None:
    seen: Counter[bytes] = Counter()
    with Occurrences(prepare(tmp_path), in_memory=in_memory) as count:
        for digest in digests:
            seen[digest] += 1
            assert count(digest) == seen[digest]
    assert list((tmp_path / "tmp").iterdir()) == []
