"""A Hugging Face encoder on disk becomes a graph that says the same, in full precision and nearly so in int8; fine-tuning teaches it.

Run by `make peers` in the environment that has torch and transformers; the encoder is a tiny one with random weights.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", exc_type=ImportError)
transformers = pytest.importorskip("transformers", exc_type=ImportError)

from modicum.artefact.formats import check_format  # noqa: E402
from modicum.backends.embed import GRAPH_FILE, Embedder  # noqa: E402
from modicum.errors import InputError  # noqa: E402
from modicum.train import encoder_graph, encoder_tune  # noqa: E402
from modicum.train.export import in_memory  # noqa: E402
from modicum.train.precision import lower, sensitive  # noqa: E402
from tests.encoders.tiny_bert import write  # noqa: E402

TEXTS = ["my card", "the lost card please", "send money", "transfer the money", "unheard words", "card " * 60]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT as transformers writes it."""
    return write(tmp_path_factory.mktemp("encoder"))


def test_the_graph_says_what_torch_says(folder: Path) -> None:
    base = encoder_graph.find(folder, max_tokens=64)
    model = encoder_graph.load(base)
    embedder = Embedder(in_memory(encoder_graph.export(model, base, "fp32")), base.embedding)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text in TEXTS[:5]:
        with torch.no_grad():
            tokens = model(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[0]
        wanted = tokens.mean(0).numpy()
        assert np.allclose(embedder.embed(text), wanted / np.linalg.norm(wanted), atol=1e-5)


def test_int8_is_near(folder: Path) -> None:
    base = encoder_graph.find(folder)
    model = encoder_graph.load(base)
    full = Embedder(in_memory(encoder_graph.export(model, base, "fp32")), base.embedding).embed_many(TEXTS)
    files = encoder_graph.export(model, base, "int8")
    small = Embedder(in_memory(files), base.embedding).embed_many(TEXTS)
    for name, data in files.items():
        check_format(name, data)
    assert ((full * small).sum(1) > 0.99).all()


def test_fewer_bits_are_smaller_and_near(folder: Path) -> None:
    """In every precision; where it is mixed the operators that bear int8 worst are left as they are."""
    base = encoder_graph.find(folder)
    files = encoder_graph.export(encoder_graph.load(base), base, "fp32")
    graph = files[GRAPH_FILE]

    def vectors(one: bytes) -> np.ndarray:
        return Embedder(in_memory(files | {GRAPH_FILE: one}), base.embedding).embed_many(TEXTS)

    worst = sensitive(graph, vectors)
    assert worst and all("MatMul" in name or "Gather" in name for name in worst)
    full = vectors(graph)
    graphs = {"int8": lower(graph, "int8"), "mixed": lower(graph, "mixed", leave=worst), "fp16": lower(graph, "fp16")}
    off = {}
    for name, one in graphs.items():
        check_format(GRAPH_FILE, one)
        assert len(one) < len(graph)
        off[name] = float(np.square(vectors(one) - full).sum())
    assert off["fp16"] < off["mixed"] < off["int8"] < 0.01
    assert lower(graph, "fp32") == graph


def test_a_folder_says_its_licence_and_what_stands_before_a_text(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "multilingual-e5-small"
    shutil.copytree(folder, place)
    assert encoder_graph.find(place).prefix == "query: " and encoder_graph.find(folder).prefix == ""
    (place / "README.md").write_text("---\nlanguage:\n- ms\nlicense: mit\n---\nlicense: apache-2.0\n")
    found = encoder_graph.find(place)
    assert found.licence == "MIT" and found.about()["base_licence"] == "MIT"
    (place / "config_sentence_transformers.json").write_text('{"prompts": {"query": "ask: ", "passage": "text: "}}')
    assert encoder_graph.find(place).prefix == "ask: "
    (place / "README.md").write_text("no front matter\nlicense: mit\n")
    assert encoder_graph.find(place).licence == "" and "base_licence" not in encoder_graph.find(place).about()


def test_tuning_teaches_and_repeats(folder: Path) -> None:
    base = encoder_graph.find(folder)
    texts = ["my lost card", "stolen card please", "send the money", "transfer money please"] * 12
    labels = np.array([0, 0, 1, 1] * 12, dtype=np.int64)

    def tuned() -> encoder_tune.Tuned:
        zero = np.zeros((base.width, 2), np.float32)
        return encoder_tune.tune(
            encoder_graph.load(base), base, texts, labels, weights=zero, bias=np.zeros(2, np.float32), epochs=6, seed=7
        )

    first, second = tuned(), tuned()
    assert np.array_equal(first.weights, second.weights)
    vectors = Embedder(in_memory(encoder_graph.export(first.model, base, "int8")), base.embedding).embed_many(texts)
    assert ((vectors @ first.weights + first.bias).argmax(1) == labels).all()


def test_what_is_no_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        encoder_graph.find(tmp_path)
    with pytest.raises(InputError, match="sha256"):
        encoder_graph.find(folder, sha256="0" * 64)
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="wide"):
        encoder_graph.find(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such", "hidden_size": 32}))
    with pytest.raises(InputError, match="cannot be loaded"):
        encoder_graph.load(encoder_graph.find(tmp_path))
