"""A large batch of imported calls enters the table at once, with no segment between.

(1) What the index is to learn of the batch is brought to the disk as `segments/ID.names`; (2) one commit brings its calls into the table,
with the batch's id; (3) one SQLite transaction adds the identities; (4) the file goes. Killed before (2) is done, the next process finds
no commit of that id and deletes the file; killed after it, the next process does (3) from the file. The caller holds the lock of the home.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from modicum.store import rows
from modicum.store.batches import learn, opened
from modicum.store.codec import Record
from modicum.store.home import replace
from modicum.store.key import evidence_key
from modicum.store.marks import Marker
from modicum.store.names import Learned
from modicum.store.table import Table, guarded
from modicum.types import new_call_id

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Learned).decode


def put(home: Path, index: sqlite3.Connection, records: Iterable[Record], learned: Learned) -> None:
    """Bring a batch in. Raises StoreError; what became of the batch then is seen by whoever recovers."""
    batch_id, marker, stored_us = new_call_id(), Marker(evidence_key(home)), time.time_ns() // 1000
    file = home / "segments" / f"{batch_id}.names"
    replace(file, _encode(learned))
    with guarded(home):
        Table(home).append((rows.row_of(one, stored_us, marks=marker.of_record(one)) for one in records), [batch_id])
    learn(index, learned)
    file.unlink()


def unfinished(home: Path) -> list[Path]:
    """What imports left on their way."""
    return [home / "segments" / name for name in os.listdir(home / "segments") if name.endswith(".names")]


def recover(home: Path) -> None:
    """Finish what imports left on their way. The caller holds the lock of the home."""
    if left := unfinished(home):
        table = Table(home)
        with opened(home) as index:
            for file in left:
                if table.has(file.stem):
                    learn(index, _decode(file.read_bytes()))
                file.unlink()
