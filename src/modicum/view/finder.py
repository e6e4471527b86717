"""Where in a text something stands that is taken out; and a glance at raw bytes that tells that nothing can be there.

The glance makes two copies of the bytes in which each byte is only what kind of character it is, and looks for a few runs in
them: that costs a small part of what patterns cost, and most prompts hold nothing. It may err on one side alone. Numbers are sought
in such a copy too, one byte a character, so that only what could be one is looked at as text.
"""

from __future__ import annotations

import re
from pathlib import Path

from modicum.view import addresses, identities, numbers, phones, secrets
from modicum.view.allowance import Allowance
from modicum.view.identities import Identities
from modicum.view.secrets import disjoint

Span = tuple[int, int, str]

SECRETS, ADDRESSES, NUMBERS = 1, 2, 4
ALL = SECRETS | ADDRESSES | NUMBERS
"""What a glance may see."""
_LONG = b"x" * secrets.SHORTEST
_MOST_TOKENS = 64
"""Long words that a glance looks into; past that the body is walked, where images are left out by place."""
_REGION = re.compile(rb"0(?:[^0\n]{0,2}+0){5,}+")
"""Six digits or more, no two further apart than two other characters; of a copy whose digits are all 0: a search for one byte is fast."""
_RUN = re.compile(r"[0-9](?:[^0-9\n]{0,2}+[0-9]){5}+")
"""The beginning of such a region, as text."""
_A_WORD = 64
"""Characters of a text that is looked through faster than it is copied."""


def _kinds(of: dict[bytes, bytes]) -> bytes:
    table = bytearray(b" " * 256)
    for characters, kind in of.items():
        for character in characters:
            table[character] = kind[0]
    return bytes(table)


_DIGITS = b"0123456789"
_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# The characters of keys and of what is known by a word before it; the backslash, for a JSON string may hold `\\/`.
_TOKEN = _kinds({_DIGITS + _UPPER + _UPPER.lower() + b"_-.~+/=\\": b"x"})
_FLAT = _kinds({_DIGITS: b"0", _UPPER: b"A", _UPPER.lower(): b"a", b"\n": b"\n", b"+": b"+"})
_SHAPE = _kinds({_DIGITS: b"0", _UPPER: b"A"})
# The bytes of NO-BREAK SPACE and of the dashes and spaces from U+2000 on in UTF-8, besides what stands within numbers.
_WITHIN = b" -./()+\xc2\xa0\xe2\x80\x81\x82\x83\x87\x89\x8a\x90\x91\x92\x93\xaf"
_SIX, _SEVEN, _NINO, _CODICE = b"000000", b"0000000", b"A000000A", b"AAAAAA00A00A000A"
"""Six digits; seven; six between letters, as in a NINO or a CURP; a codice fiscale."""
_SHORT, _SPACED = (b"A000000", b"a0000000", b"000000A", b"000000 A", b"AAAAAA"), re.compile(rb"A ?00 ?00 ?00 ?A")
"""Letters and digits, all else a space: one of them stands in every shipped identity number with fewer than nine digits."""
# Escapes of what could be part of a number or an address: ASCII from the space on, the no-break space, dashes.
_ESCAPED = re.compile(rb"\\u(?:00[2-7aA]|20[0-2])")


def _rarest(mark: bytes) -> bytes:
    """The letter of a mark that texts hold least: a capital, else an underline, else its first."""
    return next((mark[at : at + 1] for at in range(len(mark)) if mark[at : at + 1] in b"KJQXZVWYBGPFH"), b"_" if b"_" in mark else mark[:1])


_MARKS = {letter: [mark for mark in secrets.MARKS if _rarest(mark) == letter] for letter in map(_rarest, secrets.MARKS)}
"""Marks of secrets by the rarest letter of each: a single byte is sought ten times faster than a word, and mostly in vain."""
_OURS = (
    rb'(?:[a-z]+[0-9]{0,3}(?:-[A-Za-z0-9]+(?:(?<=[0-9])\.(?=[0-9])[A-Za-z0-9]+)*)+"'
    rb'|[a-z]{2,}_[0-9a-z][A-Za-z0-9]{20,80}"|[a-z]*fp_(?=[0-9]*[a-f])[0-9a-f]{10}")'
)  # no possessive quantifiers around groups: Python 3.11.2 matches less with them than 3.11.7
_NAMED = re.compile(rb'"(?:created(?:_at)?": ?[0-9]{10}(?=[,}])|' + _OURS + rb")")
"""Strings and numbers of JSON that are nobody's, whatever digits they hold: the names of models with their dates, the ids of answers, when
one was made. No number that is taken out begins behind a hyphen that a letter or a digit stands before, none with two small letters, none
of one word is that long; and a number of JSON is taken out only as a card's.
"""
_HEAD = re.compile(rb'\{(?:"(?:created(?:_at)?": ?[0-9]{10}|[a-z_]+": ?(?:"(?:' + _OURS + rb'|[^"\\0-9]*")|true|false|null)), ?){0,40}')
"""The fields that a body begins with, as far as they are such or hold no digit: what only looks like a number mostly stands there."""


class Finder:
    """All that is looked for. Every pattern takes time linear in the text."""

    __slots__ = ("_identities", "longest_placeholder", "placeholder")

    def __init__(self, table: Identities) -> None:
        self._identities = table
        kinds = sorted({*identities.OWN_TYPES, *table.kinds}, key=lambda kind: (-len(kind), kind))
        self.placeholder = re.compile(rf"<(?:{'|'.join(kinds)})_[1-9][0-9]{{0,5}}>")
        self.longest_placeholder = max(map(len, kinds)) + 9

    @classmethod
    def open(cls, table: Path | None) -> tuple[Finder, str]:
        """The finder, and the digest of the operator's table, "" without one. Raises ConfigError."""
        found, digest = identities.read(table)
        return cls(found), digest

    def glance(self, body: bytes) -> int:
        """What may stand in a JSON body (or a text), 0 where nothing would be taken out."""
        # One byte is found much faster than two, so the rarer one is asked for first.
        kinds = ADDRESSES if b"@" in body or (b"%" in body and b"%40" in body) else 0
        if self._identities.searches_everything or _may_hold_number(body):
            kinds |= NUMBERS
        if _may_hold_key(body):
            kinds |= SECRETS
        return ALL if b"\\" in body and b"\\u" in body and _ESCAPED.search(body) else kinds

    def find(self, text: str, kinds: int, allowance: Allowance | None = None) -> list[Span]:
        """(start, end, type) of all that is taken out, in order, none within another. Secrets go before addresses before numbers.

        Raises InputError where more may be numbers than `allowance` lets look through.
        """
        taken = secrets.find(text) if kinds & SECRETS else []
        if kinds & ADDRESSES:
            taken = merged(taken, addresses.find(text))
        if not kinds & NUMBERS:
            return taken
        return merged(taken, self._numbers(text, allowance))

    def _numbers(self, text: str, allowance: Allowance | None) -> list[Span]:
        """Accounts, cards, identity and telephone numbers: around each run of digits, what could have so many."""
        if len(text) < _A_WORD and not _RUN.search(text) and not self._identities.searches_everything:
            return []
        taken: list[Span] = []
        flat = text.encode("latin-1", "replace").translate(_FLAT)
        regions: list[tuple[int, int]] = []
        for found in _REGION.finditer(flat):
            regions.append(region := found.span())
            if allowance is not None:
                allowance.take(region[1] - region[0])
        announced = bool(regions) and phones.announced(text, regions)
        few = not announced and not self._identities.has_short and _none_is_short(flat, regions)
        for low, high in regions:
            digits = flat.count(b"0", low, high)
            # Eight digits in two groups may be a telephone's.
            if few and digits < 9 and not (digits == 8 and high - low == 9):
                continue
            around: list[Span] = []
            if digits > 8:
                around = numbers.find_ibans(text, low, high)
                if digits > 12:
                    around = merged(around, numbers.find_cards(text, low, high))
            if digits > 8 or self._identities.has_short or _may_be_short(_near(flat, low, high)):
                around = merged(around, self._identities.find(text, low, high, digits))
            around = merged(around, phones.find(text, low, high, digits, announced=announced))
            if around:
                # a number may reach into the next region, and is found there again
                taken += [span for span in around if not taken or span[0] >= taken[-1][1]]
        if self._identities.searches_everything:
            taken = merged(self._identities.find_anywhere(text), taken)
        return taken


def _may_hold_number(body: bytes) -> bool:
    """Do digits stand close together that are not of what is nobody's?"""
    if head := _HEAD.match(body):
        body = body[head.end() :]
    return any(map(body.__contains__, _DIGITS)) and _shows_number(body) and _shows_number(_NAMED.sub(b"", body))


def _shows_number(body: bytes) -> bool:
    shape = body.translate(_SHAPE, _WITHIN)
    return (_SIX in shape and (_SEVEN in shape or _NINO in shape)) or _CODICE in shape


def _none_is_short(flat: bytes, regions: list[tuple[int, int]]) -> bool:
    """Is no region with fewer than nine digits a number that is taken out? All of them are looked at at once."""
    near = b"\n".join([_near(flat, low, high) for low, high in regions])
    return b"+" not in near and not _may_be_short(near)


def _near(flat: bytes, low: int, high: int) -> bytes:
    """A region, with what of an identity number may stand before and behind its digits."""
    return flat[low - 8 if low > 8 else 0 : high + 4]


def _may_be_short(near: bytes) -> bool:
    """May an identity number with fewer than nine digits stand here?"""
    for shape in _SHORT:
        if shape in near:
            return True
    return b"A" in near and _SPACED.search(near) is not None


def _may_hold_key(body: bytes) -> bool:
    """Does a long word hold the beginning of a key, or stand in a body with a word that tells of one? Many long words: it may."""
    if b"V" in body and secrets.PEM in body:  # of PRIVATE
        return True
    tokens = body.translate(_TOKEN)
    at = tokens.find(_LONG)
    if at < 0:
        return False
    for letter, marks in _MARKS.items():
        if letter in body:
            for mark in marks:
                if mark in body:
                    return True
    for _ in range(_MOST_TOKENS):
        end = tokens.find(b" ", at)
        end = len(body) if end < 0 else end
        if secrets.PREFIX.search(body, at, end):
            return True
        at = tokens.find(_LONG, end)
        if at < 0:
            return False
    return True


def merged(first: list[Span], second: list[Span]) -> list[Span]:
    """Both, in order, where none overlaps: of two that do, the one in `first` stays, and of `second` the one that begins before."""
    if not second:
        return first
    kept = disjoint(second)
    if not first:
        return kept
    both: list[Span] = []
    rest = iter(first)
    held = next(rest, None)
    for span in kept:
        while held is not None and held[1] <= span[0]:
            both.append(held)
            held = next(rest, None)
        if held is None or span[1] <= held[0]:
            both.append(span)
    if held is not None:
        both.append(held)
    both.extend(rest)
    return both
