"""Processes that are killed, for the tests beside: `python killed.py WHAT HOME SEED` exits 0 when all children are done.

The modules are loaded once and each child is forked, so that a child spends its life in the code under test.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modicum.errors import StoreBusyError
from modicum.store import batches, compact, identity
from modicum.store.calls import Calls
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Decision, new_call_id

START = datetime(2026, 10, 1, tzinfo=UTC)
KILLS = 24
IMPORTED = 1_500
WRITERS, WRITTEN = 4, 250


def imported(number: int, scope: str = "default") -> Call:
    at = START + timedelta(minutes=number * 7)
    return Call(
        call_id=identity.call_id(at, identity.of_response(scope, f"r{number}")),
        response_id=f"r{number}",
        scope=scope,
        user_id=f"user-{number % 10}",
        started_at=at,
        request=f'{{"text": "question {number}"}}'.encode() * (1 + number % 5),
        response=f'{{"text": "answer {number}"}}'.encode(),
        source="test",
    )


def live(name: str) -> Call:
    return Call(
        call_id=new_call_id(),
        response_id=name,
        origin="live",
        started_at=datetime.now(UTC),
        request=name.encode() * 20,
        decision=Decision(answered_by="gpt-4o", reason="no_route"),
    )


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def kill_repeatedly(work: Callable[[], None], seed: int, longest_s: float) -> None:
    random.seed(seed)
    for _ in range(KILLS):
        child = forked(work)
        time.sleep(random.uniform(0, longest_s))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def ended(children: list[int]) -> None:
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, f"a child ended with {status}"


def import_killed(home: Path, seed: int) -> None:
    batches.BATCH_CALLS = 60

    def work() -> None:
        batches.add(home, (imported(number) for number in range(IMPORTED)))

    kill_repeatedly(work, seed, 0.06)
    ended([forked(work)])


def straight_killed(home: Path, seed: int) -> None:
    batches.LARGE_CALLS, batches.LEAST_LARGE_BYTES = 250, 0

    def work() -> None:
        Calls(home).add(imported(number) for number in range(IMPORTED))

    kill_repeatedly(work, seed, 0.2)
    ended([forked(work)])


def compact_killed(home: Path, seed: int) -> None:
    batches.BATCH_CALLS = 60
    compact.GROUP_BYTES = 20_000
    batches.add(home, (imported(number) for number in range(IMPORTED)))

    def work() -> None:
        compact.compact(home)

    kill_repeatedly(work, seed, 0.25)
    ended([forked(work)])


def writers_killed(home: Path, seed: int) -> None:
    """Each writer says on a pipe what it has written; what was said must be there."""
    random.seed(seed)
    for number in range(KILLS):
        reader, said = os.pipe()

        def work(number: int = number, said: int = said) -> None:
            writer = SegmentWriter(home, roll_bytes=5_000)
            for count in range(1_000_000):
                writer.append(live(f"w{number}-{count}"))
                os.write(said, f"w{number}-{count}\n".encode())

        child = forked(work)
        os.close(said)
        time.sleep(random.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(reader, "rb") as file, (home / "said.txt").open("ab") as kept:
            kept.write(file.read())


def all_at_once(home: Path, seed: int) -> None:
    """Writers append while one process compacts without end and another seals whatever it finds."""

    def write(number: int) -> Callable[[], None]:
        def work() -> None:
            writer = SegmentWriter(home, roll_bytes=20_000)
            for count in range(WRITTEN):
                writer.append(live(f"w{number}-{count}"))
                time.sleep(0.0005)
            if number % 2:
                writer.close()

        return work

    def import_too() -> None:
        batches.BATCH_CALLS = 100
        batches.add(home, (imported(number) for number in range(IMPORTED)))

    def tidy() -> None:
        compact.GROUP_BYTES = 500_000
        while not (home / "stop").exists():
            try:
                compact.compact(home)
            except StoreBusyError:
                os._exit(3)
            time.sleep(0.1)

    tidier = forked(tidy)
    ended([forked(write(number)) for number in range(WRITERS)] + [forked(import_too), forked(import_too)])
    (home / "stop").touch()
    ended([tidier])


def all_imported() -> Iterator[Call]:
    return (imported(number) for number in range(IMPORTED))


if __name__ == "__main__":
    {"import": import_killed, "straight": straight_killed, "compact": compact_killed, "write": writers_killed, "all": all_at_once}[
        sys.argv[1]
    ](Path(sys.argv[2]), int(sys.argv[3]))
