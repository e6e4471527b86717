"""What another model's artefact holds: its record, a scorer beside it, and nothing that does not belong together."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modicum.artefact import Artefact
from modicum.backends import scorer as scorers
from modicum.backends.model import READABLE, UNREADABLE, ModelStage, model_of
from modicum.backends.scorer import BESIDE_FILE, WEIGHTS_FILE, Scorer
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import ArtefactError
from modicum.train.export import in_memory
from modicum.train.router import Case, TrainedScorer, fit

STAGE = ModelStage(provider="small", provider_kind="openai_compatible", url="http://127.0.0.1:1/v1", model="tiny")
SLOTS = (("user.0", "say it"),)


@pytest.fixture(scope="module")
def trained() -> TrainedScorer:
    cases = [Case(slots=(("user.0", f"say it {n}"),), answer=f"word {n % 2}", small=float(n % 2), large=1.0, group=n) for n in range(60)]
    return fit(cases, used_slots=("user.0",), reads_answer=True, seed=0)


@pytest.fixture(scope="module")
def files(trained: TrainedScorer) -> dict[str, bytes]:
    return STAGE.files(trained.beside())


def artefact(files: dict[str, bytes]) -> Artefact:
    return Artefact(digest="sha256:" + "0" * 64, about={}, files=files)


def test_its_confidence_is_the_scorer_s(files: dict[str, bytes], trained: TrainedScorer) -> None:
    assert set(files) == {SPECIALIST_FILE, BESIDE_FILE, WEIGHTS_FILE}
    found = model_of(artefact(files))
    assert found is not None and found.scored and found.is_asked_as(STAGE) and not STAGE.scored
    assert found.confidence(SLOTS, "word 1") == Scorer(in_memory(trained.files)).confidence(SLOTS, "word 1")
    assert found.confidence(SLOTS, "word 1") > found.confidence(SLOTS, "word 0") and found.confidence(SLOTS, None) == UNREADABLE
    alone = model_of(artefact(STAGE.files()))
    assert alone is not None and alone.scorer is None and alone.confidence(SLOTS, "word 0") == READABLE
    assert msgspec.json.decode(msgspec.json.encode(found), type=ModelStage) == found, "the scorer is no part of the record"


def test_a_record_and_its_scorer_belong_together(files: dict[str, bytes]) -> None:
    for missing in (BESIDE_FILE, WEIGHTS_FILE):
        with pytest.raises(ArtefactError, match="scorer"):
            model_of(artefact({name: data for name, data in files.items() if name != missing}))
    with pytest.raises(ArtefactError, match="nothing says"):
        model_of(artefact(files | STAGE.files()))


def test_what_is_too_large_is_not_read(files: dict[str, bytes]) -> None:
    assert scorers.MOST_BYTES >= 16 << 20
    for name in (BESIDE_FILE, WEIGHTS_FILE):
        with pytest.raises(ArtefactError, match="larger than"):
            model_of(artefact(files | {name: files[name] + b" " * scorers.MOST_BYTES}))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_its_bytes_are_it_is_read_or_refused(files: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([BESIDE_FILE, WEIGHTS_FILE, SPECIALIST_FILE]))
    kept = files[name]
    at = data.draw(st.integers(0, len(kept)))
    spoilt = kept[:at] + data.draw(st.binary(max_size=12)) + kept[at + data.draw(st.integers(0, 12)) :]
    try:
        found = model_of(artefact(files | {name: spoilt}))
    except ArtefactError:
        return
    if found is not None and found.scorer is not None:
        sure = found.confidence(SLOTS, "word 1")
        assert not sure > 1 and not sure < 0
