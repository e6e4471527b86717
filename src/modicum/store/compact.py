"""Move what is sealed into the table. Any process may; the lock of the home keeps it to one at a time.

    python -m modicum.store.compact HOME [KEEP_DAYS]

does it once, for a gateway that must not import the table's libraries itself. After a kill at any moment the next run ends the work:
what was committed is recognised by its segment's id and only deleted, what was not is written again; files that no
commit names are swept.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modicum.errors import StoreBusyError
from modicum.store import batches, feedback, straight
from modicum.store.codec import to_us
from modicum.store.engine import connected
from modicum.store.home import changing, deleting, prepare, sync_folder
from modicum.store.key import evidence_key
from modicum.store.marks import Marker
from modicum.store.segments import Segment, open_all, seal, segments
from modicum.store.table import Table, guarded, rows_of

GROUP_BYTES = 64 << 20
"""About so many bytes of calls enter in one commit."""
_UNPACKED = 8
"""A compressed segment is about so many times as large unpacked."""


def compact(home: Path) -> int:
    """Seal every open segment and bring all that is sealed into the table; how many segments entered."""
    with changing(home):
        entered = absorb(home)
        table = Table(home)
        if table.crowded():
            # Readers are welcome while files are merged; the old ones go when nobody reads.
            with guarded(home):
                table.merge_small()
            with suppress(StoreBusyError), deleting(home, wait_s=0.0), guarded(home):
                table.sweep()
        return entered


def absorb(home: Path, *, all_of_it: bool = False) -> int:
    """The same without tidying; the caller holds the lock. `all_of_it`: raise StoreBusyError rather than leave a segment out."""
    batches.recover(home)
    straight.recover(home)
    for segment in segments(home):
        if segment.state == "open":
            try:
                seal(segment.path)
            except StoreBusyError:
                if all_of_it:
                    raise
    entered = 0
    marker = Marker(evidence_key(home))
    for group in _groups([segment for segment in segments(home) if segment.state != "open"]):
        table = Table(home)
        wanted = {segment.segment_id for segment in group if not table.has(segment.segment_id)}
        if wanted:
            opened = open_all(home, wanted)
            try:
                rows = itertools.chain.from_iterable(rows_of(segment, marker) for segment in opened)
                with guarded(home):
                    table.append(rows, sorted(wanted))
            finally:
                for one in opened:
                    one.file.close()
        for segment in group:
            segment.path.unlink(missing_ok=True)
        sync_folder(home / "segments")
        entered += len(wanted)
    return entered


def _groups(sealed: list[Segment]) -> Iterator[list[Segment]]:
    group: list[Segment] = []
    size = 0
    for segment in sealed:
        group.append(segment)
        size += segment.size_bytes * (_UNPACKED if segment.state == "zst" else 1)
        if size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def expire_bodies(home: Path, keep_days: int, *, now: datetime | None = None) -> int:
    """Drop the bodies of calls that entered more than `keep_days` ago, from the disk too; of how many calls. Figures stay."""
    before_us = to_us((now or datetime.now(UTC)) - timedelta(days=keep_days))
    with changing(home):
        table = Table(home)
        old = [file.path for file in table.files() if file.stored_from_us < before_us]
        if not old:
            return 0
        with connected(home) as connection:
            kept = (
                "SELECT DISTINCT file_name FROM parquet_metadata(?) WHERE path_in_schema IN ('request', 'response')"
                " AND (stats_null_count IS NULL OR stats_null_count < num_values)"
            )
            bodies = [path for (path,) in connection.execute(kept, [old]).fetchall()]
            touched = (
                "SELECT DISTINCT scope, day FROM read_parquet(?, hive_partitioning=true, hive_types_autocast=false)"
                " WHERE stored_us < ? AND (request IS NOT NULL OR response IS NOT NULL)"
            )
            partitions = connection.execute(touched, [bodies, before_us]).fetchall() if bodies else []
        if not partitions:
            return 0
        with deleting(home), guarded(home):
            dropped = sum(table.drop_bodies(scope, day, f"stored_us < {before_us}") for scope, day in partitions)
            table.sweep()
        return dropped


def main(arguments: list[str]) -> None:
    home = prepare(Path(arguments[0]))
    compact(home)
    if len(arguments) > 1:
        expire_bodies(home, int(arguments[1]))
        feedback.expire(home, datetime.now(UTC) - timedelta(days=int(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
