"""Feedback from files: what is taken, what is refused with its line, what speaks of calls on record."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modicum.cli import cli
from modicum.config import Config, StoreConfig
from modicum.errors import LogFormatError
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.hear import hear, standing
from modicum.store import feedback
from modicum.store.erase import erase
from modicum.store.home import prepare
from modicum.store.redact import redact
from modicum.view import Redactor
from modicum.wire.feedback import read
from tests.pipeline import traffic

MAIL = "ann.canary@example.org"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config(store=StoreConfig(home=prepare(tmp_path / "home")))
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", [row for row, _ in traffic.sorted_messages(5)])], Options())
    return config


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_file(config: Config, tmp_path: Path) -> None:
    text = f"call_id,label,score,comment\nchatcmpl-000001,lost,1,\nchatcmpl-000002,,0.5,write to {MAIL}\nchatcmpl-000003,,good,\n,lost,,\n"
    path = written(tmp_path, "said.csv", "\ufeff" + text)
    for _ in range(2):
        found = hear(config, path, scope="default")
        assert found.added == 2 and [line for line, _ in found.refused] == [4, 5]
    kept = feedback.read(config.home)
    assert [(row.call, row.label, row.score) for row in kept] == [("chatcmpl-000001", "lost", 1.0), ("chatcmpl-000002", None, 0.5)]
    assert b"canary" not in (config.home / feedback.FILE).read_bytes()


def test_json_lines_and_files_of_gold_labels(config: Config, tmp_path: Path) -> None:
    lines = [{"id": "chatcmpl-000001", "gold": {"b": 1, "a": 2}}, {"conversation_id": "v", "outcome": "resolved"}, {"id": "x", "nope": 1}]
    path = written(tmp_path, "said.jsonl", "\n".join([*map(json.dumps, lines), "{", "", "[1]"]))
    found = hear(config, path, scope="default")
    assert found.added == 2 and [line for line, _ in found.refused] == [3, 4, 6]
    (one,) = standing(config)
    assert (one.rows, one.labels, one.outcomes, one.matched) == (2, 1, (("resolved", 1),), 1)


def test_a_file_that_is_neither_is_refused(config: Config, tmp_path: Path) -> None:
    with pytest.raises(LogFormatError):
        hear(config, written(tmp_path, "said.csv", "name,age\nann,3\n"), scope="default")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(config: Config, tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(body)
    with suppress(LogFormatError):
        hear(config, path, scope="default")
    feedback.read(config.home)


def test_the_command_says_what_it_kept(config: Config, tmp_path: Path) -> None:
    path = written(tmp_path, "said.csv", "call_id,outcome\nchatcmpl-000001,resolved\nchatcmpl-000002,not a word!\n")
    result = CliRunner().invoke(cli, ["feedback", "import", str(path), "--home", str(config.home)])
    assert result.exit_code == 1 and "1 row kept" in result.stdout and "said.csv:3: 'outcome' must be a word" in result.stderr
    shown = CliRunner().invoke(cli, ["feedback", "list", "--home", str(config.home), "--format", "json"])
    (scope,) = json.loads(shown.stdout)
    assert (scope["rows"], scope["matched"]) == (1, 1)


def test_what_was_kept_whole_is_redacted_with_the_calls_and_goes_with_them(config: Config) -> None:
    row = {"call_id": "chatcmpl-000001", "comment": f"write to {MAIL}", "by": MAIL}
    feedback.add(config.home, [read(row, scope="default", at=datetime(2026, 1, 1, tzinfo=UTC))])
    redact(config.home, Redactor.open())
    assert b"canary" not in (config.home / feedback.FILE).read_bytes() and len(feedback.read(config.home)) == 1
    erase(config.home, call_id="chatcmpl-000001")
    assert feedback.read(config.home) == []
