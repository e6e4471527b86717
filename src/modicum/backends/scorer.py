"""A scorer by day: how likely a small model's answer to a request is right, and a large one's, before or after the small answer is read.

Linear over words and over the places of traits among those of the training calls; microseconds, no network, no scikit-learn. It answers
nothing itself: a cascade asks it whether the small answer may stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.features import FEATURES_VERSION
from modicum.backends.linear import unit_values
from modicum.backends.lookup import Lookup
from modicum.backends.specialist import SPECIALIST_FILE, Floats, Form, arrays, read
from modicum.backends.traits import OF_A_TEXT, OF_AN_ANSWER, TRAITS_VERSION, of_answer, of_request
from modicum.errors import ArtefactError

WEIGHTS_FILE = "scorer.safetensors"
BESIDE_FILE = "scorer.json"
"""Its JSON half where it lies beside a model."""
MOST_BYTES = 16 << 20
"""Of either half: four times what the most features take."""
KNOTS = 65
"""Places of each trait that are kept of the training calls."""
MOST_FEATURES = 200_000


class ScorerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON half of a scorer; the other half are the tensors."""

    kind: str
    features_version: int
    traits_version: int
    used_slots: list[str]
    reads_answer: bool
    request_words: list[str]
    answer_words: list[str]
    small: tuple[float, float]
    """Slope and offset from the score of the small model to the log odds that it is right."""
    large: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outlook:
    """How likely each of two models is right of one request."""

    small: float
    large: float

    @property
    def gain(self) -> float:
        """What asking the large one is worth: P(large right) - P(small right), -1 to 1."""
        return self.large - self.small


class Scorer:
    """A scorer, loaded and checked. Raises ArtefactError where the artefact holds none."""

    def __init__(self, artefact: Artefact, file: str = SPECIALIST_FILE) -> None:
        self.digest = artefact.digest
        for name in (file, WEIGHTS_FILE):
            if len(artefact.files.get(name, b"")) > MOST_BYTES:
                raise ArtefactError(f"{name} of {artefact.digest}: larger than {MOST_BYTES >> 20} MiB")
        body = read(artefact, file, ScorerBody)
        if wrong := _fault(body):
            raise ArtefactError(f"{file} of {artefact.digest}: {wrong}")
        self.reads_answer = body.reads_answer
        self.used_slots = tuple(body.used_slots)
        traits = len(OF_A_TEXT) + (len(OF_A_TEXT) + len(OF_AN_ANSWER) if body.reads_answer else 0)
        tensors = _tensors(artefact, len(body.request_words), len(body.answer_words), traits)
        self._knots: Floats = tensors["knots"]
        self._traits: Floats = tensors["traits"]
        self._bias: Floats = tensors["bias"]
        self._words = [
            _Words(words, tensors[f"{side}_weights"], tensors[f"{side}_rarity"])
            for side, words in (("request", body.request_words), ("answer", body.answer_words))
        ]
        self._odds = (body.small, body.large)

    def outlook(self, slots: Sequence[tuple[str, str]], answer: str = "") -> Outlook:
        """Of one request, and of the small model's answer to it where this scorer reads answers. Never raises."""
        return outlook_of(self.scores(slots, answer).tolist(), self._odds)

    def confidence(self, slots: Sequence[tuple[str, str]], answer: str = "") -> float:
        """How sure one may be of the small model's answer, 0 to 1: what a rule's `accept_above` is compared with.

        Falls with what the large model would be worth, so that where both fail nothing is spent.
        """
        return sureness(self.outlook(slots, answer))

    def scores(self, slots: Sequence[tuple[str, str]], answer: str = "") -> Floats:
        """Before calibration, (2,): the small model's, the large model's."""
        request = text_of(slots, self.used_slots)
        texts = (request, answer) if self.reads_answer else (request,)
        traits = of_request(request) + (of_answer(request, answer) if self.reads_answer else [])
        total = self._bias + places(np.array(traits)[None], self._knots)[0] @ self._traits
        for text, words in zip(texts, self._words, strict=False):
            total = total + words.score(text)
        return np.asarray(total, dtype=np.float64)


class _Words:
    """What the words of one text weigh."""

    def __init__(self, words: Sequence[str], weights: npt.NDArray[np.float32], rarity: npt.NDArray[np.int64]) -> None:
        self._lookup = Lookup()
        if not self._lookup.add("words", words, 0):
            raise ArtefactError("a word of a scorer stands twice")
        self._weights, self._rarity = weights.astype(np.float64), rarity.astype(np.int64)

    def score(self, text: str) -> Floats:
        total = np.zeros(2)
        for rows, repeats in self._lookup.count(text):
            total += unit_values(repeats, self._rarity.take(rows)) @ self._weights.take(rows, 0)
        return total


def sureness(outlook: Outlook) -> float:
    """0 to 1; a half where neither model is worth more. Rounded to twelve decimals, below which machines differ."""
    return round((1 - outlook.gain) / 2, 12)


def outlook_of(scores: Sequence[float], odds: Sequence[tuple[float, float]]) -> Outlook:
    """Scores of both models as chances; `odds`: slope and offset of each."""
    small, large = (_chance(score, *one) for score, one in zip(scores, odds, strict=True))
    return Outlook(small=small, large=large)


def places(traits: Floats, knots: Floats) -> Floats:
    """Where each trait stands among those of the training calls, -0.5 to 0.5; (rows, traits) and (traits, KNOTS) ascending.

    In the middle of equal ones: a trait that most calls share stands near zero, whatever its value.
    """
    out = np.empty_like(traits, dtype=np.float64)
    for column, ordered in enumerate(knots):
        below, above = (np.searchsorted(ordered, traits[:, column], side=side) for side in ("left", "right"))
        out[:, column] = (below + above) / (2 * knots.shape[1]) - 0.5
    return out


def text_of(slots: Sequence[tuple[str, str]], used: Sequence[str]) -> str:
    """The used slots as one text."""
    held = dict(slots)
    return "\n".join(held[name] for name in used if name in held)


def _chance(score: float, slope: float, offset: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, slope * score + offset))))


def _fault(body: ScorerBody) -> str:
    if body.kind != "scorer":
        return f"kind {body.kind!r}, not scorer"
    if (body.features_version, body.traits_version) != (FEATURES_VERSION, TRAITS_VERSION):
        return f"made with features {body.features_version} and traits {body.traits_version}; fit it again"
    if max(len(body.request_words), len(body.answer_words)) > MOST_FEATURES or (body.answer_words and not body.reads_answer):
        return "too many words, or words of an answer that it does not read"
    if not all(math.isfinite(number) and abs(number) <= 1e6 for number in (*body.small, *body.large)):
        return "a number is out of range"
    return ""


def _tensors(artefact: Artefact, request_words: int, answer_words: int, traits: int) -> dict[str, npt.NDArray[Any]]:
    wanted: dict[str, Form] = {
        "knots": ("float64", (traits, KNOTS)),
        "traits": ("float64", (traits, 2)),
        "bias": ("float64", (2,)),
        "request_weights": ("float32", (request_words, 2)),
        "request_rarity": ("uint16", (request_words,)),
        "answer_weights": ("float32", (answer_words, 2)),
        "answer_rarity": ("uint16", (answer_words,)),
    }
    found = arrays(artefact, WEIGHTS_FILE, wanted)
    rarities = (found["request_rarity"], found["answer_rarity"])
    if not all(np.isfinite(one).all() for one in found.values()) or not all((one > 0).all() for one in rarities):
        raise ArtefactError(f"{WEIGHTS_FILE} of {artefact.digest}: a number is out of range")
    if (np.diff(found["knots"], axis=1) < 0).any():
        raise ArtefactError(f"{WEIGHTS_FILE} of {artefact.digest}: knots that do not ascend")
    return found
