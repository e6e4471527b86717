"""Who answers for a workload and what it is for: said, taken back, and gone with those who are erased."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import Config, load
from modicum.errors import InputError, NotFoundError
from modicum.pipeline import auditing, owning
from modicum.report.owners import NOBODY, Owned, owners
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.erase import erase
from modicum.types import Call, new_call_id
from tests.store.test_control import workload


@pytest.fixture
def config(tmp_path: Path) -> Config:
    Control(tmp_path).replace_workloads([workload("w1"), workload("w2")])
    return load(flags={"store.home": tmp_path}, environ={})


def said(config: Config) -> Owned:
    return owners(Control(config.home).decisions()).get("w1", NOBODY)


def test_the_last_word_of_each_counts(config: Config) -> None:
    owning.own(config, "w1", owner="  Payments\nteam ", purpose="routes parcels", actor="ada")
    owning.own(config, "w2", owner="Ops", purpose=None, actor="ada")
    assert said(config) == Owned(owner="Payments team", purpose="routes parcels")
    owning.own(config, "w1", owner=None, purpose="", actor="bob")
    assert said(config) == Owned(owner="Payments team")
    lines = [(entry.actor, entry.action, entry.subject, entry.detail) for entry in Control(config.home).audit()[-2:]]
    assert lines == [("ada", "workload.owner", "w2", "Ops"), ("bob", "workload.purpose", "w1", "")]


def test_what_is_no_name_is_refused(config: Config) -> None:
    for owner, purpose in (("x" * 201, None), (None, "x" * 1001), ("\x1b[2J", None), ("ok", "\u202eevil")):
        with pytest.raises(InputError):
            owning.own(config, "w1", owner=owner, purpose=purpose, actor="ada")
    assert said(config) == NOBODY
    with pytest.raises(NotFoundError):
        owning.own(config, "nobody", owner="x", purpose=None, actor="ada")


def test_an_erasure_reaches_them(config: Config) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "it is for Zqxjkcanary"}]}).encode()
    Calls(config.home).add([Call(call_id=new_call_id(), user_id="u1", started_at=datetime.now(UTC), request=body, response=b"{}")])
    owning.own(config, "w1", owner="Zqxjkcanary", purpose="for Zqxjkcanary alone", actor="ada")
    assert erase(config.home, user_id="u1").calls == 1
    assert said(config) == Owned(owner="[erased]", purpose="for [erased] alone")
    chain = auditing.verify_home(config.home)
    assert chain.holds and chain.erased == 2, "the lines that said so lost the word too, and the record says that they did"
    assert all(b"Zqxjkcanary" not in file.read_bytes() for file in config.home.rglob("*") if file.is_file())


def test_the_command_says_it_and_shows_it(config: Config) -> None:
    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["workloads", *words, "--home", str(config.home)])
        return result.exit_code, result.output

    Calls(config.home)
    assert run("set", "w1", "--owner", "Payments", "--purpose", "routes parcels") == (0, "w1 (w1): owner Payments; routes parcels\n")
    code, text = run("show", "w1")
    assert code == 0 and "Payments" in text and "routes parcels" in text
    shown = json.loads(run("show", "w1", "--format", "json")[1])
    assert (shown["owner"], shown["purpose"]) == ("Payments", "routes parcels")
    assert run("set", "w1")[0] == 2 and run("set", "w1", "--read", "label", "--undo")[0] == 2
