"""What a comparison with full precision shows, and how often it rings where nothing is wrong."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest

from modicum.train.drift import Compared, Drift, Tolerance, compare
from modicum.train.drift_shown import DOUBT, shown
from modicum.types import Sample

ALLOWED = Tolerance(agreement=0.98, loss=0.004)
ONE = Sample(
    call_id="c", response_id=None, at=datetime(2026, 3, 1, tzinfo=UTC), slots=(("text", "a"),), value="yes", version_id="v", incumbent="m"
)


def drift(requests: int, lost: int = 0, won: int = 0, *, labels: int = 1, known: bool = True) -> Drift:
    """So many requests, of which full precision is right and the small one wrong, or the other way round."""
    rows = []
    for row in range(requests):
        right = f"l{row % labels}"
        full, small = (right, "odd") if row < lost else ("odd", right) if row < lost + won else (right, right)
        sample = dataclasses.replace(ONE, call_id=str(row), value=right if known else None)
        rows.append(Compared(sample=sample, text=f"request {row}", full=full, small=small))
    return compare(rows, ALLOWED)


def test_what_was_only_counted_does_not_ring() -> None:
    counted = drift(415, 5, 1)
    assert "loses" in counted.beyond, "the gate of a fit takes it as it stands"
    found = shown(counted, ALLOWED)
    assert found.word == "unclear" and "loses 5 right answers of 415 and wins 1 (+0.96%)" in found.reason
    assert found.needs_requests is not None and 415 < found.needs_requests < 20_000
    scaled = found.needs_requests / 415
    assert shown(drift(found.needs_requests, round(5 * scaled), round(scaled)), ALLOWED).word == "beyond"


def test_what_is_shown_rings() -> None:
    found = shown(drift(1_000, 60), ALLOWED)
    assert found.word == "beyond" and found.confidence == 0.95 and found.needs_requests is None
    assert "agrees with full precision on 94.0% of 1,000" in found.reason
    hidden = drift(2_000, 15, labels=100)  # each of another label, and these requests alone are long
    assert shown(hidden, ALLOWED).word != "beyond"


def test_one_label_that_is_lost_is_found_among_many() -> None:
    rows = []
    for row in range(8_000):
        label = f"l{row % 320}"
        small = "odd" if label == "l7" else label
        rows.append(Compared(sample=dataclasses.replace(ONE, value=label), text="a", full=label, small=small))
    found = shown(compare(rows, ALLOWED), ALLOWED)
    assert found.word == "beyond" and found.reason.startswith("label 'l7': agrees with full precision on 0.0% of 25")


def test_enough_requests_without_a_difference_show_that_it_is_within() -> None:
    few = shown(drift(100), ALLOWED)
    assert few.word == "unclear" and few.needs_requests is not None and few.needs_requests > 100
    assert shown(drift(few.needs_requests), ALLOWED).word == "within"
    assert shown(drift(few.needs_requests // 2), ALLOWED).word == "unclear"
    assert shown(drift(400, known=False), ALLOWED).word == "within", "where no answer is known there is no loss to ask about"


def test_nothing_shows_nothing() -> None:
    assert shown(drift(0), ALLOWED).word == "unclear"


@pytest.mark.parametrize(("requests", "labels"), [(60, 3), (415, 12)])
def test_it_seldom_rings_where_just_so_much_is_lost_as_is_allowed(requests: int, labels: int) -> None:
    random, rang, rounds = np.random.default_rng(7), 0, 100
    for _ in range(rounds):
        lost = int(random.binomial(requests, ALLOWED.loss))
        rang += shown(drift(requests, lost, labels=labels), ALLOWED).word == "beyond"
    assert rang <= rounds * DOUBT
