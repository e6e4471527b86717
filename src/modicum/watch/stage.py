"""Is a route's artefact still what was certified? Looked at where its files changed, where the stage fails, and every ten minutes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modicum.artefact import Artefacts
from modicum.errors import ArtefactError

EVERY_S = 600.0
PASSING = "cannot read"
"""How an error begins that says nothing of the bytes: a lack of descriptors, of rights."""
URGENT_S = 5.0
"""Between two looks at one whose stage fails."""


@dataclass(frozen=True, slots=True)
class _Checked:
    at: float
    why: str
    paths: tuple[Path, ...]
    stamps: tuple[tuple[int, int, int] | None, ...]


class Stages:
    """The artefacts of live routes, as they lie on the disk."""

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._artefacts = Artefacts(home / "artefacts")
        self._clock = clock
        self._checked: dict[str, _Checked] = {}

    def damage(self, digest: str, *, failing: bool) -> str:
        """Why the artefact cannot be used, as a sentence; empty where every byte of it is as it was."""
        last, now = self._checked.get(digest), self._clock()
        if last is not None and now - last.at < (URGENT_S if failing else EVERY_S) and last.stamps == _stamps(last.paths):
            return last.why
        paths: tuple[Path, ...] = (self._artefacts.root / "manifests" / f"{digest.removeprefix('sha256:')}.json",)
        why = ""
        try:
            found = self._artefacts.read(digest)
            paths += tuple(self._artefacts.root / "blobs" / hashlib.sha256(data).hexdigest() for data in found.files.values())
        except ArtefactError as error:
            why = "" if error.message.startswith(PASSING) else error.message
            paths += last.paths[1:] if last is not None else ()
        self._checked[digest] = _Checked(now, why, paths, _stamps(paths))
        return why


def _stamps(paths: tuple[Path, ...]) -> tuple[tuple[int, int, int] | None, ...]:
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
