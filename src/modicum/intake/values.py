"""Split a stream of JSON into its records: the elements of an array, or values one after another, however they are laid out on lines.

Never more than the longest record allowed is held. Nothing is decoded here: what stands between records and is none is given too, so that
it is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from modicum.intake.lines import BOM, LONGEST_BYTES

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)|[\[\]{}]', re.DOTALL)
"""A string, its last quote in the group where it is there; or a bracket."""
_BETWEEN = b" \t\r\n,"
_QUOTE, _OPEN_LIST = b'"['
_OPENS = b"[{"


def values(pieces: Iterable[bytes], *, longest: int = LONGEST_BYTES) -> Iterator[tuple[int, bytes | None, bool]]:
    """(line that the record begins in, its bytes, whether it has an end); None for one that is too long; what has no end by
    then is the last that is read."""
    held = b""
    line, level = 1, 0
    """Records begin at this depth: 1 within an array."""
    first = True
    for piece in pieces:
        held = held + piece if held else piece
        if first:
            held, first = held.removeprefix(BOM), False
        # A record on its way lies at the front of what is held, and is looked through again with what has come.
        depth, start, done, counted = level, -1, 0, 0
        for found in _TOKEN.finditer(held):
            kind = held[found.start()]
            if kind == _QUOTE:
                if not found[1]:
                    break
                continue
            opens = kind in _OPENS
            if (depth == level) and (junk := held[done : found.start()].strip(_BETWEEN)):
                yield line + held.count(b"\n", counted, done), junk, True
            if opens and depth == level:
                if kind == _OPEN_LIST and not level:
                    level = depth = 1
                    done = found.end()
                    continue
                start = found.start()
            depth += 1 if opens else -1
            if not opens and depth == level:
                line, counted = line + held.count(b"\n", counted, start), start
                yield line, held[start : found.end()] if found.end() - start <= longest else None, True
                start, done = -1, found.end()
            elif depth < level:
                if not level:
                    yield line + held.count(b"\n", counted, found.start()), held[found.start() : found.end()], True
                depth = level = 0
                done = found.end()
        keep = done if start < 0 else start
        line += held.count(b"\n", counted, keep)
        held = held[keep:]
        if len(held) > longest:
            yield line, None, False
            return
    if rest := held.strip(_BETWEEN):
        yield line, rest, False
    elif level:
        yield line, b"[", False
