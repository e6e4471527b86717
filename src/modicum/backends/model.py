"""Another model as a candidate: what its artefact says. It has no weights here; the digest pins what is asked, and how.

A certificate of such an artefact speaks of the deployment that it names. What answers under that name may change at its provider, so the
name that the answers themselves gave when it was tried stands here too. A scorer may lie beside it, that reads each answer and says how
sure one may be of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modicum.artefact import Artefact
from modicum.backends.scorer import BESIDE_FILE, WEIGHTS_FILE, Scorer
from modicum.backends.specialist import SPECIALIST_FILE, read
from modicum.errors import ArtefactError

KIND = "model"
READABLE, UNREADABLE = 1.0, -1.0
"""Its confidence: it has none of its own, but an answer that the contract cannot read is known to be none."""
ACCEPT_ABOVE = 0.0
"""The threshold that accepts every answer which can be read, whatever a scorer says of it."""
_DATED = re.compile(r"(?:[-@:]\d{3,8}(?:-\d\d){0,2})?")
"""What a provider puts behind a name: gpt-4o-2024-08-06, gpt-4-0613, claude-sonnet-4@20250514; another size or family is another model."""


class ModelStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
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
    scored: bool = False
    """A scorer lies beside it, and says how sure one may be of each answer. A program that knows of none refuses such an artefact."""

    @property
    def name(self) -> str:
        """`provider/model`"""
        return f"{self.provider}/{self.model}"

    @property
    def answering(self) -> str:
        """The same of what answered: where that goes by another name than was asked for, that name."""
        return self.name if not self.revision or is_same(self.model, self.revision) else f"{self.provider}/{self.revision}"

    @property
    def scorer(self) -> Scorer | None:
        """The scorer of a stage that was read by `model_of`."""
        found: Scorer | None = self.__dict__.get("_scorer")  # beside the fields: it is no part of the record
        return found

    def confidence(self, slots: Sequence[tuple[str, str]], value: str | None) -> float:
        """How sure one may be of its answer to a request; None: it could not be read."""
        if value is None:
            return UNREADABLE
        return READABLE if self.scorer is None else self.scorer.confidence(slots, value)

    def is_asked_as(self, other: ModelStage) -> bool:
        """The same model, asked in the same words."""
        return _asked(self) == _asked(other)

    def files(self, scorer: Mapping[str, bytes] | None = None) -> dict[str, bytes]:
        """For `Artefacts.write`; `scorer`: its files, as they are named beside a model."""
        record = msgspec.structs.replace(self, scored=bool(scorer))
        return {SPECIALIST_FILE: msgspec.json.encode(record, order="sorted"), **(scorer or {})}


def is_same(asked: str, said: str) -> bool:
    """Is what an answer calls its model the model that was asked for: the same, with a date or number, or with whose it is before it?"""
    one, other = (re.sub(r"[-:]latest$", "", name.lower().rsplit("/", 1)[-1]) for name in (asked, said))
    short, long = sorted((one, other), key=len)
    return bool(short) and long.startswith(short) and _DATED.fullmatch(long[len(short) :]) is not None


def _asked(one: ModelStage) -> tuple[Any, ...]:
    return one.provider, one.url, one.model, one.answer_schema, one.answer_choices, one.whole_bodies


class _Kind(msgspec.Struct, frozen=True):
    kind: str


def model_of(artefact: Artefact) -> ModelStage | None:
    """The model that an artefact stands for, with its scorer; None where it is of another kind. Raises ArtefactError where damaged."""
    if SPECIALIST_FILE not in artefact.files:
        raise ArtefactError(f"artefact {artefact.digest} has no {SPECIALIST_FILE}")
    if read(artefact, SPECIALIST_FILE, _Kind).kind != KIND:
        return None
    stage = read(artefact, SPECIALIST_FILE, ModelStage)
    if stage.scored != ({BESIDE_FILE, WEIGHTS_FILE} <= artefact.files.keys()):
        raise ArtefactError(f"artefact {artefact.digest}: its scorer is missing, or nothing says that it has one")
    if stage.scored:
        stage.__dict__["_scorer"] = Scorer(artefact, BESIDE_FILE)
    return stage
