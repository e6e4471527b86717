"""What a scorer may be taught on, when it pays, and that a poor one, or noise, certifies no more than the promise allows."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from modicum.evaluate.certify import look_b
from modicum.evaluate.table import Table, tabulate
from modicum.evaluate.trials import OTHER, SAME, Reply
from modicum.evaluate.tune import Terms, plan_thresholds
from modicum.pipeline.outcomes import Known
from modicum.pipeline.scoring import Lesson, Scored, pays, teach
from modicum.stats.sequence import spending
from modicum.types import Attempt, Contract, Prediction, Rule, Sample

START = datetime(2026, 10, 1, tzinfo=UTC)
MARGIN = 0.15
TERMS = Terms(kinds=("B",), margin=MARGIN, max_selective=MARGIN, delta=spending(0.05, 1))
FREE = Rule(accept_above=0.0)
TEXT, LABELS = Contract(kind="text"), Contract(kind="label", labels=("yes", "no"))
WORDS = "parcel box letter order gift book lamp street office courier driver morning evening again still today door garden".split()


def sample(number: int, text: str = "hello", value: str | None = "theirs") -> Sample:
    return Sample(
        call_id=f"c{number}",
        response_id=f"r{number}",
        at=START + timedelta(minutes=number),
        slots=(("user.0", text),),
        value=value,
        version_id="v1",
        incumbent="gpt-4",
    )


def reply(value: str | None = "ours") -> Reply:
    return Reply(value=value, cost_usd=Decimal("0.001"), duration_ms=1.0)


def table(confidence: np.ndarray, seed: int = 0) -> Table:
    """Texts: every answer is another one than the incumbent's. In the order of the rows, so that losses made beside it stand for them."""
    rows = [dataclasses.replace(sample(row), value=SAME) for row in range(len(confidence))]
    return tabulate(rows, [Prediction(value=OTHER, confidence=float(one)) for one in confidence], FREE)


def attempt(thresholds: tuple[float, ...], groups: int) -> Attempt:
    return Attempt(
        attempt_id="att",
        workload_id="w",
        number=1,
        kinds=("B",),
        margin=TERMS.margin,
        max_selective=TERMS.max_selective,
        min_coverage=TERMS.min_coverage,
        delta=TERMS.delta,
        artefact_digest="sha256:0",
        rule=dataclasses.replace(FREE, accept_above=thresholds[0]),
        thresholds=thresholds,
        window_from=START,
        window_to=START,
        groups=groups,
        min_label_groups=0,
        max_label_share=1.0,
        fingerprint="f",
        seed=1,
        created_at=START,
        created_by="test",
    )


def certified_at(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]) -> float | None:
    """The threshold that is certified on new (confidences, losses) when it was planned on old ones; None where nothing is."""
    plan = plan_thresholds(table(old[0]), FREE, TERMS, groups=len(new[0]), excess=old[1])
    assert plan is not None
    look = look_b(attempt(plan.thresholds, len(new[0])), table(new[0]), new[1])
    return None if look.rule is None else look.rule.accept_above


def test_a_scorer_that_is_noise_certifies_no_more_than_it_should() -> None:
    """Any share of these answers is worse by exactly the margin: whatever noise lets through breaks the floor, wherever it starts."""
    rng, draws, broken, leaked = np.random.default_rng(5), 200, 0, 0
    for _ in range(draws):
        losses = (rng.random((2, 190)) < MARGIN).astype(float)
        noise = rng.random((2, 190))
        broken += certified_at((noise[0], losses[0]), (noise[1], losses[1])) is not None
        # What would happen if the scorer had seen the labels that test it: this is what the cut in time is there for.
        leaked += certified_at((noise[0], losses[0]), (noise[1] * 0.5 + 0.5 * (1 - losses[1]), losses[1])) is not None
    assert broken / draws <= TERMS.delta + 2.5 * np.sqrt(TERMS.delta * (1 - TERMS.delta) / draws), broken
    assert leaked / draws > 0.7


@pytest.mark.parametrize("knows", [0.2, 1.0])
def test_a_scorer_that_knows_something_keeps_the_promise(knows: float) -> None:
    rng, draws, broken, passed = np.random.default_rng(6), 100, 0, 0

    def traffic(n: int) -> tuple[np.ndarray, np.ndarray]:
        hard = rng.random(n)
        losses = (rng.random(n) < 0.6 * hard**2).astype(float) - (rng.random(n) < 0.05)
        return knows * (1 - hard) + (1 - knows) * rng.random(n), losses

    confidence, loss = traffic(200_000)
    for _ in range(draws):
        threshold = certified_at(traffic(190), traffic(190))
        if threshold is not None:
            answered = confidence >= threshold
            passed += 1
            broken += float((answered * loss).mean()) > MARGIN or float(loss[answered].mean()) > MARGIN
    assert broken / draws <= TERMS.delta + 2.5 * np.sqrt(TERMS.delta * (1 - TERMS.delta) / draws), (broken, passed)
    assert passed > draws / 2 or knows < 1, "and it is of use"


def lesson(n: int, rng: np.random.Generator, *, hard: float = 0.3, told: bool = True) -> tuple[Lesson, Known]:
    """Old texts that people judged: where "slow" stands in the request (`told`), or anywhere, the candidate's is the worse one."""
    samples, pairs = [], {}
    for number in range(n):
        is_hard = bool(rng.random() < hard)
        text = " ".join([*rng.choice(WORDS, 8), "slow" if is_hard and told else "quick", str(number)])
        samples.append(sample(number, text))
        pairs[f"c{number}"] = (0.0, 1.0) if is_hard else (1.0, 1.0)
    said = [Prediction(value=OTHER, confidence=1.0)] * n
    rows = [dataclasses.replace(one, value=SAME) for one in samples]
    return Lesson(samples=samples, replies=[reply()] * n, told=rows, said=said, groups=range(n)), Known(pairs=pairs)


def test_what_tells_good_from_bad_is_found_and_planned_with() -> None:
    found = teach(*_turned(lesson(150, np.random.default_rng(1))), FREE, TERMS, window=190, seed=0)
    assert isinstance(found, Scored), found
    assert found.alone > MARGIN > found.scored and found.rule.accept_above == found.thresholds[0] > 0
    assert list(found.thresholds) == sorted(found.thresholds, reverse=True) and len(found.learnt) == 150
    assert 0.5 < found.expected_coverage < 0.9
    assert found.thresholds[-1] > 0, "nobody is asked to judge what would hardly pass"


def _turned(made: tuple[Lesson, Known]) -> tuple[Lesson, Contract, Known]:
    return made[0], TEXT, made[1]


def test_too_few_outcomes_say_how_many_are_needed() -> None:
    found = teach(*_turned(lesson(31, np.random.default_rng(2))), FREE, TERMS, window=190, seed=0)
    assert found == "no scorer: it is known of 31 old answers how good they are, and at least 50 are needed (19 more)"


def test_where_nothing_tells_them_apart_there_is_none() -> None:
    found = [teach(*_turned(lesson(80, np.random.default_rng(seed), told=False)), FREE, TERMS, window=190, seed=0) for seed in range(6)]
    assert sum(isinstance(one, str) and one.startswith("no scorer: ") for one in found) >= 5, found
    alike = teach(*_turned(lesson(80, np.random.default_rng(3), hard=0.0)), FREE, TERMS, window=190, seed=0)
    assert isinstance(alike, str) and "worth the same" in alike


def test_where_the_model_alone_is_as_likely_to_pass_it_goes_alone() -> None:
    found = teach(*_turned(lesson(200, np.random.default_rng(4), hard=0.04)), FREE, TERMS, window=400, seed=0)
    assert isinstance(found, str), found


def test_an_outcome_is_what_people_said_then_gold_then_agreement() -> None:
    one = sample(1, value="yes")
    assert Known().pair(LABELS, one, "yes") == (1.0, 1.0) and Known().pair(LABELS, one, "no") == (0.0, 1.0)
    gold = Known(gold={"c1": "No "})
    assert gold.pair(LABELS, one, "no") == (1.0, 0.0) and gold.pair(LABELS, one, "maybe") == (0.0, 0.0)
    assert gold.pair(TEXT, one, "maybe") is None, "many texts can be right"
    said = Known(pairs={"c1": (0.0, 1.0)}, gold={"c1": "no"})
    assert said.pair(TEXT, one, "no") == (0.0, 1.0)
    assert said.pair(TEXT, one, None) is None and Known().pair(TEXT, one, "yes") is None
    assert Known().pair(LABELS, sample(2, value=None), "yes") is None
    assert Known(gold={"c1": None}).pair(LABELS, one, "yes") == (0.0, 0.0)


def test_answers_that_can_be_compared_are_worth_a_scorer_between_too_good_and_too_bad() -> None:
    terms = Terms(margin=0.05)
    told = [dataclasses.replace(sample(row), value=SAME) for row in range(40)]
    by_differing = {
        bad: pays([Prediction(value=OTHER if row < bad else SAME, confidence=1.0) for row in range(40)], told, terms)
        for bad in (0, 2, 3, 12, 13)
    }
    assert by_differing == {0: False, 2: False, 3: True, 12: True, 13: False}
