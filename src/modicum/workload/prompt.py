"""What recognising and mining see of a request: its key and its texts.

Both must see the same, so both come here, with the request's view (`modicum.view`). The texts are windowed for
matching: of a long one the first and the last 3,000 characters, with a digest of what lies between, so that length is
no attack and an edit in the middle still shows.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from modicum.wire import chat

WINDOW = 3_000
MARKER = "\x00"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request as templates see it. `last` is the last user text, `first` the first one."""

    key: str
    system: str
    first: str
    last: str
    turns: int
    chars: int


def see(request: dict[str, Any]) -> Prompt:
    """The texts of a request, which is viewed already. Raises InputError where the request is not a chat."""
    found = chat.segments(request)
    return Prompt(chat.contract_key(request), found.system, found.first_user, found.last_user, found.turns, found.chars)


def window(text: str) -> str:
    """The text, or its two ends around `\\x00<crc32 of the middle>\\x00` where it has more than 6,000 characters."""
    if len(text) <= 2 * WINDOW:
        return text
    middle = zlib.crc32(text[WINDOW:-WINDOW].encode("utf-8", "surrogatepass"))
    return f"{text[:WINDOW]}{MARKER}{middle:08x}{MARKER}{text[-WINDOW:]}"
