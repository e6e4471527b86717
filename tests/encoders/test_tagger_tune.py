"""Fine-tuning an encoder to read: it learns what it is shown, repeats itself, and hands the encoder back whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", exc_type=ImportError)
pytest.importorskip("transformers", exc_type=ImportError)

from modicum.artefact import Artefacts
from modicum.backends.tagger import NEVER, best_path, legal
from modicum.backends.tokens import Reader
from modicum.errors import NotEnoughDataError
from modicum.pipeline.encoders import Rounds
from modicum.train import encoder_graph, reading
from modicum.train.encoder_graph import Base
from modicum.train.export import in_memory
from modicum.train.reading import Subject, Taught
from modicum.types import Sample
from tests.encoders import tiny_bert

TEXTS = ("send the money please", "my card", "transfer money", "the lost card please", "my stolen card", "please send money")
TAGS: tuple[Sequence[int], ...] = ((0, 0, 1, 0), (0, 1), (0, 1), (0, 0, 1, 0), (0, 0, 1), (0, 0, 1))
"""What is spoken of, card or money, is marked."""
SAID = (0, 1, 0, 1, 1, 0)
ROWS = 60 * len(TEXTS)
MARKED: Sequence[dict[str, Sequence[int]] | None] = [{"user.0": one} for one in TAGS] * 60
SUBJECT = Subject(layers=(1,), tags=(MARKED,), values=(2,), said=(SAID * 60,))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return encoder_graph.find(tiny_bert.write(tmp_path_factory.mktemp("encoder")))


def samples() -> list[Sample]:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    return [
        Sample(call_id=str(n), response_id=None, at=now, slots=(("user.0", text),), value="x", version_id="v", incumbent="gpt-4o")
        for n, text in enumerate(TEXTS * 60)
    ]


def teach(base: Base, minutes: float = 5.0) -> Taught:
    return reading.teach(base, samples(), SUBJECT, groups=range(ROWS), reads=("user.0",), minutes=minutes, seed=1)


def test_it_reads_what_it_was_taught_and_the_same_again(base: Base) -> None:
    taught = teach(base)
    reader = Reader(in_memory(taught.files), taught.embedding, taught.reads)
    may, opens = legal(1)
    steps, starts = np.where(may, taught.heads.steps[0], NEVER), np.where(opens, taught.heads.starts[0], NEVER)
    for text, tags, said in zip(TEXTS, TAGS, SAID, strict=True):
        seen = reader.see((("user.0", text),))
        scores = seen.pieces["user.0"] @ taught.heads.dense[0][:-1] + taught.heads.dense[0][-1]
        assert best_path(scores.astype(np.float64), steps, starts, 1.0)[0] == list(tags)
        assert int((seen.whole @ taught.heads.weights[0] + taught.heads.bias[0]).argmax()) == said
    assert set(taught.fold_of) == {0, 1} and len({one["encoder.onnx"] for one in taught.fold_files}) == 2
    again = teach(base)
    assert again.files == taught.files and np.array_equal(again.heads.dense[0], taught.heads.dense[0])
    assert dict(taught.unseen([one.slots for one in samples()], range(ROWS))).keys() == set(range(ROWS))


def test_the_encoder_is_whole_again_and_its_lower_half_as_it_was(base: Base) -> None:
    import torch

    from modicum.train.tagger_tune import Lesson, tune

    lesson = Lesson(ids=[2, 5, 6, 3], spots=(np.array([[1, 2], [2, 3]]),), tags=((np.array([1, 0]),),), said=(0,))
    model, before = encoder_graph.load(base), encoder_graph.load(base)
    tune(model, [lesson] * 20, layers=[1], values=[2], epochs=2, seed=1)
    own, old = dict(model.named_parameters()), dict(before.named_parameters())
    assert own.keys() == old.keys()
    changed = {name for name in own if not torch.equal(own[name], old[name])}
    assert changed and all("layer.1." in name for name in changed)


def test_what_was_taught_waits_for_the_rest_and_other_precisions_come_of_it(base: Base, tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "artefacts")
    keep = Rounds(folder=tmp_path / "rounds", artefacts=artefacts)

    def again(minutes: float = 5.0, progress: Callable[[float], None] = lambda share: None) -> Taught:
        own = samples()
        return reading.teach(
            base, own, SUBJECT, groups=range(ROWS), reads=("user.0",), minutes=minutes, seed=1, keep=keep, progress=progress
        )

    def stop(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again(progress=stop)
    assert len(list((tmp_path / "rounds").glob("*.onnx"))) == 1, "of three the first was done"
    first = again()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "rounds").iterdir()}
    second = again()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "rounds").iterdir()} == kept, "nothing was taught twice"
    assert second.files == first.files and second.heads.tensors().keys() == first.heads.tensors().keys()
    assert all(np.array_equal(one, second.heads.tensors()[name]) for name, one in first.heads.tensors().items())
    whole = first.lowered("fp32", ())
    assert whole.files["encoder.onnx"] == first.full and whole.about["precision"] == "fp32"
    assert dict(whole.unseen([one.slots for one in samples()], range(ROWS), full=True)).keys() == set(range(ROWS))


def test_too_little_time_is_said(base: Base) -> None:
    with pytest.raises(NotEnoughDataError, match="too short"):
        teach(base, minutes=1e-9)
