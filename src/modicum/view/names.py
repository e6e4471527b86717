"""The values that were taken out of one call, by number: `<EMAIL_1>` stands for one value throughout the call, and turns back into it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any, Protocol

import msgspec

from modicum.view import tree
from modicum.view.allowance import Allowance

MOST_PASSES = 16
"""What is taken out can bare what stood against it. More passes than two are only needed by texts that are made to need them."""
_LITERAL = re.compile(rb"(?:<|\\u003[cC])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_[1-9][0-9]{0,5})(?:>|\\u003[eE])")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r"\\+(?:[nrtbf]|u[0-9a-fA-F]{4})")
"""What a text that holds JSON, or a program's text, writes for one character: its letters are no part of what stands behind it."""
_PERCENT = re.compile(r"%(?:0[9AaDd]|2[0-9A-Fa-f]|3[A-Fa-f])")
"""What addresses of the web write for one that is neither a letter nor a digit."""

NUMBERS = 4
"""As `finder` counts what a glance may see."""

Span = tuple[int, int, str]
"""Start, end, type."""


class Finds(Protocol):
    """What names need of `Finder`."""

    placeholder: re.Pattern[str]
    """A whole placeholder of one of the types."""
    longest_placeholder: int

    def glance(self, body: bytes) -> int: ...
    def find(self, text: str, kinds: int, allowance: Allowance | None = None) -> list[Span]: ...


class Names:
    """What one call's placeholders stand for, in memory only, never in a record or a repr.

    Numbers count by type in the order in which values are met: the request's in document order, then the response's. Equal values have
    equal numbers. A placeholder that stood in the request by itself is left alone, and its number stands for nothing else.
    """

    __slots__ = ("_allowance", "_body", "_finder", "_literals", "_numbers", "_of", "_values")

    def __init__(self, finder: Finds, body: bytes, allowance: Allowance | None = None) -> None:
        self._finder = finder
        self._allowance = allowance
        self._body = body
        self._values: dict[str, str] = {}
        self._of: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        self._literals: set[str] | None = None

    def __repr__(self) -> str:
        return f"Names({', '.join(self._values)})"

    @property
    def empty(self) -> bool:
        """Nothing was taken out so far."""
        return not self._values

    def values(self) -> Collection[str]:
        """What was taken out so far. Not for records."""
        return self._values.values()

    def counts(self) -> dict[str, int]:
        """How many different values of each type were taken out."""
        counts: dict[str, int] = {}
        for kind, _ in self._of:
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    # ------------------------------------------------------------------------------------------------------------ out

    def redact(self, text: str) -> str:
        """The text with placeholders; the same object where there is nothing to take out."""
        kinds = self._finder.glance(text.encode("utf-8", "surrogatepass"))
        return self._redacted(text, kinds) if kinds else text

    def redact_value(self, value: Any, kinds: int) -> Any:
        """A decoded JSON value with placeholders in it, `kinds` being what a glance at its body saw; the same object where nothing goes."""

        def redact(text: str) -> str:
            return self._redacted(text, kinds)

        return tree.redacted(value, redact, self._redacted_number)

    def _redacted(self, text: str, kinds: int) -> str:
        if "\\" in text:
            if "\\u" in text and is_json(text):
                value = json.loads(text)
                viewed = self.redact_value(value, kinds)
                return text if viewed is value else json.dumps(viewed, ensure_ascii=text.isascii())
            text = self._passes(text, kinds, _ESCAPE, _unescaped)
        text = self._passes(text, kinds)
        return self._passes(text, kinds & NUMBERS, _PERCENT, _decoded) if kinds & NUMBERS and "%" in text else text

    def _passes(
        self, text: str, kinds: int, escape: re.Pattern[str] | None = None, plain: Callable[[re.Match[str]], str] | None = None
    ) -> str:
        """`plain`: what is looked at in place of each `escape`, of the same length."""
        for _ in range(MOST_PASSES):
            looked_at = text if escape is None or plain is None else escape.sub(plain, text)
            spans = self._finder.find(looked_at, kinds, self._allowance)
            if not spans:
                break
            text = self._replaced(text, spans)
        return text

    def _redacted_number(self, number: int) -> int | str:
        """A JSON number: a placeholder where all of it is a card's number, else itself."""
        text = str(number)
        return self._placeholder("CARD", text) if self._finder.find(text, NUMBERS, self._allowance) == [(0, len(text), "CARD")] else number

    def redact_json(self, body: bytes) -> bytes:
        """A JSON body with placeholders, every string of it; the same object where there is nothing to take out. Other bytes are text."""
        kinds = self._finder.glance(body)
        if not kinds:
            return body
        self._reserve(body)
        try:
            value = msgspec.json.decode(body)
            viewed = self.redact_value(value, kinds)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            text = body.decode("utf-8", "replace")
            redacted = self._redacted(text, kinds)
            return body if redacted is text else redacted.encode()
        return body if viewed is value else msgspec.json.encode(viewed)

    def _replaced(self, text: str, spans: list[Span]) -> str:
        parts: list[str] = []
        done = 0
        for start, end, kind in spans:
            value = text[start:end]
            parts += (text[done:start], self._placeholder(kind, _ESCAPE.sub(_character, value) if "\\u" in value else value))
            done = end
        parts.append(text[done:])
        return "".join(parts)

    def _placeholder(self, kind: str, value: str) -> str:
        known = self._of.get((kind, value))
        if known is None:
            literals = self._literal()
            number = self._numbers.get(kind, 0) + 1
            while f"{kind}_{number}" in literals:
                number += 1
            self._numbers[kind] = number
            known = self._of[kind, value] = f"<{kind}_{number}>"
            self._values[known] = value
        return known

    def _literal(self) -> set[str]:
        """The placeholders, without their brackets, that stood in the request before anything was taken out."""
        if self._literals is None:
            self._literals = {found.decode() for found in _LITERAL.findall(self._body)}
        return self._literals

    def _reserve(self, body: bytes) -> None:
        self._literals = self._literal() | {name for found in _LITERAL.findall(body) if f"<{(name := found.decode())}>" not in self._values}

    # ----------------------------------------------------------------------------------------------------------- back

    def restore(self, text: str) -> str:
        """The text with this call's values in place of their placeholders. What it has no value for stays."""
        if not self._values or "<" not in text:
            return text
        return self._finder.placeholder.sub(lambda found: self._values.get(found[0], found[0]), text)

    def restore_json(self, text: str) -> str:
        """JSON text with this call's values in its strings, escaped as they must be there, in strings that are JSON themselves too.

        All else stays to the letter. Text that is no JSON, or broken off, is treated the same as far as it goes.
        """
        if not self._values or "<" not in text and "\\u003" not in text:
            return text
        parts: list[str] = []
        done = 0
        for found in _STRING.finditer(text):
            parts += (self.restore(text[done : found.start()]), self._restored_string(found[0]))
            done = found.end()
        rest = text[done:]
        # Behind the last whole string stands what a cut left of another.
        parts.append(self.restore(rest) if '"' not in rest else self._finder.placeholder.sub(self._escaped, rest))
        return "".join(parts)

    def restorable(self, text: str) -> bool:
        """Every placeholder of ours in the text has a value in this call, or stood in its request."""
        return "<" not in text or all(
            found[0] in self._values or found[0][1:-1] in self._literal() for found in self._finder.placeholder.finditer(text)
        )

    def restorer(self, *, inside_json: bool = False) -> Restorer:
        """For a text that comes in pieces; `inside_json`: it is JSON, and values are escaped."""
        return Restorer(self._finder, self._values, inside_json=inside_json)

    def _restored_string(self, token: str) -> str:
        if "<" not in token and "\\u003" not in token:
            return token
        try:
            value = json.loads(token, strict=False)
        except ValueError:
            return self._finder.placeholder.sub(self._escaped, token)
        restored = self.restore_json(value) if is_json(value) else self.restore(value)
        return token if restored == value else json.dumps(restored, ensure_ascii=token.isascii())

    def _escaped(self, found: re.Match[str]) -> str:
        value = self._values.get(found[0])
        return found[0] if value is None else escaped(value)


class Restorer:
    """Turns placeholders back in a text that comes in pieces, cut anywhere."""

    __slots__ = ("_held", "_inside_json", "_longest", "_pattern", "_values")

    def __init__(self, finder: Finds, values: dict[str, str], *, inside_json: bool) -> None:
        self._pattern = finder.placeholder
        self._longest = finder.longest_placeholder
        self._values = values
        self._inside_json = inside_json
        self._held = ""

    def feed(self, text: str) -> str:
        """What is certain by now. What may be the beginning of a placeholder waits, a few characters at most."""
        text = self._held + text
        opened = text.rfind("<")
        if opened >= 0 and ">" not in text[opened:] and len(text) - opened < self._longest:
            text, self._held = text[:opened], text[opened:]
        else:
            self._held = ""
        return self._pattern.sub(self._value, text) if self._values else text

    def end(self) -> str:
        """What was waiting."""
        held, self._held = self._held, ""
        return held

    def _value(self, found: re.Match[str]) -> str:
        value = self._values.get(found[0])
        if value is None:
            return found[0]
        return escaped(value) if self._inside_json else value


def escaped(value: str) -> str:
    """A value as it stands inside a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _unescaped(escape: re.Match[str]) -> str:
    """What an escape stands for, filled up to its length with what can be part of what it is part of."""
    written = escape[0]
    if written[-5:-4] != "u":
        return " " * len(written)
    character = _character(escape)
    return ("_" if character == "@" else character if character.isalpha() else " ") * (len(written) - 1) + character


def _character(escape: re.Match[str]) -> str:
    """The character of `\\u00e9`; other escapes as they are, and halves of characters."""
    written = escape[0]
    code = int(written[-4:], 16) if written[-5:-4] == "u" else 0xD800
    return written if 0xD800 <= code < 0xE000 else chr(code)


def _decoded(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return f"  {character}" if character.isprintable() else "   "


def is_json(text: str) -> bool:
    """Is this text a JSON object or list?"""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
