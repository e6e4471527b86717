"""`modicum label` as a person at a terminal, and as a spreadsheet, meets it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from modicum.cli import cli
from modicum.cli.label_files import read_csv
from modicum.cli.side_by_side import differences, shown
from modicum.errors import InputError, LogFormatError, NotFoundError
from modicum.evaluate.labels import Choice, Label
from tests.cli.labelling import HOSTILE, Waiting, asking

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture
def here(tmp_path: Path) -> Waiting:
    return asking(tmp_path)


def run(here: Waiting, *words: str) -> Result:
    return CliRunner().invoke(cli, ["label", here.workload.name, *words, "--home", str(here.config.home)])


def told(here: Waiting, *words: str) -> Any:
    result = run(here, *words, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


class Screen:
    """The command at a pseudo terminal."""

    def __init__(self, here: Waiting, *words: str) -> None:
        self.fd, inner = pty.openpty()
        command = [sys.executable, "-m", "modicum", "label", here.workload.name, *words, "--by", "ann", "--home", str(here.config.home)]
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40", "PAGER": "cat"}
        self.process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True)
        os.close(inner)
        self.text = ""

    def see(self, wanted: str, times: int = 1) -> str:
        """Read until this stands on the screen so often."""
        until = time.monotonic() + 60
        while self.text.count(wanted) < times and time.monotonic() < until:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.text += ESCAPES.sub("", os.read(self.fd, 65536).decode("utf-8", "replace"))
                except OSError:
                    break
        assert self.text.count(wanted) >= times, self.text[-2000:]
        return self.text

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def end(self) -> int:
        code = self.process.wait(30)
        os.close(self.fd)
        return code


def test_a_person_labels_by_keys_undoes_leaves_and_comes_back(here: Waiting) -> None:
    here.spoil()
    screen = Screen(here)
    seen = screen.see("[q]uit")
    assert "\x1b]0" not in seen and "\\u202e" in seen and "\\u001b" in seen, "nothing of the request steers the terminal"
    assert '"topic": "lost",' in seen, "JSON is written out"
    for number, key in enumerate("12bnu", 2):
        screen.press(key)
        screen.see("[q]uit", number)
    screen.press("l")
    screen.see("goes back)")
    screen.press("da\r")
    screen.see("[q]uit", 7)
    screen.press("q")
    screen.see("4 of 31 labelled")
    assert screen.end() == 0
    desk = here.desk()
    marks = [desk.said(question.id) for question in desk.questions[:5]]
    assert marks == [Label(verdict="a"), Label(verdict="b"), Label(verdict="both"), Label(gold="damaged"), None]

    again = Screen(here)
    again.see("4 of 31 labelled")
    again.press("s\x04")
    assert again.end() == 0
    assert here.desk().standing().skipped == 1


def test_ctrl_c_keeps_what_was_said_and_is_not_the_end_of_the_job(here: Waiting) -> None:
    screen = Screen(here)
    screen.see("[q]uit")
    screen.press("1")
    screen.see("[q]uit", 2)
    screen.process.send_signal(signal.SIGINT)
    screen.see("1 of 31 labelled", 2)
    screen.see("stopped")
    assert screen.end() == 130
    assert here.desk().standing().settled == 1


def test_where_nobody_can_press_a_key_it_says_what_to_do(here: Waiting) -> None:
    refused = run(here)
    assert refused.exit_code == 2 and "--web" in refused.output and "--csv" in refused.output


def test_a_workload_that_wants_no_labels_says_so(here: Waiting) -> None:
    here.requests.unlink()
    refused = run(here)
    assert isinstance(refused.exception, NotFoundError) and "wants labels" in str(refused.exception)


def test_labels_go_through_a_spreadsheet_and_back(here: Waiting, tmp_path: Path) -> None:
    here.spoil()
    sheet = tmp_path / "sheet.csv"
    assert "31 calls written" in run(here, "--csv", str(sheet)).output
    rows = list(csv.DictReader(io.StringIO(sheet.read_text("utf-8-sig"), newline="")))
    assert set(rows[0]) == {"id", "request <b>mail</b>", "request user.0", "a", "b", "verdict", "gold"} and len(rows) == 31
    assert sheet.stat().st_mode & 0o077 == 0
    for row in rows:
        row["gold"] = here.gold[row["id"]]
    rows[0] |= {"gold": "", "verdict": "Both"}
    rows[1]["gold"] = ""
    filled = tmp_path / "filled.csv"
    with filled.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")  # as Excel writes it where the comma is the decimal sign
        writer.writeheader()
        writer.writerows(rows)
    found = told(here, "--from", str(filled), "--by", "ann")
    assert (found["standing"]["settled"], found["complete"]) == (30, False)
    assert here.desk().said(rows[0]["id"]) == Label(verdict="both")
    assert "0 new labels" in run(here, "--from", str(filled), "--by", "ann").output
    assert "Enough, you said" in run(here, "--enough", "--by", "ann").output


def test_a_filled_in_request_file_is_read_too(here: Waiting) -> None:
    lines = [json.loads(line) | {"verdict": "b"} for line in here.requests.read_text().splitlines()]
    here.requests.with_suffix(".txt").write_text("\n".join(map(json.dumps, lines)))
    assert told(here, "--from", str(here.requests.with_suffix(".txt")))["complete"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,verdict\nx,a\n", "columns"),
        ("id,verdict\nx,maybe\n", "row 2"),
        ("id,verdict\n,a\n", "no id"),
        ("id,verdict\n" + "x" * (2 << 20) + ",a\n", "CSV"),
    ],
)
def test_a_bad_sheet_is_named(here: Waiting, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    refused = run(here, "--from", str(tmp_path / "bad.csv"))
    assert isinstance(refused.exception, LogFormatError) and says in str(refused.exception)
    assert here.desk().standing().settled == 0


def test_a_sheet_of_other_calls_is_refused(here: Waiting, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("id,verdict\nchatcmpl-elsewhere,a\n")
    foreign = run(here, "--from", str(tmp_path / "other.csv")).exception
    assert isinstance(foreign, NotFoundError) and "of the file: call '" in str(foreign) and "--csv FILE" in foreign.hint


def test_too_few_labels_are_not_enough(here: Waiting) -> None:
    refused = run(here, "--enough")
    assert refused.exit_code == 2 and "--partial" in refused.output


def test_two_people_see_how_far_they_agree(here: Waiting) -> None:
    words: dict[str, Choice] = {"ann": "a", "bob": "b"}
    for by, verdict in words.items():
        desk = here.desk(by, again=True)
        for question in desk.questions:
            desk.label(question.id, gold=here.gold[question.id])
        desk.label(desk.questions[0].id, verdict=verdict)
    said = CliRunner().invoke(cli, ["label", here.workload.name, "--from", os.devnull, "--home", str(here.config.home)])
    assert isinstance(said.exception, LogFormatError)
    standing = told(here)["standing"]
    (pair,) = standing["agreements"]
    assert (pair["both"], pair["agree"], standing["conflicts"], standing["settled"]) == (31, 30, 1, 30)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_labels_or_a_clear_error(body: bytes) -> None:
    try:
        for name, label in read_csv(body):
            assert name and (label.gold or label.verdict)
    except InputError:
        return


def test_differences_are_marked_by_word() -> None:
    first, second = differences("the parcel is late", "the parcel was lost, sorry")
    assert [text for text, differs in first if differs] == ["is", "late"]
    assert "".join(text for text, _ in second) == "the parcel was lost, sorry"
    assert differences("lost", "late") == ([("lost", False)], [("late", False)]), "of two labels there is nothing to mark"


@given(st.text(max_size=80), st.text(max_size=80))
def test_marking_changes_no_text(first: str, second: str) -> None:
    ones, others = differences(first, second)
    assert "".join(text for text, _ in ones) == shown(first) and "".join(text for text, _ in others) == shown(second)


def test_what_is_shown_is_harmless() -> None:
    text = shown(HOSTILE)
    assert "\x1b" not in text and "\u202e" not in text and "<script>" in text
    assert shown('{"b":[1],"a":null}') == '{\n  "b": [\n    1\n  ],\n  "a": null\n}'
    assert shown("[" * 5000).startswith("[[")
