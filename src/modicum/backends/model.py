"""Another model as a candidate: what its artefact says. It has no weights here; the digest pins what is asked, and how.

A certificate of such an artefact speaks of the deployment that it names. What answers under that name may change at its provider, so the
name that the answers themselves gave when it was tried stands here too.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modicum.artefact import Artefact
from modicum.backends.specialist import SPECIALIST_FILE, read
from modicum.errors import ArtefactError

KIND = "model"
READABLE, UNREADABLE = 1.0, -1.0
"""Its confidence: it has none of its own, but an answer that the contract cannot read is known to be none."""
ACCEPT_ABOVE = 0.0
"""The threshold that accepts every answer which can be read."""


class ModelStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The JSON of an artefact of this kind."""

    kind: str = KIND
    provider: str
    """Its name in the configuration."""
    provider_kind: str
    url: str
    """Where it was asked."""
    model: str
    """What the provider calls it."""
    revision: str = ""
    """The name that its answers gave, where they all gave one."""
    answer_schema: dict[str, Any] | None = None
    """What its answers were held to; None: no schema."""
    answer_choices: list[str] = []  # msgspec copies it
    """The texts that its answers were held to; empty: none."""
    whole_bodies: bool = False
    """It was asked with requests as they came; else with what the redactor leaves of them."""
    labels: list[str] = []  # msgspec copies it
    """All that can be read from its answers; empty where that is no list."""

    @property
    def name(self) -> str:
        """`provider/model`"""
        return f"{self.provider}/{self.model}"

    def is_asked_as(self, other: ModelStage) -> bool:
        """The same model, asked in the same words."""
        return _asked(self) == _asked(other)

    def files(self) -> dict[str, bytes]:
        """For `Artefacts.write`."""
        return {SPECIALIST_FILE: msgspec.json.encode(self, order="sorted")}


def _asked(one: ModelStage) -> tuple[Any, ...]:
    return one.provider, one.url, one.model, one.answer_schema, one.answer_choices, one.whole_bodies


class _Kind(msgspec.Struct, frozen=True):
    kind: str


def model_of(artefact: Artefact) -> ModelStage | None:
    """The model that an artefact stands for; None where it is of another kind. Raises ArtefactError where it is damaged."""
    if SPECIALIST_FILE not in artefact.files:
        raise ArtefactError(f"artefact {artefact.digest} has no {SPECIALIST_FILE}")
    return read(artefact, SPECIALIST_FILE, ModelStage) if read(artefact, SPECIALIST_FILE, _Kind).kind == KIND else None
