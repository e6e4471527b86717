"""CSV that is text and numbers in every spreadsheet, and the JSON document in both currencies."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import ModicumError
from modicum.report import document, sheets, spreadsheet
from modicum.report.currency import Currency
from modicum.report.sheets import Sheet
from tests.report.everything import everything
from tests.report.records import days, report
from tests.report.test_page import HOSTILE

NAMES = ["تصنيف الشكاوى", "合同摘要", "புகார் வகை", "Aduan pelanggan · 投诉"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", " =1", "＝1", "\u3000=1", "=cmd|' /C calc'!A0"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert not spreadsheet.safe(text).startswith(spreadsheet.FORMULAS)
    assert spreadsheet.safe(text).startswith("'") or "\r" in text  # which is shown as an escape


@pytest.mark.parametrize("separator", [",", ";", "|", "\t", "\n"])
@pytest.mark.parametrize("payload", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\u2003=1", '"=1', "\u200d=1", "﹦1", "=cmd|' /C calc'!A0"])
def test_a_formula_behind_another_separator_gets_one_too(separator: str, payload: str) -> None:
    written = spreadsheet.text(Sheet(name="x", head=("a", "b", "c"), rows=(("first", f"name{separator}{payload}", 1),)))
    for cells in csv.reader(io.StringIO(written, newline=""), delimiter=separator if separator != "\n" else ","):
        for cell in cells:
            for line in cell.split("\n"):
                assert line.strip(' \u2003\u200d"\t')[:1] not in ("=", "+", "-", "@", "﹦"), line


@settings(deadline=None)
@given(st.text(alphabet="=+-@;,|\t\n\"' a1", max_size=24), st.sampled_from(",;|\t"))
def test_no_cell_begins_with_a_formula_whatever_the_separator(text: str, separator: str) -> None:
    line = spreadsheet.safe(text)
    for cell in line.replace("\n", separator).split(separator):
        assert cell.strip(' "')[:1] not in tuple("=+-@"), (line, cell)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_text_is_a_formula_and_every_row_comes_back_whole(text: str) -> None:
    written = spreadsheet.text(Sheet(name="x", head=("a", "b"), rows=((text, 1),)))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows[0] == ["a", "b"] and rows[1] == [spreadsheet.safe(text), "1"] and len(rows) == 2
    assert not rows[1][0].lstrip(" \u00a0\u3000").startswith(spreadsheet.FORMULAS)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.00"), "0"),
        (Decimal("0.00001"), "0.00001"),
        (Decimal("-3.5"), "-3.5"),
        (0.25, "0.25"),
        (Decimal("1234567890123456789.5"), "1234567890123456789.5"),
        (Decimal("1E+30"), "1" + "0" * 30),
        (1e20, "1" + "0" * 20),
        (10.0, "10"),
        (-0.0, "0"),
        (Decimal("NaN"), ""),
        (float("inf"), ""),
    ],
)
def test_numbers_stand_bare(value: Decimal | float | None, cell: str) -> None:
    assert spreadsheet.cell(value) == cell


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_from_a_log_is_a_formula_in_any_table(hostile: str) -> None:
    for sheet in sheets.sheets(everything("=" + hostile)):
        for cells in csv.reader(io.StringIO(spreadsheet.text(sheet), newline="")):
            for cell in cells:
                assert not cell.startswith(spreadsheet.FORMULAS) or float(cell) < 0


@pytest.mark.parametrize("name", NAMES)
def test_every_script_comes_through(name: str, tmp_path: Path) -> None:
    paths = spreadsheet.write(sheets.sheets(everything(name)), tmp_path / "all", bom=True)
    assert [path.name for path in paths][:2] == ["workloads.csv", "models.csv"]
    raw = paths[0].read_bytes()
    assert raw.startswith("\ufeff".encode()) and name.encode() in raw and b"\r\n" in raw
    assert name in json.loads(document.encode(everything(name)))["headline"] or name in document.encode(everything(name))


def test_one_file_or_a_folder(tmp_path: Path) -> None:
    made = sheets.sheets(everything())
    assert spreadsheet.write(made, tmp_path / "w.csv") == (tmp_path / "w.csv",)
    assert {path.stem for path in spreadsheet.write(made, tmp_path / "out")} == {sheet.name for sheet in made}
    (tmp_path / "file").write_text("")
    with pytest.raises(ModicumError, match="cannot write"):
        spreadsheet.write(made, tmp_path / "file" / "w.csv")


def test_the_workloads_add_up_to_their_total() -> None:
    (sheet, *_) = sheets.sheets(everything(currency=Currency()))
    column = sheet.head.index("spend_usd")
    *lines, total = [row[column] for row in sheet.rows]
    assert sum(value for value in lines if isinstance(value, Decimal)) == total
    assert all(len(row) == len(one.head) for one in sheets.sheets(everything()) for row in one.rows)


def test_another_currency_stands_beside_the_dollars() -> None:
    (sheet, *_) = sheets.sheets(everything())
    usd, myr = sheet.head.index("spend_usd_month"), sheet.head.index("spend_myr_month")
    assert myr == usd + 1
    for row in sheet.rows:
        dollars, ringgit = row[usd], row[myr]
        assert isinstance(dollars, Decimal) and isinstance(ringgit, Decimal) and ringgit == dollars * Decimal("4.7")


def test_the_document_says_both() -> None:
    found = json.loads(document.encode(everything()))
    assert found["totals"]["spend_myr_month"] == pytest.approx(found["totals"]["spend_usd_month"] * 4.7, abs=1e-5)
    assert found["ladders"][0]["rungs"][2]["myr_call"] == pytest.approx(0.000019)
    assert found["currency"] == {"code": "MYR", "rate": 4.7, "source": "Bank Negara", "as_of": "2026-10-30"}
    assert found["budget"]["standing"] == "over" and found["comparison"]["change_myr"] < 0
    assert [one["evidence"] for one in found["evidence"]] == ["certified", "measured", "published", "none"]
    assert {one["workload_id"] for one in found["traffic"]["workloads"]} == {"w1", "w2", None}
    assert any(gap["name"] == "refused" and gap["number"] == 3 for gap in found["gaps"])


def test_in_dollars_nothing_stands_twice() -> None:
    text = document.encode(report(days(3)))
    assert "myr" not in text and json.loads(text)["currency"]["code"] == "USD"


def test_a_trend_by_name_is_money_too() -> None:
    assert sheets.is_money("front desk (usd)") and sheets.is_money("usd_call") and sheets.is_money("spend_usd_month")
    assert not sheets.is_money("workload") and not sheets.is_money("usdx")
