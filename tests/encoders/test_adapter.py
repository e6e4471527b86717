"""A LoRA adapter of a tiny llama: it learns what it is shown, the same bytes each time, and says which bases it does not take."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", exc_type=ImportError)
peft = pytest.importorskip("peft", exc_type=ImportError)

from safetensors.numpy import load  # noqa: E402

from modicum.errors import ArtefactError, ConfigError, NotEnoughDataError  # noqa: E402
from modicum.train.adapter import CONFIG_FILE, WEIGHTS_FILE, Pair, Recipe, fit, weights_sha256  # noqa: E402
from modicum.train.adapter_gguf import permuted, to_gguf  # noqa: E402
from tests.encoders.tiny_llama import HEADS, KV_HEADS, WIDTH, write  # noqa: E402

QUICK = Recipe(rank=4, alpha=8, epochs=1.0, batch=4, learning_rate=5e-3)
PAIRS = [
    Pair(call_id=str(n), messages=({"role": "system", "content": "Sort."}, {"role": "user", "content": f"box {n}"}), answer="late")
    for n in range(12)
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("llama"))[0]


def test_the_same_pairs_give_the_same_bytes(base: Path) -> None:
    one, two = fit(base, PAIRS, QUICK), fit(base, PAIRS, QUICK)
    assert one.files == two.files and one.digest == two.digest and one.steps == 3 and one.pairs == 12
    assert fit(base, PAIRS, Recipe(rank=4, alpha=8, epochs=1.0, batch=4, learning_rate=5e-3, seed=2)).digest != one.digest
    assert one.loss_last < one.loss_first


def test_the_files_are_peft_s_and_name_no_path(base: Path) -> None:
    found = fit(base, PAIRS, QUICK)
    said = json.loads(found.files[CONFIG_FILE])
    assert (said["peft_type"], said["r"], said["lora_alpha"], said["base_model_name_or_path"]) == ("LORA", 4, 8, "base")
    assert str(base.parent) not in found.files[CONFIG_FILE].decode()
    tensors = load(found.files[WEIGHTS_FILE])
    assert tensors["base_model.model.model.layers.0.self_attn.k_proj.lora_B.weight"].shape == (WIDTH // HEADS * KV_HEADS, 4)


def test_pairs_that_are_too_long_are_left_out_and_counted(base: Path) -> None:
    long = Pair(call_id="long", messages=({"role": "user", "content": "box " * 200},), answer="late")
    short = Recipe(rank=4, epochs=1.0, longest_tokens=100)
    assert fit(base, [*PAIRS, long], short).too_long == 1
    with pytest.raises(NotEnoughDataError, match="none of 1 pairs"):
        fit(base, [long], short)


def test_bases_that_cannot_be_used_are_named(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no \\*.safetensors"):
        fit(tmp_path, PAIRS, QUICK)
    bare = shutil.copytree(base, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match="no chat template"):
        fit(bare, PAIRS, QUICK)
    damaged = shutil.copytree(base, tmp_path / "damaged")
    (damaged / "config.json").write_text('{"model_type": "no-such-kind"}')
    with pytest.raises(ConfigError, match="no causal language model"):
        fit(damaged, PAIRS, QUICK)
    with pytest.raises(ConfigError, match="CUDA"):
        fit(base, PAIRS, Recipe(four_bit=True))
    assert weights_sha256(base) == weights_sha256(bare)


def test_gguf_has_every_matrix_under_llama_cpp_s_name(base: Path, tmp_path: Path) -> None:
    import gguf

    found = fit(base, PAIRS, QUICK)
    config = json.loads((base / "config.json").read_text())
    whole = to_gguf(found.files, config)
    assert whole is not None
    (tmp_path / "a.gguf").write_bytes(whole)
    told = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    tensors = load(found.files[WEIGHTS_FILE])
    assert len(told) == len(tensors)
    layer = "base_model.model.model.layers.1"
    assert np.array_equal(told["blk.1.ffn_down.weight.lora_a"], tensors[f"{layer}.mlp.down_proj.lora_A.weight"])
    assert np.array_equal(told["blk.1.attn_k.weight.lora_b"], permuted(tensors[f"{layer}.self_attn.k_proj.lora_B.weight"], KV_HEADS))
    assert to_gguf(found.files, config | {"model_type": "somebodys"}) is None
    with pytest.raises(ArtefactError, match="no matrix of an adapter"):
        to_gguf({**found.files, WEIGHTS_FILE: _other()}, config)


def _other() -> bytes:
    from safetensors.numpy import save

    return save({"head.weight": np.zeros((2, 2), np.float32)})
