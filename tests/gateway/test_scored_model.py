"""Another model with a scorer beside it: by day the rule is applied to what the scorer says of each answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modicum.artefact import Artefacts
from modicum.backends.scorer import BESIDE_FILE, WEIGHTS_FILE, Scorer
from modicum.store import home as store_home
from modicum.train.export import in_memory
from modicum.train.router import Case, TrainedScorer, fit
from modicum.types import Contract, Decision, Rule
from tests.gateway.rig import Gateway, Upstream
from tests.gateway.routed import headline, publish
from tests.gateway.scripted import Scripted, plain
from tests.gateway.test_another_model import PATH, TEXT, before, decided, said, stage

EASY, HARD = "Gold rises again", "Riddle of the tower"
ANSWER = "It says that prices move."
RECORD = Contract(kind="object", reader="json", read_share=1.0)


@pytest.fixture(scope="module")
def trained() -> TrainedScorer:
    """It has learnt that the small model fails at riddles."""
    cases = [
        Case(slots=(("user.0", f"{text} {n}"),), answer=ANSWER, small=float(text == EASY), large=1.0, group=n)
        for n, text in enumerate([EASY, EASY, HARD] * 30)
    ]
    return fit(cases, used_slots=("user.0",), reads_answer=True, seed=0)


@pytest.fixture(scope="module")
def between(trained: TrainedScorer) -> float:
    """A threshold that lets the easy pass."""
    scorer = Scorer(in_memory(trained.files))
    easy, hard = (scorer.confidence((("user.0", text),), ANSWER) for text in (EASY, HARD))
    assert easy > hard + 0.2
    return (easy + hard) / 2


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


@pytest.fixture(scope="module")
def small() -> Iterator[Scripted]:
    with Scripted() as found:
        yield found


def put(home: Path, small: Scripted, trained: TrainedScorer, rule: Rule, *, spoil: dict[str, bytes] | None = None, **more: Any) -> str:
    """A route whose stage is the model with its scorer."""

    def made(home: Path) -> str:
        plainly = stage(small)  # writes the record alone; what is wanted is the same with a scorer
        record = Artefacts(store_home.prepare(home) / "artefacts").read(plainly(home)).files
        with_scorer = {name: data.replace(b'"scored":false', b'"scored":true') for name, data in record.items()}
        files = with_scorer | trained.beside() | (spoil or {})
        return Artefacts(home / "artefacts").write(files, {"made_by": "a test"})

    return publish(home, made=made, contract=more.pop("contract", TEXT), rule=rule, **more)


@pytest.fixture(scope="module")
def served(
    upstream: Upstream, small: Scripted, trained: TrainedScorer, between: float, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("scored")
    put(folder / "home", small, trained, Rule(accept_above=between))
    with before(folder, upstream, small) as found:
        yield found


def test_what_its_scorer_is_not_sure_of_goes_to_the_incumbent(served: Gateway, small: Scripted, between: float) -> None:
    small.on(PATH, plain(said(ANSWER)))
    _, body, call, decision = decided(served, headline(EASY))
    assert json.loads(body)["choices"][0]["message"]["content"] == ANSWER and decision.reason == "answered"
    assert decision.confidence is not None and decision.confidence >= between and decision.stage_model == "small/tiny"
    _, body, call, decision = decided(served, headline(HARD))
    assert json.loads(body)["choices"][0]["message"]["content"] == f"echo Headline: {HARD}"
    assert (decision.reason, decision.answered_by, decision.would_answer) == ("below_threshold", "gpt-4", False)
    assert decision.confidence is not None and 0 <= decision.confidence < between and "scorer" in decision.detail
    assert decision.stage_cost_usd is not None and call.provider != "small", "it was asked, and is paid for"
    small.on(PATH, plain(said("", refusal="no")))
    assert decided(served, headline(EASY))[3].confidence == -1.0


def test_in_shadow_its_word_is_recorded(
    upstream: Upstream, small: Scripted, trained: TrainedScorer, between: float, tmp_path: Path
) -> None:
    put(tmp_path / "home", small, trained, Rule(accept_above=between), state="shadow")
    small.on(PATH, plain(said(ANSWER)))
    with before(tmp_path, upstream, small) as served:
        # What is not there when the incumbent has answered is not compared: they are asked until it was quicker.
        found = {text: next(one for one in shadowed(served, text) if one.confidence is not None) for text in (EASY, HARD)}
    assert {text: (one.reason, one.would_answer) for text, one in found.items()} == {EASY: ("shadow", True), HARD: ("shadow", False)}


def shadowed(served: Gateway, text: str) -> Iterator[Decision]:
    for _ in range(300):
        yield decided(served, headline(text))[3]


@pytest.mark.parametrize("spoil", [{WEIGHTS_FILE: b"\x08\0\0\0\0\0\0\0{}      "}, {BESIDE_FILE: b'{"kind": "linear"}'}])
def test_a_damaged_scorer_keeps_its_route_from_answering(
    upstream: Upstream, small: Scripted, trained: TrainedScorer, spoil: dict[str, bytes], tmp_path: Path
) -> None:
    put(tmp_path / "home", small, trained, Rule(accept_above=0.0), spoil=spoil)
    small.on(PATH, plain(said(ANSWER)))
    before_it = len(small.got)
    with before(tmp_path, upstream, small) as served:
        _, body, _, decision = decided(served, headline(EASY))
    assert json.loads(body)["choices"][0]["message"]["content"] == f"echo Headline: {EASY}"
    assert decision.reason == "failed" and len(small.got) == before_it


def test_a_record_that_holds_a_protected_value_goes_to_the_incumbent(
    upstream: Upstream, small: Scripted, trained: TrainedScorer, tmp_path: Path
) -> None:
    rule = Rule(accept_above=0.0, protected_labels=("return", "city=Oslo", "7"))
    put(tmp_path / "home", small, trained, rule, contract=RECORD)
    reasons = {}
    with before(tmp_path, upstream, small) as served:
        for answer in (
            '{"kind":"order"}',
            '{"kind":"return"}',
            '{"to":{"city":"Oslo"}}',
            '{"city":"Oslo"}',
            '{"count":7}',
            '{"a":["b","return"]}',
        ):
            small.on(PATH, plain(said(answer)))
            reasons[answer] = decided(served, headline(EASY))[3].reason
    assert [reasons.pop('{"kind":"order"}'), reasons.pop('{"to":{"city":"Oslo"}}')] == ["answered", "answered"], reasons
    assert set(reasons.values()) == {"protected_label"}, reasons
