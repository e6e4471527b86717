"""The chain through the audit log: whatever is done to a line is found by its number, and erasing is not taken for it."""

from __future__ import annotations

import dataclasses
import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modicum.errors import InputError, StoreError
from modicum.store import chain
from modicum.store.audit import Sought
from modicum.store.chain import GENESIS, Line, Walk, Walked
from modicum.store.control import Control
from tests.store.test_control import attempt

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)


def walk(lines: Iterable[Line], kept: str | None = None) -> Walked:
    walk = Walk(kept)
    for line in lines:
        walk.step(line)
    return walk.end()


def written(texts: Iterable[tuple[str, str]]) -> list[Line]:
    lines: list[Line] = []
    for number, (subject, detail) in enumerate(texts, 1):
        before = lines[-1].link if lines else GENESIS
        lines.append(chain.line(before, number=number, at=f"t{number}", actor="ada", action="note", subject=subject, detail=detail))
    return lines


def but(line: Line, field: str, text: str) -> Line:
    changes: dict[str, Any] = {field: text}
    return dataclasses.replace(line, **changes)


TEN = written((f"s{n}", f"d{n}") for n in range(1, 11))


def told(found: Walked) -> list[int | None]:
    return [fault.line for fault in found.faults]


def test_a_chain_as_it_was_written_holds() -> None:
    found = walk(TEN, kept=TEN[6].link)
    assert found.holds and (found.lines, found.head, found.kept_head_at, found.erased) == (10, TEN[-1].link, 7, 0)
    assert walk([]).holds and walk([]).head == GENESIS and walk(TEN, kept=GENESIS).kept_head_at == 0


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Line) if field.name != "number"])
def test_a_changed_field_is_found_in_its_line(field: str) -> None:
    changed = but(TEN[4], field, "f" * 64)
    found = walk([*TEN[:4], changed, *TEN[5:]])
    # a false link stands between two lines: both are told
    assert told(found)[0] == 5 and set(told(found)) <= {5, 6}


def test_lines_that_are_missing_moved_put_in_or_twice_are_found() -> None:
    assert told(walk([*TEN[:4], *TEN[5:]])) == [5]
    assert [fault.what for fault in walk([*TEN[:2], *TEN[5:]]).faults] == ["lines 3 to 5 are missing"]
    assert told(walk(TEN[1:])) == [1]
    assert told(walk([*TEN[:5], TEN[6], TEN[5], *TEN[7:]])) == [6, 6]
    assert told(walk([*TEN[:5], TEN[4], *TEN[5:]])) == [5]
    put_in = chain.line(TEN[4].link, number=6, at="t", actor="eve", action="note", subject="", detail="")
    assert told(walk([*TEN[:5], put_in, *TEN[5:]])) == [6, 7]
    renumbered = [dataclasses.replace(line, number=line.number - 1) for line in TEN[5:]]
    assert 5 in told(walk([*TEN[:4], *renumbered]))


def test_an_end_that_was_cut_off_is_found_against_a_head_that_was_kept() -> None:
    assert walk(TEN[:8]).holds, "nothing in what is left says that there was more"
    assert told(walk(TEN[:8], kept=TEN[-1].link)) == [None]
    anew = written((f"s{n}", "otherwise") for n in range(1, 11))
    assert walk(anew).holds and not walk(anew, kept=TEN[-1].link).holds


def test_an_erased_line_holds_only_as_it_was_erased() -> None:
    lines = list(TEN)
    nonce = chain.new_nonce()
    lines[2] = dataclasses.replace(lines[2], subject="[erased]", nonce=nonce)
    assert told(walk(lines)) == [3], "nobody says that it was erased"
    (said,) = chain.names([(3, chain.commit(nonce, "[erased]", "d3"))])
    lines.append(chain.line(lines[-1].link, number=11, at="t", actor="ada", action=chain.ERASED, subject="", detail=said))
    assert walk(lines).holds and walk(lines).erased == 1
    assert told(walk([*lines[:2], dataclasses.replace(lines[2], detail="another"), *lines[3:]])) == [3]
    assert told(walk([*lines[:2], TEN[2], *lines[3:]])) == [3], "an old copy was put back"


@pytest.mark.parametrize("said", ["", "3", "3 x", f"03 {GENESIS}", f"3 {GENESIS},", f"11 {GENESIS}", f"3 {GENESIS}\n"])
def test_a_line_that_names_no_erased_ones_is_a_fault(said: str) -> None:
    last = chain.line(TEN[-1].link, number=11, at="t", actor="eve", action=chain.ERASED, subject="", detail=said)
    assert told(walk([*TEN, last])) == [11]


def test_many_faults_are_counted() -> None:
    found = walk(dataclasses.replace(line, actor="eve") for _ in range(30) for line in TEN)
    assert len(found.faults) == 100 and found.faults_untold == 200


def test_a_head_must_be_one() -> None:
    assert chain.head(f" {GENESIS.replace('0', 'A')}\n") == "a" * 64
    for text in ("", "0" * 63, "g" * 64, "0" * 65):
        with pytest.raises(InputError, match="no head"):
            chain.head(text)


def test_the_digests_are_those_that_the_documentation_gives() -> None:
    def h(*parts: str) -> str:
        return hashlib.sha256(b"".join(len(p.encode()).to_bytes(8, "big") + p.encode() for p in parts)).hexdigest()

    line = written([("ü", "x")])[0]
    assert line.commitment == h("modicum audit text 1", line.nonce, "ü", "x")
    assert line.link == h("modicum audit link 1", GENESIS, "1", "t1", "ada", "note", line.commitment)


@given(one=st.tuples(TEXTS, TEXTS), other=st.tuples(TEXTS, TEXTS))
def test_no_two_texts_have_one_commitment(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (chain.commit("n", *one) == chain.commit("n", *other)) == (one == other)


@given(st.integers(0, 9), st.sampled_from(["at", "actor", "action", "subject", "detail", "nonce", "commitment", "link"]), TEXTS)
def test_any_single_change_is_found(at: int, field: str, text: str) -> None:
    changed = but(TEN[at], field, text)
    assert walk([*TEN[:at], changed, *TEN[at + 1 :]], kept=TEN[-1].link).holds == (changed == TEN[at])


# ------------------------------------------------------------------------------------------------------ in control.db


def kept(home: Path) -> Walked:
    return walk(Control(home).audit_lines())


def test_every_line_that_the_store_writes_is_chained(tmp_path: Path) -> None:
    control = Control(tmp_path)
    assert kept(tmp_path).holds and control.audit() == []
    for number in range(3):
        control.log("ada", "note", "", f"{number}")
    found = kept(tmp_path)
    assert found.holds and found.lines == 3 and found.head == control.audit_lines()[-1].link


def test_the_table_is_written_in_one_place_alone() -> None:
    rooms = Path(chain.__file__).parents[1]
    writers = [
        path.name for path in rooms.rglob("*.py") if "insert(audit)" in path.read_text() or "insert(schema.audit)" in path.read_text()
    ]
    assert sorted(writers) == ["audit.py", "schema.py"]


def change(home: Path, statement: str) -> None:
    with sqlite3.connect(home / "control.db") as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE audit SET detail = 'b' WHERE number = 2", 2),
        ("UPDATE audit SET actor = 'eve' WHERE number = 3", 3),
        ("UPDATE audit SET at = replace(at, '20', '19') WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("UPDATE audit SET number = 9 WHERE number = 2", 2),
    ],
)
def test_what_somebody_does_to_the_file_is_found(tmp_path: Path, statement: str, line: int) -> None:
    control = Control(tmp_path)
    for number in range(4):
        control.log("ada", "note", "", f"a{number}")
    change(tmp_path, statement)
    assert told(kept(tmp_path))[0] == line


def test_a_program_that_knows_no_chain_cannot_write(tmp_path: Path) -> None:
    Control(tmp_path)
    with pytest.raises(sqlite3.IntegrityError):
        change(tmp_path, "INSERT INTO audit (at, actor, action, subject, detail) VALUES ('t', 'old', 'note', '', '')")


OLDER = """
CREATE TABLE migrations (number INTEGER PRIMARY KEY, name VARCHAR NOT NULL);
INSERT INTO migrations (name) VALUES ('first_tables'), ('keys'), ('totals'), ('answers');
CREATE TABLE routes (route_id VARCHAR PRIMARY KEY, workload_id VARCHAR NOT NULL, state VARCHAR NOT NULL, record TEXT NOT NULL);
CREATE TABLE audit (number INTEGER NOT NULL PRIMARY KEY, at VARCHAR NOT NULL, actor VARCHAR NOT NULL, action VARCHAR NOT NULL,
  subject VARCHAR NOT NULL, detail TEXT NOT NULL);
"""


def test_an_older_log_is_chained_once_and_says_so(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "control.db") as connection:
        connection.executescript(OLDER)
        for number in range(1, 4):
            row = (number, f"2026-11-0{number}T00:00:00+00:00", "ada", "note", "w", f"line {number}")
            connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.close()
    control = Control(tmp_path)
    assert [(e.number, e.action, e.detail) for e in control.audit()[:3]] == [(n, "note", f"line {n}") for n in (1, 2, 3)]
    assert control.audit()[3].action == chain.CHAINED and control.audit()[3].detail.startswith("chained from here")
    before = control.audit_lines()
    Control(tmp_path).log("ada", "note", "", "next")
    assert Control(tmp_path).audit_lines()[:4] == before and kept(tmp_path).holds
    tables = sqlite3.connect(tmp_path / "control.db")
    assert not [name for (name,) in tables.execute("SELECT name FROM sqlite_master") if "unchained" in name]
    tables.close()


def test_an_erasure_keeps_the_chain_and_leaves_nothing_of_the_text(tmp_path: Path) -> None:
    control = Control(tmp_path)
    for detail in ("about Zqxjk", "about nobody", "Zqxjk again"):
        control.log("ada", "note", "Zqxjk" if "again" in detail else "", detail)
    before = control.audit_lines()
    control.rewrite(lambda record: record, lambda text: text.replace("Zqxjk", "[erased]"), actor="bob")
    control.overwrite_deleted()
    after = control.audit_lines()
    assert [line.commitment for line in after[:3]] == [line.commitment for line in before] and after[3].action == chain.ERASED
    assert [entry.erased for entry in control.audit()] == [True, False, True, False] and control.audit()[3].actor == "bob"
    assert kept(tmp_path).holds and kept(tmp_path).erased == 2
    held = b"".join(file.read_bytes() for file in tmp_path.glob("control.db*"))
    assert b"Zqxjk" not in held and before[0].nonce.encode() not in held, "with the nonce a digest could be tried against names"
    control.rewrite(lambda record: record, lambda text: text.replace("again", "[erased]").replace(after[0].text[:8], "x"))
    assert kept(tmp_path).holds and kept(tmp_path).erased == 2, "erased once more, and no digest taken for a word"
    change(tmp_path, "UPDATE audit SET detail = 'about somebody' WHERE number = 1")
    assert told(kept(tmp_path)) == [1]


def test_an_erasure_that_finds_nothing_says_nothing(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.log("ada", "note", "", "x")
    control.rewrite(lambda record: record, lambda text: text)
    assert len(control.audit()) == 1


def test_many_lines_are_erased_at_once(tmp_path: Path) -> None:
    control = Control(tmp_path)
    for number in range(60):
        control.log("ada", "note", "", f"Zqxjk {number}")
    control.rewrite(lambda record: record, lambda text: text.replace("Zqxjk", ""))
    assert kept(tmp_path).holds and kept(tmp_path).erased == 60 and len(control.audit()) == 62


def test_lines_are_found_by_what_is_asked(tmp_path: Path) -> None:
    control = Control(tmp_path)
    began = datetime.now(UTC)
    for actor, action, subject in (
        ("ada", "route.on", "r1"),
        ("bob", "route.paused", "r1"),
        ("bob", "routes", "r2"),
        ("ada", "key.create", ""),
    ):
        control.log(actor, action, subject)

    def numbers(limit: int | None = None, **sought: object) -> list[int]:
        return [entry.number for entry in control.audited(Sought(**sought), limit)]  # type: ignore[arg-type]

    assert numbers() == [4, 3, 2, 1] and numbers(2) == [4, 3] and numbers(below=3) == [2, 1]
    assert numbers(action="route") == [2, 1] and numbers(action="route.on") == [1] and numbers(action="r%") == []
    assert numbers(actor="bob") == [3, 2] and numbers(subjects=frozenset({"r1", "r2"})) == [3, 2, 1]
    assert numbers(since=began) == [4, 3, 2, 1] and numbers(until=began - timedelta(seconds=1)) == []
    assert numbers(since=began + timedelta(hours=1)) == []


WRITER = """
import sys
from pathlib import Path
from modicum.store.control import Control
from tests.store.test_control import attempt
control = Control(Path(sys.argv[1]))
for number in range(25):
    control.log(sys.argv[2], "test", str(number))
    if number % 9 == 5:
        control.rewrite(lambda record: record, lambda text: text.replace("3", "three"), actor=sys.argv[2])
"""


def test_processes_that_write_and_erase_at_once_make_one_chain(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)]) for n in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = kept(tmp_path)
    assert found.holds and found.erased >= 4
    assert sum(entry.action == "test" for entry in Control(tmp_path).audit()) == 50


def test_a_change_that_fails_leaves_no_line(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.add_attempt(attempt(1), [])
    with pytest.raises(StoreError):
        control.add_attempt(attempt(1), [])
    control.log("ada", "note", "")
    assert kept(tmp_path).holds and kept(tmp_path).lines == 2


class Log(RuleBasedStateMachine):
    """Any order of writing, erasing and tampering: the chain holds until somebody tampers, and never again until it is undone."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def _append(self, action: str, subject: str, detail: str) -> None:
        before = self.lines[-1].link if self.lines else GENESIS
        number = len(self.lines) + 1
        self.lines.append(chain.line(before, number=number, at="t", actor="a", action=action, subject=subject, detail=detail))

    @rule(subject=TEXTS, detail=TEXTS)
    def write(self, subject: str, detail: str) -> None:
        self._append("note", subject, detail)

    @rule(letter=st.sampled_from("aeo0 "))
    def erase(self, letter: str) -> None:
        erased = []
        for place, line in enumerate(self.lines):
            if line.action != chain.ERASED and letter in line.subject + line.detail:
                subject, detail = line.subject.replace(letter, "_"), line.detail.replace(letter, "_")
                self.lines[place] = dataclasses.replace(line, subject=subject, detail=detail, nonce=chain.new_nonce())
                erased.append((line.number, self.lines[place].text))
        for said in chain.names(erased):
            self._append(chain.ERASED, "", said)

    @rule(data=st.data())
    def tamper(self, data: st.DataObject) -> None:
        if not self.lines:
            return
        at = data.draw(st.integers(0, len(self.lines) - 1))
        field = data.draw(st.sampled_from(["actor", "action", "subject", "detail", "nonce", "commitment", "link"]))
        changed = but(self.lines[at], field, data.draw(TEXTS))
        if changed != self.lines[at]:
            assert not walk([*self.lines[:at], changed, *self.lines[at + 1 :]]).holds
        assert not walk([*self.lines[:at], *self.lines[at + 1 :]], kept=self.lines[-1].link).holds

    @invariant()
    def holds(self) -> None:
        assert walk(self.lines).holds


TestLog = Log.TestCase
TestLog.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
