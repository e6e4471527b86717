"""kill -9 at random moments: what was brought in or said to be written is there, once."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from modicum.store import batches, straight
from modicum.store.calls import Calls
from modicum.store.home import prepare
from modicum.store.table import Table

SCRIPT = Path(__file__).with_name("killed.py")


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("killed", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


killed = _load()


def run(what: str, home: Path, seed: int = 1) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), what, str(prepare(home)), str(seed)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_a_killed_import_that_is_run_again_brings_each_call_in_once(tmp_path: Path) -> None:
    run("import", tmp_path)
    calls = Calls(tmp_path)
    assert list(calls.scan()) == list(killed.all_imported())
    assert calls.add(killed.all_imported()).added == 0
    assert not list((tmp_path / "segments").glob("*.part"))


def test_a_killed_import_of_large_batches_brings_each_call_in_once(tmp_path: Path) -> None:
    run("straight", tmp_path)
    calls = Calls(tmp_path)
    assert not list((tmp_path / "segments").iterdir())
    assert list(calls.scan()) == list(killed.all_imported())
    assert calls.add(killed.all_imported()).added == 0


def test_what_a_commit_brought_in_is_learned_from_the_file_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LEAST_LARGE_BYTES", 0)
    all_of_them = list(killed.all_imported())[:50]
    home = prepare(tmp_path)

    def stop(index: object, learned: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(straight, "learn", stop)
        with pytest.raises(KeyboardInterrupt):
            Calls(home).add(all_of_them)
    assert len(list((home / "segments").glob("*.names"))) == 1
    assert Calls(home).add(all_of_them).known == 50
    assert not list((home / "segments").iterdir()) and len(list(Calls(home).scan())) == 50

    with monkeypatch.context() as broken:
        broken.setattr(straight, "Table", lambda home: stop(home, home))
        with pytest.raises(KeyboardInterrupt):
            Calls(home).add(killed.imported(number, scope="b") for number in range(50))
    assert Calls(home).add(killed.imported(number, scope="b") for number in range(50)).added == 50


def test_a_killed_compaction_loses_and_doubles_nothing(tmp_path: Path) -> None:
    run("compact", tmp_path)
    calls = Calls(tmp_path)
    assert not list((tmp_path / "segments").iterdir())
    assert list(calls.scan()) == list(killed.all_imported())
    assert calls.erase(call_id="no such call") == 0
    named = {Path(file.path) for file in Table(tmp_path).files()}
    assert set((tmp_path / "calls").rglob("*.parquet")) - named == set((tmp_path / "calls" / "_delta_log").glob("*.parquet"))


def test_what_a_killed_writer_said_is_there(tmp_path: Path) -> None:
    run("write", tmp_path)
    said = (tmp_path / "said.txt").read_text().split()
    calls = Calls(tmp_path)
    assert said
    found = Counter(call.response_id for call in calls.scan())
    assert set(said) <= set(found) and set(found.values()) == {1}
    calls.compact()
    assert Counter(call.response_id for call in calls.scan()) == found


@pytest.mark.parametrize("seed", [1])
def test_writers_importers_and_a_compactor_at_once(tmp_path: Path, seed: int) -> None:
    run("all", tmp_path, seed)
    calls = Calls(tmp_path)
    written = {f"w{writer}-{count}" for writer in range(killed.WRITERS) for count in range(killed.WRITTEN)}
    brought = {call.response_id for call in killed.all_imported()}
    for _ in range(2):
        found = Counter(call.response_id for call in calls.scan(bodies=False))
        assert set(found) == written | brought and set(found.values()) == {1}
        calls.compact()
