from __future__ import annotations

import dataclasses
from decimal import Decimal

import numpy as np

from modicum.evaluate.saving import estimate_saving
from tests.evaluate.samples import traffic


def test_a_saving_with_its_interval() -> None:
    _, _, table = traffic(1000)
    accepted = table.accepted(0.5)
    saving = estimate_saving(table, accepted, calls_per_month=10_000, control_share=0.05, baseline="gpt-4", seed=1)
    assert saving.usd_month is not None and saving.low_usd_month is not None and saving.high_usd_month is not None
    assert saving.low_usd_month < saving.usd_month < saving.high_usd_month
    share = float((table.weights * accepted).sum() / table.weights.sum())
    assert abs(float(saving.usd_month) - 10_000 * 0.95 * 0.002 * share) < 0.01
    assert saving.baseline == "gpt-4" and "1,000 groups" in saving.method
    assert saving == estimate_saving(table, accepted, calls_per_month=10_000, control_share=0.05, baseline="gpt-4", seed=1)


def test_unknown_prices_are_an_unknown_saving() -> None:
    _, _, table = traffic(100)
    unpriced = dataclasses.replace(table, costs=(None,) * 100)
    saving = estimate_saving(unpriced, np.ones(100, dtype=bool), calls_per_month=10_000, control_share=0.05, baseline="x", seed=1)
    assert (saving.usd_month, saving.low_usd_month, saving.high_usd_month) == (None, None, None)
    one_gap = dataclasses.replace(table, costs=(None, *[Decimal("0.002")] * 99))
    assert estimate_saving(
        one_gap, np.ones(100, dtype=bool), calls_per_month=1e6, control_share=0, baseline="x", seed=1
    ).usd_month == Decimal("2000.00")
