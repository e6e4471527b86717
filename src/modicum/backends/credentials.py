"""What a provider is shown: a key or a cloud's token, each bound to one scheme and host and given to no other.

The object that holds a secret is the only one that does: it hands out headers for a request to its own origin, and refuses
any other. Nothing here has a repr that tells a secret.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from modicum.config import secret
from modicum.errors import UpstreamError

Headers = list[tuple[str, str]]

LONGEST_KEY = 16 * 1024
LOOK_AGAIN_S = 1.0
"""A key's file is looked at no more often."""


class Credential(Protocol):
    """Whatever lets a request in. Raises UpstreamError where there is nothing to show, or for another origin than its own."""

    async def headers(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> Headers: ...


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a URL, in lower case."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}".lower()


class Bound:
    """Gives its headers for one origin alone."""

    def __init__(self, origin: str) -> None:
        self._origin = origin.lower()
        self._within: str | None = None
        """The address that was last found to be of that origin."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._origin})"

    def _only_for(self, url: str) -> None:
        if url == self._within:
            return
        if origin_of(url) != self._origin:
            raise UpstreamError(f"the key of {self._origin} was wanted for {origin_of(url)}; it was not given")
        self._within = url


class Nothing(Bound):
    """No key is shown."""

    async def headers(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> Headers:
        return []


class Key(Bound):
    """A key from the environment, read when it is needed; from a file, read again when it changes; or as it was given."""

    def __init__(
        self,
        origin: str,
        *,
        header: str = "authorization",
        prefix: str = "Bearer ",
        bearer_tokens: str = "",
        bearer_below: str = "",
        names: Sequence[str] = (),
        file: Path | None = None,
        value: str = "",
        needed: bool = True,
    ) -> None:
        super().__init__(origin)
        self._header, self._prefix, self._bearer_tokens, self._bearer_below = header, prefix, bearer_tokens, bearer_below
        self._names, self._value, self.needed = tuple(names), value, needed
        self._file = KeyFile(file) if file else None
        self._shown: tuple[str, str, Headers] = "", "", []
        """The URL and the key that were last asked about, and what was shown there."""

    async def headers(self, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes | None) -> Headers:
        key = self.read()
        for_url, of_key, found = self._shown
        if found and for_url == url and of_key == key:
            return found
        self._only_for(url)
        if not key:
            if self.needed:
                raise UpstreamError(f"there is no key for {self._origin}", hint=f"set {' or '.join(self._names) or 'api_key_env'}")
            return []
        if self._bearer_below and url.startswith(self._bearer_below):
            found = [shown(key, "authorization", "Bearer ")]
        else:
            found = [shown(key, self._header, self._prefix, self._bearer_tokens)]
        self._shown = url, key, found
        return found

    def read(self) -> str:
        """The key now, empty where there is none."""
        if self._file is not None:
            return self._file.read()
        if self._value:
            return self._value
        for name in self._names:
            if found := secret(name):
                return found.strip()
        return ""


def shown(key: str, header: str, prefix: str, bearer_tokens: str = "") -> tuple[str, str]:
    """The header that shows a key, as its provider wants it. Raises UpstreamError for what cannot stand in one."""
    if not key.isascii() or not key.isprintable():
        raise UpstreamError("a key holds characters that a header cannot have", hint="is it the key itself, on one line?")
    if bearer_tokens and key.startswith(bearer_tokens):
        return "authorization", f"Bearer {key}"
    return header, prefix + key


class KeyFile:
    """A file that holds a key, read again when it was changed or replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._key = ""
        self._looked = float("-inf")

    def __repr__(self) -> str:
        return f"KeyFile({str(self._path)!r})"

    def read(self) -> str:
        """The key. Raises UpstreamError where there is none and never was; a file that is gone for a moment keeps its key."""
        now = time.monotonic()
        if now - self._looked < LOOK_AGAIN_S and self._key:
            return self._key
        self._looked = now
        try:
            about = os.stat(self._path)
            stamp = (about.st_mtime_ns, about.st_ino, about.st_size)
            if stamp != self._stamp:
                with open(self._path, "rb") as file:
                    text = file.read(LONGEST_KEY + 1)
                key = text.decode("ascii").strip() if len(text) <= LONGEST_KEY else ""
                if not key:
                    raise ValueError
                self._key, self._stamp = key, stamp
        except (OSError, ValueError) as error:
            if not self._key:
                reason = error.strerror if isinstance(error, OSError) else "it holds no key"
                raise UpstreamError(f"cannot read a key from {self._path}: {reason}") from None
        return self._key
