"""Fine-tuning as a tier: what it may cost, that no round saw what it predicts, and that rounds are kept until all is learnt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", exc_type=ImportError)
transformers = pytest.importorskip("transformers", exc_type=ImportError)

from modicum.artefact import Artefacts  # noqa: E402
from modicum.backends.embed import GRAPH_FILE  # noqa: E402
from modicum.backends.specialist import load  # noqa: E402
from modicum.errors import NotEnoughDataError  # noqa: E402
from modicum.pipeline import tiers  # noqa: E402
from modicum.pipeline.encoders import Rounds, open_encoder, open_tuner  # noqa: E402
from modicum.pipeline.tiers import Wanted  # noqa: E402
from modicum.train import encoder, encoder_graph, encoder_tune  # noqa: E402
from modicum.train.drift import Tolerance, in_full  # noqa: E402
from modicum.train.encoder_rounds import Round, Tuner  # noqa: E402
from modicum.train.export import in_memory  # noqa: E402
from modicum.train.linear import Trained  # noqa: E402
from tests.encoders.tiny_bert import write  # noqa: E402
from tests.pipeline.plans import plan  # noqa: E402
from tests.train.test_encoder import samples  # noqa: E402


class Remembered:
    """Rounds in memory, and how often each was read."""

    def __init__(self) -> None:
        self.rounds: dict[str, Round] = {}
        self.taught: list[str] = []
        self.kept: list[Mapping[str, bytes]] = []

    def read(self, key: str) -> Round | None:
        return self.rounds.get(key)

    def write(self, key: str, made: Round) -> None:
        self.rounds[key] = made
        self.taught.append(key)

    def canary(self, files: Mapping[str, bytes], about: Mapping[str, Any]) -> str:
        self.kept.append(files)
        return "sha256:canary"

    def forget(self) -> None:
        """The test looks at them afterwards."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> encoder_graph.Base:
    return encoder_graph.find(write(tmp_path_factory.mktemp("encoder")), max_tokens=32)


def tuned(base: encoder_graph.Base, keep: Remembered, home: Path, *, minutes: float = 1e6, tolerance: Tolerance = Tolerance()) -> Trained:  # noqa: B008
    vectors = open_encoder(base, home, Artefacts(home / "artefacts"), tolerance)
    tuner = Tuner(base=base, minutes=minutes, keep=keep, seed=1)
    some = samples(60)
    return encoder.fit(
        some, groups=list(range(len(some))), used_slots=("text",), vectors=vectors, max_size_bytes=10_000_000, seed=3, tuner=tuner
    )


def test_it_is_taught_in_rounds_and_goes_on_where_it_was(base: encoder_graph.Base, tmp_path: Path) -> None:
    keep = Remembered()
    trained = tuned(base, keep, tmp_path)
    assert len(keep.taught) == 6, "one for each of five folds and one that is handed out"
    assert trained.about["tuned"] and trained.about["precision"] == "int8" and trained.about["canary"] == "sha256:canary"
    assert trained.about["drift_agreement"] > 0.9 and trained.about["out_of_fold_agreement"] > 0.9
    specialist = load(in_memory(trained.files))
    assert np.mean([specialist.predict(one.slots).value == one.value for one in samples(60, seed=9)]) > 0.9
    whole = load(in_full(in_memory(trained.files), in_memory(dict(keep.kept[0]))))
    assert np.mean([whole.predict(one.slots).value == specialist.predict(one.slots).value for one in samples(60, seed=9)]) > 0.9
    again = tuned(base, keep, tmp_path)
    assert len(keep.taught) == 6 and again.files == trained.files, "nothing was taught twice"


def test_what_it_may_cost_bounds_the_folds(base: encoder_graph.Base, tmp_path: Path) -> None:
    texts = [sample.slots[0][1] for sample in samples(2_000)]
    free = Tuner(base=base, minutes=1e6, keep=Remembered(), seed=1)
    once = free.minutes_of(texts)
    assert free.folds(texts) == 5
    assert Tuner(base=base, minutes=3.5 * once, keep=Remembered(), seed=1).folds(texts) == 3
    with pytest.raises(NotEnoughDataError, match="minutes"):
        Tuner(base=base, minutes=1.9 * once, keep=Remembered(), seed=1).folds(texts)


def test_a_drift_that_is_too_far_keeps_more_bits(base: encoder_graph.Base, tmp_path: Path) -> None:
    """Nothing but float32 loses less than nothing."""
    trained = tuned(base, Remembered(), tmp_path, tolerance=Tolerance(agreement=1.01, loss=1.0))
    assert trained.about["precision"] == "fp32"
    assert trained.files[GRAPH_FILE] != open_encoder(base, tmp_path, Artefacts(tmp_path / "artefacts")).files[GRAPH_FILE]


def test_few_texts_are_read_more_often() -> None:
    assert [encoder_tune.epochs(count) for count in (10, 5_000, 10_000, 100_000)] == [20, 12, 6, 4]


def test_kept_rounds_are_whole_or_not_there(tmp_path: Path) -> None:
    rounds = Rounds(folder=tmp_path / "rounds", artefacts=Artefacts(tmp_path / "artefacts"))
    made = Round(graph=b"graph", head={"weights": np.ones((3, 2), np.float32), "bias": np.zeros(2, np.float32)})
    rounds.write("key", made)
    found = rounds.read("key")
    assert found is not None and found.graph == b"graph" and np.array_equal(found.weights, made.weights) and found.bias.shape == (2,)
    (tmp_path / "rounds" / "key.onnx").write_bytes(b"grapH")
    assert rounds.read("key") is None and rounds.read("other") is None
    rounds.forget()
    assert not list((tmp_path / "rounds").iterdir())


def test_a_fit_that_is_done_leaves_the_rounds_of_another_one(tmp_path: Path) -> None:
    mine, others = (Rounds(folder=tmp_path / "rounds", artefacts=Artefacts(tmp_path / "artefacts")) for _ in range(2))
    made = Round(graph=b"graph", head={"weights": np.ones((3, 2), np.float32)})
    mine.write("mine", made)
    others.write("theirs", made)
    others.write("left", made)
    for path in (tmp_path / "rounds").glob("left.*"):
        os.utime(path, (1, 1))
    mine.forget()
    assert {path.name for path in (tmp_path / "rounds").iterdir()} == {"theirs.onnx", "theirs.json"}, (
        "what nobody took up for weeks goes too"
    )
    assert others.read("theirs") is not None
    others.forget()
    assert not list((tmp_path / "rounds").iterdir())


def test_the_same_encoder_is_opened_from_what_was_kept(base: encoder_graph.Base, tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "artefacts")
    first, again = open_encoder(base, tmp_path, artefacts), open_encoder(base, tmp_path, artefacts)
    assert first.files == again.files and first.full == again.full and first.canary == again.canary
    assert open_tuner(base, tmp_path, artefacts, minutes=1.0).base == base


def test_fit_tries_it_where_what_is_left_may_pay(base: encoder_graph.Base, tmp_path: Path) -> None:
    some = samples(60)
    artefacts = Artefacts(tmp_path / "artefacts")
    tuner = Tuner(base=base, minutes=1e6, keep=Remembered(), seed=1)
    opened = open_encoder(base, tmp_path, artefacts)

    def tried(coverage: float, tuner: Tuner = tuner) -> tiers.Tried:
        vectors = replace(opened, tuner=tuner)
        return tiers.train(
            some,
            groups=list(range(len(some))),
            choice=None,
            vectors=lambda: vectors,
            wanted=Wanted(usd_month=Decimal(100)),
            plan=lambda trained: plan(coverage if trained.about["trainer"] != "linear" else 0.5),
            seed=1,
            progress=lambda share: None,
        )

    def names(found: tiers.Tried) -> list[str]:
        return [one.tier.name for one in found.candidates if "tuned" in one.tier.name]

    assert names(tried(0.99)) == [], "the encoder as it is leaves too little"
    assert names(tried(0.60)) == ["tuned encoder", "tuned chain"]
    hurried = tried(0.60, replace(tuner, minutes=1e-6))
    assert names(hurried) == []
    (left,) = [one for one in hurried.left_out if one.name == "tuned encoder"]
    assert "fine-tuning would take about" in left.why and "raise [fit] encoder_minutes" in left.why
