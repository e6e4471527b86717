"""Feedback and the night: what it says of old calls trains, what it says of wanted ones may enter a certificate, and nothing else does."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modicum.artefact import Artefacts, about_of
from modicum.backends.specialist import load
from modicum.config import Config, StoreConfig
from modicum.evaluate.told import Told, teach, value_of
from modicum.pipeline.drifting import canary_of
from modicum.pipeline.night import Night
from modicum.store import feedback
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Contract, Feedback, Field, Sample, Verdict
from modicum.wire import feedback as wire
from tests.pipeline import traffic
from tests.pipeline.test_night import WISH, asked, fit, home, only

AT = datetime(2026, 10, 1, tzinfo=UTC)
LABELS = Contract(kind="label", labels=("damaged", "late", "lost", "praise"), form="{}")


def said(call: str, *, scope: str = "default", **row: Any) -> Feedback:
    return wire.read({"call_id": call, **row}, scope=scope, at=AT)


def sample(call: str, value: str | None = "late") -> Sample:
    return Sample(
        call_id=f"id-{call}", response_id=call, at=AT, slots=(("text", "where?"),), value=value, version_id="v", incumbent="gpt-4o"
    )


def test_the_last_word_of_people_and_systems_is_gold() -> None:
    told = Told.of(
        [
            said("a", label="lost"),
            said("a", label="Damaged"),
            said("b", label="lost", source="model"),
            said("c", correction="late"),
            said("d", correction="late"),
            said("d", label="praise", source="system"),
            said("e", label="stolen"),
            said("f", score=0, outcome="unresolved"),
            said("id-g", label="lost"),
        ]
    )
    samples = [sample(call) for call in "abcdefgh"]
    gold = told.gold(LABELS, samples)
    assert gold == {"id-a": "damaged", "id-c": "late", "id-d": "praise", "id-e": None, "id-g": "lost"}
    assert [s.value for s in teach(samples, gold)] == ["damaged", "late", "late", "praise", None, "late", "lost", "late"]
    assert set(told.wanted(LABELS)) == {"a", "d", "id-g"}, "no correction, no word that the contract does not know"
    assert told.outcome("id-f", "f") == "unresolved"


def test_values_are_read_as_the_contract_spells_them() -> None:
    record = Contract(kind="object", labels=('{"a":1,"b":"x"}',), fields=(Field(path=("a",), kind="number"),))
    assert value_of(record, '{"b": "X", "a": 1}') == '{"a":1,"b":"x"}'
    assert value_of(LABELS, " LOST. ") == "lost"
    assert value_of(LABELS, "nothing of these") is None
    assert value_of(Contract(kind="number"), "1,200") == "1200"


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, dict[str, str], Verdict]:
    """A home where an incumbent is often wrong, the truth by response id, and the first fit, which asks for labels."""
    rows = list(traffic.sorted_messages(900, wrong=0.2))
    config = home(tmp_path_factory.mktemp("told"), [row for row, _ in rows])
    return config, {row["response"]["id"]: gold for row, gold in rows}, fit(config)


def copied(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path) -> Config:
    shutil.copytree(doubtful[0].home, tmp_path / "home")
    return Config(store=StoreConfig(home=tmp_path / "home"))


def tell(config: Config, rows: Iterable[Feedback]) -> None:
    feedback.add(config.home, rows)


def test_labels_of_wanted_rows_complete_the_attempt(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path) -> None:
    config, gold, first = copied(doubtful, tmp_path), doubtful[1], doubtful[2]
    wanted = asked(config, first)
    tell(config, [said(name, label=gold[name]) for name in wanted])
    verdict = fit(config)
    assert verdict.attempt_id == first.attempt_id and verdict.certificate is not None
    assert verdict.certificate.kind == "B" and "by labels from feedback" in verdict.certificate.sentence
    assert fit(config) == verdict, "asked again it answers from the record"
    tell(config, [said(next(iter(wanted)), label="praise", by="somebody else")])
    assert fit(config).attempt_id == first.attempt_id, "a later word on a tested window is no reason for another attempt"


@pytest.mark.parametrize("how", ["correction", "model", "outcome", "scope", "silence", "half"])
def test_nothing_else_clears_a_difference(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path, how: str) -> None:
    config, gold, first = copied(doubtful, tmp_path), doubtful[1], doubtful[2]
    wanted = sorted(asked(config, first))
    tell(
        config,
        {
            "correction": [said(name, correction=gold[name]) for name in wanted],
            "model": [said(name, label=gold[name], source="model") for name in wanted],
            "outcome": [said(name, outcome="resolved", score=1) for name in wanted],
            "scope": [said(name, label=gold[name], scope="globex") for name in wanted],
            "silence": [said(name, label=gold[name]) for name in gold if name not in wanted and name > min(wanted)],
            "half": [said(name, label=gold[name]) for name in wanted[: len(wanted) // 2]],
        }[how],
    )
    verdict = fit(config)
    assert verdict.certificate is None
    if how != "silence":
        assert verdict == first and len(Control(config.home).attempts(only(config).workload_id)) == 1


def test_what_feedback_says_of_old_calls_trains(tmp_path: Path) -> None:
    """An incumbent that calls everything damaged late is corrected on its old calls: what is learnt says damaged."""
    rows = [(row, gold) for row, gold in traffic.sorted_messages(700)]
    for row, gold in rows:
        if gold == "damaged" and int(row["response"]["id"][-3:]) % 10:
            row["response"]["choices"][0]["message"]["content"] = "late"
    config = home(tmp_path, [row for row, _ in rows])
    tell(config, [said(row["response"]["id"], correction=f"{gold}") for row, gold in rows if gold == "damaged"])
    assert Night(config, WISH).fit(only(config)).certificate is None, "the new calls are as wrong as ever, and nobody judged them"
    artefacts = Artefacts(config.home / "artefacts")
    kept = {digest: artefacts.read(digest) for digest in artefacts.digests()}
    (digest,) = kept.keys() - {canary_of(about_of(one.about).settings) for one in kept.values()}
    specialist = load(kept[digest])
    told = {call.call_id: call for call in Calls(config.home).scan()}
    assert len(told) == 700
    asked_of = [(row["request"]["messages"][1]["content"].removeprefix("Message: "), gold) for row, gold in rows]
    broken = [text for text, gold in asked_of if gold == "damaged"]
    slot = specialist.used_slots[0]
    assert sum(specialist.predict(((slot, text),)).value == "damaged" for text in broken) > 0.8 * len(broken)
