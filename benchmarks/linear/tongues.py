"""Requests to a shop in six languages, written for this measurement (`tongues.txt`): six wishes, scripts with and without spaces.

A phrase is a frame with a thing in it. A frame is a group: what is predicted out of fold shares no frame with what was learnt, so it is
tested whether the words and n-grams of a script carry over, not whether phrases were seen. Eight frames a wish are few; what counts is
how far the other languages fall behind English.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.headlines import Row

FILE = Path(__file__).with_name("tongues.txt")


def sets() -> Iterator[tuple[str, list[Row], list[int]]]:
    """(language, phrases with their wish, group of each): `== language: thing, thing, …`, then `[wish]` and its frames, one a line."""
    language, things, wish, frame = "", [""], "", 0
    rows: list[Row] = []
    groups: list[int] = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            if rows:
                yield language, rows, groups
            language, _, listed = line.removeprefix("== ").partition(": ")
            things, rows, groups = listed.split(", "), [], []
        elif line.startswith("["):
            wish = line.strip("[]")
        elif line:
            frame += 1
            rows += [(line.replace("{}", thing), wish) for thing in things]
            groups += [frame] * len(things)
    yield language, rows, groups
