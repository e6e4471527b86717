"""The chain through the audit log: digests that make a line which was changed, taken out, put in or moved be found by its number.

    commitment = H("modicum audit text 1", nonce, subject, detail)
    link       = H("modicum audit link 1", link before, number, at, actor, action, commitment)

H is SHA-256 in hex over its parts, each as UTF-8 behind its length in bytes (8 bytes, big-endian); the link before the first line is 64
zeros. A person who is erased may stand in subject or detail, in nothing else. Erasing writes the line's text anew under a new nonce and
keeps its commitment, so that the chain holds and, without the old nonce, the commitment tells nothing of what stood there. A later line,
`audit.erased`, names the line and the commitment of what stands there now: a text that differs from its commitment without being named is
a changed one.

Records in, digests and faults out: no store is opened here. Whoever can write the whole log can chain it anew; a head that is kept
elsewhere finds that, and an end that was cut off.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modicum.errors import InputError

GENESIS = "0" * 64
"""The link before the first line."""
ERASED = "audit.erased"
"""The action of a line that names erased ones."""
CHAINED = "audit.chained"
"""The action of the line that says which lines are older than the chain."""
MOST_FAULTS = 100
"""That are told one by one."""
MOST_NAMED = 1_000_000
"""Erased lines that one log may name."""
_AT_ONCE = 50
"""Erased lines that one line names."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAMED = re.compile(r"([1-9][0-9]{0,17}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the audit log, as it is kept and exported."""

    number: int
    """From 1 on, without a gap."""
    at: str
    """ISO 8601, UTC."""
    actor: str
    action: str
    subject: str
    detail: str
    nonce: str
    """Hex, random."""
    commitment: str
    """To subject and detail as they were first written."""
    link: str

    @property
    def text(self) -> str:
        """The commitment to subject and detail as they are now."""
        return commit(self.nonce, self.subject, self.detail)

    @property
    def is_erased(self) -> bool:
        """Its text is not the one that was first written."""
        return self.text != self.commitment


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that does not hold."""

    line: int | None
    """Its number; None: the whole."""
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What going along a chain found."""

    holds: bool
    lines: int
    head: str
    """The last line's link, as it stands there."""
    first_at: str | None
    last_at: str | None
    erased: int
    """Lines whose text was erased, and said to be."""
    faults: tuple[Fault, ...]
    faults_untold: int = 0
    """Beyond the first hundred."""
    kept_head_at: int | None = None
    """The line whose link is the head that somebody kept; None where no line has it, or none was given."""


def commit(nonce: str, subject: str, detail: str) -> str:
    """The commitment to a line's text."""
    return _digest("modicum audit text 1", nonce, subject, detail)


def bind(before: str, number: int, at: str, actor: str, action: str, commitment: str) -> str:
    """The link of a line to the one before it."""
    return _digest("modicum audit link 1", before, str(number), at, actor, action, commitment)


def line(before: str, *, number: int, at: str, actor: str, action: str, subject: str, detail: str) -> Line:
    """A new line behind the one with this link."""
    nonce = new_nonce()
    commitment = commit(nonce, subject, detail)
    link = bind(before, number, at, actor, action, commitment)
    return Line(
        number=number, at=at, actor=actor, action=action, subject=subject, detail=detail, nonce=nonce, commitment=commitment, link=link
    )


def new_nonce() -> str:
    return secrets.token_hex(16)


def head(text: str) -> str:
    """A head that somebody kept. Raises InputError where that is none."""
    found = text.strip().lower()
    if not _DIGEST.fullmatch(found):
        raise InputError(
            f"{text[:100]!r} is no head of the record", hint="64 hexadecimal digits, as `audit verify` and `audit export` print"
        )
    return found


def names(erased: Iterable[tuple[int, str]]) -> Iterator[str]:
    """What the `audit.erased` lines say that name these (number, commitment of its text now)."""
    said = [f"{number} {commitment}" for number, commitment in erased]
    for start in range(0, len(said), _AT_ONCE):
        yield ", ".join(said[start : start + _AT_ONCE])


def named(detail: str) -> list[tuple[int, str]] | None:
    """What such a line says; None where it is not in that form."""
    found = [_NAMED.fullmatch(one) for one in detail.split(", ")]
    return [(int(one[1]), one[2]) for one in found if one] if all(found) else None


class Walk:
    """Goes along a chain line by line and notes what does not hold. `kept`: a head that somebody kept earlier."""

    def __init__(self, kept: str | None = None) -> None:
        self._kept = kept
        self._kept_at = 0 if kept == GENESIS else None
        self._lines = self._last = 0
        self._before: str | None = GENESIS
        self._head = GENESIS
        self._first_at: str | None = None
        self._last_at: str | None = None
        self._changed: dict[int, str] = {}
        self._named: dict[int, str] = {}
        self._faults: list[Fault] = []
        self._untold = 0

    def step(self, line: Line) -> None:
        """The next line."""
        self._lines += 1
        self._head, self._last_at = line.link, line.at
        self._first_at = self._first_at or line.at
        if line.link == self._kept and self._kept_at is None:
            self._kept_at = line.number
        if line.number <= self._last:
            self.fault(line.number, f"stands behind line {self._last}: it was put in or moved")
            return
        if line.number > self._last + 1:
            missing = f"line {self._last + 1}" if line.number == self._last + 2 else f"lines {self._last + 1} to {line.number - 1}"
            self.fault(self._last + 1, f"{missing} {'is' if line.number == self._last + 2 else 'are'} missing")
        elif self._before is not None and line.link != bind(self._before, line.number, line.at, line.actor, line.action, line.commitment):
            self.fault(line.number, "does not follow from the line before it: one of the two is not as it was written")
        self._before, self._last = line.link, line.number
        if line.is_erased and len(self._changed) < MOST_NAMED:
            self._changed[line.number] = line.text
        elif line.is_erased:
            self.fault(line.number, f"its text is not what was written, as of {MOST_NAMED:,} lines before it")
        elif line.action == ERASED:
            self._hear(line)

    def pass_over(self) -> None:
        """The next line is there and cannot be read."""
        self._lines += 1
        self._last += 1
        self._before = None

    @property
    def next(self) -> int:
        """The number that the next line should have."""
        return self._last + 1

    def fault(self, line: int | None, what: str) -> None:
        """Something else that does not hold."""
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(line=line, what=what))
        else:
            self._untold += 1

    def end(self) -> Walked:
        """There are no more lines."""
        for number, text in sorted(self._changed.items()):
            if self._named.get(number) != text:
                self.fault(number, "its subject or detail is not what was written, and no later line says that it was erased")
        for number in sorted(self._named.keys() - self._changed.keys()):
            if number <= self._last:
                self.fault(number, "was erased, and stands there as if it had not been")
        if self._kept is not None and self._kept_at is None:
            self.fault(None, "no line has the head that was kept: the end was cut off, or lines before it were written anew")
        return Walked(
            holds=not self._faults,
            lines=self._lines,
            head=self._head,
            first_at=self._first_at,
            last_at=self._last_at,
            erased=len(self._named.keys() & self._changed.keys()),
            faults=tuple(self._faults),
            faults_untold=self._untold,
            kept_head_at=self._kept_at,
        )

    def _hear(self, line: Line) -> None:
        said = named(line.detail)
        if said is None or any(number >= line.number for number, _ in said) or len(self._named) + len(said) > MOST_NAMED:
            self.fault(line.number, "does not name erased lines as this program does")
            return
        self._named.update(said)


def _digest(*parts: str) -> str:
    found = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        found.update(len(data).to_bytes(8, "big") + data)
    return found.hexdigest()
