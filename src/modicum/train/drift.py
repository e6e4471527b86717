"""What a smaller precision changed: the same specialist in full precision (the canary) beside it, request by request and slice by slice.

A slice is what a loss hides in: one label, long texts, one script, one month. Whether the drift may be borne is said of the whole by what
was counted, and of a slice only by what is beyond chance, for a slice of ten requests that differ once proves nothing.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.chain import SECOND
from modicum.backends.embed import GRAPH_FILE
from modicum.stats.binomial import clopper_pearson
from modicum.types import Sample

Ints = npt.NDArray[np.int64]
By = Literal["all", "label", "length", "script", "month"]
LENGTHS = (50, 200, 1_000, 4_000)
"""Characters: where a class of lengths ends."""
LETTERS = 200
"""Of a text that its script is read from."""
CONFIDENCE = 0.95
SLICE_CONFIDENCE = 0.999
"""Of the slices many are looked at: one that is only unlucky must not count."""
COMPARED = 1_000
"""Requests, spread evenly, that are asked of both before anything is tested."""
FEWEST = 20
"""Requests of a slice that can stop anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a smaller precision may go from the full one."""

    agreement: float = 0.98
    """Least share of requests on which both say the same."""
    loss: float = 0.004
    """Most of the share of right answers that may be lost, where right answers are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One request, answered by both."""

    sample: Sample
    text: str
    full: str
    """What the canary says."""
    small: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Some requests. Intervals are Clopper-Pearson's at 95 %, the loss's from those of answers lost and won."""

    by: By
    name: str
    requests: int
    agree: int
    agreement: tuple[float, float]
    """Lowest and highest that the share on which both say the same may be."""
    known: int
    """Requests whose right answer is known."""
    lost: int
    """Of those: the canary is right, the small one is not."""
    won: int
    """The other way round."""
    loss: tuple[float, float] | None
    """Lowest and highest that the loss may be; None where no right answer is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was found."""

    slices: tuple[Slice, ...]
    """The first is all of them; the others in order of what differs most."""
    beyond: str = ""
    """Why it is more than is allowed; empty where it is not."""

    @property
    def whole(self) -> Slice:
        """All requests."""
        return self.slices[0]

    def said(self) -> dict[str, Any]:
        """For a manifest: metrics of the whole, and the slices in which anything differs."""
        whole = self.whole
        said: dict[str, Any] = {"drift_agreement": round(whole.agree / max(1, whole.requests), 4)}
        if whole.known:
            said["drift_loss"] = round((whole.lost - whole.won) / whole.known, 4)
        return said | {"drift": [msgspec.to_builtins(_short(one)) for one in self.slices if one is whole or one.agree < one.requests]}


def compare(compared: Sequence[Compared], tolerance: Tolerance) -> Drift:
    """Count what differs, in all and slice by slice."""
    parts: defaultdict[tuple[By, str], list[Compared]] = defaultdict(list)
    for one in compared:
        for key in _slices_of(one):
            parts[key].append(one)
    whole = _count("all", "", compared)
    slices = [_count(by, name, part) for (by, name), part in parts.items()]
    slices.sort(key=lambda one: (one.agree - one.requests, one.by, one.name))
    return Drift(slices=(whole, *slices), beyond=_beyond(whole, slices, compared, tolerance))


def in_full(artefact: Artefact, canary: Artefact) -> Artefact:
    """The artefact with the graph of its canary, or the canary where that is a specialist itself. Never written, so it keeps the digest of
    what it is compared with."""
    if GRAPH_FILE not in canary.files:
        return Artefact(digest=artefact.digest, about={}, files=canary.files)
    name = GRAPH_FILE if GRAPH_FILE in artefact.files else SECOND + GRAPH_FILE
    return Artefact(digest=artefact.digest, about={}, files=dict(artefact.files) | {name: canary.files[GRAPH_FILE]})


def spread(requests: int) -> Ints:
    """The numbers of those, out of so many, on which a precision is compared with the full one."""
    return np.linspace(0, requests - 1, min(requests, COMPARED)).astype(np.int64)


def script_of(text: str) -> str:
    """The script of most of a text's letters, as Unicode names it: latin, cyrillic, cjk, arabic; none where it has no letter."""
    names = Counter(unicodedata.name(char, "none").split(" ")[0].lower() for char in text[: 4 * LETTERS] if char.isalpha())
    return names.most_common(1)[0][0] if names else "none"


def _slices_of(one: Compared) -> Iterator[tuple[By, str]]:
    if label := _label_of(one.full):
        yield "label", label
    over = next((f"to {most} characters" for most in LENGTHS if len(one.text) <= most), f"over {LENGTHS[-1]} characters")
    yield "length", over
    yield "script", script_of(one.text)
    yield "month", f"{one.sample.at:%Y-%m}"


def _label_of(value: str) -> str:
    """What an answer is counted under: a label itself, of a call its tool, of a record nothing, for that holds what was written."""
    if not value.startswith("{"):
        return value
    try:
        return msgspec.json.decode(value, type=_Called).name
    except msgspec.MsgspecError:
        return ""


class _Called(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any]


def _count(by: By, name: str, part: Sequence[Compared]) -> Slice:
    agree = sum(one.full == one.small for one in part)
    known = [one for one in part if one.sample.value is not None]
    lost = sum(one.full == one.sample.value != one.small for one in known)
    won = sum(one.small == one.sample.value != one.full for one in known)
    return Slice(
        by=by,
        name=name,
        requests=len(part),
        agree=agree,
        agreement=clopper_pearson(agree, len(part), CONFIDENCE),
        known=len(known),
        lost=lost,
        won=won,
        loss=_loss(lost, won, len(known), CONFIDENCE) if known else None,
    )


def _loss(lost: int, won: int, known: int, confidence: float) -> tuple[float, float]:
    """Limits of the share lost less the share won, each of the two at half of the doubt."""
    each = 1 - (1 - confidence) / 2
    lost_low, lost_high = clopper_pearson(lost, known, each)
    won_low, won_high = clopper_pearson(won, known, each)
    return lost_low - won_high, lost_high - won_low


def _beyond(whole: Slice, slices: Sequence[Slice], compared: Sequence[Compared], tolerance: Tolerance) -> str:
    if not compared:
        return ""
    if whole.agree < tolerance.agreement * whole.requests:
        return f"agrees with full precision on {whole.agree / whole.requests:.1%}, at least {tolerance.agreement:.1%} are wanted"
    if whole.known and whole.lost - whole.won > tolerance.loss * whole.known:
        return f"loses {(whole.lost - whole.won) / whole.known:.2%} of right answers, at most {tolerance.loss:.2%} are allowed"
    for one in slices:
        if one.requests < FEWEST:
            continue
        if clopper_pearson(one.agree, one.requests, SLICE_CONFIDENCE)[1] < tolerance.agreement:
            return f"{one.by} {one.name!r}: agrees with full precision on {one.agree} of {one.requests}"
        if one.known and _loss(one.lost, one.won, one.known, SLICE_CONFIDENCE)[0] > tolerance.loss:
            return f"{one.by} {one.name!r}: loses {one.lost} right answers of {one.known} and wins {one.won}"
    return ""


def _short(one: Slice) -> Slice:
    """With four decimals, which is what a manifest needs."""
    low, high = one.agreement
    loss = None if one.loss is None else (round(one.loss[0], 4), round(one.loss[1], 4))
    return Slice(
        by=one.by,
        name=one.name,
        requests=one.requests,
        agree=one.agree,
        agreement=(round(low, 4), round(high, 4)),
        known=one.known,
        lost=one.lost,
        won=one.won,
        loss=loss,
    )
