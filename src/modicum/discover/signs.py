"""Signs: what a prompt's text says that tells something of its task.

A sign is a fact about the wording, in English (`wordings.py`, `heads.py`) and in other languages (`tongues.py`). What follows from
signs stands in `rules.py` and `task.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modicum.discover.asked import Asked
from modicum.discover.heads import HEADS
from modicum.discover.tongues import TONGUES
from modicum.discover.wordings import WORDINGS

SIGNS: dict[str, re.Pattern[str]] = {
    name: re.compile("|".join(filter(None, (pattern, TONGUES.get(name, "")))), re.MULTILINE) for name, pattern in (WORDINGS | HEADS).items()
}


_BY_NAME = ("question", "ground", "passage", "lettered")
"""Signs that the name of a slot may show."""
_FIRST, _LAST = 500, 250
"""Characters at either end of a prompt where what counts is said."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Words that show a sign, and whether they stand where a prompt says what it wants: at its beginning or end."""

    words: str
    early: bool


def signs_of(asked: Asked) -> dict[str, Sign]:
    """The signs that a prompt shows."""
    found: dict[str, Sign] = {}
    plain = asked.plain
    for name, pattern in SIGNS.items():
        text = asked.text if name in _BY_NAME else plain
        match = pattern.search(text)
        if match is not None:
            early = match.start() < _FIRST or pattern.search(text, max(0, len(text) - _LAST)) is not None
            found[name] = Sign(match[0], early)
    return found
