"""Disks that are full, fail or lose their process at the k-th change (F10, and the store's part of F11)."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modicum.errors import StoreError
from modicum.store.ledger import Ledger
from modicum.store.ledger_rows import ROW, entries
from modicum.types import new_call_id
from tests.faults import broken
from tests.faults.client import Answer, Mix, load
from tests.faults.conftest import Length, Report
from tests.faults.shim import FOREVER, KILL, Control, Shim
from tests.faults.world import World, clean_environment, world

AT_ONCE = 50
WAYS = {"EIO": (errno.EIO, False), "ENOSPC": (errno.ENOSPC, False), "full": (errno.ENOSPC, True), "kill": (KILL, False)}


def scenario(folder: Path, shim: Shim, plan: list[list[int]]) -> list[dict[str, Any]]:
    control = Control(folder / "control")
    (folder / "root").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", broken.__file__, str(folder), json.dumps(plan)],
        capture_output=True,
        text=True,
        check=False,
        env={**clean_environment(), **shim.environment(control, root=folder / "root"), "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, shim: Shim) -> tuple[Path, int]:
    """A folder with the home that the scenario begins with, and how many changes the scenario makes where nothing fails."""
    folder = tmp_path_factory.mktemp("disk")
    (quiet,) = scenario(folder, shim, [])
    assert quiet["problem"] == "" and quiet["failed"] == 0
    return folder, quiet["changes"]


def batched(drawn: Sequence[int], size: int) -> list[Sequence[int]]:
    return [drawn[at : at + size] for at in range(0, len(drawn), size)]


@pytest.mark.parametrize("way", WAYS)
def test_the_store_survives_a_failure_at_any_change(
    whole: tuple[Path, int], shim: Shim, length: Length, report: Report, progress: Callable[[str], None], way: str
) -> None:
    """Fail change k of the scenario in `broken.py`; open again; nothing acknowledged is gone."""
    folder, changes = whole
    error, stays = WAYS[way]
    # The short form takes a few of each kind of change, others every day.
    every = range(1, changes + 1)
    drawn = every[random.randrange(length.every) :: length.every] if length.long else sorted(random.sample(every, 3))
    found = []
    for some in batched(drawn, AT_ONCE):
        found += scenario(folder, shim, [[k, error, FOREVER if stays else k] for k in some])
        progress(f"{way}: {len(found)} of {len(drawn)}, {sum(bool(one['problem']) for one in found)} wrong")
    wrong = [one for one in found if one["problem"]]
    assert not wrong, f"{len(wrong)} of {len(found)}: {wrong[:3]}"
    told = f"{way}: at {len(found)} of {changes} changes, after each the store opened with every acknowledged call once"
    report("F11" if way == "kill" else "F10", told)


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(tmp_path / "control")


def dropped(made: World) -> int:
    figures = made.get("/metrics", secret=made.secret)[1].decode()
    found = re.search(r"^modicum_records_dropped_total (\S+)", figures, re.M)
    return int(float(found[1])) if found else 0


def test_a_full_disk_stops_nobody_and_is_over_without_a_restart(
    tmp_path: Path, shim: Shim, control: Control, length: Length, report: Report
) -> None:
    home = tmp_path / "home"
    with world(home, env=shim.environment(control, root=_made(home))) as made:
        made.settle_in()
        fine(made.together(*["steady"] * 4))
        control.fail(1, errno.ENOSPC, last=FOREVER)
        during = made.together(*["steady"] * 6) + made.together(*["steady"] * 6, stream=True)
        fine(during)
        control.heal()
        assert dropped(made) == len(during)
        lines = [line for line in made.errors().splitlines() if "alarm: recorder" in line]
        assert lines and "not recorded" in lines[0]
        fine(made.together(*["steady"] * 4))
        lost = frozenset(one.tag for one in during)
        made.check(lost=lost)
        assert not lost & made.calls().keys()

        # And one that comes and goes under load.
        stop = threading.Event()

        def come_and_go() -> None:
            while not stop.is_set():
                control.fail(1, errno.ENOSPC, last=FOREVER)
                time.sleep(0.1)
                control.heal()
                time.sleep(0.2)

        before = dropped(made)
        thread = threading.Thread(target=come_and_go)
        thread.start()
        try:
            loud = asyncio.run(
                load(made.port, [Mix("steady"), Mix("steady", True)], seconds=length.seconds, rps=length.rps, streams=4, secret=made.secret)
            )
        finally:
            stop.set()
            thread.join()
            control.heal()
        made.log += loud
        fine(loud)
        assert made.ask("steady").done
        stored = made.calls()
        gone = {one.tag for one in loud if one.tag not in stored}
        assert dropped(made) - before == len(gone), "each call that is not in the store was counted"
        figures = made.check(lost=lost | gone, uncounted=True)
        told = (
            f"fail_open: {figures['acknowledged']} calls answered, {len(gone) + len(lost)} not recorded, each "
            f"counted; recording again without a restart"
        )
        report("F10", told)


def fine(answers: list[Answer]) -> None:
    assert [one for one in answers if not one.done] == []


def _made(home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    return home


def test_under_fail_closed_nothing_is_answered_unrecorded(tmp_path: Path, shim: Shim, control: Control, report: Report) -> None:
    home = tmp_path / "home"
    environment = {**shim.environment(control, root=_made(home)), "MODICUM_STORE__ON_FAILURE": "fail_closed"}
    with world(home, env=environment) as made:
        made.settle_in()
        asked = len(made.provider.seen)
        control.fail(1, errno.ENOSPC, last=FOREVER)
        during = made.together(*["steady"] * 6) + made.together(*["steady"] * 6, stream=True)
        assert [one.status for one in during] == [503] * 12
        assert {one.error.get("code") for one in during} == {"store_unavailable"}
        assert made.get("/readyz")[0] == 503
        refused = len(made.provider.seen) - asked
        control.heal()
        until = time.monotonic() + 5
        while not made.ask("steady").done:
            assert time.monotonic() < until
        assert made.get("/readyz")[0] == 200
        made.check()
        report(
            "F10",
            f"fail_closed: 12 of 12 answered with 503 store_unavailable ({refused} of them asked a provider); "
            f"served again without a restart",
        )


def test_a_ledger_whose_next_file_cannot_be_made_goes_on_there_when_it_can(tmp_path: Path) -> None:
    """The last block of a full disk takes the row that seals a file, and no new file: nobody may write behind that row."""
    first, second = (Ledger(tmp_path, rotate_bytes=6 * ROW.size) for _ in range(2))
    spent: dict[str, int] = {}
    open_before = new_call_id()
    first.reserve(broken.KEY, open_before, broken.HELD, 1)
    in_the_way = tmp_path / "ledger" / "0000000002.part"
    in_the_way.mkdir()
    refused = 0
    for number in range(12):
        call_id = new_call_id()
        one = (first, second)[number % 2]
        try:
            one.reserve(broken.KEY, call_id, broken.HELD, 1)
            one.settle(call_id, broken.COST, 1)
            spent[call_id] = broken.COST
        except StoreError:
            refused += 1
    assert refused
    first.settle(open_before, broken.COST, 1)
    spent[open_before] = broken.COST
    in_the_way.rmdir()
    third = Ledger(tmp_path, rotate_bytes=6 * ROW.size)  # one that has seen nothing of all this
    for one in (third, second, first, third, second, first):
        call_id = new_call_id()
        one.reserve(broken.KEY, call_id, broken.HELD, 1)
        one.settle(call_id, broken.COST, 1)
        spent[call_id] = broken.COST
    found = [(entry.call_id, entry.pico_usd) for entry in entries(tmp_path)]
    assert sorted(found) == sorted(spent.items())
    last = Ledger(tmp_path)
    assert sum(last.account(broken.KEY.key_id).days.values()) == sum(spent.values())
    for one in (first, second, third, last):
        one.close()


def test_a_writer_that_cannot_cut_a_torn_frame_off_begins_another_segment(whole: tuple[Path, int], shim: Shim) -> None:
    """Two changes fail at once: the write, and cutting off what it left."""
    plan = [[k, error, k + more] for k, error, more in ((3, errno.EIO, 1), (5, errno.ENOSPC, 2), (9, errno.EIO, 4))]
    wrong = [one for one in scenario(whole[0], shim, plan) if one["problem"]]
    assert not wrong, wrong[:2]
