"""Runs the two specialists beside this file, by the scripts beside it: the second where the first is not sure."""

import json
from pathlib import Path
from typing import Any

from run_caller import Caller  # type: ignore[import-not-found]
from run_extractor import Extractor  # type: ignore[import-not-found]
from run_linear import main  # type: ignore[import-not-found]


class Ladder:
    def __init__(self, folder: Path) -> None:
        self.body = json.loads((folder / "specialist.json").read_text("utf-8"))
        self.first, self.second = one(folder, "first-"), one(folder, "second-")
        self.used = list(dict.fromkeys([*self.first.used, *self.second.used]))

    def predict(self, slots: dict[str, str]) -> dict[str, Any]:
        told: dict[str, Any] = self.first.predict(slots)
        return told if told["confidence"] >= self.body["pass_above"] else self.second.predict(slots)


def one(folder: Path, prefix: str) -> Any:
    kind = json.loads((folder / f"{prefix}specialist.json").read_text("utf-8"))["kind"]
    return (Caller if kind == "caller" else Extractor)(folder, prefix)


if __name__ == "__main__":
    main(Ladder(Path(__file__).parent))
