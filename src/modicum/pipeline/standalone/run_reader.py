"""The encoder of an extractor or tool caller: a vector of the whole request, and one a piece. Needs onnxruntime and tokenizers."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tokenizers
from run_linear import clip  # type: ignore[import-not-found]
from run_pieces import cut  # type: ignore[import-not-found]


class Reader:
    def __init__(self, folder: Path, prefix: str, body: dict[str, Any]) -> None:
        self.how, self.reads = body["embedding"], body["reads"]
        self.tokenizer = tokenizers.Tokenizer.from_str((folder / f"{prefix}tokenizer.json").read_text("utf-8"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        graph = (folder / f"{prefix}encoder.onnx").read_bytes()
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def see(self, slots: dict[str, str]) -> tuple[Any, dict[str, Any]]:
        ids, spots = self.lay_out(slots)
        row = np.array([ids], np.int64)
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        feed["position_ids"] = np.arange(row.shape[1], dtype=np.int64)[None]
        tokens = np.asarray(self.session.run(None, {one.name: feed[one.name] for one in self.session.get_inputs()})[0][0], np.float32)
        whole = tokens.mean(axis=0, dtype=np.float32)
        length = float(np.sqrt(whole @ whole))
        sums = np.concatenate([np.zeros((1, tokens.shape[1])), np.cumsum(tokens, axis=0, dtype=np.float64)])
        pieces = {slot: sums[at[:, 1]] - sums[at[:, 0]] for slot, at in spots.items()}
        sizes = {slot: np.maximum(at[:, 1] - at[:, 0], 1)[:, None] for slot, at in spots.items()}
        return whole / np.float32(length) if length > 0 else whole, {s: np.float32(one / sizes[s]) for s, one in pieces.items()}

    def lay_out(self, slots: dict[str, str]) -> tuple[list[int], dict[str, Any]]:
        text, places = self.how["prefix"], {}
        for name in self.reads:
            own = slots.get(name, "")
            text += f"{name}: " if len(self.reads) > 1 and own else ""
            if pieces := cut(own):
                skipped = len(own) - 6001 if len(own) > 6000 else 0
                stands = np.array([(start, end) for start, end, _ in pieces], np.int64)
                places[name] = stands - np.where(stands[:, :1] >= 4000, skipped, 0) + len(text)
            text += clip(own) + ("\n" if len(self.reads) > 1 and own else "")
        encoded = self.tokenizer.encode(text)
        kept, most = np.arange(len(encoded.ids)), self.how["max_tokens"]
        if len(kept) > most:
            tail = most - most // 2 if self.how["tail"] else 1
            kept = np.concatenate([kept[: most - tail], kept[len(kept) - tail :]])
        ids = [encoded.ids[at] for at in kept]
        real = np.flatnonzero(np.array(encoded.special_tokens_mask, np.int64)[kept] == 0)
        if not len(real):
            return ids or [0], {name: np.zeros((len(one), 2), np.int64) for name, one in places.items()}
        starts, ends = np.array(encoded.offsets, np.int64)[kept[real]].T
        spots = {}
        for name, place in places.items():
            first = np.searchsorted(ends, place[:, 0], "right")
            spots[name] = np.stack([first, np.maximum(np.searchsorted(starts, place[:, 1], "left"), first)], axis=1) + real[0]
        return ids, spots
