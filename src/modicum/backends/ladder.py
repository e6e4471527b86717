"""Two specialists for answers that are from no list: the first answers where it is sure enough, else the second does.

Both are whole, each calibrated for itself, so what is said is as sure as it says.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modicum.artefact import Artefact
from modicum.backends.caller import Caller
from modicum.backends.chain import FIRST, SECOND, half
from modicum.backends.extractor import Extractor
from modicum.backends.specialist import SPECIALIST_FILE, Specialist, load, read
from modicum.errors import ArtefactError
from modicum.types import Prediction


class LadderSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of a ladder; the files of its specialists stand under `first-` and `second-`."""

    kind: str
    pass_above: float
    """The first answers where its confidence is at least this."""


class Ladder:
    """Two extractors or two tool callers, loaded and checked. Raises ArtefactError, MissingExtraError."""

    heavy = True
    labels: tuple[str, ...] = ()

    def __init__(self, artefact: Artefact) -> None:
        self.digest = artefact.digest
        body = read(artefact, SPECIALIST_FILE, LadderSpecialist)
        if body.kind != "ladder" or not 0 <= body.pass_above <= 1:
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: kind {body.kind!r}, passing above {body.pass_above}")
        self._pass_above = body.pass_above
        self._first, self._second = _one(artefact, FIRST), _one(artefact, SECOND)
        self.used_slots = tuple(dict.fromkeys(self._first.used_slots + self._second.used_slots))

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """The answer to one request and how sure it is, as a whole."""
        told = self._first.predict(slots)
        return told if told.confidence >= self._pass_above else self._second.predict(slots)

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        return [self.predict(slots) for slots in requests]


def _one(artefact: Artefact, prefix: str) -> Specialist:
    found = load(half(artefact, prefix))  # another ladder would end, as its names grow; it is refused all the same
    if not isinstance(found, (Extractor, Caller)):
        raise ArtefactError(f"artefact {artefact.digest}: {prefix} is neither an extractor nor a tool caller")
    return found
