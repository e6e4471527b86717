"""The calls of a home: bring in, read, assign, sum, compact, forget. What other rooms use; how each is done stands in the module beside."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from modicum.errors import NotFoundError, StoreBusyError
from modicum.store import assignments as _assignments
from modicum.store import batches, identity, straight
from modicum.store.assignments import Assignment
from modicum.store.batches import Added
from modicum.store.compact import compact, expire_bodies
from modicum.store.erase import erase
from modicum.store.home import changing, prepare
from modicum.store.hours import hours
from modicum.store.meeting import Met
from modicum.store.scan import Wanted, assigned, find, scan
from modicum.store.spending import Also, SpendRow, spending
from modicum.store.supplements import Supplements
from modicum.store.usage import UsageRow, count, usage
from modicum.types import Call

__all__ = ["Added", "Calls", "Met", "SpendRow", "Supplements", "UsageRow"]


class Calls:
    """Everything that was recorded. Several processes may use one home at once."""

    def __init__(self, home: Path) -> None:
        self.home = prepare(home)
        if batches.unfinished(self.home) or straight.unfinished(self.home):
            with contextlib.suppress(StoreBusyError), changing(self.home, wait_s=1.0):
                batches.recover(self.home)
                straight.recover(self.home)

    def add(self, calls: Iterable[Call | Met], *, supplements: Supplements | None = None) -> Added:
        """Bring imported calls in, exactly once by identity (`store.identity`); a kill loses and doubles nothing. Streams.

        What knows more of a call that is in already waits in `supplements` to be joined.
        """
        return batches.add(self.home, calls, supplement=supplements, large=straight.put)

    def supplements(self) -> Supplements:
        """A place where records wait for their calls: a context manager, with `join`."""
        return Supplements(self.home)

    def scan(
        self,
        *,
        scope: str | None = None,
        workload_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        call_ids: Iterable[str] | None = None,
        bodies: bool = True,
    ) -> Iterator[Call]:
        """The calls with `since <= started_at < until` in time order, each once; memory does not grow with their number.

        `workload_id`: as assigned, or as decided when the call was served where discovery has not seen it yet. Without `bodies` both
        bodies are None, and reading is far cheaper. Files that are being read are not deleted: finish or close the iterator.
        """
        ids = None if call_ids is None else frozenset(call_ids)
        return scan(self.home, Wanted(scope=scope, workload_id=workload_id, since=since, until=until, call_ids=ids, bodies=bodies))

    def get(self, call_id: str) -> Call:
        """The call with this id, ours or the response's (the oldest where scopes share a response's). Raises NotFoundError."""
        found = find(self.home, call_id, identity.day_of(call_id))
        if found is None:
            raise NotFoundError(f"no call '{call_id}'", hint="`modicum workloads calls WORKLOAD` lists ids")
        return found

    def assign(self, rows: Iterable[Assignment]) -> None:
        """Put these (call_id, workload_id, version_id) in the place of all assignments."""
        _assignments.assign(self.home, rows)

    def assignments(self, *, by_response_id: bool = False) -> Iterator[Assignment]:
        """What `assign` was given, in no order. With `by_response_id`: in time order, each call by its response's id where it has one,
        and served calls that discovery has not seen as they were decided."""
        return assigned(self.home) if by_response_id else _assignments.assignments(self.home)

    def usage(self) -> list[UsageRow]:
        """What all calls used, by scope, workload, models and day."""
        return usage(self.home)

    def hours(self) -> list[tuple[str, str, int, int]]:
        """When they came: (scope, UTC day, hour of it, calls), those with calls."""
        return hours(self.home)

    def count(self) -> tuple[int, int, int]:
        """How many calls there are; of those, how many no gateway of ours decided on, and how many came without what was asked."""
        return count(self.home)

    def spending(self, *, since: datetime | None = None, until: datetime | None = None, also: Collection[Also] = ()) -> list[SpendRow]:
        """What the calls with `since <= started_at < until` cost, by key, scope, workload, models, provider, tier and day, and by what
        `also` names."""
        return spending(self.home, since=since, until=until, also=also)

    def compact(self) -> int:
        """Move everything sealed and open into the table; how many segments entered."""
        return compact(self.home)

    def expire_bodies(self, keep_days: int) -> int:
        """Drop the bodies of calls that entered more than `keep_days` ago; of how many calls. What is not in the table yet is younger."""
        return expire_bodies(self.home, keep_days)

    def erase(self, *, call_id: str | None = None, user_id: str | None = None, before: datetime | None = None) -> int:
        """Remove calls for good, by exactly one of: id (ours or the response's), end user, start before a time; how many went."""
        return erase(self.home, call_id=call_id, user_id=user_id, before=before).calls
