"""How a workload is put before its operator: in plain words, one line a value, without what erasure left behind."""

from __future__ import annotations

from datetime import UTC, datetime

from modicum.cli.showing import how_read, label_rows
from modicum.pipeline.deciding import brief
from modicum.pipeline.describing import template_lines
from modicum.types import Contract, Pattern, Template, Version, Workload

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def version(name: str, word: str) -> Version:
    system = Pattern(literals=("Sort mail for ", f". {word}"), anchored_start=True, anchored_end=True)
    template = Template(key="", system=system, user=Pattern(literals=("Mail:\n",), anchored_start=True))
    return Version(version_id=name, template=template, marks=(("system.0", "Rome"),), first_seen=NOW, last_seen=NOW, calls=1)


def workload(*versions: Version) -> Workload:
    return Workload(
        workload_id="w_1", scope="a", name="mail", task="classify", contract=Contract(kind="label"), versions=versions, first_seen=NOW,
        last_seen=NOW,
    )  # fmt: skip


def test_a_template_names_its_slots() -> None:
    lines = ["system:", "  Sort mail for {system.0}. One word.", "user:", "  Mail:", "  {user.0}", "where system.0 is 'Rome'"]
    assert template_lines(workload(version("v1", "One word."))) == lines
    both = template_lines(workload(version("v1", "One word."), version("v2", "Be brief.")))
    assert both[0] == "version v1: 1 call, 2026-11-01 to 2026-11-01" and both[1:7] == lines and both[7].startswith("version v2")


def test_how_an_answer_is_read_is_said_in_words() -> None:
    assert how_read(Contract(kind="label", reader="whole")) == "the whole answer is the label"
    said = how_read(Contract(kind="number", reader="last", form="Score: {}", read_as="label"))
    assert said == "the number stands last in the answer (you said: label); it is written 'Score: …'"
    assert how_read(Contract(kind="text", reader="text")) == "the answer as it is"


def test_what_erasure_left_of_a_label_is_no_row() -> None:
    contract = Contract(kind="label", labels=("lost", "[erased]", "late"))
    assert label_rows(contract, {"lost": 3}) == [("lost", 3), ("late", 0)]
    assert label_rows(contract, {"[erased]": 1})[1] == ("[erased]", 1)


def test_a_value_is_one_line() -> None:
    assert brief("a\n  b\tc", 10) == "a b c"
    assert brief("x" * 11, 10) == "x" * 9 + "…"
    assert brief(" " * 300 + "x", 10) == "…"
    assert len(brief("word " * 10_000, 100)) == 100
