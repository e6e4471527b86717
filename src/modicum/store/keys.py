"""Virtual keys as the day sees them: one small file, replaced at once, polled for changes.

A key's secret is 256 random bits. What is kept is the SHA-256 of the whole of it, which says nothing about it and is found in
one step; the secret itself is shown once to who made it. Revoked and expired keys stay in the file: their callers are told so, and a
gateway whose last key was revoked stays shut. The record that the file is made from stands in `store.control`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import msgspec

from modicum import config
from modicum.errors import ConfigError, StoreError
from modicum.store import home as _home
from modicum.types import Key

PREFIX = "mk-"
ENVIRONMENT = "from the environment"
"""The name of the key that an environment variable holds."""
LEAST_LENGTH = 32
SHOWN = 9
"""So many characters of a secret are shown in lists: the prefix and 36 bits."""
_decode = msgspec.json.Decoder(tuple[Key, ...]).decode


def new_secret() -> str:
    """`mk-` and 43 characters of base64url: 256 bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(secret: str | bytes) -> str:
    """SHA-256 of the whole secret, in hex. A fast hash does: there are no 2^256 secrets to try."""
    return hashlib.sha256(secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogateescape")).hexdigest()


def environment_key(variable: str) -> Key | None:
    """The admin key whose secret an environment variable holds; None where it holds none. Raises ConfigError for one that is too weak."""
    held = config.secret(variable)
    if held is None:
        return None
    if not held.startswith(PREFIX) or len(held) < LEAST_LENGTH or not held.isascii() or not held.isprintable() or " " in held:
        raise ConfigError(
            f"what {variable} holds is no admin key", hint=f"{PREFIX} and random characters, {LEAST_LENGTH} or more in all; or unset it"
        )
    return Key(
        key_id="key_environment",
        name=ENVIRONMENT,
        digest=digest(held),
        shown=PREFIX,
        admin=True,
        created_at=datetime.now(UTC),
        created_by=f"${variable}",
    )


def path(home: Path) -> Path:
    return home / "keys.json"


def write(home: Path, keys: Iterable[Key]) -> None:
    """Replace the file; a reader sees the old one or the new one, whole."""
    _home.replace(path(home), msgspec.json.encode(tuple(keys)))


def read(home: Path) -> Mapping[str, Key] | None:
    """Digest -> key, None where none was ever made. Raises StoreError where the file is not one."""
    try:
        body = path(home).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path(home)}: {error.strerror}") from None
    try:
        return MappingProxyType({key.digest: key for key in _decode(body)})
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path(home)} holds no keys: {error}", hint="`modicum keys list` writes it anew") from None


class Keys:
    """The keys at this moment; `refresh` looks whether they changed. `beside`: one that no file holds.

    Opening raises StoreError for a file that cannot be read. Later such a file, or one that is gone, changes nothing: who was let
    in stays in, who was kept out stays out.
    """

    def __init__(self, home: Path, beside: Key | None = None) -> None:
        self._home = home
        self._beside: Mapping[str, Key] = {} if beside is None else {beside.digest: beside}
        self._seen = self._stamp()
        self._keys: Mapping[str, Key] = {**self._beside, **(read(home) or {})}

    def __bool__(self) -> bool:
        """Keys were made here."""
        return bool(self._keys)

    def all(self) -> tuple[Key, ...]:
        return tuple(self._keys.values())

    def find(self, secret: str | bytes) -> Key | None:
        """The key with this secret, revoked and expired ones too.

        Its time tells nothing: what is compared are digests, and nobody can make one that is like another. No secret is kept
        for the next time.
        """
        return self._keys.get(digest(secret))

    def refresh(self) -> None:
        """Read the file again where it changed. Raises StoreError, and OSError where even that cannot be seen."""
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        found = read(self._home)
        if found is None:
            raise StoreError(f"{path(self._home)} is gone; the keys that it held still count", hint="`modicum keys list` writes it anew")
        self._keys = {**self._beside, **found}

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(path(self._home))
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
