"""What a model in a folder is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modicum.train.base_names import name_of


def folder(at: Path, *, card: str = "", path: str = "") -> Path:
    at.mkdir(parents=True)
    (at / "config.json").write_text(json.dumps({"_name_or_path": path} if path else {}))
    if card:
        (at / "README.md").write_text(card)
    return at


@pytest.mark.parametrize(
    ("where", "card", "path", "name"),
    [
        ("all-MiniLM-L6-v2", "# other", "nreimers/MiniLM-L6-H384-uncased", "all-MiniLM-L6-v2"),
        ("lab/model", "---\nlicense: mit\n---\n\n# all-MiniLM-L6-v2\nA sentence.", "nreimers/MiniLM", "all-MiniLM-L6-v2"),
        ("lab/model", "# A long title of words", "org/tiny", "org/tiny"),
        ("gt-minilm/model", "", "", "gt-minilm"),
        ("qwen/checkpoint-400", "", "/home/somebody/models/x", "qwen"),
        ("hub/models--Qwen--Qwen3-0.6B/snapshots/0123456789abcdef", "# x", "", "Qwen/Qwen3-0.6B"),
    ],
)
def test_it_is_named_by_what_tells_something(tmp_path: Path, where: str, card: str, path: str, name: str) -> None:
    assert name_of(folder(tmp_path / where, card=card, path=path)) == name


def test_what_cannot_be_read_names_nothing(tmp_path: Path) -> None:
    (at := tmp_path / "bert" / "model").mkdir(parents=True)
    (at / "config.json").write_bytes(b"\xff[" * 40_000)
    assert name_of(at) == "bert"
