"""A declared list: what is read, and what is named where it cannot be."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import LogFormatError
from modicum.intake.declared import check, parse, read

PAGE = Path(__file__).resolve().parents[2] / "docs" / "declared.md"
HEAD = "name,task,calls a month,input tokens,output tokens,model\n"


def sample() -> bytes:
    found = re.search(r"^```csv\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1].encode()


def test_the_sample_of_the_page() -> None:
    first, second, third = parse(sample())
    assert (first.name, first.task, first.model) == ("Aduan pelanggan", "classify", "gpt-4o")
    assert first.calls_month == 120_000 and first.input_tokens == 350
    assert first.sample == "Kelaskan aduan ini: bil, rangkaian, lain."
    assert (second.name, second.task, second.sample) == ("合同摘要", "summarise", None)
    assert (third.name, third.task, third.input_tokens) == ("بحث في الوثائق", "retrieve-and-answer", Decimal("2100.5"))


def test_from_a_file_of_any_spelling(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Workload;Model;Requests;Tokens in;Tokens out\na;gpt-4o;10;5;1\n", encoding="utf-16")
    (row,) = read(path)
    assert (row.name, row.task, row.calls_month) == ("a", "unsure", 10)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "does not begin with the names of columns"),
        ("name,model\na,b\n", "line 1: no column 'calls_month' among name, model"),
        (HEAD, "declares no workload"),
        (HEAD + "a,classify,many,1,1,m\n", "line 2, column 'calls a month': 'many' is not a whole number"),
        (HEAD + "a,classify,0,1,1,m\n", "whole number from 1 on"),
        (HEAD + "a,classify,1.5,1,1,m\n", "line 2, column 'calls a month'"),
        (HEAD + "a,clasify,1,1,1,m\n", "line 2, column 'task': no kind of task 'clasify'; did you mean 'classify'?"),
        (HEAD + "a,classify,1,,1,m\n", "line 2, column 'input tokens': it is empty"),
        (HEAD + "a,classify,1,-1,1,m\n", "column 'input tokens'"),
        (HEAD + "a,classify,1,nan,1,m\n", "column 'input tokens'"),
        (HEAD + "a,classify,1,1,1,\n", "which model answers it today?"),
        (HEAD + ",classify,1,1,1,m\n", "line 2, column 'name': it is empty"),
        (HEAD + "a,classify,1,1\n", "line 2: 4 cells where the head names 6"),
        (HEAD + "a,classify,1,1,1,m\na,extract,1,1,1,m\n", "two workloads are called 'a'"),
        (HEAD + "a,classify,x,y,1,m\nb,classify,1,1,z,m\n", "line 3, column 'output tokens'"),
        (HEAD + "x\n" * 30, "and 20 more"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(body: str, why: str) -> None:
    with pytest.raises(LogFormatError) as told:
        parse(body.encode())
    assert why in str(told.value)


def test_a_list_has_limits(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(HEAD.encode() + b"a,classify,1,1,1,m\n" * 300_000)
    with pytest.raises(LogFormatError, match="longer than 4 MiB"):
        read(path)
    many = HEAD + "".join(f"w{number},classify,1,1,1,m\n" for number in range(10_001))
    with pytest.raises(LogFormatError, match="over 10,000 rows"):
        parse(many.encode())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (HEAD + text).encode("utf-8", "surrogatepass")))
def test_whatever_stands_there_it_is_a_list_or_named(body: bytes) -> None:
    try:
        rows = parse(body)
    except LogFormatError as error:
        assert str(error)
    else:
        assert rows and all(row.calls_month > 0 for row in rows)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["name", "task", "calls_month", "input_tokens", "output_tokens", "model", "sample"]), st.text(max_size=12)
    )
)
def test_a_row_is_right_or_says_what_is_wrong(cells: dict[str, str]) -> None:
    row, wrong = check(cells)
    assert (row is None) == bool(wrong)
