"""E-mail addresses, and the passwords that stand in addresses of servers (`scheme://user:password@host`).

Sought from each `@`, outwards: what stands before it is a run of characters, what stands behind it a name of a domain. So a text
without `@` costs nothing, and no text costs more than its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int, str]

_LATIN = "".join(chr(code) for code in (*range(0xC0, 0x250), *range(0x370, 0x500)) if code not in (0xD7, 0xF7))
_LOCAL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+'%-" + _LATIN
_LONGEST_LOCAL = 64
_L = "A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u04ff"
_DOMAIN = re.compile(rf"(?:[{_L}](?:[{_L}-]{{0,61}}[{_L}])?\.){{1,8}}(?:xn--[A-Za-z0-9-]{{2,59}}|[A-Za-z\u0370-\u04ff]{{2,24}})(?![{_L}_])")
_LONGEST_USER = 128
_BEFORE_PASSWORD = re.compile(r"://[^\s/:@\"'<>]{0,64}:([^\s/@\"'<>]{1,100})$")
_AT = re.compile("@|%40")
_NEVER_BEFORE = frozenset(' \t\n\r@/"<>')
"""What ends neither an address's first part nor a password."""


def find(text: str) -> list[Span]:
    """(start, end, type) of each address (EMAIL) and password (SECRET), in order."""
    spans: list[Span] = []
    done = 0
    if "@" not in text and "%40" not in text:
        return spans
    has_scheme = "://" in text
    for sign, end in _signs(text):
        if sign < done or text[sign - 1 : sign] in _NEVER_BEFORE:
            continue
        if has_scheme and end - sign == 1:
            before = text[max(done, sign - _LONGEST_USER - 64) : sign]
            if password := _BEFORE_PASSWORD.search(before):
                spans.append((sign - (len(before) - password.start(1)), sign, "SECRET"))
                done = end
                continue
        domain = _DOMAIN.match(text, end)
        if domain is None:
            continue
        before = text[max(done, sign - _LONGEST_LOCAL) : sign]
        local = before[len(before.rstrip(_LOCAL)) :].lstrip(".'%-+")
        if local and local[-1] != ".":
            done = domain.end()
            spans.append((sign - len(local), done, "EMAIL"))
    return spans


def _signs(text: str) -> Iterator[tuple[int, int]]:
    """Where an `@` stands, as itself or as `%40`."""
    if "%40" in text:
        for found in _AT.finditer(text):
            yield found.span()
        return
    at = text.find("@")
    while at >= 0:
        yield at, at + 1
        at = text.find("@", at + 1)
