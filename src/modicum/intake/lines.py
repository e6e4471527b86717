"""Split a stream into numbered lines without ever holding more than the longest line that is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LONGEST_BYTES = 32 << 20
"""A longer line is no call: providers take requests of at most some 20 MB, images included."""
BOM = b"\xef\xbb\xbf"


def lines(pieces: Iterable[bytes], *, longest: int = LONGEST_BYTES) -> Iterator[tuple[int, bytes | None, bool]]:
    """(number from 1, line without its end, whether it has an end); None for one that is too long. Empty lines are counted, not given."""
    number = 1
    held: list[bytes] = []
    held_bytes = 0
    too_long = False
    for piece in pieces:
        first, *others = piece.split(b"\n")
        held_bytes += len(first)
        if held_bytes > longest:
            too_long = True
            held.clear()
        elif first:
            held.append(first)
        if not others:
            continue
        if held_bytes:
            yield number, None if too_long else _whole(held, number), True
        number += 1
        last = others.pop()
        for line in others:
            if line:
                yield number, line if len(line) <= longest else None, True
            number += 1
        held, held_bytes, too_long = [last], len(last), len(last) > longest
    if held_bytes:
        yield number, None if too_long else _whole(held, number), False


def _whole(held: list[bytes], number: int) -> bytes:
    line = held[0] if len(held) == 1 else b"".join(held)
    return line.removeprefix(BOM) if number == 1 else line
