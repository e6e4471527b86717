"""A judge's labels, corrected by people: how often a false promise passes, and how much a good judge helps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from modicum.evaluate.certify import sampled_rows
from modicum.evaluate.evidence import certificate_file, write_certificate
from modicum.evaluate.judged import JudgedRows, is_audited, look_judged, reach, share_of, stand_ins
from modicum.evaluate.table import Table
from modicum.evaluate.verify import verify
from modicum.stats.betting import betting_p_value
from tests.evaluate.samples import attempt, traffic
from tests.evaluate.test_evidence import facts

Array = NDArray[np.float64]


def table(differs: NDArray[np.bool_]) -> Table:
    n = len(differs)
    return Table(
        labels=("x", "y"),
        said=np.zeros(n, dtype=np.int64),
        told=differs.astype(np.int64),
        confidence=np.ones(n),
        open=np.ones(n, dtype=np.bool_),
        weights=np.ones(n),
    )


def draw(rng: np.random.Generator, n: int, *, differing: float, worse: float, accuracy: float, lean: float) -> tuple[Table, Array, Array]:
    """Rows that differ so often, what is true of them, and a judge that is right so often and else leans to the specialist's side."""
    rows = table(rng.random(n) < differing)
    true = np.where(rng.random(n) < worse, 1.0, -1.0)
    wrong = rng.random(n) >= accuracy
    judge = np.where(wrong, np.where(rng.random(n) < lean, -1.0, 1.0), true)
    nothing = np.zeros(n)
    return rows, np.where(rows.differs, true, nothing), np.where(rows.differs, judge, nothing)


def test_it_is_right_on_average_whatever_the_judge_says() -> None:
    rng = np.random.default_rng(3)
    means = []
    for _ in range(400):
        rows, true, judge = draw(rng, 400, differing=0.5, worse=0.7, accuracy=0.4, lean=1.0)
        means.append(stand_ins(rows, true, judge, rng.random(400) < 0.3, 0.3).mean() - true.mean())
    assert abs(np.mean(means)) < 4 * np.std(means) / 20, "the judge leans to one side and is often wrong; the mean does not"


@pytest.mark.parametrize(("accuracy", "lean"), [(1.0, 0.5), (0.7, 1.0), (0.0, 1.0)])
def test_a_false_promise_passes_no_more_often_than_it_may(accuracy: float, lean: float) -> None:
    """The truth is exactly at the margin; 400 draws at level 5 %: more than 34 would be beyond chance (1 in 1,000)."""
    rng, share, level, passed = np.random.default_rng(11), 0.4, 0.05, 0
    for _ in range(400):
        rows, true, judge = draw(rng, 600, differing=0.3, worse=2 / 3, accuracy=accuracy, lean=lean)
        z = stand_ins(rows, true, judge, rng.random(600) < share, share) / reach(share)
        passed += betting_p_value(z, 0.1 / reach(share), level=level) <= level
    assert passed <= 34


def test_taking_the_judges_word_alone_would_break_the_promise() -> None:
    rng, broken = np.random.default_rng(12), 0
    for _ in range(50):
        _, _, judge = draw(rng, 600, differing=0.3, worse=2 / 3, accuracy=0.7, lean=1.0)
        broken += betting_p_value(judge, 0.1, level=0.05) <= 0.05
    assert broken > 40


def test_a_good_judge_makes_few_labels_of_people_go_further() -> None:
    rng, share = np.random.default_rng(5), 0.25
    spread: dict[float, float] = {}
    for accuracy in (0.95, 0.5):
        values = []
        for _ in range(200):
            rows, true, judge = draw(rng, 800, differing=0.6, worse=0.5, accuracy=accuracy, lean=0.5)
            values.append(stand_ins(rows, true, judge, rng.random(800) < share, share).mean())
        spread[accuracy] = float(np.std(values))
    assert spread[0.95] < 0.75 * spread[0.5]


def test_nothing_exceeds_its_reach_and_what_is_missing_is_the_worst_case() -> None:
    rng = np.random.default_rng(1)
    for share in (0.1, 0.5, 1.0):
        rows, true, judge = draw(rng, 500, differing=1.0, worse=0.5, accuracy=0.0, lean=0.5)
        z = stand_ins(rows, true, judge, rng.random(500) < share, share)
        assert z.max() <= reach(share) + 1e-12
    rows, true, judge = draw(rng, 300, differing=1.0, worse=0.5, accuracy=0.8, lean=0.5)
    audited = rng.random(300) < 0.5
    unlabelled = np.where(rng.random(300) < 0.3, np.nan, true)
    assert (stand_ins(rows, np.full(300, np.nan), np.full(300, np.nan), audited, 0.5) == 1.0).all()
    assert np.mean(stand_ins(rows, unlabelled, judge, audited, 0.5)) > np.mean(stand_ins(rows, true, judge, audited, 0.5))
    everything = stand_ins(rows, true, judge, np.ones(300, bool), 1.0)
    assert np.allclose(everything, true), "where people check everything the judge says nothing"


def test_of_a_sample_of_calls_a_judge_speaks_for_the_rest() -> None:
    _, _, rows = traffic(1500, error=0.03)
    declared = attempt(1500, tuple(round(0.6 - i * 0.02, 2) for i in range(25)), kinds=("B",), max_labels=150, margin=0.05)
    drawn, said = sampled_rows(declared, rows), np.full(1500, np.nan)
    said[drawn] = np.where(np.arange(len(drawn)) % 5 == 0, 1.0, -1.0)
    judged = JudgedRows(people=said, judge=said, checked=np.arange(1500) % 2 == 0, share=0.5)
    certificate, evidence = write_certificate(declared, look_judged(declared, rows, judged), rows, facts(), key=b"secret", judged=judged)
    accepted = rows.accepted(certificate.rule.accept_above)
    seen = accepted[drawn]
    expected = float(judged.stand_ins(rows)[drawn][seen].mean()) * float((accepted & rows.differs).mean())
    assert certificate.rate == pytest.approx(expected) and certificate.rate < 0 and certificate.errors <= len(drawn)
    assert verify(certificate_file(certificate, evidence)).holds


def test_the_coins_are_fixed_and_fair() -> None:
    names = [f"chatcmpl-{n}" for n in range(4000)]
    heads = [is_audited("att-1", name, 0.25) for name in names]
    assert heads == [is_audited("att-1", name, 0.25) for name in names] and 880 < sum(heads) < 1120
    assert heads != [is_audited("att-2", name, 0.25) for name in names]
    assert all(is_audited("att-1", name, share_of(500, 400)) for name in names)
