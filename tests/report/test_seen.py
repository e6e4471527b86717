"""The share that was seen, and what it says of the rest."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from modicum.catalog import Catalogue
from modicum.report.seen import scaled, seen
from modicum.store.usage import UsageRow
from tests.report.records import FIRST, PRICES, row

CATALOGUE = Catalogue(PRICES)


def rows_of(
    calls: int, *, day: int = 0, workload: str | None = "w", model: str = "big", shown: bool = True, scope: str = "default"
) -> UsageRow:
    made = row(day, workload_id=workload if shown else None, scope=scope)
    return dataclasses.replace(
        made, calls=calls, request_model=model, response_model=model, seen=shown, input_tokens=1000 * calls, output_tokens=100 * calls
    )


def test_all_of_it_was_seen() -> None:
    rows = [rows_of(10), rows_of(30, day=1), rows_of(5, workload=None)]
    share = seen(rows, CATALOGUE)
    assert share.whole and share.share_calls == 1.0 and share.share_spend == 1.0 and share.unreached_calls == 0
    mine, rest = scaled(rows, CATALOGUE)
    assert (mine.workload_id, mine.calls.value, mine.calls.low, mine.calls.high) == ("w", 40, 40, 40)
    assert mine.spend_usd is not None and mine.spend_usd.low == mine.spend_usd.high == pytest.approx(0.48)
    assert (rest.workload_id, rest.calls.value) == (None, 5)


def test_a_tenth_of_it_was_seen() -> None:
    rows = [rows_of(6, day=day) for day in range(10)]
    rows += [rows_of(4, day=day, workload="v") for day in range(10)]
    rows += [rows_of(90, day=day, shown=False) for day in range(10)]
    share = seen(rows, CATALOGUE)
    assert (share.calls, share.seen_calls, share.share_calls) == (1000, 100, 0.1)
    assert share.share_spend == pytest.approx(0.1)
    first, second = scaled(rows, CATALOGUE)
    assert first.workload_id == "w" and [one.calls.value for one in (first, second)] == pytest.approx([600, 400])
    assert 60 <= first.calls.low < 600 < first.calls.high <= 1000
    assert first.spend_usd is not None and first.spend_usd.value == pytest.approx(7.2)
    assert first.seen_usd == Decimal("0.72")


def test_where_all_that_were_seen_agree_the_others_may_not() -> None:
    """35 of 35, on five days: by Clopper and Pearson the rate is at least 0.025 ** (1 / 35), of the part that was not seen."""
    rows = [rows_of(7, day=day) for day in range(5)] + [rows_of(693, day=day, shown=False) for day in range(5)]
    (mine,) = scaled(rows, CATALOGUE)
    assert (mine.calls.value, mine.calls.high, mine.calls.over) == (3500, 3500, "days")
    assert mine.calls.low == pytest.approx(3500 * 0.025 ** (0.99 / 35), rel=1e-4)
    assert mine.spend_usd is not None and mine.spend_usd.low < mine.spend_usd.value == mine.spend_usd.high


@pytest.mark.parametrize("rate", [0.9, 0.97, 1.0])
def test_near_all_the_interval_holds_the_truth_as_often_as_it_says(rate: float) -> None:
    rng, trials, held = np.random.default_rng(8), 300, 0
    for _ in range(trials):
        rows = [rows_of(300, day=day, shown=False) for day in range(5)]
        truth = 0
        for day in range(5):
            mine, others = int(rng.binomial(6, rate)), 0
            others = 6 - mine
            rows += [rows_of(mine, day=day)] * bool(mine) + [rows_of(others, day=day, workload="v")] * bool(others)
            truth += mine + int(rng.binomial(300, rate))
        found = {one.workload_id: one for one in scaled(rows, CATALOGUE)}
        held += found["w"].calls.low <= truth <= found["w"].calls.high
    assert held / trials >= 0.93


def test_models_and_scopes_of_which_nothing_was_seen_are_said_apart() -> None:
    rows = [rows_of(10), rows_of(90, shown=False), rows_of(50, model="middle", shown=False), rows_of(7, scope="other", shown=False)]
    share = seen(rows, CATALOGUE)
    assert (share.unreached_calls, share.seen_calls) == (57, 10)
    (mine,) = scaled(rows, CATALOGUE)
    assert mine.calls.value == 100
    nothing = seen([rows_of(9, shown=False)], CATALOGUE)
    assert (nothing.share_calls, nothing.unreached_calls) == (0.0, 9)
    assert scaled([rows_of(9, shown=False)], CATALOGUE) == ()


def test_the_interval_holds_what_it_promises() -> None:
    """Traffic whose mix drifts by day, a tenth seen by chance: the truth lies within in 95 % of the draws, or nearly."""
    rng = np.random.default_rng(7)
    held = draws = 0
    for _ in range(120):
        rows, truth = [], 0
        for day in range(20):
            share = float(np.clip(rng.normal(0.3, 0.1), 0.02, 0.95))
            mine = int(rng.binomial(400, share))
            truth += mine
            shown = int(rng.binomial(mine, 0.1))
            others = int(rng.binomial(400 - mine, 0.1))
            rows += [rows_of(shown, day=day)] if shown else []
            rows += [rows_of(others, day=day, workload="v")] if others else []
            rows.append(rows_of(400 - shown - others, day=day, shown=False))
        found = next(one for one in scaled(rows, CATALOGUE) if one.workload_id == "w")
        held += found.calls.low <= truth <= found.calls.high
        draws += 1
        assert (FIRST + timedelta(days=19)).isoformat() >= max(one.day for one in rows)
    assert held / draws >= 0.9


def test_under_three_days_an_interval_is_over_calls_and_holds_there_too() -> None:
    """One day, a tenth of it seen: Wilson's limits hold the truth in about 95 % of the draws."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        mine = int(rng.binomial(600, 0.2))
        shown, others = int(rng.hypergeometric(mine, 600 - mine, 60)), 0
        others = 60 - shown
        rows = [rows_of(shown)] if shown else []
        rows += [rows_of(others, workload="v"), rows_of(540, shown=False)]
        found = next((one for one in scaled(rows, CATALOGUE) if one.workload_id == "w"), None)
        assert found is None or found.calls.over == "calls"
        held += found is None or found.calls.low <= mine <= found.calls.high
    assert held / 300 >= 0.92
    (alone,) = scaled([rows_of(5), rows_of(95, shown=False)], CATALOGUE)
    assert alone.calls.low < 90 < alone.calls.high == 100, "five alike of a hundred do not make sure of the other 95"
    assert scaled([rows_of(5, day=day) for day in range(3)], CATALOGUE)[0].calls.over == "days"


def test_calls_that_nobody_answered_are_not_scaled_up() -> None:
    refused = dataclasses.replace(
        rows_of(500, shown=False), refused=True, failed=500, calls_without_usage=500, input_tokens=0, output_tokens=0
    )
    (mine,) = scaled([rows_of(10), rows_of(90, shown=False), refused], CATALOGUE)
    assert mine.calls.value == 100
