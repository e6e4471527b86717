"""Signs that it is time to learn: calls that nobody recognises, prompts that no certificate knows, incumbents that call themselves
otherwise. Counted as records come in.

Only the first line of each new record is looked at, and nothing of a call is kept but counts. Signs decide when something is looked at
again; no promise rests on them, and what a restart forgets the schedule makes up for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from modicum.stats.binomial import lower_limit, upper_limit
from modicum.store import codec
from modicum.store.segments import segments
from modicum.workload.sample import INDEPENDENT

LATELY = 2_000
"""Calls of which a share is told; older ones count for less and less."""
LEAST = 100
"""Calls before a share says anything."""
RISE = 0.02
"""A share that rose by less is not worth a look."""
SURE = 0.999
UNCERTIFIED = 200
"""Calls of a version that no certificate knows, before they are a sign for the first time; twice as many for the next one."""
MOST = 20_000
"""Records of one look."""
RENAMED = 20
"""Control calls that an incumbent answered under a name that it did not have before."""
SET_S = 3_600.0
"""A clock may have been set by so much since a segment was written."""
MOST_AWAITED = 200_000
"""Records of a segment that was there before."""
MOST_NAMES = 50
_HEAD_BYTES = 1 << 13
_ANOTHER_VERSION = b"this version of the prompt"
_NAMED = re.compile(rb'"response_model":"([^"\\\\]{1,200})"')
_WORKLOAD = re.compile(rb'"workload_id":"([^"\\\\]{1,64})"')
_STARTED = re.compile(rb'"started_us":([0-9]{1,18})')
_REASON = re.compile(rb'"reason":"([a-z_]+)"')


@dataclass(slots=True)
class Signs:
    """What new records of one home say."""

    home: Path
    calls: float = 0
    unknown: float = 0
    """Of them, those that no workload has."""
    uncertified: int = 0
    base: float | None = None
    """The share of unknown ones that is known and looked at; None before there was one."""
    names: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    """Workload -> names of its incumbent -> control calls; the first is what it was called before."""
    came: dict[str, int] = field(default_factory=dict)
    """Workload -> calls of it that may train and certify, of those that are waited for (`await_calls`)."""
    _missing: Mapping[str, int] = field(default_factory=dict)
    _since: datetime | None = None
    _wanted: int = UNCERTIFIED
    _read: dict[str, int] = field(default_factory=dict)
    _begun: bool = False

    def look(self) -> None:
        """Count what is new since the last look; what was there before the first one is not new."""
        there, left = dict[str, int](), MOST
        for segment in segments(self.home):
            if segment.state == "zst":
                continue
            at = self._read.get(segment.segment_id, 0 if self._begun else segment.size_bytes)
            with suppress(FileNotFoundError):
                at, left = self._segment(segment.path, at, left, self._count)
            there[segment.segment_id] = at
        self._read, self._begun = there, True
        if self.base is None and self.calls >= LEAST:
            self.base = self.unknown / self.calls
        elif self.base is not None and self.calls >= LEAST:
            self.base = min(self.base, upper_limit(round(self.unknown), round(self.calls), SURE))

    def await_calls(self, missing: Mapping[str, int], since: datetime | None) -> tuple[str, ...]:
        """Wait for as many calls of each workload, of those that began after `since`; the workloads of which they came.

        What lies in segments counts though it was there before the first look: of whatever else a restart forgets this is not one.
        """
        if since is not None and (since, missing) != (self._since, self._missing):
            self._since, self._missing, self.came = since, dict(missing), {}
            for segment in segments(self.home) if missing else ():
                with suppress(FileNotFoundError):
                    if segment.state != "zst" and segment.path.stat().st_mtime >= since.timestamp() - SET_S:
                        self._segment(segment.path, 0, MOST_AWAITED, self._arrive, until=self._read.get(segment.segment_id, 0))
        return tuple(sorted(one for one, number in self._missing.items() if self.came.get(one, 0) >= number))

    def found(self) -> tuple[str, ...]:
        """What speaks for a look now, as sentences."""
        why = []
        if self.base is not None and self.calls >= LEAST:
            share = self.unknown / self.calls
            if lower_limit(round(self.unknown), round(self.calls), SURE) > self.base + RISE:
                why.append(f"{share:.0%} of the calls are not recognised, {self.base:.0%} were")
        if self.uncertified >= self._wanted:
            why.append(f"{self.uncertified:,} calls came with a version of a prompt that no certificate knows")
        return tuple(why)

    def renamed(self) -> tuple[str, ...]:
        """Incumbents that call themselves otherwise than before, as sentences; each once."""
        why = []
        for workload, names in self.names.items():
            before, *others = names
            if (name := next((one for one in others if names[one] >= RENAMED), None)) is not None:
                why.append(f"an incumbent calls itself {_text(name)}, and did {_text(before)}")
                self.names[workload] = {name: names[name]}
        return tuple(why)

    def looked(self) -> None:
        """What was found led to a look: only more of it is a sign again."""
        if self.calls >= LEAST:
            self.base = self.unknown / self.calls
        if self.uncertified >= self._wanted:
            self._wanted = 2 * self.uncertified
        self.calls = self.unknown = 0

    def _segment(self, path: Path, at: int, left: int, count: Callable[[bytes], None], *, until: int | None = None) -> tuple[int, int]:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size if until is None else until
            while left and at + codec.FRAME.size <= size:
                length, _ = codec.FRAME.unpack(os.pread(file.fileno(), codec.FRAME.size, at))
                end = at + codec.FRAME.size + length
                if not 0 < length <= codec.LONGEST or end > size:
                    break
                count(os.pread(file.fileno(), min(length, _HEAD_BYTES), at + codec.FRAME.size).partition(b"\n")[0])
                at, left = end, left - 1
        return at, left

    def _count(self, head: bytes) -> None:
        if (said := _REASON.search(head)) is None:
            return  # imported, or recorded alone
        self.calls += 1
        self._arrive(head)
        if said[1] == b"control" and (name := _NAMED.search(head)) is not None and (whose := _WORKLOAD.search(head)) is not None:
            names = self.names.setdefault(whose[1], {})
            if name[1] in names or len(names) < MOST_NAMES:
                names[name[1]] = names.get(name[1], 0) + 1
        self.unknown += said[1] == b"not_recognised"
        self.uncertified += said[1] == b"not_covered" and _ANOTHER_VERSION in head
        if self.calls >= LATELY:
            self.calls, self.unknown = self.calls / 2, self.unknown / 2

    def _arrive(self, head: bytes) -> None:
        if not self._missing or self._since is None:
            return
        said, whose, started = _REASON.search(head), _WORKLOAD.search(head), _STARTED.search(head)
        if said is None or whose is None or started is None or said[1].decode() not in INDEPENDENT:
            return
        if (workload := whose[1].decode("utf-8", "replace")) in self._missing and int(started[1]) > codec.to_us(self._since):
            self.came[workload] = self.came.get(workload, 0) + 1


def _text(name: bytes) -> str:
    return "".join(one for one in name.decode("utf-8", "replace") if one.isprintable())
