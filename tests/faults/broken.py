"""The store over a disk that fails at its k-th change: `python broken.py FOLDER PLAN`, with the shim preloaded; prints what was wrong.

FOLDER/control is the shim's control file, FOLDER/root the folder whose changes it counts. PLAN is a list of [k, error, last] as JSON; an
empty one prints how many changes the whole scenario makes. Modules are loaded once; each k is a forked child that runs the scenario over a
fresh copy of one home, and another one that opens what the first left and looks at it.

The scenario: append, roll and seal; reserve and settle over several files of the ledger; replace keys and snapshot; install an artefact;
import in batches; compact; erase; append again.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modicum.artefact import Artefacts
from modicum.errors import ModicumError
from modicum.store import batches, compact, identity, keys, snapshot
from modicum.store import home as store_home
from modicum.store.calls import Calls
from modicum.store.control import Control as Control_  # noqa: F401 (loaded once, and not in every child)
from modicum.store.erase import erase
from modicum.store.ledger import Ledger
from modicum.store.ledger_rows import ROW, entries
from modicum.store.segments import SegmentWriter
from modicum.store.snapshot import Snapshot
from modicum.store.tally import PICO
from modicum.types import Call, Key, new_call_id
from tests.faults.shim import Control

START = datetime(2026, 10, 1, tzinfo=UTC)
KEY = Key(key_id="key_1", name="app", digest="d1", shown="", created_at=START, created_by="me")
HELD, COST = 2 * PICO, PICO
ERASED_USER = "user-3"
BEFORE, BROUGHT = range(20), range(20, 44)
OLD, NEW = {"a.json": b'{"a": 1}'}, {"a.json": b'{"a": 2}', "b.json": b'{"b": 3}'}

Say = Callable[[str], None]


def imported(number: int) -> Call:
    at = START + timedelta(minutes=number * 7)
    return Call(
        call_id=identity.call_id(at, identity.of_response("default", f"r{number}")),
        response_id=f"r{number}",
        user_id=f"user-{number % 8}",
        started_at=at,
        request=f'{{"text": "question {number}"}}'.encode() * 20,
        response=f'{{"text": "answer {number}"}}'.encode() * 20,
        source="test",
    )


def live(user: str) -> Call:
    return Call(call_id=new_call_id(), origin="live", user_id=user, started_at=datetime.now(UTC), request=b'{"text": "live"}' * 20)


def prepare(home: Path) -> None:
    """What lies there before anything fails."""
    batches.add(store_home.prepare(home), map(imported, BEFORE))
    compact.compact(home)
    keys.write(home, [KEY])
    snapshot.write(home, Snapshot(version="old"))
    Artefacts(home / "artefacts").write(OLD, {"is": "old"})
    ledger = Ledger(home)
    ledger.reserve(KEY, new_call_id(), HELD, 5)
    ledger.close()


def scenario(home: Path, say: Say) -> None:
    """Everything that changes the home, one after the other; whatever fails, the next is done all the same. `say`: what was achieved."""
    batches.BATCH_CALLS = 8

    def step(name: str, work: Callable[[], object]) -> bool:
        try:
            work()
            return True
        except ModicumError as error:
            say(f"failed {name}: {error.message}")
        except Exception as error:
            say(f"odd {name}: {traceback.format_exception(error)[-1].strip()} at {traceback.extract_tb(error.__traceback__)[-1]}")
        return False

    writer = SegmentWriter(home, roll_bytes=1500)

    def append(times: int) -> None:
        for number in range(times):
            call = live(f"user-{number % 8}")
            if step("append", functools.partial(writer.append, call)):
                say(f"call {call.call_id} {call.user_id}")
            step("sync", writer.sync)

    append(8)
    ledgers: list[Ledger] = []
    step("ledger", lambda: ledgers.append(Ledger(home, rotate_bytes=6 * ROW.size)))
    if not ledgers:
        step("ledger", lambda: ledgers.append(Ledger(home, rotate_bytes=6 * ROW.size)))
    for ledger in ledgers:
        for _ in range(7):
            call_id = new_call_id()
            if step("reserve", functools.partial(ledger.reserve, KEY, call_id, HELD, 5)):
                say(f"held {call_id}")
                ledger.settle(call_id, COST, 5)
                ledger.sync()
        if ledger.flush():
            say("settled")
        step("let go", ledger.close)
    other = dataclasses.replace(KEY, key_id="key_2", digest="d2")
    if step("keys", lambda: keys.write(home, [KEY, other])):
        say("keys")
    if step("snapshot", lambda: snapshot.write(home, Snapshot(version="new"))):
        say("snapshot")
    if step("artefact", lambda: Artefacts(home / "artefacts").write(NEW, {"is": "new"})):
        say("artefact")
    if step("import", lambda: batches.add(home, map(imported, BROUGHT))):
        say("imported")
    if step("compact", lambda: compact.compact(home)):
        say("compacted")
    say("erasing")
    if step("erase", lambda: erase(home, user_id=ERASED_USER)):
        say("erased")
    append(3)
    step("close", writer.close)


def look(home: Path, log: list[str]) -> None:
    """Open what is left, finish what was begun, and compare it with what was said."""
    said = {line.partition(" ")[0] for line in log}
    odd = [line for line in log if line.startswith("odd")]
    assert not odd, odd
    acknowledged = {line.split(" ")[1]: line.split(" ")[2] for line in log if line.startswith("call ")}
    base: dict[str, str | None] = {imported(number).call_id: imported(number).user_id for number in BEFORE}
    brought: dict[str, str | None] = {imported(number).call_id: imported(number).user_id for number in BROUGHT}

    def stored() -> dict[str, str | None]:
        found = list(Calls(home).scan())
        twice = [call_id for call_id, times in Counter(call.call_id for call in found).items() if times > 1]
        assert not twice, f"stored twice: {twice}"
        for call in found:
            assert call.request, f"{call.call_id} lost its body"
        return {call.call_id: call.user_id for call in found}

    def wanted(calls: dict[str, str | None], *, erased: bool) -> set[str]:
        return {call_id for call_id, user in calls.items() if not (erased and user == ERASED_USER)}

    # Those that were appended after the erasure stay, whosever they are.
    late = {line.split(" ")[1] for line in log[log.index("erasing") :] if line.startswith("call ")} if "erasing" in log else set()
    early: dict[str, str | None] = {call_id: user for call_id, user in acknowledged.items() if call_id not in late}
    begun, done = "erasing" in said, "erased" in said
    found = stored()
    missing = (wanted(base | early, erased=begun) | late) - found.keys()
    assert not missing, f"acknowledged and gone: {missing}"
    if "imported" in said:
        assert not wanted(brought, erased=begun) - found.keys(), "an import that was acknowledged is gone"
    if done:
        assert not [call_id for call_id, user in found.items() if user == ERASED_USER and call_id not in late], "erased, and still there"
    batches.add(home, map(imported, BROUGHT))
    compact.compact(home)
    again = stored()
    assert found.items() <= again.items(), "compacting lost a call"
    assert not wanted(brought, erased=begun) - again.keys(), "importing again did not complete it"
    erase(home, user_id=ERASED_USER)
    last = stored()
    assert last.keys() == {call_id for call_id, user in again.items() if user != ERASED_USER}, "erasing again did not complete it"

    names = keys.read(home)
    assert names is not None and set(names) in ({"d1"}, {"d1", "d2"}) and (len(names) == 2 or "keys" not in said), "keys.json"
    shown = snapshot.read(home)
    assert shown is not None and shown.version in ("old", "new") and (shown.version == "new" or "snapshot" not in said), "serving.json"
    artefacts = Artefacts(home / "artefacts")
    for files, about in ((OLD, "old"), (NEW, "new")):
        if about == "old" or "artefact" in said:
            artefacts.read(artefacts.write(files, {"is": about}))

    held = {line.split(" ")[1] for line in log if line.startswith("held ")}
    ledger = Ledger(home)
    counted = Counter(entry.call_id for entry in entries(home))
    assert not [call_id for call_id, times in counted.items() if times > 1], "twice in the ledger"
    assert held <= counted.keys(), f"held, and not in the ledger: {held - counted.keys()}"
    amounts = {entry.call_id: (entry.kind, entry.pico_usd) for entry in entries(home)}
    for call_id in held:
        assert amounts[call_id] in (("settled", COST), ("lost", HELD)), amounts[call_id]
        assert "settled" not in said or amounts[call_id] == ("settled", COST), f"settled, and counted as {amounts[call_id]}"
    assert ledger.damaged == 0, "damaged rows"
    account = ledger.account(KEY.key_id)
    total = sum(pico for _, pico in amounts.values())
    assert sum(account.days.values()) == total, f"the sums are {sum(account.days.values())}, the entries {total}"
    assert account.in_flight == 0 and account.held == 0
    call_id = new_call_id()
    ledger.reserve(KEY, call_id, HELD, 1)
    ledger.settle(call_id, COST, 1)
    assert ledger.flush()
    ledger.close()


def forked(work: Callable[[], None], output: Path) -> int:
    """The exit status of a child that did it; what it printed goes to a file."""
    child = os.fork()
    if child == 0:
        try:
            fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(fd, 1)
            os.dup2(fd, 2)
            work()
        except BaseException:
            os.write(1, ("".join(traceback.format_exc().splitlines(keepends=True)[-6:])).encode())
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main(folder: Path, plan: list[list[int]]) -> None:
    control = Control(folder / "control", fresh=False)
    root = folder / "root"
    base, work = folder / "base", root / "home"
    if not base.exists():
        assert forked(lambda: prepare(base), folder / "base.txt") == 0, (folder / "base.txt").read_text()
    for number, (first, error, last) in enumerate(plan or [[0, 0, 0]]):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(base, work)
        log, out = folder / f"log-{number}", folder / f"out-{number}"
        for old in (log, out):
            old.unlink(missing_ok=True)

        def play(log: Path = log) -> None:
            fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

            def say(what: str, fd: int = fd) -> None:
                os.write(fd, f"{what}\n".encode())

            scenario(work, say)

        control.fail(first, error, last=last)
        status = forked(play, out)
        changes = control.get("count")
        control.heal()
        lines = log.read_text().splitlines()
        ended_well = os.WIFSIGNALED(status) if error < 0 and changes >= first else status == 0
        problem = "" if ended_well else f"the scenario ended with {status}: {out.read_text()[-2000:]}"
        if not problem and forked(lambda lines=lines: look(work, lines), out) != 0:  # type: ignore[misc]
            problem = out.read_text()[-2000:]
        print(
            json.dumps(
                {
                    "k": first,
                    "error": error,
                    "last": last,
                    "changes": changes,
                    "failed": sum(line.startswith("failed") for line in lines),
                    "problem": problem,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
