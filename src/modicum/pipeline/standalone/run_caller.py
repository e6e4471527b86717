"""Runs the tool caller beside this file, by the scripts beside it, as `run_extractor.py` runs an extractor.

Prints a JSON line for each request: value (the tool's name and arguments, as JSON) and confidence; 0 where no one tool should be called.
"""

import json
from pathlib import Path
from typing import Any

from run_extractor import Extractor  # type: ignore[import-not-found]
from run_linear import Linear, main, tensors  # type: ignore[import-not-found]
from run_record import choose, compact  # type: ignore[import-not-found]


class Caller:
    def __init__(self, folder: Path, prefix: str = "") -> None:
        self.body = json.loads((folder / f"{prefix}specialist.json").read_text("utf-8"))
        self.names, self.reader = Linear(folder, f"{prefix}name-"), None
        if self.body.get("embedding"):
            from run_reader import Reader  # type: ignore[import-not-found]

            self.reader = Reader(folder, prefix, self.body)
        choices = folder / f"{prefix}choices.safetensors"
        self.choices = tensors(choices) if self.reader and choices.exists() else {}
        tools = list(enumerate(self.body["tools"]))
        self.fixed = {tool["name"]: tool["arguments"] for _, tool in tools if tool["arguments"] is not None}
        open_ = {n: tool["name"] for n, tool in tools if tool["arguments"] is None}
        self.records = {name: Extractor(folder, f"{prefix}tool-{n}-", self.reader) for n, name in open_.items()}
        read = [slot for one in self.records.values() for slot in one.used]
        self.used = list(dict.fromkeys([*self.names.used, *read, *self.body.get("reads", [])]))

    def predict(self, slots: dict[str, str]) -> dict[str, Any]:
        seen = self.reader.see(slots) if self.reader else None
        named = choose(self.names, slots, seen, self.choices, 0)
        name = named["label"]
        if name == "~":
            return {"value": compact({"arguments": {}, "name": ""}), "confidence": 0.0}
        told = {"value": self.fixed.get(name, "{}"), "confidence": 1.0}
        if name in self.records:
            told = self.records[name].predict(slots, seen)
        sure = (named["confidence"] + named["runner_up_probability"]) * told["confidence"]
        return {"value": compact({"arguments": json.loads(told["value"]), "name": name}), "confidence": round(sure, 12)}


if __name__ == "__main__":
    main(Caller(Path(__file__).parent))
