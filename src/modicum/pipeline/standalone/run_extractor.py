"""Runs the extractor beside this file, by the scripts beside it: `python run_extractor.py "a text" …`, or a JSON object of slots a line.

Prints a JSON line for each: value (the record, as JSON) and confidence. Needs numpy; with an encoder, onnxruntime and tokenizers too.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from run_linear import Linear, main, tensors  # type: ignore[import-not-found]
from run_pieces import cut, look  # type: ignore[import-not-found]
from run_record import best_path, build, choose, likelihood, spell  # type: ignore[import-not-found]


class Extractor:
    def __init__(self, folder: Path, prefix: str = "", reader: Any = None) -> None:
        self.body = json.loads((folder / f"{prefix}specialist.json").read_text("utf-8"))
        self.fields, how, self.reader = self.body["fields"], self.body.get("embedding"), reader
        if how and reader is None:
            from run_reader import Reader  # type: ignore[import-not-found]

            self.reader = Reader(folder, prefix, self.body)
        self.closed = {n: Linear(folder, f"{prefix}field-{n}-") for n, one in enumerate(self.fields) if one["head"] == "closed"}
        choices = folder / f"{prefix}choices.safetensors"
        self.choices = tensors(choices) if how and choices.exists() else {}
        self.t = tensors(folder / f"{prefix}tags.safetensors") if self.body["layers"] else {}
        self.rows = [{name: row for row, name in enumerate(layer["features"])} for layer in self.body["layers"]]
        read = [slot for one in self.closed.values() for slot in one.used]
        self.used = list(dict.fromkeys([*(self.body["used_slots"] if self.rows else ()), *read, *self.body.get("reads", [])]))

    def predict(self, slots: dict[str, str], seen: Any = None) -> dict[str, Any]:
        seen = self.reader.see(slots) if self.reader and self.body.get("embedding") and seen is None else seen
        told = {n: choose(head, slots, seen, self.choices, n) for n, head in self.closed.items()}
        found: dict[int, list[str]] = {}
        logs = [self.mark(n, layer, slots, seen, found) for n, layer in enumerate(self.body["layers"])]
        values, whole = {}, [told[n]["label"] for n in self.body["outlined"]] in self.body["outlines"]
        for n, field in enumerate(self.fields):
            path, marked = field["path"], found.get(n, [])
            home = tuple(path[:-1] if path[-1] == "[]" else path)
            if n in told:
                values[home] = None if told[n]["label"] == "~" else told[n]["label"]
                continue
            said = [one for one in (spell(field, text) for text in marked) if one is not None]
            whole = whole and len(said) == len(marked) and bool(said or not field["required"])
            empty = ('""' if field["head"] == "span" else "0") if field["required"] else field["empty"]
            values[home] = (json.dumps(said) if said else None) if path[-1] == "[]" else json.dumps(said[0]) if said else empty
        odds = self.body["slope"] * likelihood(told, logs) + self.body["offset"]
        odds = max(-700.0, min(700.0, odds))
        return {"value": build(values, self.body["holders"]), "confidence": round(1 / (1 + math.exp(-odds)), 12) if whole else 0.0}

    def mark(self, n: int, layer: dict[str, Any], slots: dict[str, str], seen: Any, found: dict[int, list[str]]) -> float:
        unit, table, rows, total = layer["unit"], self.t[f"pieces-{n}"], self.rows[n], 0.0
        tags = table.shape[1]
        number = np.arange(tags)
        begins, after = (number % 2 == 1) | (number == 0), (number[:, None] == number) | (number[:, None] == number - 1)
        steps = np.where(begins | after, self.t[f"steps-{n}"].astype(np.float64), -(2.0**44))
        starts = np.where(begins, self.t[f"starts-{n}"].astype(np.float64), -(2.0**44))
        for slot in self.body["used_slots"]:
            text = slots.get(slot, "")
            if not (pieces := cut(text)):
                continue
            features, whole = look(text, pieces, slot)
            every = table[[rows[one] for one in whole if one in rows]].sum(axis=0, dtype=np.int64)
            shared = every * max(1, round(16 / math.sqrt(max(len(whole), 1))))
            summed = [table[[rows[f] for f in own if f in rows]].sum(axis=0, dtype=np.int64) * 16 + shared for own in features]
            scores = np.stack(summed).astype(np.float64)
            if seen is not None:
                dense = self.t[f"dense-{n}"]
                scores += (seen[1][slot] @ dense[:-1] + dense[-1]) / unit
            path, likely = best_path(scores, steps, starts, unit)
            total += likely
            for at, tag in enumerate(path):
                if tag % 2:
                    last = next((i for i in range(at + 1, len(path)) if path[i] != tag + 1), len(path)) - 1
                    found.setdefault(layer["fields"][tag // 2], []).append(text[pieces[at][0] : pieces[last][1]])
        return total


if __name__ == "__main__":
    main(Extractor(Path(__file__).parent))
