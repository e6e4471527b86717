"""`modicum keys`: made, listed, revoked, and the secret nowhere but on the screen."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.errors import ModicumError
from modicum.store import keys
from modicum.store.control import Control
from modicum.store.home import prepare


def run(home: Path, *arguments: str) -> Result:
    result = CliRunner().invoke(cli, ["keys", *arguments, "--home", str(home)])
    assert not isinstance(result.exception, ModicumError), result.exception
    return result


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    made = run(tmp_path, "create", "app", "--model", "gpt-*", "--budget-day", "1.50", "--requests-minute", "60", "--expires", "30d")
    secret = made.stdout.strip()
    assert len(secret) == 46 and secret.startswith("mk-")
    found = (keys.read(tmp_path) or {})[keys.digest(secret)]
    assert (found.name, found.models, str(found.budget_day_usd), found.requests_minute) == ("app", ("gpt-*",), "1.50", 60)
    assert (keys.path(tmp_path).stat().st_mode & 0o777) == 0o600
    shown = json.loads(run(tmp_path, "list", "--format", "json").stdout)
    assert shown[0]["key_id"] == found.key_id and "digest" not in shown[0]
    assert "$1.50/day" in run(tmp_path, "list").stdout
    run(tmp_path, "revoke", "app")
    assert (keys.read(tmp_path) or {})[keys.digest(secret)].revoked_at is not None
    assert "revoked" in run(tmp_path, "list").stdout
    audit = [(entry.action, entry.subject) for entry in Control(tmp_path).audit()]
    assert audit == [("key.create", found.key_id), ("key.revoke", found.key_id)]
    assert all(entry.actor for entry in Control(tmp_path).audit())
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "", ),
        ("create", "a\x00b"),
        ("create", "a", "--model", "g*t"),
        ("create", "a", "--budget-day", "-1"),
        ("create", "a", "--budget-day", "nan"),
        ("create", "a", "--expires", "2001-01-01"),
        ("create", "a", "--expires", "soon"),
        ("create", "a", "--admin", "--concurrency", "2"),
        ("create", "taken"),
        ("revoke", "nobody"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    run(tmp_path, "create", "taken")
    before = keys.path(tmp_path).read_bytes()
    result = CliRunner().invoke(cli, ["keys", *arguments, "--home", str(tmp_path)])
    assert result.exit_code != 0
    assert keys.path(tmp_path).read_bytes() == before


def test_a_revoked_name_may_be_taken_again_and_a_lost_file_comes_back(tmp_path: Path) -> None:
    run(tmp_path, "create", "app")
    run(tmp_path, "revoke", "app")
    run(tmp_path, "create", "app")
    keys.path(tmp_path).write_bytes(b"{")
    assert [key["revoked_at"] is None for key in json.loads(run(tmp_path, "list", "--format", "json").stdout)] == [False, True]
    assert len(keys.read(tmp_path) or {}) == 2
    run(tmp_path, "revoke", "app")
    assert all(key.revoked_at is not None for key in (keys.read(tmp_path) or {}).values())


def test_an_older_file_of_control_records_gets_the_table(tmp_path: Path) -> None:
    prepare(tmp_path)
    Control(tmp_path)
    with sqlite3.connect(tmp_path / "control.db") as connection:
        connection.execute("DROP TABLE keys")
        connection.execute("DELETE FROM migrations WHERE number > 1")
    connection.close()
    assert Control(tmp_path).all_keys() == []
    run(tmp_path, "create", "app")
    assert [key.name for key in Control(tmp_path).all_keys()] == ["app"]
