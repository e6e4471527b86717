"""`modicum store redact` and `modicum erase --user`, as a person calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_import_and_erase import Modicum, line
from tests.store.test_erase import holders


@pytest.fixture
def modicum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Modicum:
    monkeypatch.chdir(tmp_path)
    return Modicum(tmp_path / "home", monkeypatch, capsys)


def test_what_was_kept_whole_is_redacted(tmp_path: Path, modicum: Modicum) -> None:
    settings = tmp_path / "modicum.toml"
    settings.write_text('[store]\nkeep_bodies = "full"\n')
    log = b"".join(line(number, user="jane@canary.example") for number in range(5))
    assert modicum("import", "-", given=log)[0] == 0
    assert holders(tmp_path / "home", "jane@canary.example")
    code, _, said = modicum("store", "redact", "--yes")
    assert code == 2 and "keep_bodies" in said
    settings.unlink()
    code, out, _ = modicum("store", "redact", "--dry-run", "--format", "json")
    assert code == 0 and json.loads(out)["calls"] == 5 and json.loads(out)["values"] == {"EMAIL": 5}
    code, _, said = modicum("store", "redact")
    assert code == 2 and "--yes" in said
    code, out, _ = modicum("store", "redact", "--yes")
    assert code == 0 and "5 calls redacted" in out and "jane" not in out
    assert holders(tmp_path / "home", "jane@canary.example") == []
    assert "already" in modicum("store", "redact", "--yes")[1]


def test_a_user_who_is_known_by_an_alias_is_erased_by_name(tmp_path: Path, modicum: Modicum) -> None:
    log = b"".join(line(number, user=f"u{number % 2}@canary.example") for number in range(6))
    assert modicum("import", "-", given=log)[0] == 0
    assert holders(tmp_path / "home", "canary.example") == []
    code, out, _ = modicum("erase", "--user", "u1@canary.example", "--yes")
    assert code == 0 and out.startswith("3 calls erased")
    assert modicum("erase", "--user", "u1@canary.example", "--yes")[1].startswith("0 calls")
