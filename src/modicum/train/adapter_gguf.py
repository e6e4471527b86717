"""An adapter as llama.cpp reads it: a GGUF file of the pairs of small matrices, under the names that its tensors have there.

For architectures whose tensors llama.cpp takes as they are, or with the rows of queries and keys in another order, as its converter
writes them (convert_hf_to_gguf.py of llama.cpp: `LlamaModel.permute`). Others are served from the safetensors.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.errors import ArtefactError, MissingExtraError
from modicum.train.adapter import CONFIG_FILE, WEIGHTS_FILE

ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""`model_type` of transformers -> llama.cpp's architecture."""
PERMUTED = frozenset(("llama", "mistral"))
"""Rows of queries and keys stand in another order there: halves of a head's rotation interleaved."""
_NAME = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])\.weight")


def to_gguf(files: Mapping[str, bytes], base_config: Mapping[str, Any]) -> bytes | None:
    """The GGUF of an adapter (`adapter.fit`'s files) of a base with this `config.json`; None for an architecture that is not listed.

    Raises ArtefactError for tensors that are not such an adapter's, MissingExtraError.
    """
    try:
        import gguf  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise MissingExtraError.of("adapter", "writing GGUF") from None
    kind = str(base_config.get("model_type", ""))
    if kind not in ARCHITECTURES:
        return None
    architecture = ARCHITECTURES[kind]
    layers = int(base_config["num_hidden_layers"])
    key = next(one for one, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(key, layers)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "adapter.gguf"
        writer = gguf.GGUFWriter(str(file), architecture)
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(json.loads(files[CONFIG_FILE])["lora_alpha"]))
        for name, tensor in sorted(_tensors(files, base_config, kind).items()):
            layer, side = name
            found = names.get_name(f"{layer}.weight", try_suffixes=(".weight",))
            if found is None:
                raise ArtefactError(f"llama.cpp has no name for the layer {layer[:80]!r}")
            writer.add_tensor(f"{found}.lora_{side.lower()}", tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return file.read_bytes()


def _tensors(files: Mapping[str, bytes], base: Mapping[str, Any], kind: str) -> dict[tuple[str, str], npt.NDArray[np.float32]]:
    """(layer, A or B) -> matrix, of shape (rank, in) and (out, rank)."""
    from safetensors.numpy import load

    found: dict[tuple[str, str], npt.NDArray[np.float32]] = {}
    for name, tensor in load(files[WEIGHTS_FILE]).items():
        match = _NAME.fullmatch(name)
        if match is None or tensor.ndim != 2:
            raise ArtefactError(f"{name[:100]!r} is no matrix of an adapter")
        layer, side = match[1], match[2]
        if side == "B" and kind in PERMUTED and layer.endswith((".q_proj", ".k_proj")):
            heads = int(base["num_attention_heads"])
            tensor = permuted(tensor, heads if layer.endswith(".q_proj") else int(base.get("num_key_value_heads") or heads))
        found[layer, side] = np.ascontiguousarray(tensor, dtype=np.float32)
    if {layer for layer, side in found if side == "A"} != {layer for layer, side in found if side == "B"}:
        raise ArtefactError("an adapter has two matrices for each layer")
    return found


def permuted(rows: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Rows of queries or keys (out, ...) in llama.cpp's order, for so many heads."""
    shape = rows.shape
    return rows.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
