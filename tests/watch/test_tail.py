"""New records in the order in which they were tossed, each exactly once, whatever seals, compacts, is killed or comes late meanwhile."""

from __future__ import annotations

import random
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modicum.store.calls import Calls
from modicum.store.segments import SegmentWriter
from modicum.types import Call
from modicum.watch.draws import Keys, toss
from modicum.watch.mark import Mark, begin
from modicum.watch.tail import Tail
from tests.watch.watched_home import START, call

ORDER_S = 30.0


def tail(home: Path, mark: Mark | None = None, most: int = 1000) -> Tail:
    return Tail(
        home, mark or begin(home, START), lambda record: toss(record, lambda workload: None, Keys(b"k")), order_s=ORDER_S, most=most
    )


def ids(one: Tail, now: datetime) -> list[str]:
    found = one.look(now)
    one.keep()
    return [each.call_id for each in found.tosses]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_calls_come_in_the_order_in_which_they_began_behind_the_watermark(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    calls = [call(at(second), f"{second}", seconds=5) for second in (3, 1, 2)]
    for one in calls:
        writer.append(one)
    reads = tail(tmp_path)
    assert ids(reads, at(20)) == []
    assert ids(reads, at(32.5)) == [calls[1].call_id, calls[2].call_id]
    assert ids(reads, at(100)) == [calls[0].call_id]
    assert ids(reads, at(200)) == []


def test_a_long_name_of_a_conversation_hides_no_call(tmp_path: Path) -> None:
    one = call(at(1), "one", conversation_id="c" * 100_000)
    SegmentWriter(tmp_path).append(one)
    assert ids(tail(tmp_path), at(60)) == [one.call_id]


def test_what_was_written_before_the_clock_was_set_back_is_not_held(tmp_path: Path) -> None:
    writer, reads = SegmentWriter(tmp_path), tail(tmp_path)
    ahead = call(at(7200), "ahead")
    writer.append(ahead)
    assert ids(reads, at(7201)) == []
    now = call(at(2), "now")
    writer.append(now)
    assert ids(reads, at(3)) == [now.call_id, ahead.call_id]
    again = call(at(4), "again")
    writer.append(again)
    assert ids(tail(tmp_path, reads.mark), at(5)) == [again.call_id]


def test_what_ends_after_the_watermark_passed_is_handed_out_when_it_comes(tmp_path: Path) -> None:
    writer, reads = SegmentWriter(tmp_path), tail(tmp_path)
    writer.append(call(at(100), "in time"))
    assert len(ids(reads, at(131))) == 1
    late = call(at(10), "late", seconds=125)
    writer.append(late)
    assert ids(reads, at(136)) == [late.call_id]


def test_what_was_not_kept_is_found_again(tmp_path: Path) -> None:
    SegmentWriter(tmp_path).append(call(at(1), "one"))
    reads = tail(tmp_path)
    first = reads.look(at(60))
    again = reads.look(at(61))
    assert [one.call_id for one in first.tosses] == [one.call_id for one in again.tosses]
    reads.keep()
    assert reads.look(at(62)).tosses == []


def test_a_segment_that_came_and_went_between_two_looks_is_read_from_the_table(tmp_path: Path) -> None:
    reads = tail(tmp_path)
    assert ids(reads, at(1)) == []
    writer = SegmentWriter(tmp_path)
    known = call(at(2), "known")
    writer.append(known)
    assert ids(reads, at(3)) == []
    writer.close()
    fresh = call(at(4), "fresh")
    SegmentWriter(tmp_path).append(fresh)
    Calls(tmp_path).compact()
    assert ids(reads, at(60)) == [known.call_id, fresh.call_id]
    assert ids(reads, at(61)) == []


def test_after_a_restart_what_was_held_back_is_read_from_the_table(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    handed, held = call(at(2), "handed"), call(at(30), "held")
    writer.append(handed)
    writer.append(held)
    reads = tail(tmp_path)
    assert ids(reads, at(40)) == [handed.call_id]
    mark = reads.mark
    Calls(tmp_path).compact()
    assert ids(tail(tmp_path, mark), at(90)) == [held.call_id]


def test_after_a_look_at_a_table_and_a_restart_what_was_held_back_is_found_there_again(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    held = call(at(2), "held")
    writer.append(held)
    reads = tail(tmp_path)
    assert ids(reads, at(3)) == []
    Calls(tmp_path).compact()
    assert ids(reads, at(4)) == []
    assert ids(tail(tmp_path, reads.mark), at(60)) == [held.call_id]
    assert ids(reads, at(60)) == [held.call_id]
    assert ids(tail(tmp_path, reads.mark), at(90)) == []


def test_a_first_look_reads_nothing_that_is_older(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.append(call(at(-100), "old"))
    writer.append(call(at(1), "new"))
    assert len(ids(tail(tmp_path), at(60))) == 1


def test_more_than_there_is_room_for_comes_in_order_all_the_same(tmp_path: Path) -> None:
    dice = random.Random(5)
    calls = [call(at(dice.uniform(0, 100)), f"{number}") for number in range(95)]
    writers = [SegmentWriter(tmp_path) for _ in range(3)]
    for number, one in enumerate(calls):
        writers[number % 3].append(one)
    reads = tail(tmp_path, most=10)
    found: list[str] = []
    looks = 0
    while len(found) < len(calls):
        looked = reads.look(at(200))
        assert len(looked.tosses) <= 11
        assert looked.whole == (len(found) + len(looked.tosses) == len(calls))
        reads.keep()
        found += [one.call_id for one in looked.tosses]
        looks += 1
        assert looks < 40
    assert found == [one.call_id for one in sorted(calls, key=lambda one: (one.started_at, one.call_id))]


class Reading(RuleBasedStateMachine):
    """A gateway that writes, compactions, and a reader that is killed: every draw once, those in time in order."""

    @initialize()
    def begins(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.now = 300.0
        self.written: dict[str, Call] = {}
        self.late: set[str] = set()
        self.out: list[str] = []
        self.writers = [SegmentWriter(self.home), SegmentWriter(self.home)]
        self.kept: bytes | None = None
        self.reads = tail(self.home, most=25)

    def teardown(self) -> None:
        if hasattr(self, "home"):
            self.reads.close()
            shutil.rmtree(self.home)

    @rule(worker=st.integers(0, 1), took=st.sampled_from([0.1, 2.0, 12.0, 29.0, 45.0, 200.0]), number=st.integers(1, 12))
    def calls_end(self, worker: int, took: float, number: int) -> None:
        for _ in range(number):
            self.now += 0.05
            one = call(at(self.now - took), f"{len(self.written)}", seconds=took)
            self.writers[worker].append(one)
            self.written[one.call_id] = one
            if took >= ORDER_S:
                self.late.add(one.call_id)

    @rule(seconds=st.sampled_from([0.5, 5.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(worker=st.integers(0, 1))
    def segment_is_sealed(self, worker: int) -> None:
        self.writers[worker].close()

    @rule()
    def calls_enter_the_table(self) -> None:
        Calls(self.home).compact()

    @rule(kept=st.booleans())
    def looks(self, kept: bool) -> None:
        found = self.reads.look(at(self.now))
        if kept:
            self.reads.keep()
            self.kept = msgspec.json.encode(found.mark)
            self.out += [one.call_id for one in found.tosses]

    @precondition(lambda self: self.kept is not None)
    @rule()
    def is_killed(self) -> None:
        self.reads.close()
        self.reads = tail(self.home, msgspec.json.decode(self.kept or b"", type=Mark), most=25)

    @rule()
    def everything_is_read(self) -> None:
        self.now += ORDER_S + 1
        for _ in range(100):
            found = self.reads.look(at(self.now))
            self.reads.keep()
            self.kept = msgspec.json.encode(found.mark)
            self.out += [one.call_id for one in found.tosses]
            if found.whole:
                break
        assert sorted(self.out) == sorted(self.written)

    @invariant()
    def each_once_and_in_order(self) -> None:
        if not hasattr(self, "out"):
            return
        assert len(set(self.out)) == len(self.out)
        times = [self.written[one].started_at for one in self.out if one not in self.late]
        assert times == sorted(times)


TestReading = Reading.TestCase
TestReading.settings = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
