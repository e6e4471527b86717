"""Erased calls are gone: from every byte of every file, compressed or not, and they do not come back."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import zstandard

from modicum.errors import InputError, StoreBusyError
from modicum.store import erase as erasing
from modicum.store import home as homes
from modicum.store import identity
from modicum.store.calls import Added, Calls
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, new_call_id

START = datetime(2026, 10, 1, tzinfo=UTC)
CANARY = "CANARY-7f3a9c"


def call(number: int, *, text: str = "nothing special", user: str = "u", live: bool = False, scope: str = "default") -> Call:
    at = START + timedelta(hours=number)
    return Call(
        call_id=new_call_id() if live else identity.call_id(at, identity.of_response(scope, f"r{number}")),
        response_id=f"r{number}",
        scope=scope,
        user_id=user,
        conversation_id=f"conversation of {user}",
        client_id="team",
        started_at=at,
        origin="live" if live else "import",
        request=f'{{"text": "{text} {number}"}}'.encode(),
        response=f'{{"echo": "{text}"}}'.encode(),
        error=f"could not: {text}",
    )


def holders(home: Path, word: str) -> list[str]:
    """The files that hold a word, in their bytes or in what these unpack to."""
    found = []
    for path in home.rglob("*"):
        if path.is_file() and word.encode() in b"".join(_contents(path)):
            found.append(str(path.relative_to(home)))
    return found


def _contents(path: Path) -> Iterable[bytes]:
    body = path.read_bytes()
    yield body
    if path.suffix in (".zst", ".part"):
        yield zstandard.ZstdDecompressor().decompressobj().decompress(body)
    if path.suffix == ".parquet" and body[:4] == b"PAR1":
        # As values: pages are compressed. Checkpoints of the log are Parquet too.
        for read in ("read_parquet", "parquet_metadata"):
            yield repr(duckdb.execute(f"SELECT * FROM {read}(?)", [str(path)]).fetchall()).encode()
    if body[:2] == b"\x1f\x8b":
        yield gzip.decompress(body)


def test_the_search_would_find_what_it_looks_for(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.add([call(1, text=CANARY)])
    assert len(holders(tmp_path, CANARY)) == 1
    calls.compact()
    assert len(holders(tmp_path, CANARY)) == 1
    SegmentWriter(tmp_path).append(call(2, text=CANARY))
    assert len(holders(tmp_path, CANARY)) == 2


Erase = Callable[[Calls], int]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("erase", "gone"),
    [
        (lambda calls: calls.erase(call_id="r10"), {10}),
        (lambda calls: calls.erase(call_id=call(10).call_id), {10}),
        (lambda calls: calls.erase(user_id='it\'s \\ "me"'), {3, 10, 200, 201}),
        (lambda calls: calls.erase(before=START + timedelta(hours=30)), set(range(30))),
    ],
)
def test_no_byte_of_an_erased_call_is_left(tmp_path: Path, erase: Erase, gone: set[int], stored: bool) -> None:
    calls = Calls(tmp_path)
    texts = {n: f"{CANARY}-{n}-" if n in gone else "kept" for n in (*range(60), 200, 201)}
    users = {n: 'it\'s \\ "me"' if n in (3, 10, 200, 201) else f"user-{n}" for n in texts}
    calls.add(call(n, text=texts[n], user=users[n]) for n in range(60))
    if stored:
        calls.compact()
    served = SegmentWriter(tmp_path)
    for n in (200, 201):
        served.append(call(n, text=texts[n], user=users[n], live=True))
    Control(tmp_path)
    (tmp_path / "requests" / "ask.jsonl").write_text("".join(f'{{"id": "r{n}", "text": "{texts[n]}"}}\n' for n in range(60)))
    calls.assign([(call(n).call_id, "w", "v") for n in range(60)])
    (tmp_path / "tmp" / "left.tmp").write_text(CANARY)
    assert erase(calls) == len(gone)
    assert holders(tmp_path, CANARY) == []
    assert [int((c.response_id or "")[1:]) for c in calls.scan()] == sorted(set(texts) - gone)
    assert len(list(calls.assignments())) == 60 - len(gone & set(range(60)))
    assert len((tmp_path / "requests" / "ask.jsonl").read_text().splitlines()) == 60 - len(gone & set(range(60)))
    if 200 in gone:
        assert holders(tmp_path, users[200]) == []
    added = calls.add(call(n, text=texts[n], user=users[n]) for n in range(60))
    back = len(gone & set(range(60)))
    assert added == Added(0, 60 - back, back)
    assert holders(tmp_path, CANARY) == []
    served.append(call(300, live=True))
    assert calls.get("r300").response_id == "r300"


def test_erasing_again_finishes_what_a_kill_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(tmp_path)
    calls.add([call(1, text=CANARY), call(2)])
    calls.compact()
    monkeypatch.setattr("modicum.store.erase.Table.sweep", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        calls.erase(call_id="r1")
    assert holders(tmp_path, CANARY)
    monkeypatch.undo()
    assert calls.erase(call_id="r1") == 0
    assert holders(tmp_path, CANARY) == []


def test_the_same_id_in_another_scope_stays_known_by_its_own(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.add([call(1), call(1, scope="b")])
    assert calls.erase(call_id=call(1, scope="b").call_id) == 1
    assert [c.scope for c in calls.scan()] == ["default"]
    assert calls.erase(call_id="r1") == 1


def test_just_one_condition_is_taken(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    with pytest.raises(InputError):
        calls.erase()
    with pytest.raises(InputError):
        calls.erase(user_id="u", call_id="r")
    calls.add([call(1), replace(call(2), user_id=None)])
    assert erasing.matching(tmp_path, user_id="u") == 1
    assert erasing.matching(tmp_path, before=START + timedelta(days=1)) == 2
    assert erasing.matching(tmp_path, call_id="r2") == 1


def test_an_eraser_waits_for_readers_and_not_for_ever(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    calls.add(call(n) for n in range(3))
    scanned = calls.scan()
    next(scanned)
    with pytest.raises(StoreBusyError), homes.deleting(tmp_path, wait_s=0.05):
        pass
    assert len(list(scanned)) == 2
    assert calls.erase(call_id="r1") == 1


WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_erase import CANARY, call
from modicum.store.segments import SegmentWriter
home = Path(sys.argv[1])
writer = SegmentWriter(home)
number = 0
while not (home / "stop").exists():
    gone = number % 3 == 0
    text = CANARY if gone and not (home / "last").exists() else "kept"
    writer.append(call(number, text=text, user="gone" if gone else "kept", live=True))
    number += 1
    time.sleep(0.001)
print(number)
"""


def test_a_writer_in_another_process_goes_on_while_it_is_erased_from(tmp_path: Path) -> None:
    calls = Calls(tmp_path)
    (tmp_path / "tmp").mkdir(exist_ok=True)
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        deadline = time.monotonic() + 30
        while not list((tmp_path / "segments").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        erased = sum(calls.erase(user_id="gone") for _ in range(2))
        (tmp_path / "last").touch()
        time.sleep(0.05)
        erased += calls.erase(user_id="gone")
        assert holders(tmp_path, CANARY) == []
        (tmp_path / "stop").touch()
        written = int(writer.communicate(timeout=30)[0])
    assert erased > 0
    assert len(list(calls.scan())) + erased == written
