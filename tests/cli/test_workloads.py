"""`modicum workloads` and what a person decides there: nothing that would do nothing is taken, what can be undone is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.errors import InputError, ModicumError, NotFoundError
from modicum.store.control import Control
from tests.pipeline import traffic


class Home:
    """One home and the commands on it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *words: str) -> str:
        result = CliRunner().invoke(cli, [*words, "--home", str(self.path)])
        if result.exception is not None:
            raise result.exception
        return result.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--format", "json"))

    def refuses(self, error: type[ModicumError], *words: str) -> str:
        """What is said; nothing is written down."""
        before = Control(self.path).decisions()
        with pytest.raises(error) as refused:
            self.run(*words)
        assert Control(self.path).decisions() == before
        return str(refused.value)


def parcels(count: int, first: int = 0) -> list[dict[str, Any]]:
    rows = [row for row, _ in traffic.sorted_messages(count, first=first)]
    for number, row in enumerate(rows):
        system = row["request"]["messages"][0]
        system["content"] = (
            f"You sort messages for a parcel service in {'Rome' if number % 3 else 'Oslo'}. Answer with lost, late or praise."
        )
    return rows


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Two workloads in one scope, one of them in another scope too."""
    home = Home(tmp_path / "home")
    first = traffic.write(tmp_path / "a.jsonl", [*parcels(60), *traffic.poems(30, first=60)])
    home.run("import", str(first), "--scope", "a")
    home.run("import", str(traffic.write(tmp_path / "b.jsonl", parcels(30, first=100))), "--scope", "b")
    home.run("workloads")
    return home


def ids(home: Home) -> list[str]:
    return [one["id"] for one in home.json("workloads", "list")]


def test_a_split_must_part_something_and_merging_back_undoes_it(home: Home) -> None:
    sorter = ids(home)[0]
    said = home.refuses(NotFoundError, "workloads", "split", sorter, "system.7", "Oslo")
    assert "no slot 'system.7'" in said and "system.0, user.0" in said
    said = home.refuses(NotFoundError, "workloads", "split", sorter, "system.0", "Paris")
    assert "holds 'Paris' in system.0" in said and '"Rome", "Oslo"' in said

    before = home.json("workloads", "list")
    shown = home.run("workloads", "split", sorter, "system.0", "Rome")
    assert "40 calls" in shown and "20 calls" in shown
    (part,) = set(ids(home)) - {one["id"] for one in before}
    assert part in home.refuses(InputError, "workloads", "split", sorter, "system.0", "Rome")
    assert "parts nothing" in home.refuses(NotFoundError, "workloads", "split", part, "system.0", "Rome")
    poems = before[1]["id"]
    assert "merged back into that" in home.refuses(InputError, "workloads", "merge", part, poems)
    assert "merged back into that" in home.refuses(InputError, "workloads", "merge", poems, part)
    assert part in home.refuses(InputError, "workloads", "merge", sorter, poems)
    home.run("workloads", "merge", part, sorter)
    assert home.json("workloads", "list") == before
    home.run("workloads", "split", sorter, "system.0", "Rome")
    assert part in ids(home)


def test_a_merge_stays_within_a_scope_and_takes_two(home: Home) -> None:
    first, poems, other = ids(home)
    assert "itself" in home.refuses(InputError, "workloads", "merge", first, first)
    assert "wall" in home.refuses(InputError, "workloads", "merge", first, other)
    home.run("workloads", "merge", poems, first)
    assert [(one["id"], one["calls"]) for one in home.json("workloads", "list")] == [(first, 90), (other, 30)]


def test_a_name_is_one_workloads_within_a_scope(home: Home) -> None:
    first, poems, other = ids(home)
    home.run("workloads", "name", first, "  parcels ")
    home.run("workloads", "name", other, "parcels")
    home.run("workloads", "name", first, "parcels")
    assert first in home.refuses(InputError, "workloads", "name", poems, "parcels")
    for name in ("", "  ", "a\x1b[31mb", "x" * 81, first):
        home.refuses(InputError, "workloads", "name", poems, name)
    with pytest.raises(NotFoundError, match="several") as refused:
        home.run("workloads", "show", "parcels")
    assert f"{first} (scope a)" in refused.value.hint and f"{other} (scope b)" in refused.value.hint


def test_a_reading_that_reads_nothing_is_refused(home: Home) -> None:
    first, poems, _ = ids(home)
    said = home.refuses(InputError, "workloads", "set", first, "--read", "json")
    assert "is JSON" in said and '"late"' in said
    assert "few labels" in home.refuses(InputError, "workloads", "set", poems, "--read", "label")
    assert home.json("workloads", "set", first, "--read", "label")["contract"]["read_as"] == "label"
    assert home.json("workloads", "set", first, "--undo")["contract"]["read_as"] is None


def test_the_table_names_scopes_where_there_are_several(home: Home) -> None:
    assert "scope" in home.run("workloads", "list").split("workload")[0]
    assert "no call is in scope 'c'" in home.refuses(NotFoundError, "workloads", "list", "--scope", "c")


def test_a_home_may_stand_before_the_subcommand(home: Home) -> None:
    result = CliRunner().invoke(cli, ["workloads", "--home", str(home.path), "--format", "json", "list"])
    assert result.exit_code == 0 and len(json.loads(result.stdout)) == 3


def test_calls_are_listed_newest_first(home: Home) -> None:
    (newest,) = home.json("workloads", "calls", ids(home)[0], "--limit", "1")
    assert newest["response_id"] == "chatcmpl-000059"


def test_a_few_calls_are_no_workload_and_that_is_said(tmp_path: Path) -> None:
    few = Home(tmp_path / "few")
    few.run("import", str(traffic.write(tmp_path / "few.jsonl", parcels(3))))
    said = few.run("workloads")
    assert "at least 15 calls" in said and "there are 3 calls" in said


def test_a_trifle_is_no_nothing(tmp_path: Path) -> None:
    cheap = Home(tmp_path / "cheap")
    cheap.run("import", str(traffic.write(tmp_path / "cheap.jsonl", parcels(20))))
    assert "under $0.01" in cheap.run("workloads")


@pytest.mark.parametrize(
    "words",
    [
        ["workloads"],
        ["workloads", "list"],
        ["workloads", "show", "x"],
        ["workloads", "calls", "x"],
        ["workloads", "name", "x", "y"],
        ["route", "list"],
        ["route", "show", "x"],
        ["route", "on", "x"],
        ["certificate", "list"],
        ["certificate", "show", "x"],
        ["calls", "show", "x"],
        ["why", "x"],
        ["erase", "--call", "x", "--yes"],
        ["report"],
    ],
    ids=" ".join,
)
def test_a_mistyped_home_is_not_made(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(NotFoundError, match="no home at") as refused:
        Home(tmp_path / "hoem").run(*words)
    assert "modicum import LOG" in refused.value.hint and "--home" in refused.value.hint
    assert not list(tmp_path.iterdir())


def test_a_project_s_folder_is_told_of_the_home_in_it(tmp_path: Path) -> None:
    (tmp_path / ".modicum" / "calls").mkdir(parents=True)
    with pytest.raises(NotFoundError, match="no home at") as refused:
        Home(tmp_path).run("workloads", "list")
    assert refused.value.hint == f"did you mean {tmp_path / '.modicum'}?"
