from __future__ import annotations

from collections.abc import Iterator

import pytest

from modicum.stats.sequence import fixed_sequence, spending


def test_stops_at_the_first_failure_and_reads_no_further() -> None:
    def p_values() -> Iterator[float]:
        yield from (0.01, 0.05, 0.06)
        raise AssertionError("read past the first failure")

    assert fixed_sequence(p_values(), 0.05) == (2, [0.01, 0.05, 0.06])


def test_all_pass_none_pass_nan() -> None:
    assert fixed_sequence([0.0, 0.0], 0.05)[0] == 2
    assert fixed_sequence([], 0.05) == (0, [])
    assert fixed_sequence([float("nan"), 0.0], 0.05)[0] == 0


def test_attempts_together_spend_at_most_delta() -> None:
    assert spending(0.05, 1) == pytest.approx(0.030396, abs=1e-6)
    assert 0.049 < sum(spending(0.05, j) for j in range(1, 10_000)) < 0.05
    with pytest.raises(ValueError, match="from 1"):
        spending(0.05, 0)
