"""`modicum adapter probe`: where recorded requests go is said, and asked, before one of them leaves this machine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modicum.artefact import Artefacts
from modicum.cli.adapter import said
from modicum.cli.options import print_json
from modicum.pipeline.adapters import Made
from modicum.store.control import Control
from tests.cli.test_import_and_erase import Modicum
from tests.pipeline import traffic
from tests.pipeline.test_adapters import kept

PROVIDERS = """
[providers.far]
kind = "openai_compatible"
url = "https://models.invalid/v1"

[providers.near]
kind = "openai_compatible"
url = "http://127.0.0.1:9/v1"
"""


@pytest.fixture
def modicum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Modicum:
    monkeypatch.chdir(tmp_path)
    return Modicum(tmp_path / "home", monkeypatch, capsys)


def settle(folder: Path, allowed: str = "") -> None:
    (folder / "modicum.toml").write_text(PROVIDERS + f"[policy]\nmay_receive = [{allowed}]\n")


def probed(modicum: Modicum, *words: str, at: str = "far") -> tuple[int, str, str]:
    return modicum("adapter", "probe", "shop-1", "--at", at, "--engine", "vllm", "--base", "base", *words)


def test_what_was_made_is_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Made(
        name="shop-1", digest="sha256:1", folder=tmp_path, gguf=None, pairs=3, too_long=0, steps=2, loss_first=0.5, loss_last=0.25,
        learnt_until=datetime(2026, 1, 1, tzinfo=UTC), serve={"vllm": "vllm serve base"},
    )  # fmt: skip
    print_json(said(made))
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["folder"], told["gguf"], told["loss_last"]) == ("shop-1", str(tmp_path), None, 0.25)
    assert told["learnt_until"] == "2026-01-01T00:00:00Z" and told["serve"] == {"vllm": "vllm serve base"}


def test_it_asks_before_requests_leave_this_machine(tmp_path: Path, modicum: Modicum) -> None:
    traffic.write(tmp_path / "log.jsonl", [row for row, _ in traffic.sorted_messages(240)])
    assert modicum("import", "log.jsonl")[0] == 0 and modicum("workloads", "list")[0] == 0
    (workload,) = Control(tmp_path / "home").workloads()
    kept(tmp_path / "home", "shop-1", datetime(2026, 1, 1, tzinfo=UTC), workload=workload.name)
    assert Artefacts(tmp_path / "home" / "artefacts").digests()
    settle(tmp_path)
    code, out, err = probed(modicum, "--yes")
    assert code == 2 and out == "" and "may not be sent to models.invalid (far)" in err and "may_receive" in err
    settle(tmp_path, '"far"')
    code, out, err = probed(modicum, "--calls", "3")
    assert (
        code == 2
        and f"far at models.invalid (https://models.invalid/v1): 3 requests of {workload.name}, redacted, three times each." in out
    )
    assert "3 recorded requests would be sent to models.invalid: say --yes" in err
    assert probed(modicum, "--format", "json")[0] == 2, "a script says --yes"
    code, _, err = probed(modicum, "--yes")
    assert code == 2 and "say --yes" not in err and "far at https://models.invalid/v1" in err, "it was let through, and nobody is there"
    code, out, err = probed(modicum, at="near")
    assert code == 2 and "near at this machine" in out and "near at http://127.0.0.1:9/v1" in err, "nothing leaves: nobody is asked"
