"""Runs the chain beside this file: the linear specialist where it is sure, else both, by the two scripts beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from run_encoder import Encoder  # type: ignore[import-not-found]
from run_linear import Linear, decide, main  # type: ignore[import-not-found]


class Chain:
    def __init__(self, folder: Path) -> None:
        self.body = json.loads((folder / "specialist.json").read_text("utf-8"))
        self.first, self.second = Linear(folder, "first-"), Encoder(folder, "second-")
        self.used = list(dict.fromkeys(self.first.used + self.second.used))

    def predict(self, slots: dict[str, str]) -> dict[str, Any]:
        first, labels = self.first.scores(slots), self.second.labels
        told: dict[str, Any] = decide(first, labels)
        if told["confidence"] >= self.body["pass_above"]:
            return told
        vector = self.second.embed(slots)
        second = self.second.scores(vector)
        mixed: dict[str, Any] = decide(np.logaddexp(log_softmax(first), log_softmax(second)), labels)
        return mixed if self.second.in_scope(decide(second, labels), vector) else mixed | {"confidence": 0.0}


def log_softmax(scores: Any) -> Any:
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum())


if __name__ == "__main__":
    main(Chain(Path(__file__).parent))
