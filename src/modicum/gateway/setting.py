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
    words: dict[str, str] = field(default_factory=dict, repr=False)
    """What was looked at before."""

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
            held=tuple(filter(None, (secret(row.api_key_env) for row in (config.upstream, *config.providers.values())))),
        )

    def pseudonym(self, name: str | None) -> str | None:
        """An end user's or a conversation's id as it is recorded: where it is an address, a number or the like, a word that hides it."""
        if name is None or self.keep_bodies == "full" or self.redactor.names().redact(name) == name:
            return name
        return "hidden-" + hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=self.salt, digest_size=12).hexdigest()

    def word(self, text: str | None) -> str | None:
        """A model's name or an error's code as it is recorded: a caller or a provider may have written anything there. None where that
        cannot be looked at: no call is lost for a word.
        """
        if text is None or self.keep_bodies == "full":
            return text
        found = self.words.get(text)
        if found is None:
            try:
                found = self.redactor.names().redact(text)
            except Exception:
                return None
            if len(self.words) < MOST_WORDS:
                self.words[text] = found
        return found
