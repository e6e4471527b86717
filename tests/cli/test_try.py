"""`modicum try` as a person and as a script meets it: what is shown, what is asked for, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.config import Config, StoreConfig
from modicum.errors import ConfigError, InputError, NotFoundError
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    rows = [row for row, _ in traffic.sorted_messages(300)]
    rows += [traffic.record(400 + n, f"poem {n}", "Roses.", system="Say one word.", model="gpt-4o-mini") for n in range(20)]
    bring_in(Config(store=StoreConfig(home=folder / "home")), [traffic.write(folder / "log.jsonl", rows)], Options())
    find(Config(store=StoreConfig(home=folder / "home")))
    return folder / "home"


class Place:
    """A home, a server, and settings that name it by an address which is not loopback by name, though it leads there."""

    def __init__(self, folder: Path, server: ModelServer) -> None:
        self.folder, self.server = folder, server
        self.settings()

    def settings(self, *lines: str) -> None:
        away = self.server.url.replace("127.0.0.1", "0.0.0.0")
        own = f'[providers.own]\nkind = "openai_compatible"\nurl = "{self.server.url}"\nauth = "none"\n'
        other = f'[providers.away]\nkind = "openai_compatible"\nurl = "{away}"\nauth = "none"\n'
        (self.folder / "modicum.toml").write_text(own + other + "\n".join(lines))

    def run(self, *words: str, answer: str = "") -> Result:
        folder = self.folder
        return CliRunner().invoke(
            cli, ["try", *words, "--home", str(folder / "home"), "--config", str(folder / "modicum.toml")], input=answer
        )

    def json(self, *words: str) -> Any:
        result = self.run(*words, "--format", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def place(recorded: Path, tmp_path: Path) -> Iterator[Place]:
    shutil.copytree(recorded, tmp_path / "home")
    with ModelServer() as server:
        yield Place(tmp_path, server)


def test_nothing_is_sent_to_who_is_not_named(place: Place) -> None:
    refused = place.run("away/good", "--yes")
    assert isinstance(refused.exception, ConfigError) and "may_receive" in str(refused.exception)
    assert place.server.requests == []


def test_a_script_must_say_yes(place: Place) -> None:
    place.settings("[policy]", 'may_receive = ["away"]')
    refused = place.run("away/good", "--calls", "30")
    assert refused.exit_code == 2 and "--yes" in refused.output and place.server.requests == []
    assert "0.0.0.0" in refused.output and "personal data" in refused.output, "what would be sent is shown all the same"
    assert place.run("away/good", "--calls", "30", "--yes").exit_code == 0 and place.server.requests


def test_what_no_budget_can_hold_wants_another_limit(place: Place) -> None:
    place.settings("[policy]", 'may_receive = ["away"]')
    refused = place.run("away/good", "--yes")
    assert isinstance(refused.exception, ConfigError) and "--calls" in str(refused.exception) and place.server.requests == []


def test_a_program_gets_all_of_it(place: Place) -> None:
    told = place.json("own/good", "--margin", "0.04")
    assert told["model"] == "own/good"
    by_incumbent = {row["incumbents"][0]: row for row in told["workloads"]}
    assert by_incumbent["gpt-4o"]["verdict"] == "certified"
    assert by_incumbent["gpt-4o"]["measured"]["agreement"] == 1.0 and by_incumbent["gpt-4o"]["route_id"]


def test_the_report_does_not_take_another_model_for_a_small_one(place: Place) -> None:
    (row, *_) = place.json("own/good", "--margin", "0.04", "--replace", "gpt-4o")["workloads"]
    assert row["verdict"] == "certified"
    told = CliRunner().invoke(cli, ["report", "--home", str(place.folder / "home"), "--format", "json"])
    report = json.loads(told.stdout)
    states = {line["workload_id"]: line["state"] for line in report["workloads"]}
    assert states[row["workload_id"]] == "not_tried"


def test_a_person_gets_a_table(place: Place) -> None:
    said = place.run("own/good", "--margin", "0.04", "--replace", "gpt-4o").output
    assert "certified" in said and "100.0%" in said and "Proposed route" in said
    assert "gpt-4o retires on" in said or "No source in the catalogue says when gpt-4o retires" in said
    assert "1 of its 1 workload can move" in said


def test_replacing_takes_only_what_the_model_answers(place: Place) -> None:
    (row,) = place.json("own/good", "--replace", "gpt-4o-mini", "--calls", "30")["workloads"]
    assert row["incumbents"] == ["gpt-4o-mini"]
    refused = place.run("own/good", "--replace", "claude-opus-9")
    assert isinstance(refused.exception, NotFoundError) and "gpt-4o" in str(refused.exception)


def test_an_unknown_model_is_answered_with_the_providers_that_are_configured(place: Place) -> None:
    refused = place.run("nosuch/model").exception
    assert isinstance(refused, NotFoundError) and "PROVIDER/MODEL" in refused.hint and "own" in refused.hint


def test_a_value_that_nothing_answers_cannot_be_protected(place: Place) -> None:
    refused = place.run("own/good", "--protect", "nothing")
    assert isinstance(refused.exception, InputError) and "nothing" in str(refused.exception) and place.server.requests == []


def test_an_unknown_workload_is_answered_with_a_guess(place: Place) -> None:
    assert isinstance(place.run("own/good", "no-such-workload").exception, NotFoundError)


def test_labels_of_no_call_are_said(place: Place) -> None:
    told = CliRunner().invoke(cli, ["calls", "export", "--home", str(place.folder / "home"), "--format", "json"])
    known = json.loads(told.stdout.splitlines()[0])
    labels = place.folder / "labels.jsonl"
    labels.write_text(json.dumps({"id": known["call_id"], "gold": "x"}) + '\n{"id": "nobody", "gold": "x"}\n')
    said = place.run("own/good", "--margin", "0.04", "--gold", str(labels))
    assert "1 of 2 labels name no call" in said.stderr and "nobody" in said.stderr
    labels.write_text('{"id": "nobody", "gold": "x"}\n')
    refused = place.run("own/good", "--margin", "0.04", "--gold", str(labels))
    assert isinstance(refused.exception, InputError) and "none of 1 label" in str(refused.exception)


def test_nothing_answered_is_exit_code_one(place: Place) -> None:
    nobody = place.run("own/absent", "--calls", "30")
    assert nobody.exit_code == 1 and "404" in nobody.output
    assert place.run("own/absent", "--calls", "30", "--format", "json").exit_code == 1
