"""Runs the linear specialist beside this file: `python run_linear.py "a text" …`, or a JSON object of slots a line on standard input.

Prints a JSON line for each: label, confidence, runner_up, runner_up_probability. Needs numpy and nothing else.
"""

import json
import math
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

TYPES = {"I8": "<i1", "I16": "<i2", "I32": "<i4", "U16": "<u2", "F32": "<f4", "F64": "<f8"}
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
TOKEN = re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])[\w{MARKS}])+|[^\w\s]")
TERMS = np.array([0] + [round(256 * (1 + math.log(n))) for n in range(1, 257)], np.int64)


def tensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    heads = json.loads(data[8:begin])
    heads.pop("__metadata__", None)
    spans = {name: data[begin + h["data_offsets"][0] : begin + h["data_offsets"][1]] for name, h in heads.items()}
    return {name: np.frombuffer(spans[name], TYPES[h["dtype"]]).reshape(h["shape"]) for name, h in heads.items()}


def clip(text: str) -> str:
    return (f"{text[:4000]} {text[-2000:]}" if len(text) > 6000 else text).encode("utf-8", "replace").decode()


def features(text: str) -> dict[str, list[str]]:
    text = clip(text).lower()
    shaped = re.sub(r"\d", "0", text)
    words = TOKEN.findall(shaped)
    pairs = [f"{left} {right}" for left, right in zip(words, words[1:], strict=False)]
    numbers = ["=" + n for n in re.findall(r"\d[\d.,]*", text)] if shaped != text or "0" in text else []
    chunks = [f" {chunk} " for chunk in shaped.split()]
    grams = [c[at : at + n] for c in chunks for n in range(2, 6) if n <= len(c) for at in range(len(c) - n + 1)]
    count, step = len(words), 1 << max(0, len(words).bit_length() - 3)
    return {"words": words + pairs + numbers, "grams": grams, "length": [str(count) if count <= 24 else f">{count // step * step}"]}


def decide(scores: np.ndarray, labels: list[str]) -> dict[str, Any]:
    first = int(scores.argmax())
    odds = np.exp(scores - scores[first])
    total, odds[first] = float(odds.sum()), -1.0
    second = int(odds.argmax())
    sure, behind = (round(x / total, 12) for x in (1 - float(odds[second]), float(odds[second])))
    return {"label": labels[first], "confidence": sure, "runner_up": labels[second], "runner_up_probability": behind}


class Linear:
    def __init__(self, folder: Path, prefix: str = "") -> None:
        self.body = json.loads((folder / f"{prefix}specialist.json").read_text("utf-8"))
        self.labels, self.used, self.blocks, at = self.body["labels"], self.body["used_slots"], [], 0
        self.t = tensors(folder / f"{prefix}weights.safetensors") if self.body["blocks"] else {}
        for block in self.body["blocks"]:
            self.blocks.append((block["slot"], block["kind"], {name: at + n for n, name in enumerate(block["features"])}))
            at += len(block["features"])

    def scores(self, slots: dict[str, str]) -> np.ndarray:
        logits, seen = self.t["bias"].astype(np.float64), {slot: features(text) for slot, text in slots.items() if text}
        for slot, kind, rows in self.blocks:
            found = Counter(rows[name] for name in seen.get(slot, {}).get(kind, ()) if name in rows)
            if found:
                at = np.array(sorted(found))
                values = TERMS[[min(found[int(row)], 256) for row in at]] * self.t["rarity"][at].astype(np.int64)
                values = values / math.sqrt(int(values @ values)) * (self.t["scale"][at].astype(np.float64) * 2**20)
                logits += np.rint(values) @ self.t["weights"][at].astype(np.float64)
        return np.asarray(logits * (self.body["temperature"] * self.body["unit"]))

    def predict(self, slots: dict[str, str]) -> dict[str, Any]:
        if len(self.labels) == 1:
            return {"label": self.labels[0], "confidence": self.body["constant_confidence"], "runner_up": "", "runner_up_probability": 0.0}
        return decide(self.scores(slots), self.labels)


def main(specialist: Any) -> None:
    used = specialist.used
    given = [dict.fromkeys(used, text) for text in sys.argv[1:]] if sys.argv[1:] else map(json.loads, sys.stdin)
    for slots in given:
        print(json.dumps(specialist.predict(slots), ensure_ascii=False))


if __name__ == "__main__":
    main(Linear(Path(__file__).parent))
