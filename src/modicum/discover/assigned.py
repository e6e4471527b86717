"""Whose each call is, in 24 bytes a call: of five million, tuples of text would take most of a gigabyte."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator

Assignment = tuple[str, str, str]
"""Call, workload, version."""


class Assigned(Collection[Assignment]):
    """Assignments in the order in which they came."""

    __slots__ = ("_ids", "_numbers", "_others", "_places", "_whose")

    def __init__(self) -> None:
        self._ids = bytearray()
        self._places = array("l")
        """Number of the pair; where an id is no UUID in plain hex, -1 - its place among the others."""
        self._whose: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._others: list[tuple[str, int]] = []

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Assignment]:
        at = 0
        for place in self._places:
            if place < 0:
                call_id, place = self._others[-1 - place]
            else:
                found = self._ids[at : at + 16].hex()
                at += 16
                call_id = f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:]}"
            yield (call_id, *self._whose[place])

    def __contains__(self, row: object) -> bool:
        return any(row == one for one in self)

    def append(self, row: Assignment) -> None:
        call_id, *whose = row
        pair = (whose[0], whose[1])
        number = self._numbers.get(pair)
        if number is None:
            number = self._numbers[pair] = len(self._whose)
            self._whose.append(pair)
        packed = _packed(call_id)
        if packed is None:
            self._places.append(-1 - len(self._others))
            self._others.append((call_id, number))
        else:
            self._ids += packed
            self._places.append(number)

    def extend(self, rows: Iterable[Assignment]) -> None:
        for row in rows:
            self.append(row)


def _packed(call_id: str) -> bytes | None:
    """The 16 bytes of a UUID as we write them; None for any other id."""
    if len(call_id) != 36 or not call_id[8] == call_id[13] == call_id[18] == call_id[23] == "-":
        return None
    digits = call_id.replace("-", "")
    if not digits.islower() and not digits.isdigit():
        return None
    try:
        packed = bytes.fromhex(digits)
    except ValueError:
        return None
    return packed if len(packed) == 16 else None
