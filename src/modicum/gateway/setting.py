"""What one reading of the configuration gives the walk. A request sees one setting from its first byte to its record."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from modicum.backends.client import Client
from modicum.backends.upstreams import Upstreams
from modicum.config import Config, secret
from modicum.gateway.till import Till
from modicum.store.key import evidence_key
from modicum.view import Redactor

MOST_WORDS = 1024


class Words(dict[str | None, str | None]):
    """Words as they are recorded: a caller or a provider may have written anything there. What was looked at before is kept; None where
    a word cannot be looked at, for no call is lost for that.
    """

    def __init__(self, redactor: Redactor, *, as_they_are: bool) -> None:
        super().__init__({None: None})
        self._redactor = redactor
        self._as_they_are = as_they_are

    def __missing__(self, word: str) -> str | None:
        if self._as_they_are:
            return word
        try:
            found = self._redactor.names().redact(word)
        except Exception:
            return None
        if len(self) < MOST_WORDS:
            self[word] = found
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Everything that a reload replaces at once."""

    config: Config
    upstreams: Upstreams
    redactor: Redactor
    till: Till
    salt: bytes = field(repr=False)
    """Of this home: hides what must not be told and must stay the same."""
    source: str
    """What records say of where a call came in."""
    keep_bodies: Literal["redacted", "full", "none"]
    fail_closed: bool
    marks_cache: bool
    """The operator wants some provider to keep the static beginning of prompts."""
    held: tuple[str, ...] = field(default=(), repr=False)
    """Providers' keys that stand in the environment."""
    words: Words = field(repr=False)
    """A model's name or an error's code as it is recorded."""

    @classmethod
    def open(cls, config: Config, client: Client, till: Till, *, source: str = "") -> Setting:
        """Check all that the configuration says. Nothing is sent. Raises ConfigError."""
        upstreams, redactor = Upstreams.open(config, client), Redactor.open(config.redact.table)
        till.reprice(config)
        return cls(
            config=config,
            upstreams=upstreams,
            redactor=redactor,
            till=till,
            salt=evidence_key(config.home),
            source=source or config.serve.listen,
            keep_bodies=config.store.keep_bodies,
            fail_closed=config.store.on_failure == "fail_closed",
            marks_cache=any(row.cache_control == "auto" for row in (config.upstream, *config.providers.values())),
            words=Words(redactor, as_they_are=config.store.keep_bodies == "full"),
            held=tuple(filter(None, (secret(row.api_key_env) for row in (config.upstream, *config.providers.values())))),
        )

    def pseudonym(self, name: str | None) -> str | None:
        """An end user's or a conversation's id as it is recorded: where it is an address, a number or the like, a word that hides it."""
        if name is None or self.keep_bodies == "full" or not self.redactor.hides(name):
            return name
        return "hidden-" + hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=self.salt, digest_size=12).hexdigest()
