"""Where in a text something stands that is taken out; and a glance at raw bytes that tells that nothing can be there.

The glance makes two copies of the bytes in which each byte is only what kind of character it is, and looks for a few runs in
them: that costs a small part of what patterns cost, and most prompts hold nothing. It may err on one side alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from modicum.view import addresses, identities, numbers, secrets
from modicum.view.identities import Identities

Span = tuple[int, int, str]
Find = Callable[[str], list[Span]]

_OWN_TYPES = ("SECRET", "EMAIL", "IBAN", "CARD", "PHONE")
_LONG = b"x" * secrets.SHORTEST
_MOST_TOKENS = 64
"""Long words that a glance looks into; past that the body is walked, where images are left out by place."""


def _kinds(of: dict[bytes, bytes]) -> bytes:
    table = bytearray(b" " * 256)
    for characters, kind in of.items():
        for character in characters:
            table[character] = kind[0]
    return bytes(table)


_DIGITS = b"0123456789"
_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TOKEN = _kinds({_DIGITS + _UPPER + _UPPER.lower() + b"_-": b"x"})
_SHAPE = _kinds({_DIGITS: b"0", _UPPER: b"A"})
# The bytes of NO-BREAK SPACE and of the dashes and spaces from U+2000 on in UTF-8, besides what stands within numbers.
_WITHIN = b" -./()\xc2\xa0\xe2\x80\x81\x82\x83\x87\x89\x8a\x90\x91\x92\x93\xaf"
# Escapes of what could be part of a number or an address: ASCII from the space on, the no-break space, dashes.
_ESCAPED = re.compile(rb"\\u(?:00[2-7a]|20[0-2])")


class Finder:
    """All that is looked for. Every pattern takes time linear in the text."""

    __slots__ = ("_identities", "longest_placeholder", "placeholder")

    def __init__(self, table: Identities) -> None:
        self._identities = table
        kinds = sorted({*_OWN_TYPES, *table.kinds}, key=lambda kind: (-len(kind), kind))
        self.placeholder = re.compile(rf"<(?:{'|'.join(kinds)})_[1-9][0-9]{{0,5}}>")
        self.longest_placeholder = max(map(len, kinds)) + 9

    @classmethod
    def open(cls, table: Path | None) -> tuple[Finder, str]:
        """The finder, and the digest of the operator's table, "" without one. Raises ConfigError."""
        found, digest = identities.read(table)
        return cls(found), digest

    def may_hold(self, body: bytes) -> bool:
        """False only where nothing in a JSON body (or a text) would be taken out."""
        if b"@" in body or b"%40" in body:
            return True
        if b"000000" in body.translate(_SHAPE, _WITHIN) or b"AA00" in body.translate(_SHAPE):
            return True
        if any(mark in body for mark in secrets.MARKS):
            return True
        if b"\\u" in body and _ESCAPED.search(body):
            return True
        tokens = body.translate(_TOKEN)
        at = tokens.find(_LONG)
        for _ in range(_MOST_TOKENS):
            if at < 0:
                return False
            end = tokens.find(b" ", at)
            end = len(body) if end < 0 else end
            if secrets.PREFIX.search(body, at, end):
                return True
            at = tokens.find(_LONG, end)
        return True

    def find(self, text: str) -> list[Span]:
        """(start, end, type) of all that is taken out, in order, none within another. Secrets go before addresses before numbers."""
        finds: Sequence[Find] = (secrets.find, addresses.find, numbers.find, self._identities.find)
        taken: list[Span] = []
        for one in finds:
            for span in one(text):
                if all(span[1] <= start or end <= span[0] for start, end, _ in taken):
                    taken.append(span)
        taken.sort()
        return taken
