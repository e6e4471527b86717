"""How much of one call is looked through for numbers while somebody waits for it.

A number is looked at in many ways, a microsecond and more for each of its characters: without a bound one body of ten million bytes keeps a
core busy for a quarter of a minute.
"""

from __future__ import annotations

from modicum.errors import InputError

MOST_CHARACTERS = 1 << 20
"""Of what may be numbers, in one call, each time that they are looked at: more than fits into what a model reads."""


class Allowance:
    """What is left of it for one call."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_CHARACTERS) -> None:
        self.left = left

    def take(self, characters: int) -> None:
        """So many are looked at now. Raises InputError where that is too much."""
        self.left -= characters
        if self.left < 0:
            raise InputError(f"more than {MOST_CHARACTERS:,} characters of numbers are not looked through while somebody waits")
