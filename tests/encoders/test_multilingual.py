"""An encoder of many scripts, cut by a Unigram vocabulary and counting positions as XLM-RoBERTa does: fitted, in int8, served."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", exc_type=ImportError)
transformers = pytest.importorskip("transformers", exc_type=ImportError)

from modicum.artefact import Artefacts  # noqa: E402
from modicum.backends.embed import GRAPH_FILE, Embedder  # noqa: E402
from modicum.backends.specialist import load  # noqa: E402
from modicum.pipeline.encoders import open_encoder, open_tuner  # noqa: E402
from modicum.train import encoder, encoder_graph  # noqa: E402
from modicum.train.export import in_memory  # noqa: E402
from modicum.types import Sample  # noqa: E402
from tests.encoders.tiny_xlmr import write  # noqa: E402

TOPICS = {
    "lost_card": (
        "my card was lost yesterday",
        "meine Karte ist verschwunden",
        "моя карта потерялась вчера",
        "我的银行卡昨天丢了",
        "لقد ضاعت بطاقتي أمس",
        "मेरा कार्ड कल खो गया",
        "บัตรของฉันหายเมื่อวาน",
        "カードをなくしました",
    ),
    "transfer": (
        "please send money abroad",
        "bitte Geld ins Ausland überweisen",
        "отправьте деньги за границу",
        "请把钱汇到国外",
        "أرسل المال إلى الخارج من فضلك",
        "कृपया विदेश में पैसे भेजें",
        "ช่วยโอนเงินไปต่างประเทศ",
        "海外に送金してください",
    ),
}
ENDS = ("", "!", " …", " 🙏", "\u200d", " ok", " 2", " ?", " A\u0301", " ﬁ")


def samples(seed: int, count: int = 160) -> list[Sample]:
    """Every script under both labels, a few of its words doubled or left out."""
    random, found = np.random.default_rng(seed), []
    for number in range(count):
        value = ("lost_card", "transfer")[number % 2]
        phrase = TOPICS[value][number // 2 % len(TOPICS[value])]
        words = [word for word in phrase.split() for _ in range(1 + int(random.random() < 0.3))]
        text = " ".join(words) + ENDS[int(random.integers(len(ENDS)))]
        at = datetime(2026, 1, 1, tzinfo=UTC)
        found.append(
            Sample(call_id=f"c{number}", response_id=None, at=at, slots=(("text", text),), value=value, version_id="v", incumbent="m")
        )
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> encoder_graph.Base:
    folder = write(tmp_path_factory.mktemp("xlmr"), [text for texts in TOPICS.values() for text in texts])
    return encoder_graph.find(folder)


def test_the_graph_says_what_the_model_says(base: encoder_graph.Base, tmp_path: Path) -> None:
    """In full precision to the last digits that a sum in another order leaves, whatever the script and the length."""
    assert base.max_tokens == 64, "positions count from behind the padding's number"
    vectors = open_encoder(base, tmp_path, Artefacts(tmp_path / "artefacts"))
    assert vectors.full is not None
    embedder = Embedder(in_memory(vectors.files | {GRAPH_FILE: vectors.full}), vectors.embedding)
    model = encoder_graph.load(base)
    for text in ("", *(text for texts in TOPICS.values() for text in texts), "word " * 300, TOPICS["transfer"][3] * 40):
        ids = torch.from_numpy(np.array(embedder._ids(text), np.int64))
        with torch.no_grad():
            hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].mean(0).numpy()
        assert ids.shape[1] <= 64 and np.allclose(embedder.embed(text), hidden / np.linalg.norm(hidden), atol=2e-5), text[:40]


@pytest.mark.parametrize("tuned", [False, True])
def test_fitted_in_int8_and_served_it_says_the_same_in_every_script(base: encoder_graph.Base, tmp_path: Path, tuned: bool) -> None:
    artefacts = Artefacts(tmp_path / "artefacts")
    vectors = open_encoder(base, tmp_path, artefacts)
    tuner = open_tuner(base, tmp_path, artefacts, minutes=1e6) if tuned else None
    some = samples(1)
    trained = encoder.fit(
        some, groups=list(range(len(some))), used_slots=("text",), vectors=vectors, max_size_bytes=10_000_000, seed=3, tuner=tuner
    )
    assert trained.about["out_of_fold_agreement"] > 0.6, "random weights, and pieces that the trainer draws anew each time"
    assert trained.about["drift_agreement"] >= 0.98
    assert {one["name"] for one in trained.about["drift"] if one["by"] == "all"} == {""}
    artefact = artefacts.read(artefacts.write(trained.files, trained.about))
    served, canary = load(artefact), artefacts.read(trained.about["canary"])
    whole = load(dataclasses.replace(artefact, files=dict(artefact.files) | {GRAPH_FILE: canary.files[GRAPH_FILE]}))
    fresh = samples(9)
    said = [served.predict(one.slots) for one in fresh]
    assert np.mean([one.value == sample.value for one, sample in zip(said, fresh, strict=True)]) > 0.6
    assert np.mean([one.value == whole.predict(sample.slots).value for one, sample in zip(said, fresh, strict=True)]) >= 0.98
    assert served.predict_many([one.slots for one in fresh]) == said
