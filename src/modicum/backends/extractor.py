"""The extractor by day: a JSON record from a request, one head a field; given whole or left whole to the incumbent.

Fields with a fixed list of values have a linear specialist each. Values that are copied from the request, numbers among them, are marked
in its text by taggers. So a record can hold nothing but listed values and the request's own characters, in the fields that were learnt;
`workload.parts.fits` says so of each in the tests. Confidence is the probability that the whole record is right: the product of what the
heads say, calibrated on requests that they had not seen. An encoder may read the request too, once for all heads.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from modicum.artefact import Artefact
from modicum.backends.chain import half
from modicum.backends.choice import Choice, choices
from modicum.backends.embed import GRAPH_FILE, Embedding
from modicum.backends.linear import Linear
from modicum.backends.pieces import PIECES_VERSION
from modicum.backends.specialist import MAX_LABELS, SPECIALIST_FILE, Form, arrays, read
from modicum.backends.tagger import NEVER, Span, Tagger, Weights, legal
from modicum.backends.tokens import Reader, Seen
from modicum.errors import ArtefactError
from modicum.types import Prediction
from modicum.workload import parts
from modicum.workload.number import number

TAGS_FILE = "tags.safetensors"
MAX_FIELDS = 500
ABSENT = "~"
"""What a closed head says where its field is not there; no JSON text."""
SPELLINGS: dict[str, Callable[[str], str]] = {
    "same": str,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "capital": str.capitalize,
}


class FieldHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one field gets its value."""

    path: list[str]
    head: Literal["closed", "span", "number"]
    empty: str | None = None
    """What it is, as JSON, where nothing is marked; None: not there."""
    required: bool = False
    """It always had a value."""
    spelling: str = "same"
    """How the incumbent writes what it copies."""
    fraction: bool = False
    """Whole numbers are written `12.0`."""


class Holder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an object or list is, as JSON, where it holds nothing."""

    path: list[str]
    empty: str


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tagger: the fields that it marks, by number, and the names of its features."""

    fields: list[int]
    features: list[str]
    unit: float


class ExtractorSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of an extractor. Beside it stand the files of closed head n under `field-n-`, and the taggers' tensors `pieces-n`,
    `steps-n` and `starts-n`.
    """

    kind: str
    pieces_version: int
    used_slots: list[str]
    """What the taggers read."""
    fields: list[FieldHead]
    holders: list[Holder]
    layers: list[Layer]
    outlined: list[int]
    """The closed fields that `workload.parts.outline` shows."""
    outlines: list[list[str]]
    """What these say together in records that came back; a record that says anything else was never tried, and is never given."""
    slope: float
    offset: float
    """The logit of a record's probability is `slope` times the heads' together, plus `offset`."""
    embedding: Embedding | None = None
    """How the encoder is used, where there is one: its graph stands beside this, or a tool caller has it for all of its tools. Its heads
    are the tensors `dense-n` of tagger n, and `weights-n` and `bias-n` of closed field n among the choices."""
    reads: list[str] = []
    """The slots that the encoder reads."""


_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+>")
"""Stands for what the view took out of the request: it is turned back only as it is."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A record that the heads agree on."""

    value: str
    odds: float
    """Log odds that it is right, not yet calibrated."""
    whole: bool
    """Every field that needs a value has one, every number is one, and its outline is known."""


class Extractor:
    """An extractor, loaded and checked. Raises ArtefactError where the artefact is not one, MissingExtraError.

    `reader`: the encoder, where it is not in this artefact.
    """

    heavy = True
    labels: tuple[str, ...] = ()

    def __init__(self, artefact: Artefact, reader: Reader | None = None) -> None:
        self.digest = artefact.digest
        body = read(artefact, SPECIALIST_FILE, ExtractorSpecialist)
        if wrong := _fault(body):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: {wrong}")
        self._body = body
        self._reader = reader
        if body.embedding is not None and (GRAPH_FILE in artefact.files or reader is None):
            self._reader = Reader(artefact, body.embedding, body.reads)
        elif body.embedding is not None and reader is not None and (reader.how, [*reader.reads]) != (body.embedding, body.reads):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: it was taught with another encoder than the one that is there")
        self._closed = _choices(artefact, body)
        self._taggers = [Tagger(one) for one in _weights(artefact, body)]
        self._outlines = set(map(tuple, body.outlines))
        self._empty = {tuple(holder.path): holder.empty for holder in body.holders}
        read_by_heads = [slot for head in self._closed.values() for slot in head.used_slots]
        self.used_slots: tuple[str, ...] = tuple(
            dict.fromkeys([*(body.used_slots if body.layers else ()), *read_by_heads, *(body.reads if body.embedding else ())])
        )

    def predict(self, slots: Sequence[tuple[str, str]], seen: Seen | None = None) -> Prediction:
        """The record of one request and how sure it is, as a whole. `seen`: the request as the encoder sees it, where that is known."""
        texts = dict(slots)
        if seen is None and self._reader is not None and self._body.embedding is not None:
            seen = self._reader.see(slots)
        closed = {n: head.predict(slots, seen) for n, head in self._closed.items()}
        read = [(slot, texts.get(slot, "")) for slot in self._body.used_slots]
        marked = [tagger.find(read, None if seen is None else tagger.hear(seen)) for tagger in self._taggers]
        settled = self.settle(closed, marked, slots)
        return Prediction(value=settled.value, confidence=self.sure(settled))

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        return [self.predict(slots) for slots in requests]

    def settle(
        self, closed: Mapping[int, Prediction], marked: Sequence[tuple[list[Span], float]], slots: Sequence[tuple[str, str]]
    ) -> Settled:
        """The record that the heads' answers make. `closed`: by field; `marked`: of each tagger the spans, and the logarithm of how likely
        they are.
        """
        values, whole = self._values(closed, [span for spans, _ in marked for span in spans], dict(slots))
        whole = whole and tuple(closed[number_].value for number_ in self._body.outlined) in self._outlines
        odds = logit([told.confidence + told.runner_up_probability for told in closed.values()], [likely for _, likely in marked])
        return Settled(parts.build(values, self._empty), odds, whole)

    def sure(self, settled: Settled) -> float:
        """How likely a record is right as a whole, 0 to 1; 0 where a value that it needs was not found."""
        odds = self._body.slope * settled.odds + self._body.offset
        return round(1 / (1 + math.exp(-max(-700.0, min(700.0, odds)))), 12) if settled.whole else 0.0

    def _values(
        self, closed: Mapping[int, Prediction], spans: Sequence[Span], texts: dict[str, str]
    ) -> tuple[dict[parts.Path, str | None], bool]:
        """What stands in each field, and whether every field that needs a value has one."""
        found: dict[int, list[str]] = {}
        for span in spans:
            found.setdefault(span.field, []).append(texts[span.slot][span.start : span.end])
        values: dict[parts.Path, str | None] = {}
        whole = True
        for number_, field in enumerate(self._body.fields):
            path = tuple(field.path)
            if number_ in closed:
                value = closed[number_].value
                values[parts.home(path)] = None if value == ABSENT else value
                continue
            said = [told for text in found.get(number_, ()) if (told := spell(field, text)) is not None]
            whole = whole and len(said) == len(found.get(number_, ())) and bool(said or not field.required)
            if path[-1] == "[]":
                values[parts.home(path)] = json.dumps(said) if said else None
            else:
                values[path] = json.dumps(said[0]) if said else _nothing(field)
        return values, whole


def spell(field: FieldHead, text: str) -> str | int | float | None:
    """A marked text as the field's value; None where it should be a number and is none."""
    if field.head == "span":
        told = text if _PLACEHOLDER.search(text) else SPELLINGS[field.spelling](text)
        return told.encode("utf-8", "replace").decode()
    digits = number(text)
    if digits is None or len(digits) > 30:
        return None
    return float(digits) if field.fraction or "." in digits else int(digits)


def logit(shares: Sequence[float], logs: Sequence[float]) -> float:
    """The log odds of a record by its heads: probabilities, and logarithms of such."""
    total = sum(math.log(max(share, 1e-12)) for share in shares) + sum(logs)
    total = min(total, -1e-9)
    return max(-40.0, total) - math.log(-math.expm1(max(-40.0, total)))


def prefix(number: int) -> str:
    """Of the names of a closed head's files."""
    return f"field-{number}-"


def _nothing(field: FieldHead) -> str | None:
    """What a field without anything marked is: as it was taught, or the emptiest thing of its kind."""
    if field.required:
        return '""' if field.head == "span" else "0"
    return field.empty


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _fault(body: ExtractorSpecialist) -> str:
    """What is wrong with the JSON part, or nothing."""
    if body.kind != "extractor":
        return f"kind {body.kind!r}, not extractor"
    if body.pieces_version != PIECES_VERSION:
        return f"made with pieces of version {body.pieces_version}, this program has {PIECES_VERSION}; fit the workload again"
    if not 1 <= len(body.fields) <= MAX_FIELDS or not (0 < body.slope <= 1e3 and abs(body.offset) <= 1e3):
        return f"{len(body.fields)} fields, slope {body.slope}, offset {body.offset}: out of range"
    if any(not field.path or field.path == ["[]"] or "[]" in field.path[:-1] or field.spelling not in SPELLINGS for field in body.fields):
        return "a field's path or spelling is none"
    if len({tuple(field.path) for field in body.fields}) != len(body.fields):
        return "a field stands twice"
    if not all(_is_json(text) for text in [*(f.empty for f in body.fields if f.empty is not None), *(h.empty for h in body.holders)]):
        return "an empty value is not JSON"
    marked = [number for layer in body.layers for number in layer.fields]
    if sorted(marked) != [number for number, field in enumerate(body.fields) if field.head != "closed"]:
        return "the taggers do not mark each open field once"
    if any(not 0 <= n < len(body.fields) or body.fields[n].head != "closed" for n in body.outlined) or len(body.outlines) > MAX_LABELS:
        return f"{len(body.outlines)} outlines, or of a field that is not closed"
    if any(not holder.path for holder in body.holders) or any(not 0 < layer.unit <= 1 for layer in body.layers):
        return "a number is out of range"
    if body.embedding is not None and not {*body.used_slots} <= {*body.reads}:
        return "the encoder does not read what the taggers mark"
    return ""


def _choices(artefact: Artefact, body: ExtractorSpecialist) -> dict[int, Choice]:
    """The closed heads, with types, shapes and values checked."""
    linear = {n: Linear(half(artefact, prefix(n))) for n, field in enumerate(body.fields) if field.head == "closed"}
    for head in linear.values():
        if not all(label == ABSENT or _is_json(label) for label in head.labels):
            raise ArtefactError(f"artefact {artefact.digest}: a field's value is not JSON")
    if body.embedding is None:
        return {n: Choice(head) for n, head in linear.items()}
    return choices(artefact, linear, body.embedding.width)


def _weights(artefact: Artefact, body: ExtractorSpecialist) -> list[Weights]:
    """The taggers' weights, with types, shapes and ranges checked."""
    wanted: dict[str, Form] = {}
    for n, layer in enumerate(body.layers):
        tags = 1 + 2 * len(layer.fields)
        wanted |= {
            f"pieces-{n}": ("int8", (len(layer.features), tags)),
            f"steps-{n}": ("int32", (tags, tags)),
            f"starts-{n}": ("int32", (tags,)),
        }
        if body.embedding is not None:
            wanted[f"dense-{n}"] = ("float32", (body.embedding.width + 1, tags))
    if not wanted:
        return []
    tensors: dict[str, Any] = arrays(artefact, TAGS_FILE, wanted)
    if not all(np.isfinite(one).all() for name, one in tensors.items() if name.startswith("dense-")):
        raise ArtefactError(f"{TAGS_FILE} of {artefact.digest}: a weight is not a number")
    weights = []
    for n, layer in enumerate(body.layers):
        rows = {name: row for row, name in enumerate(layer.features)}
        if len(rows) != len(layer.features):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: a feature stands twice")
        steps, starts = legal(len(layer.fields))
        weights.append(
            Weights(
                fields=tuple(layer.fields),
                rows=rows,
                pieces=tensors[f"pieces-{n}"],
                steps=np.where(steps, tensors[f"steps-{n}"].astype(np.float64), NEVER),
                starts=np.where(starts, tensors[f"starts-{n}"].astype(np.float64), NEVER),
                unit=layer.unit,
                dense=tensors.get(f"dense-{n}"),
            )
        )
    return weights
