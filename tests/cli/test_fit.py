"""What `modicum fit` prints: names that can be copied, what was tried, why each was not taken, and the way on."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modicum.admin.fitting import Fitted
from modicum.cli.fit import _fate, _say_next, _show, share_of
from modicum.cli.options import _left_out, _needs, print_table
from modicum.cli.route_shown import HEAD, SPARE
from modicum.types import Tier, TierName, Verdict
from tests.cli.test_import_and_erase import Modicum
from tests.pipeline import traffic
from tests.report.records import certificate, route


def tier(name: TierName, size: int, coverage: float, **more: Any) -> Tier:
    return Tier(name=name, size_bytes=size, cpu_ms=0.1, agreement=0.9, agreement_interval=(0.88, 0.92), coverage=coverage, **more)


@pytest.fixture
def modicum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Modicum:
    monkeypatch.chdir(tmp_path)
    return Modicum(tmp_path / "home", monkeypatch, capsys)


def test_each_candidate_has_its_fate() -> None:
    tested = tier("taught linear", 1_000_000, 0.5, chosen=True)
    assert _fate(tested, tested) == "tested"
    assert _fate(tier("linear", 1_000_000, 0.4), tested) == "answers no more"
    assert _fate(tier("encoder", 24_000_000, 0.6), tested) == "not worth its size"
    assert _fate(tier("neighbours", 900_000, 0.6), tested) == "slower"
    assert _fate(tier("encoder", 24_000_000, 0.0, why="would probably not pass"), tested) == "would probably not pass"
    assert _fate(tier("linear", 1_000_000, 0.4), None) == "not tested"


def test_free_text_has_a_way_on_and_every_candidate_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = Verdict(workload_id="w_1", verdict="refused", reason="its answers are free text", code="free_text")
    one = Verdict(workload_id="w_2", verdict="refused", reason="why", tiers=(tier("linear", 1_200_000, 0.4, chosen=True),))
    two = Verdict(workload_id="w_3", verdict="refused", reason="why", tiers=(*one.tiers, tier("encoder", 24_000_000, 0.41)))
    found = tuple(Fitted(workload=name, verdict=v) for name, v in (("replies", text), ("tickets", one), ("topics", two)))
    _show(found, Decimal("0.1"), {})
    printed = capsys.readouterr().out
    assert "`modicum try PROVIDER/MODEL replies`" in printed
    assert "topics: tried, by estimate" in printed and "not worth its size" in printed
    (row,) = (line for line in printed.splitlines() if line.lstrip().startswith("tickets") and "linear" in line)
    assert "1.2" in row and "90.0%\u00a0(88–92)" in row


def test_an_estimate_of_nothing_above_a_certificate_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = tier("linear", 1_200_000, 0.0, chosen=True, saving_usd_month=Decimal("0.00"))
    certified = Verdict(workload_id="w_1", verdict="certified", reason="", certificate=certificate(coverage=0.27), tiers=(nothing,))
    _show((Fitted(workload="tickets", verdict=certified),), Decimal("0.1"), {})
    printed = capsys.readouterr().out
    (row,) = (line for line in printed.splitlines() if "linear" in line)
    assert row.count("likely none") == 2 and "0%" not in row.replace("90.0%", "") and "$0.00" not in row
    assert "tickets: by the estimate no threshold had an even chance to pass; on the held-out requests one did, and 27% of them" in printed


def test_who_takes_the_first_step_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    def said(*, automatic: bool, left_to_watcher: bool = False) -> str:
        made = Verdict(workload_id="w_1", verdict="certified", reason="", certificate=certificate(), route=route(automatic=left_to_watcher))
        _say_next((Fitted(workload="tickets", verdict=made),), {}, automatic=automatic)
        return capsys.readouterr().out

    assert "`modicum route shadow tickets` compares" in said(automatic=False)
    for one in (said(automatic=True), said(automatic=False, left_to_watcher=True)):
        assert "watcher takes it into shadow by itself" in one and "route shadow" not in one
    _say_next((Fitted(workload="tickets", verdict=Verdict(workload_id="w_1", verdict="refused", reason="why")),), {}, automatic=True)
    assert capsys.readouterr().out == ""


def test_what_was_not_made_has_a_row_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    left = Tier(
        name="encoder", size_bytes=None, cpu_ms=None, agreement=None, coverage=None, why="not made: it has 45 bytes, 40 are allowed"
    )
    verdict = Verdict(workload_id="w_2", verdict="refused", reason="why", tiers=(tier("linear", 1_200_000, 0.4, chosen=True), left))
    _show((Fitted(workload="tickets", verdict=verdict),), Decimal("0.1"), {})
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.lstrip().startswith("encoder"))
    assert "not made: it has 45 bytes, 40 are allowed" in row and " 0" not in row.split("not made")[0], "unknown is not 0"


def test_labels_of_no_call_are_counted_and_said(tmp_path: Path, modicum: Modicum) -> None:
    rows = [row for row, _ in traffic.sorted_messages(60)]
    traffic.write(tmp_path / "log.jsonl", rows)
    assert modicum("import", "log.jsonl")[0] == 0
    known, gold = str(rows[0]["response"]["id"]), tmp_path / "gold.jsonl"

    def given(*lines: dict[str, str]) -> tuple[int, str, str]:
        gold.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return modicum("fit", "--dry-run", "--gold", "gold.jsonl", "--format", "json")

    code, out, err = given({"id": known, "gold": "lost"}, {"id": "nobody-1", "gold": "lost"}, {"id": "nobody-2", "verdict": "a"})
    assert code == 0 and json.loads(out)[0]["calls"] == 60, "the warning is no part of what programs read"
    assert "2 of 3 labels name no call of these workloads and are not used; the first: nobody-1" in err
    assert given({"id": known, "gold": "lost"})[2] == ""
    code, _, err = given({"id": "nobody-1", "gold": "lost"}, {"id": "nobody-2", "gold": "lost"})
    assert code == 2 and "none of 2 labels names a call of these workloads; the first: nobody-1" in err
    code, _, err = given({"id": known, "label": "lost"})
    assert code == 2 and "none of 1 lines of labels has a 'gold' or a 'verdict'" in err


def test_gold_that_is_no_label_is_counted_and_shown_to_whoever_gave_it(tmp_path: Path, modicum: Modicum) -> None:
    rows = [row for row, _ in traffic.sorted_messages(60)]
    traffic.write(tmp_path / "log.jsonl", rows)
    assert modicum("import", "log.jsonl")[0] == 0
    values = ["lost", " LOST ", "lots", "lots", "perdu\x1b[2J", "x" * 90, "another"]
    lines = [{"id": str(row["response"]["id"]), "gold": value} for row, value in zip(rows, values, strict=False)]
    lines.append({"id": str(rows[20]["response"]["id"]), "verdict": "a"})
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, err = modicum("fit", "--dry-run", "--gold", "gold.jsonl", "--format", "json")
    assert code == 0 and "5 of 7 gold values are no label of " in err, "as the test compares them: case and spaces do not matter"
    assert "such as 'lots', 'perdu\\x1b[2J', '" + "x" * 39 + "…')" in err and "another" not in err, "three, each once, cut"
    assert "both answers count as wrong" in err and "lots" not in out
    assert not any(b"lots" in file.read_bytes() for file in (tmp_path / ".modicum").rglob("*") if file.is_file()), "and kept nowhere"


def test_a_name_is_not_broken_where_the_screen_is_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    name = "-".join(["part"] * 24)
    print_table(("workload", "because"), [(name, "word " * 40)], whole=(0,))
    assert name in capsys.readouterr().out


def test_a_narrow_screen_has_fewer_columns_in_which_no_word_is_broken() -> None:
    assert len(HEAD) > max(SPARE)
    row = (
        "r_91c2ab07d4",
        "ticket triage",
        "in canary",
        "10%",
        "81%",
        "1,214",
        "0.7% / 1.50%",
        "25%",
        "2026-11-24 03:08",
        "watch",
        "automatic",
    )
    needs = _needs(HEAD, [row], (0, 1))
    assert needs[:3] == [12, 13, 6] and needs[8] == 10, "a cell that stays whole needs all of it, another one its longest word"
    assert _left_out(needs, SPARE, 160) == set()
    for width in (60, 80, 100):
        out = _left_out(needs, SPARE, width)
        assert out == set(SPARE[: len(out)]) and sum(need + 2 for number, need in enumerate(needs) if number not in out) <= width


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.02", 0.02), (None, None)])
def test_a_share_is_a_number_or_a_percentage(text: str | None, share: float | None) -> None:
    assert share_of(text) == share
