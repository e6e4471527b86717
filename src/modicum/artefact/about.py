"""What is said about an artefact: what it was made from, whose answers it repeats, and what was measured of it.

One record, kept in the manifest and therefore part of the digest. Everything in it was known when the artefact was written; what was
proved later stands in certificates, which name the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from modicum.errors import ArtefactError


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A model that this one was made from."""

    name: str
    """Hub id, or the name of the folder it came from."""
    revision: str = ""
    licence: str = ""
    """SPDX expression; empty: unknown."""
    weights_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """Whose answers it learnt from, and where they were given."""

    model: str
    """As requests named it."""
    provider: str = ""
    """Empty: unknown."""
    scope: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Which calls it learnt from, without naming one."""

    calls: int
    digest: str
    """`digest_of` their ids."""
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """All that a manifest says of its files. Empty, or None: unknown."""

    workload: str = ""
    trainer: str = ""
    code_version: str = ""
    """Of the program that wrote it."""
    bases: tuple[Base, ...] = ()
    teachers: tuple[Teacher, ...] = ()
    training: Training | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Measured on calls that the specialist had not seen, shares from 0 to 1 unless the name says otherwise."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the trainer was told, chose and counted, as JSON data; each trainer has its own."""

    def said(self) -> dict[str, Any]:
        """As JSON data, for a manifest."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @property
    def providers(self) -> tuple[str, ...]:
        """Whose answers it learnt from, each once: the provider where it is known, else the model."""
        return tuple(sorted({teacher.provider or teacher.model for teacher in self.teachers}))


def about_of(said: Mapping[str, Any]) -> About:
    """The record that a manifest holds. What an older version wrote there and this one does not know is left out. Raises ArtefactError."""
    try:
        return msgspec.convert(dict(said), About)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ArtefactError(f"what the manifest says about the artefact is not in the form of this program: {error}") from None


def digest_of(call_ids: Iterable[str]) -> str:
    """SHA-256 over the ids of calls, sorted, one a line: `sha256:<hex>`.

    Without a key: an id tells nothing of what a call said, who holds the same log must be able to recompute this, and the same calls must
    give the same artefact in every home. Nobody can test it for one call without knowing all the others.
    """
    return "sha256:" + hashlib.sha256("\n".join(sorted(set(call_ids))).encode()).hexdigest()
