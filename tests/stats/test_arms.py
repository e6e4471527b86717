"""What the kept calls say of the others."""

from __future__ import annotations

import numpy as np
import pytest

from modicum.stats.arms import FEWEST, _student, counterfactual


def _world(random: np.random.Generator, conversations: int, share: float, noise: float) -> tuple[np.ndarray, ...]:
    """Costs follow lengths, lengths follow conversations, and whole conversations are kept."""
    sizes = random.geometric(0.4, conversations)
    whose = np.repeat(np.arange(conversations), sizes)
    lengths = random.lognormal(0, 0.7, conversations)[whose] * random.lognormal(0, 0.2, len(whose))
    costs = (0.2 + lengths) * random.lognormal(0, noise, len(whose))
    kept = (random.random(conversations) < share)[whose]
    return whose, lengths, costs, kept


@pytest.mark.parametrize("with_lengths", [True, False])
def test_the_interval_holds_what_the_treated_would_have_cost(with_lengths: bool) -> None:
    random = np.random.default_rng(5)
    held, widths = 0, []
    for _ in range(300):
        whose, lengths, costs, kept = _world(random, 700, 0.1, 0.3)
        treated = lengths[~kept] if with_lengths else int((~kept).sum())
        found = counterfactual(costs[kept], np.full(kept.sum(), 9.0), whose[kept], lengths[kept] if with_lengths else None, treated)
        assert found is not None and found.low is not None and found.high is not None
        truth = costs[~kept].mean()
        held += found.low <= truth <= found.high
        widths.append((found.high - found.low) / truth)
    assert held / 300 > 0.9
    assert np.median(widths) < (0.25 if with_lengths else 0.6)


def test_weights_undo_a_share_that_changed_while_calls_became_dearer() -> None:
    random = np.random.default_rng(6)
    early, late = _world(random, 3000, 0.5, 0.1), _world(random, 3000, 0.05, 0.1)
    whose = np.concatenate([early[0], late[0] + 3000])
    costs = np.concatenate([early[2], 5 * late[2]])
    kept = np.concatenate([early[3], late[3]])
    odds = np.concatenate([np.full(len(early[0]), 1.0), np.full(len(late[0]), 19.0)])
    found = counterfactual(costs[kept], odds[kept], whose[kept], None, int((~kept).sum()))
    assert found is not None and found.mean == pytest.approx(costs[~kept].mean(), rel=0.15)
    plain = counterfactual(costs[kept], np.ones(int(kept.sum())), whose[kept], None, int((~kept).sum()))
    assert plain is not None and plain.mean < 0.6 * costs[~kept].mean()


def test_too_few_conversations_give_no_interval() -> None:
    few = np.arange(FEWEST - 1)
    costs = few.astype(np.float64) + 1
    found = counterfactual(costs, np.ones(len(few)), few, costs, np.array([3.0]))
    assert found is not None and found.low is None and found.conversations == len(few)
    assert counterfactual(np.array([]), np.array([]), np.array([], dtype=np.int64), None, 3) is None
    assert counterfactual(np.array([1.0]), np.ones(1), np.array([0]), None, 0) is None


def test_requests_of_one_length_and_calls_for_nothing() -> None:
    many = np.arange(40)
    same = counterfactual(np.full(40, 2.0), np.ones(40), many, np.full(40, 7.0), np.full(5, 7.0))
    assert same is not None and same.mean == pytest.approx(2.0) and same.low == pytest.approx(2.0)
    free = counterfactual(np.zeros(40), np.ones(40), many, None, 5)
    assert free is not None and free.mean == 0 and free.low is None


@pytest.mark.parametrize(("freedom", "t"), [(1.0, 12.7062), (4.5, 2.65891), (30.0, 2.0423), (1e6, 1.95997)])
def test_quantiles_of_student_s_t(freedom: float, t: float) -> None:
    """From printed tables; that of 4.5 from scipy 1.14."""
    assert _student(0.95, freedom) == pytest.approx(t, rel=2e-5)
