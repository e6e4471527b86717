"""How far an import from somewhere that is read page by page has come, so that the next run goes on from there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from modicum.store.home import replace

FILE = "imports.json"
_decode = msgspec.json.Decoder(dict[str, str]).decode


class Bookmarks:
    """One line of text for each place, on the disk before `put` returns."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def get(self, place: str) -> str | None:
        return self._all().get(place)

    def put(self, place: str, mark: str) -> None:
        replace(self._path, msgspec.json.encode({**self._all(), place: mark}))

    def drop(self, place: str) -> None:
        """Forget a place: it was read to its end."""
        found = self._all()
        if found.pop(place, None) is not None:
            replace(self._path, msgspec.json.encode(found))

    def _all(self) -> dict[str, str]:
        try:
            return _decode(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError:
            return {}  # a bookmark that cannot be read costs a second reading, no more
