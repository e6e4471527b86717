"""An encoder made on the spot: one word, one vector. Small enough for tests, and run by the same runtime as a real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from modicum.backends.embed import GRAPH_FILE, TOKENIZER_FILE, Embedding

WIDTH = 16


def tiny_files(words: Sequence[str], *, seed: int = 1, nodes: Sequence[Any] = ()) -> dict[str, bytes]:
    """Graph and tokenizer over these words; every other word is the same unknown one."""
    vocabulary = {"[UNK]": 0} | {word: place + 1 for place, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    table = np.random.default_rng(seed).normal(size=(len(vocabulary), WIDTH)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["tokens"]), *nodes],
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])],
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["batch", "length", WIDTH])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return {GRAPH_FILE: model.SerializeToString(), TOKENIZER_FILE: tokenizer.to_str().encode()}


HOW = Embedding(pooling="mean", max_tokens=64, width=WIDTH)
