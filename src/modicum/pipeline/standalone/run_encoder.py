"""Runs the encoder specialist beside this file, as `run_linear.py`, which it needs, runs a linear one.

Needs numpy, onnxruntime and tokenizers.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers
from run_linear import clip, decide, main, tensors  # type: ignore[import-not-found]


class Encoder:
    def __init__(self, folder: Path, prefix: str = "") -> None:
        self.body = json.loads((folder / f"{prefix}specialist.json").read_text("utf-8"))
        self.labels, self.used, self.how = self.body["labels"], self.body["used_slots"], self.body["embedding"]
        self.t = tensors(folder / f"{prefix}head.safetensors")
        self.centres = self.t["centres"].astype(np.float32) / np.float32(127)
        self.tokenizer = tokenizers.Tokenizer.from_str((folder / f"{prefix}tokenizer.json").read_text("utf-8"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = (folder / f"{prefix}encoder.onnx").read_bytes()
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def embed(self, slots: dict[str, str]) -> Any:
        named = [f"{name}: {clip(slots[name])}" for name in self.used if slots.get(name)]
        text = clip(slots.get(self.used[0], "")) if len(self.used) == 1 else "\n".join(named)
        ids, most = self.tokenizer.encode(self.how["prefix"] + text).ids, self.how["max_tokens"]
        if len(ids) > most:
            ids = ids[: most // 2] + ids[len(ids) - (most - most // 2) :] if self.how["tail"] else [*ids[: most - 1], ids[-1]]
        row = np.array([ids or [0]], np.int64)
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        feed["position_ids"] = np.arange(row.shape[1], dtype=np.int64)[None]
        out = self.session.run(None, {one.name: feed[one.name] for one in self.session.get_inputs()})[0]
        vector = np.asarray(out[0, 0] if self.how["pooling"] == "cls" else out[0].mean(axis=0, dtype=np.float32), np.float32)
        length = float(np.sqrt(vector @ vector))
        return vector / np.float32(length) if length > 0 else vector

    def scores(self, vector: Any) -> Any:
        return np.asarray(vector @ self.t["weights"] + self.t["bias"], np.float64) * self.body["temperature"]

    def in_scope(self, told: dict[str, Any], vector: Any) -> bool:
        probability = told["confidence"] + told["runner_up_probability"]
        near = max(0.0, float((self.centres @ vector).max())) if len(self.centres) else 1.0
        return bool(probability * near >= self.body["scope_floor"])

    def predict(self, slots: dict[str, str]) -> dict[str, Any]:
        vector = self.embed(slots)
        told: dict[str, Any] = decide(self.scores(vector), self.labels)
        return told if self.in_scope(told, vector) else told | {"confidence": 0.0}


if __name__ == "__main__":
    main(Encoder(Path(__file__).parent))
