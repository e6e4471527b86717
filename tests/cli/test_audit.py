"""`modicum audit`: what it prints, what it exits with, and what it finds."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.errors import InputError, NotFoundError
from modicum.store.control import Control

DOCS = Path(__file__).parents[2] / "docs" / "inventory-and-audit.md"


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["audit", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture
def home(tmp_path: Path) -> Path:
    control = Control(tmp_path / "home")
    for number in range(1, 5):
        control.log("ada" if number % 2 else "=bob", "route.on" if number < 3 else "key.create", f"r{number}", f"note {number}\x1b[2J")
    return tmp_path / "home"


def change(home: Path, statement: str) -> None:
    connection = sqlite3.connect(home / "control.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_lines_are_shown_newest_first_and_page_by_page(home: Path) -> None:
    code, text = run("show", "--home", str(home), "--limit", "2")
    assert code == 0 and text.index("note 4") < text.index("note 3") and "--below 3" in text and "\x1b" not in text
    _, more = run("show", "--home", str(home), "--limit", "2", "--below", "3")
    assert "note 2" in more and "note 1" in more and "There are more" not in more

    def told(*words: str) -> list[int]:
        return [row["number"] for row in json.loads(run("show", "--home", str(home), "--format", "json", *words)[1])]

    assert told("--action", "route") == [2, 1] and told("--subject", "r3") == [3] and told("--actor", "=bob") == [4, 2]
    assert told("--since", "2999-01-01") == [] and told("--until", "2999-01-01") == [4, 3, 2, 1]
    assert run("show", "--home", str(home), "--subject", "nobody")[1] == "No such line.\n"


def test_an_export_is_verified_without_the_home(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    code, text = run("export", str(file), "--home", str(home))
    head = re.search(r"head ([0-9a-f]{64})", text)
    assert code == 0 and "4 lines" in text and head is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, text = run("verify", str(file), "--home", str(tmp_path / "nowhere"), "--head", head[1])
    assert code == 0 and "Every line is as it was written." in text and not (tmp_path / "nowhere").exists()
    file.write_bytes(file.read_bytes().replace(b"note 2", b"note 5"))
    code, text = run("verify", str(file))
    assert code == 1 and "record 2 (line 3 of the file): its subject or detail is not what was written" in text and "DOES NOT HOLD" in text
    code, text = run("verify", str(file), "--format", "json")
    assert code == 1 and json.loads(text)["faults"][0]["line"] == 2 and json.loads(text)["holds"] is False


def test_a_home_is_held_against_an_export_that_was_kept(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    run("export", str(file), "--home", str(home))
    Control(home).log("ada", "note", "", "later")
    code, text = run("verify", "--home", str(home), "--head", str(file))
    assert code == 0 and "is line 4's; 1 line came after it." in text
    change(home, "DELETE FROM audit WHERE number > 3")
    assert run("verify", "--home", str(home))[0] == 0, "the chain alone does not know its end"
    code, text = run("verify", "--home", str(home), "--head", str(file))
    assert code == 1 and "no line has the head that was kept" in text


def test_a_home_that_was_changed_is_told_by_line(home: Path, tmp_path: Path) -> None:
    change(home, "UPDATE audit SET actor = 'nobody' WHERE number = 3")
    code, text = run("verify", "--home", str(home))
    assert code == 1 and text.startswith("record 3: does not follow")
    code, text = run("export", str(tmp_path / "audit.jsonl"), "--home", str(home))
    assert code == 1 and "record 3" in text, "what is exported is not taken to hold"


def test_a_signature_vouches_for_the_whole_file(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("model_signing")
    key, public, file = tmp_path / "key.pem", tmp_path / "public.pem", tmp_path / "audit.jsonl"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)], check=True, capture_output=True)
    subprocess.run(["openssl", "ec", "-in", str(key), "-pubout", "-out", str(public)], check=True, capture_output=True)
    assert run("export", str(file), "--home", str(home), "--sign", str(key))[0] == 0
    assert "Signature: holds" in run("verify", str(file), "--public-key", str(public))[1]
    moved = file.rename(tmp_path / "of-november.jsonl")
    code, text = run("verify", str(moved), "--public-key", str(public), "--format", "json")
    assert code == 1 and "not signed" in json.loads(text)["signature"]
    Path(f"{file}.sig").rename(f"{moved}.sig")
    assert run("verify", str(moved), "--public-key", str(public))[0] == 0, "a file may be called otherwise later"
    moved.write_bytes(re.sub(rb'"created":"20..', b'"created":"2099', moved.read_bytes(), count=1))
    assert run("verify", str(moved))[0] == 0
    code, text = run("verify", str(moved), "--public-key", str(public))
    assert code == 1 and "does not hold" in text


def test_what_is_wrong_with_the_words_is_said(home: Path, tmp_path: Path) -> None:
    for words in (("verify", "--head", "abc"), ("verify", str(tmp_path / "none")), ("export", str(tmp_path / "no" / "file"))):
        with pytest.raises(InputError):
            run(*words, "--home", str(home))
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="does not begin as an export"):
        run("verify", "--head", str(tmp_path / "other.json"), "--home", str(home))
    assert run("verify", str(tmp_path / "other.json"))[0] == 1
    assert run("verify", "--public-key", "x", "--home", str(home))[0] == 2
    with pytest.raises(NotFoundError):
        run("show", "--home", str(tmp_path / "nowhere"))


def test_the_script_of_the_documentation_checks_an_export_without_us(home: Path, tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S)
    control = Control(home)
    control.rewrite(lambda record: record, lambda text: text.replace("note 1", "[erased]"))
    file = tmp_path / "audit.jsonl"
    run("export", str(file), "--home", str(home))

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True)

    good = check()
    assert good.returncode == 0 and "5 lines hold" in good.stdout, good.stderr
    for was, becomes in ((b"note 2", b"note 5"), (b'"ada"', b'"eve"'), (b"[erased]", b"nothing")):
        data = file.read_bytes()
        file.write_bytes(data.replace(was, becomes, 1))
        assert check().returncode == 1
        file.write_bytes(data)
