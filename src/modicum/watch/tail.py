"""New records in the order in which they were tossed, each exactly once, whatever seals, compacts, ends or begins meanwhile.

A record is written when its call ends, so records do not lie in the order in which calls began. What began until the watermark (now less
`order_s`) is handed out, in order of its beginning; what is younger is held back. A call that ends later than that is handed out when it
is found. The bookmark says up to which moment records were handed out, and for each segment how far it was looked at: what lies before that
and began later is read once more after a restart, nothing else is.

A segment that enters the table is read to its end through its open file. One that came and went between two looks, or while nobody looked,
is found in the table's log, and its calls in the table; that alone needs the analysis engine. There, a call that began before the bookmark
is new where it took long, and its id is not among those of the long ones that were handed out.
"""

from __future__ import annotations

import heapq
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from modicum.store import codec
from modicum.store.codec import from_us, to_us
from modicum.store.entered import entered
from modicum.store.segments import segments
from modicum.watch.draws import Toss, wanted
from modicum.watch.mark import Mark, Place

MOST_HELD = 100_000
"""Records that are held at once; where more wait, the oldest are handed out first and the others are read again."""
MOST_LONG = 2_000
"""Long calls that are remembered."""
REACH_BACK = timedelta(hours=1)
"""So long a call may have been under way when it is found in the table alone."""
SLACK_S = 5.0
_HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found."""

    tosses: list[Toss]
    mark: Mark
    whole: bool
    """Everything up to the watermark is among it or was before."""
    unread: str = ""
    """Why calls that went into the table could not be read; empty where none were missed."""


@dataclass(slots=True)
class _File:
    """A segment that something may still be read of."""

    fd: int
    start: int
    read: int
    at: int
    """From here on it is read."""


@dataclass(slots=True)
class _Heap:
    """The earliest of what is found, each call once."""

    most: int
    until_us: int
    """What began by then finds room however much there is."""
    rows: list[tuple[int, str, Toss, str, int]] = field(default_factory=list)
    """(minus its start, id, what it says, segment, offset), the latest first."""
    ids: set[str] = field(default_factory=set)
    dropped: dict[str, int] = field(default_factory=dict)
    """Segment -> the least offset of what found no room."""
    latest_us: int | None = None
    """What began here or later did not all find room."""

    def add(self, toss: Toss, segment: str, offset: int) -> None:
        if toss.call_id in self.ids:
            return
        self.ids.add(toss.call_id)
        heapq.heappush(self.rows, (-toss.started_us, toss.call_id, toss, segment, offset))
        if len(self.rows) > self.most and -self.rows[0][0] > self.until_us:
            started, call_id, _, segment, offset = heapq.heappop(self.rows)
            self.ids.discard(call_id)
            self.dropped[segment] = min(offset, self.dropped.get(segment, offset))
            self.latest_us = -started if self.latest_us is None else min(self.latest_us, -started)


class Tail:
    """Reads on from a bookmark. `look`, then `keep` once what it found is written; without `keep` the next `look` finds it again."""

    def __init__(
        self, home: Path, mark: Mark, read: Callable[[codec.Record], Toss | None], *, order_s: float, most: int = MOST_HELD
    ) -> None:
        self._home, self._read, self._order_s, self._most = home, read, order_s, most
        self._files: dict[str, _File] = {}
        self._open(mark)

    def _open(self, mark: Mark) -> None:
        """Go on from a bookmark as a new process would."""
        self.close()
        self.mark = mark
        self._held = _Heap(self._most, mark.until_us)
        self._next: tuple[Mark, _Heap | None] | None = None
        self._scanned = -1
        """Commits of the table's log that were looked at since this began."""

    def close(self) -> None:
        """Let go of all files."""
        for file in self._files.values():
            if file.fd >= 0:
                os.close(file.fd)
        self._files = {}

    def look(self, now: datetime) -> Found:
        """What may be handed out now, in order. Raises StoreError where the home cannot be read."""
        if self._next is not None:
            self._open(self.mark)  # what the last look found was not written
        before, heap = self.mark, self._held
        heap.until_us = before.until_us
        wished = max(to_us(now - timedelta(seconds=self._order_s)), before.until_us)
        there = self._list()
        for segment_id, file in self._files.items():
            for offset, toss in self._frames(file):
                if offset >= file.read or toss.started_us > before.until_us:
                    heap.add(toss, segment_id, offset)
            file.read = max(file.read, file.at)
        came = entered(self._home, max(before.commit, self._scanned))
        unread = ""
        if came.gap or came.segment_ids - self._files.keys():
            unread = self._table(heap, before)
        self._scanned = came.commit if heap.latest_us is None else self._scanned
        # What lies ahead of the clock was written before somebody set it back: there is nothing to wait for.
        ahead = to_us(now + timedelta(seconds=SLACK_S))
        wished = max(wished, max((-row[0] for row in heap.rows if -row[0] > ahead), default=wished))
        until = wished if heap.latest_us is None else max(min(wished, heap.latest_us - 1), before.until_us)
        whole = until == wished and not unread
        out = sorted((row for row in heap.rows if -row[0] <= until), key=lambda row: (-row[0], row[1]))
        left = _Heap(self._most, until, rows=[row for row in heap.rows if -row[0] > until], dropped=heap.dropped)
        heapq.heapify(left.rows)
        left.ids = {row[1] for row in left.rows}
        starts = dict(left.dropped)
        for _, _, _, segment_id, offset in left.rows:
            starts[segment_id] = min(offset, starts.get(segment_id, offset))
        mark = Mark(
            since_us=before.since_us,
            until_us=until,
            # What is held and lies in the table alone is found there again by whoever begins at this mark.
            commit=came.commit if until == wished and heap.latest_us is None and starts.keys() <= there else before.commit,
            places={
                segment_id: Place(max(starts.get(segment_id, file.at), file.start), file.at)
                for segment_id, file in self._files.items()
                if segment_id in there or segment_id in starts
            },
            long=[*before.long, *(row[1] for row in out if row[2].seconds >= self._order_s - SLACK_S)][-MOST_LONG:],
        )
        self._next = (mark, left if heap.latest_us is None else None)
        return Found([row[2] for row in out], mark, whole, unread)

    def keep(self) -> None:
        """What the last look found is written."""
        assert self._next is not None
        mark, held = self._next
        if held is None:  # what found no room is read again
            self._open(mark)
            return
        self.mark, self._held, self._next = mark, held, None
        for segment_id in [one for one in self._files if one not in mark.places]:
            if (fd := self._files.pop(segment_id).fd) >= 0:
                os.close(fd)

    def _list(self) -> set[str]:
        """Open what may be read on; which segments there are."""
        there: set[str] = set()
        for segment in segments(self._home):
            if segment.segment_id not in self._files:
                place = self.mark.places.get(segment.segment_id, Place())
                # What was imported was tossed by no coin of ours.
                fd = -1 if segment.state == "zst" else _opened(self._home, segment.segment_id)
                if fd is None:
                    continue  # it entered the table just now, and the table's log says so
                self._files[segment.segment_id] = _File(fd, place.start, place.read, place.start)
            there.add(segment.segment_id)
        return there

    def _frames(self, file: _File) -> Iterator[tuple[int, Toss]]:
        """What is new in a segment, with the offset of each frame."""
        if file.fd < 0:
            return
        size = os.fstat(file.fd).st_size
        while file.at + codec.FRAME.size <= size:
            length, _ = codec.FRAME.unpack(os.pread(file.fd, codec.FRAME.size, file.at))
            end = file.at + codec.FRAME.size + length
            if not 0 < length <= codec.LONGEST or end > size:
                return  # the zero of a sealed one, or a frame that is not all there yet
            offset, file.at = file.at, end
            at = offset + codec.FRAME.size
            head = os.pread(file.fd, min(length, _HEAD_BYTES), at)
            line, ends, _ = head.partition(b"\n")
            if ends and not wanted(line):  # of a line that is longer nobody knows: a caller may name its conversation at any length
                continue
            payload = head if length <= len(head) else os.pread(file.fd, length, at)
            if zlib.crc32(payload) != codec.FRAME.unpack(os.pread(file.fd, codec.FRAME.size, offset))[1]:
                continue
            try:
                toss = self._read(codec.read(payload))
            except (ValueError, msgspec.MsgspecError):
                continue
            if toss is not None:
                yield offset, toss

    def _table(self, heap: _Heap, before: Mark) -> str:
        """What lies in the table alone, or why that cannot be read."""
        try:
            from modicum.store.scan import Wanted, scan  # the engine: not needed as long as segments are read in time
        except ImportError as error:
            return f"calls went into the table before they were looked at, and it cannot be read here: {error}"
        known = frozenset(before.long)
        least_ms = (self._order_s - SLACK_S) * 1000
        since = max(from_us(before.until_us + 1) - REACH_BACK, from_us(before.since_us))
        for call in scan(self._home, Wanted(since=since)):
            started_us = to_us(call.started_at)
            if heap.latest_us is not None and started_us >= heap.latest_us:
                break
            late = started_us <= before.until_us
            if call.origin != "live" or (late and ((call.duration_ms or 0.0) < least_ms or call.call_id in known)):
                continue
            toss = self._read(codec.record(call))
            if toss is not None:
                heap.add(toss, "", 0)
        return ""


def _opened(home: Path, segment_id: str) -> int | None:
    """A descriptor of a segment under whichever name it has; None where it is gone."""
    for state in ("open", "seg", "seg"):
        with suppress(FileNotFoundError):
            return os.open(home / "segments" / f"{segment_id}.{state}", os.O_RDONLY | os.O_CLOEXEC)
    return None
