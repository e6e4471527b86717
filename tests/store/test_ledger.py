"""What keys spend, counted exactly by several processes, through kills, torn rows and clocks that jump."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modicum.errors import BudgetError, LimitError, StoreError
from modicum.store import ledger_rows as rows
from modicum.store.ledger import Clock, Ledger
from modicum.store.ledger_rows import Entry, entries
from modicum.store.tally import PICO, month_of
from modicum.types import Key, new_call_id
from tests.store import spender

KEY = Key(key_id="key_1", name="app", digest="", shown="", created_at=datetime.now(UTC), created_by="me")
DAY_S = 86_400
NOON = int(datetime(2026, 5, 30, 12, tzinfo=UTC).timestamp())


class Hands:
    """Clocks that are set by hand."""

    def __init__(self) -> None:
        self.wall_s: float = NOON
        self.steady_s: float = 1000

    @property
    def clock(self) -> Clock:
        return Clock(wall_us=lambda: int(self.wall_s * 1_000_000), steady_us=lambda: int(self.steady_s * 1_000_000))

    def pass_(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def spend(home: Path, count: int, parallel: int, kill_at: int = -1, seed: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, spender.__file__, str(home), str(count), str(parallel), str(kill_at), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def charged(*processes: subprocess.Popen[str]) -> dict[str, int]:
    """What the provider saw."""
    found: dict[str, int] = {}
    for process in processes:
        out, _ = process.communicate(timeout=60)
        found |= {call_id: int(cost) for call_id, cost in (line.split() for line in out.splitlines())}
    return found


@pytest.mark.parametrize(("at_once", "least"), [(60, "0.9"), (250, "0.5")])
def test_a_thousand_calls_over_four_workers_keep_a_budget_of_a_dollar(tmp_path: Path, at_once: int, least: str) -> None:
    workers = [spend(tmp_path, 250, at_once, seed=seed) for seed in range(4)]
    upstream = charged(*workers)
    refused = 1000 - len(upstream)
    ledger = {entry.call_id: entry.pico_usd for entry in entries(tmp_path)}
    assert ledger == upstream
    total = Decimal(sum(upstream.values())) / PICO
    assert refused > 0, "the budget was never reached"
    assert Decimal(least) < total <= 1, "what is held is never less than what a call costs here"
    assert len(rows.numbers(tmp_path / "ledger")) > 1
    assert list((tmp_path / "ledger" / "writers").iterdir()) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_worker_that_is_killed_leaves_what_it_held_spent(tmp_path: Path, seed: int) -> None:
    killed = spend(tmp_path, 200, 20, kill_at=20 + 37 * seed, seed=seed)
    other = spend(tmp_path, 100, 5, seed=100 + seed)
    upstream = charged(killed, other)
    assert killed.returncode == -9 and other.returncode == 0
    ledger = Ledger(tmp_path)
    found = {entry.call_id: entry for entry in entries(tmp_path)}
    assert upstream.keys() <= found.keys()
    for call_id, entry in found.items():
        if entry.kind == "settled":
            assert entry.pico_usd == upstream[call_id]
        else:
            assert entry.pico_usd == spender.HELD >= upstream.get(call_id, 0)
    account = ledger.account(spender.KEY.key_id)
    assert (account.in_flight, account.held) == (0, 0)
    assert sum(account.days.values()) == sum(entry.pico_usd for entry in found.values())
    ledger.close()


def test_killed_at_any_moment_nothing_settled_is_lost_or_doubled(tmp_path: Path) -> None:
    upstream: dict[str, int] = {}
    for seed, after_s in enumerate((0.25, 0.3, 0.35, 0.4)):
        process = spend(tmp_path, 100_000, 3, seed=seed)
        time.sleep(after_s)
        process.kill()
        upstream |= charged(process)
    Ledger(tmp_path).close()
    found: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries(tmp_path):
        found[entry.call_id].append(entry)
    assert all(len(some) == 1 for some in found.values())
    assert upstream.keys() <= found.keys()
    assert all(some[0].pico_usd == upstream[call] for call, some in found.items() if some[0].kind == "settled")


def test_a_call_that_ended_is_settled_though_its_worker_is_killed_before_it_appends(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        ledger, calls = Ledger(tmp_path), [new_call_id() for _ in range(120)]
        for call_id in calls:
            ledger.reserve(dataclasses.replace(KEY, concurrency=200), call_id, 1000, 50)
        for call_id in calls[:100]:  # more than there is room to note
            ledger.settle(call_id, 7, 9, estimated=True)
        os.write(writing, "".join(calls).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    body = os.read(reading, 1 << 16).decode()
    calls = [body[at : at + 36] for at in range(0, len(body), 36)]
    os.close(reading)
    os.close(writing)
    noted = {entry.call_id: entry for entry in entries(tmp_path)}
    assert noted.keys() == set(calls[:100]), "what was noted is on record before anybody looks after the dead"
    again = Ledger(tmp_path)
    found = {entry.call_id: entry for entry in entries(tmp_path)}
    assert all(found[call] == noted[call] and (found[call].pico_usd, found[call].estimated) == (7, True) for call in calls[:100])
    assert all((found[call].kind, found[call].pico_usd) == ("lost", 1000) for call in calls[100:])
    assert sum(again.account("key_1").days.values()) == 100 * 7 + 20 * 1000
    assert len(list(entries(tmp_path))) == 120
    again.close()


def test_what_one_worker_settled_counts_at_once_where_another_would_refuse(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, concurrency=1, budget_day_usd=Decimal(1), tokens_minute=100)
    one, other = Ledger(tmp_path), Ledger(tmp_path)
    for number in range(20):
        first, second = (one, other) if number % 2 else (other, one)
        call_id = new_call_id()
        first.reserve(key, call_id, PICO * 9 // 10, 50)
        with pytest.raises(LimitError):
            second.reserve(key, new_call_id(), 0, 0)
        first.cancel(call_id) if number % 3 else first.settle(call_id, 5, 1)
    assert one.flush() and other.flush()
    found = list(entries(tmp_path))
    assert len(found) == len({entry.call_id for entry in found}) == 7, "whoever heard of it appended it, once"
    one.reap()
    other.reap()
    assert one.account("key_1").days == other.account("key_1").days == {one._today(): 35}
    one.close()
    other.close()


def test_what_cost_more_than_was_held_is_told_at_once(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, budget_day_usd=Decimal(1), tokens_minute=1000)
    for cost, tokens in ((PICO, 5), (0, 995)):
        home = tmp_path / str(tokens)
        home.mkdir()
        one, other = Ledger(home), Ledger(home)
        call_id = new_call_id()
        one.reserve(key, call_id, 10, 10)
        one.settle(call_id, cost, tokens)
        with pytest.raises(LimitError):
            other.reserve(key, new_call_id(), 10, 10)
        one.close()
        other.close()


def test_a_note_that_cannot_be_written_is_appended_instead(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, concurrency=5)
    ledger, call_id = Ledger(tmp_path), new_call_id()
    ledger.reserve(key, call_id, 10, 10)
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, ledger._alive._fd)
    os.close(full)
    ledger.settle(call_id, 5, 5)
    log = rows.file(tmp_path / "ledger", 1).read_bytes()
    assert list(log[4 :: rows.ROW.size]) == [rows.HEAD, rows.RESERVE, rows.SETTLE]
    ledger.close()


def test_what_could_not_be_held_is_owed_and_appended_as_soon_as_that_can_be(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, budget_day_usd=Decimal(1))
    one, other = Ledger(tmp_path), Ledger(tmp_path, rotate_bytes=1)
    held = os.open(tmp_path / "ledger" / "lock", os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    ended, running = new_call_id(), new_call_id()
    with pytest.raises(StoreError, match="another process keeps"):
        one.reserve(key, ended, PICO // 2, 5)
    assert one.owe(key, ended, PICO // 2, 5) and one.owe(key, running, PICO // 2, 5)
    with pytest.raises(BudgetError):
        one.owe(key, new_call_id(), PICO // 2, 5)  # the budget holds by what is known here
    one.settle(ended, PICO // 4, 3)
    assert not one.flush()
    os.close(held)
    other.reserve(key, new_call_id(), 0, 0)  # in a new file: what is owed is known to nobody else
    assert one.flush()
    assert one.account("key_1").days[one._today()] == PICO * 3 // 4
    with pytest.raises(BudgetError):
        other.reserve(key, new_call_id(), PICO // 2, 5)
    one.settle(running, PICO // 8, 3)
    assert one.flush()
    found = {entry.call_id: entry.pico_usd for entry in entries(tmp_path)}
    assert (found[ended], found[running]) == (PICO // 4, PICO // 8)
    one.close()
    other.close()
    again = Ledger(tmp_path)
    assert again.account("key_1").days[again._today()] == PICO * 3 // 8
    again.close()


def test_a_torn_row_is_cut_off_and_a_damaged_one_skipped(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, budget_day_usd=Decimal(1))
    ledger = Ledger(tmp_path)
    for _ in range(3):
        call_id = new_call_id()
        ledger.reserve(key, call_id, PICO // 10, 5)
        ledger.settle(call_id, PICO // 10, 5)
    assert ledger.flush()
    log = rows.file(tmp_path / "ledger", 1)
    size = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"\x07" * 31)
    ledger.reserve(key, new_call_id(), PICO // 10, 5)
    assert log.stat().st_size == size + rows.ROW.size
    body = bytearray(log.read_bytes())
    body[rows.ROW.size * 2 + 40] ^= 0xFF  # the first settled row: its call seems to be in flight still
    log.write_bytes(body)
    ledger.close()
    again = Ledger(tmp_path)
    assert again.damaged == 1
    assert again.account("key_1").days[again._today()] == PICO * 4 // 10
    assert again.account("key_1").in_flight == 0
    again.close()


def test_what_began_a_file_and_is_gone_is_taken_from_the_one_before(tmp_path: Path) -> None:
    key = dataclasses.replace(KEY, budget_day_usd=Decimal(1))
    ledger = Ledger(tmp_path, rotate_bytes=300)
    for _ in range(6):
        call_id = new_call_id()
        ledger.reserve(key, call_id, PICO // 10, 5)
        ledger.settle(call_id, PICO // 10, 5)
    ledger.close()
    *_, last = rows.numbers(tmp_path / "ledger")
    assert last > 1
    before = sum(entry.pico_usd for entry in entries(tmp_path))
    newest = rows.file(tmp_path / "ledger", last + 1)
    for body in (b"", b"\0" * 880, rows.file(tmp_path / "ledger", last).read_bytes()[: rows.ROW.size]):
        newest.write_bytes(body)
        again = Ledger(tmp_path)
        assert sum(again.account("key_1").days.values()) == before
        again.close()


def test_a_day_ends_a_file_and_old_files_go_after_their_days(tmp_path: Path) -> None:
    hands, key = Hands(), dataclasses.replace(KEY, budget_day_usd=Decimal(1), budget_month_usd=Decimal("1.5"))
    ledger = Ledger(tmp_path, clock=hands.clock, keep_days=1)
    ledger.reserve(key, new_call_id(), PICO * 9 // 10, 5)
    with pytest.raises(BudgetError, match="a day"):
        ledger.reserve(key, new_call_id(), PICO * 2 // 10, 5)
    hands.pass_(DAY_S)
    ledger.reserve(key, new_call_id(), PICO * 2 // 10, 5)
    with pytest.raises(BudgetError, match="a month"):
        ledger.reserve(key, new_call_id(), PICO * 5 // 10, 5)
    hands.pass_(DAY_S)  # June
    ledger.reserve(key, new_call_id(), PICO * 5 // 10, 5)
    assert rows.numbers(tmp_path / "ledger") == [1, 2, 3]
    os.utime(rows.file(tmp_path / "ledger", 1), (NOON - DAY_S, NOON - DAY_S))
    hands.pass_(DAY_S)
    ledger.reserve(key, new_call_id(), PICO * 5 // 10, 5)
    assert rows.numbers(tmp_path / "ledger") == [2, 3, 4]
    ledger.close()


def test_clocks_that_jump_open_no_budget_and_no_minute_again(tmp_path: Path) -> None:
    hands, key = Hands(), dataclasses.replace(KEY, budget_day_usd=Decimal(1), requests_minute=2)
    hands.wall_s = NOON + DAY_S / 2 + 5  # just after midnight
    ledger = Ledger(tmp_path, clock=hands.clock)
    ledger.reserve(key, new_call_id(), PICO, 5)
    hands.wall_s -= 10  # yesterday, of which nothing was spent
    with pytest.raises(BudgetError):
        ledger.reserve(key, new_call_id(), 1, 5)
    ledger.reserve(key, new_call_id(), 0, 5)
    for jump in (-3 * DAY_S, 600):
        hands.wall_s += jump
        with pytest.raises(LimitError, match="2 times a minute"):
            ledger.reserve(key, new_call_id(), 0, 5)
    hands.pass_(62)
    ledger.reserve(key, new_call_id(), 0, 5)
    ledger.close()


def test_the_minute_is_shared_and_lets_no_more_through_in_any_sixty_seconds(tmp_path: Path) -> None:
    hands, key = Hands(), dataclasses.replace(KEY, requests_minute=5, tokens_minute=1000)
    one, other = Ledger(tmp_path, clock=hands.clock), Ledger(tmp_path, clock=hands.clock)
    passed: list[float] = []
    for step in range(400):
        hands.pass_(0.7)
        with suppress(LimitError):
            (one, other)[step % 2].reserve(key, new_call_id(), 0, 5)
            passed.append(hands.steady_s)
    assert len(passed) > 15
    assert all(later - earlier > 60 for earlier, later in zip(passed, passed[5:], strict=False))
    hands.pass_(100)
    call_id = new_call_id()
    one.reserve(key, call_id, 0, 900)
    with pytest.raises(LimitError, match="tokens a minute") as refused:
        other.reserve(key, new_call_id(), 0, 200)
    assert refused.value.retry_after_s == pytest.approx(61, abs=1)
    one.settle(call_id, 0, 100)
    other.reserve(key, new_call_id(), 0, 200)
    one.close()
    other.close()


def test_a_lock_that_is_not_let_go_holds_nobody_long(tmp_path: Path) -> None:
    import fcntl

    key = dataclasses.replace(KEY, concurrency=5)
    ledger = Ledger(tmp_path)
    call_id = new_call_id()
    ledger.reserve(key, call_id, 0, 1)
    with open(tmp_path / "ledger" / "lock", "rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(StoreError, match="another process"):
                ledger.reserve(key, new_call_id(), 0, 1)
        ledger.settle(call_id, 5, 1)
        assert time.monotonic() - began < 0.5
    assert ledger.flush()
    assert [entry.pico_usd for entry in entries(tmp_path)] == [5]
    ledger.close()


@dataclasses.dataclass
class Held:
    ledger: int
    key: int
    day: int
    second: int
    pico: int
    tokens: int


class Spending(RuleBasedStateMachine):
    """Three workers, restarts, rotations and a clock, against sums kept in lists."""

    KEYS = (
        dataclasses.replace(KEY, key_id="key_a", budget_day_usd=Decimal("0.000000001"), budget_month_usd=Decimal("0.0000000025")),
        dataclasses.replace(KEY, key_id="key_b", requests_minute=4, tokens_minute=300),
        dataclasses.replace(KEY, key_id="key_c", concurrency=3, budget_month_usd=Decimal("0.000000002")),
    )

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.hands = Hands()
        self.ledgers = [self.open() for _ in range(3)]
        self.held: dict[str, Held] = {}
        self.spent: defaultdict[tuple[int, int], int] = defaultdict(int)
        self.asked: list[tuple[int, int, str]] = []
        self.used: dict[str, int] = {}

    def open(self) -> Ledger:
        return Ledger(Path(self.folder.name), clock=self.hands.clock, rotate_bytes=1500)

    @property
    def day(self) -> int:
        return int(self.hands.wall_s) // DAY_S

    def committed(self, key: int, day: int | None = None) -> int:
        def counts(one: int) -> bool:
            return one == day if day is not None else month_of(one) == month_of(self.day)

        spent = sum(amount for (k, d), amount in self.spent.items() if k == key and counts(d))
        return spent + sum(held.pico for held in self.held.values() if held.key == key and counts(held.day))

    def allowed(self, key: int, pico: int, tokens: int) -> bool:
        limits, now = self.KEYS[key], int(self.hands.steady_s)
        recent = [call for k, second, call in self.asked if k == key and now - second <= 60]
        return (
            (limits.concurrency is None or sum(held.key == key for held in self.held.values()) < limits.concurrency)
            and (limits.requests_minute is None or len(recent) < limits.requests_minute)
            and (limits.tokens_minute is None or sum(self.used[call] for call in recent) + tokens <= limits.tokens_minute)
            and (limits.budget_day_usd is None or self.committed(key, self.day) + pico <= limits.budget_day_usd * PICO)
            and (limits.budget_month_usd is None or self.committed(key) + pico <= limits.budget_month_usd * PICO)
        )

    @rule(worker=st.integers(0, 2), key=st.integers(0, 2), pico=st.integers(0, 600), tokens=st.integers(0, 150))
    def ask(self, worker: int, key: int, pico: int, tokens: int) -> None:
        call_id, expected = new_call_id(), self.allowed(key, pico, tokens)
        try:
            self.ledgers[worker].reserve(self.KEYS[key], call_id, pico, tokens)
        except LimitError:
            assert not expected
            return
        assert expected
        second = int(self.hands.steady_s)
        self.held[call_id] = Held(worker, key, self.day, second, pico, tokens)
        self.asked.append((key, second, call_id))
        self.used[call_id] = tokens

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 1000), cost=st.none() | st.integers(0, 700), tokens=st.none() | st.integers(0, 200), cancel=st.booleans())
    def land(self, which: int, cost: int | None, tokens: int | None, cancel: bool) -> None:
        call_id = list(self.held)[which % len(self.held)]  # in the order of asking: ids of one millisecond have none
        held = self.held.pop(call_id)
        if cancel:
            self.ledgers[held.ledger].cancel(call_id)
            self.used[call_id] = 0
        else:
            self.ledgers[held.ledger].settle(call_id, cost, tokens)
            self.spent[held.key, held.day] += held.pico if cost is None else cost
            self.used[call_id] = held.tokens if tokens is None else tokens

    @rule(seconds=st.sampled_from([0.3, 5, 30, 61, 3600, DAY_S]))
    def wait(self, seconds: float) -> None:
        self.hands.pass_(seconds)

    @rule(worker=st.integers(0, 2), gracefully=st.booleans())
    def restart(self, worker: int, gracefully: bool) -> None:
        gone = self.ledgers[worker]
        if gracefully:
            gone.close()
        else:
            for fd in (gone._alive._fd, gone._lock._fd, gone._log._fd):  # what a kill leaves
                os.close(fd)
        for call_id in [call_id for call_id, held in self.held.items() if held.ledger == worker]:
            held = self.held.pop(call_id)
            self.spent[held.key, held.day] += held.pico
        self.ledgers[worker] = self.open()

    @invariant()
    def the_record_says_the_same(self) -> None:
        if not hasattr(self, "spent"):
            return
        found: defaultdict[tuple[int, int], int] = defaultdict(int)
        for entry in entries(Path(self.folder.name)):
            found["abc".index(entry.key_id[-1]), entry.day] += entry.pico_usd
        assert {place: amount for place, amount in found.items() if amount} == {p: a for p, a in self.spent.items() if a}

    def teardown(self) -> None:
        if hasattr(self, "ledgers"):
            for ledger in self.ledgers:
                ledger.close()
            self.folder.cleanup()


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


@pytest.fixture(autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    yield
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 2
