"""`modicum import` and `modicum erase`, as a person calls them."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from modicum.cli import main


class Modicum:
    """The command line, called in this process."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._home, self._monkeypatch, self._capsys = home, monkeypatch, capsys

    def __call__(self, *arguments: str, given: bytes = b"") -> tuple[int, str, str]:
        self._monkeypatch.setattr("sys.argv", ["modicum", *arguments, "--home", str(self._home)])
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def modicum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Modicum:
    monkeypatch.chdir(tmp_path)
    return Modicum(tmp_path / "home", monkeypatch, capsys)


def line(number: int, user: str = "u") -> bytes:
    call: dict[str, Any] = {
        "timestamp": 1_790_000_000 + number,
        "client_id": f"team-{number % 2}",
        "request": {"messages": [{"role": "user", "content": f"CANARY{number}-"}], "user": user},
        "response": {"id": f"r{number}", "choices": [{"message": {"role": "assistant", "content": "a"}}]},
    }
    return json.dumps(call).encode() + b"\n"


def test_a_log_goes_in_once_and_out_for_good(tmp_path: Path, modicum: Modicum) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(line(n, f"user-{n % 2}") for n in range(10)) + b"bad\n")
    code, out, err = modicum("import", str(log), "--scope-from", "client_id")
    assert (code, out.splitlines()[0]) == (1, "10 calls added, 1 line refused.")
    assert err == f"refused {log}:11: not JSON: invalid character (byte 0)\n"
    code, out, _ = modicum("import", "-", "--scope-from", "client_id", "--format", "json", given=gzip.compress(log.read_bytes()))
    told = json.loads(out)
    assert (code, told["added"], told["known"], told["refused"]) == (1, 0, 10, 1)
    assert told["refusals"] == [{"source": "standard input", "line": 11, "reason": "not JSON: invalid character (byte 0)", "whole": False}]
    code, _, err = modicum("erase", "--user", "user-1")
    assert code == 2 and "5 calls would be erased" in err
    assert modicum("erase", "--user", "user-1", "--yes") == (0, "5 calls erased.\n", "")
    code, out, _ = modicum("import", str(log), "--scope-from", "client_id", "--format", "json")
    assert (json.loads(out)["known"], json.loads(out)["erased"]) == (5, 5)


def test_a_strict_import_leaves_a_bad_log_out_whole(tmp_path: Path, modicum: Modicum) -> None:
    (tmp_path / "good").write_bytes(line(1))
    (tmp_path / "bad").write_bytes(line(2) + b"{}\n" + line(3))
    code, out, err = modicum("import", "--strict", str(tmp_path / "bad"), str(tmp_path / "good"), "--format", "json")
    assert (code, json.loads(out)["added"]) == (1, 1)
    assert f"{tmp_path / 'bad'}:2" in err
    code, out, _ = modicum("import", "--strict", "-", "--format", "json", given=line(2) + b"{}\n")
    assert (code, json.loads(out)["added"], json.loads(out)["logs"][0]["taken"]) == (1, 0, False)


def test_what_is_not_understood_exits_with_2(tmp_path: Path, modicum: Modicum) -> None:
    for arguments in (
        ["import", str(tmp_path / "nothing")],
        ["import"],
        ["import", "-", "--from", "csv"],
        ["import", "-", "--scope", ""],
        ["import", "-", "--scope", "a", "--scope-from", "client_id"],
        ["report", "-", "--scope", "a", "--scope-from", "client_id"],
        ["erase"],
        ["erase", "--user", "u", "--before", "2026-01-01"],
        ["erase", "--before", "soon", "--yes"],
    ):
        code, out, err = modicum(*arguments)
        assert code == 2 and err and not out and "Traceback" not in err, arguments


def test_one_of_a_thing_is_one(tmp_path: Path, modicum: Modicum) -> None:
    (tmp_path / "log").write_bytes(line(1))
    _, out, _ = modicum("import", str(tmp_path / "log"))
    assert out.startswith("1 call added.\nRead: 1 call of data-flywheel.\nIts bodies are kept until ")
    assert modicum("erase", "--call", "r1", "--yes") == (0, "1 call erased.\n", "")


def test_what_was_recorded_can_be_taken_elsewhere(tmp_path: Path, modicum: Modicum) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(line(n) for n in range(10)))
    modicum("import", str(log))
    code, out, _ = modicum("calls", "export")
    exported = [json.loads(one) for one in out.splitlines()]
    assert code == 0 and [one["response_id"] for one in exported] == [f"r{n}" for n in range(10)]
    assert exported[3]["request"]["user"] == "u" and exported[3]["started_at"] == exported[3]["timestamp"]
    code, again, _ = modicum("import", "-", "--format", "json", given=out.encode())
    assert (code, json.loads(again)["known"]) == (0, 10)
    assert len(modicum("calls", "export", "--until", "2026-01-01")[1]) == 0


def test_a_stranger_reads_what_became_of_the_files(tmp_path: Path, modicum: Modicum) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b"{}\n" * 40 + line(1) + b'{"a"\n' * 2)
    code, out, err = modicum("import", str(tmp_path / "bad.jsonl"))
    assert code == 1 and len(err.splitlines()) == 8 and "the 35 lines up to 40 for the same reason" in err
    assert out.splitlines()[1] == "Read: 1 call of data-flywheel."
    assert out.splitlines()[2].startswith("Refused: 40 x no format we know") and "; 2 x not JSON" in out
    (tmp_path / "README").write_bytes(b"# Words\n\nand more words\n" * 50)
    code, out, err = modicum("import", str(tmp_path / "README"))
    assert code == 1 and len(err.splitlines()) == 1 and "looks like text" in err
    assert "No call was found" in out
    (tmp_path / "empty").write_bytes(b"")
    code, out, _ = modicum("import", str(tmp_path / "empty"))
    assert (code, out.splitlines()[0]) == (0, "0 calls added.") and "No call was found" in out
