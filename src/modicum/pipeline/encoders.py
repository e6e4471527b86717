"""The encoder that `[fit] encoder` names, as specialists run it: exported and quantised once, then kept as an artefact.

Beside it stands the full precision, against which the small one is measured, and the rounds of a fine-tuning that is not done yet.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import numpy as tensors

from modicum.artefact import Artefacts
from modicum.backends import hub_files
from modicum.backends.embed import GRAPH_FILE, Embedder, Embedding
from modicum.config import Config
from modicum.errors import ArtefactError, MissingExtraError
from modicum.pipeline.effort import UNKNOWN, Reading
from modicum.store.home import replace
from modicum.train.drift import Tolerance
from modicum.train.encoder import Vectors
from modicum.train.encoder_graph import Base, export, find, load
from modicum.train.encoder_rounds import Round, Tuner
from modicum.train.export import in_memory
from modicum.train.precision import lower

EXPORT_VERSION = 2
"""Raised when the same weights are exported otherwise."""
SEED = 1
RUNNING, TRAINING = ("onnxruntime", "tokenizers"), ("torch", "transformers", "onnx")
"""What running one takes, and exporting or fine-tuning one."""
USUAL = Tolerance()
LENGTHS, TRIES = (8, 100), 5
"""Words of the texts that it is timed on, and how often."""
KEPT_DAYS = 30
"""For so long an interrupted fine-tuning can be taken up again."""


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    full: str
    embedding: Embedding


class _Round(msgspec.Struct, frozen=True):
    """What stands beside the graph of a round."""

    sha256: str
    head: bytes
    """As safetensors."""


class Named:
    """What `[fit] encoder` names, opened when a workload needs it and not before: a model of the hub's is fetched then."""

    def __init__(self, key: str, make: Callable[[], Vectors], reading: Callable[[float], Reading]) -> None:
        self.key = key
        """What tells one encoder from another: the digest of its weights, or the hub's name with its commit."""
        self._make = make
        self.reading = reading
        """What it takes to read, by this machine's pace: measured where it is exported already. Exports and fetches nothing."""
        self._made: Vectors | None = None

    @classmethod
    def of(cls, config: Config, artefacts: Artefacts) -> Named:
        """Raises InputError where a folder holds no encoder or a name no commit, and MissingExtraError: better now than after an hour."""
        said, home, fit = str(config.fit.encoder), config.home, config.fit
        name = hub_files.name_of(said)
        here = find(Path(said)) if name is None else None
        _need("encoder", RUNNING)
        if fit.encoder_minutes > 0 or not (here and _note(here, home).exists()):
            _need("encoder-train", TRAINING)

        def make() -> Vectors:
            base = here or find(hub_files.fetch(name, home / "encoders"), name=name.id, revision=name.commit)  # type: ignore[union-attr, arg-type]
            tolerance = Tolerance(agreement=fit.drift_agreement, loss=fit.drift_loss)
            tuner = open_tuner(base, home, artefacts, minutes=fit.encoder_minutes) if fit.encoder_minutes > 0 else None
            return dataclasses.replace(open_encoder(base, home, artefacts, tolerance), tuner=tuner)

        def reading(pace: float) -> Reading:
            return UNKNOWN if here is None else _reading(here, home, artefacts, pace)

        return cls(said if here is None else here.weights_sha256, make, reading)

    def open(self) -> Vectors:
        """The encoder, ready to embed. Raises UpstreamError where it has to be fetched and cannot be, MissingExtraError."""
        if self._made is None:
            self._made = self._make()
        return self._made


def open_encoder(base: Base, home: Path, artefacts: Artefacts, tolerance: Tolerance = USUAL) -> Vectors:
    """An encoder that was found, ready to embed. Raises MissingExtraError where it has to be exported and cannot be."""
    note = _note(base, home)
    if (found := _kept(base, home, artefacts)) is not None:
        kept, old, graph = found
        return Vectors(files=dict(old), embedding=kept.embedding, about=base.about(), full=graph, canary=kept.full, tolerance=tolerance)
    whole = export(load(base), base, "fp32")
    files = whole | {GRAPH_FILE: lower(whole[GRAPH_FILE], "int8")}
    kept = _Kept(
        digest=artefacts.write(files, base.about() | {"precision": "int8"}),
        full=artefacts.write(whole, base.about() | {"precision": "fp32"}),
        embedding=base.embedding,
    )
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace(note, msgspec.json.encode(kept))
    return Vectors(files=files, embedding=base.embedding, about=base.about(), full=whole[GRAPH_FILE], canary=kept.full, tolerance=tolerance)


def _kept(base: Base, home: Path, artefacts: Artefacts) -> tuple[_Kept, Mapping[str, bytes], bytes] | None:
    """What was exported before: its record, its files, and its graph in full precision; None where nothing was, or it is damaged."""
    try:
        kept = msgspec.json.decode(_note(base, home).read_bytes(), type=_Kept)
        return kept, artefacts.read(kept.digest).files, artefacts.read(kept.full).files[GRAPH_FILE]
    except (OSError, msgspec.MsgspecError, ArtefactError):
        return None


def _reading(base: Base, home: Path, artefacts: Artefacts, pace: float) -> Reading:
    """Timed on a short and a long text, the least of some tries."""
    if (found := _kept(base, home, artefacts)) is None:
        return Reading.like(base.parameters, base.width, pace=pace)
    kept, files, _ = found
    embedder = Embedder(in_memory(dict(files)), kept.embedding)
    short, long = (min(_timed(embedder, "one " * words) for _ in range(TRIES)) for words in LENGTHS)
    token_s = max(0.0, long - short) / (LENGTHS[1] - LENGTHS[0])
    text_s = max(0.0, short - token_s * LENGTHS[0])
    return Reading(text_s=text_s, token_s=token_s, parameters=base.parameters, width=base.width, opened=True)


def _timed(embedder: Embedder, text: str) -> float:
    began = time.thread_time()
    embedder.embed(text)
    return time.thread_time() - began


def _note(base: Base, home: Path) -> Path:
    """What says where the exported encoder is kept."""
    return home / "encoders" / f"{base.weights_sha256}-int8-{EXPORT_VERSION}.json"


def _need(extra: str, modules: tuple[str, ...]) -> None:
    if not all(importlib.util.find_spec(module) for module in modules):
        raise MissingExtraError.of(extra, "the encoder that [fit] encoder names")


def open_tuner(base: Base, home: Path, artefacts: Artefacts, *, minutes: float) -> Tuner:
    """What fine-tunes it, its rounds kept under the home until all is learnt."""
    return Tuner(base=base, minutes=minutes, keep=Rounds(folder=home / "encoders" / "rounds", artefacts=artefacts), seed=SEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Rounds as files, KEY.onnx and KEY.json; whatever is damaged was never there. Several fits may use one folder at once."""

    folder: Path
    artefacts: Artefacts
    touched: set[str] = field(default_factory=set, compare=False, repr=False)
    """Keys that this fit asked for or wrote."""

    def read(self, key: str) -> Round | None:
        """What was kept under a key, whole, or nothing."""
        self.touched.add(key)
        try:
            note = msgspec.json.decode((self.folder / f"{key}.json").read_bytes(), type=_Round)
            graph = (self.folder / f"{key}.onnx").read_bytes()
        except (OSError, msgspec.MsgspecError):
            return None
        whole = hashlib.sha256(graph + note.head).hexdigest() == note.sha256
        return Round(graph=graph, head=tensors.load(note.head)) if whole else None

    def write(self, key: str, made: Round) -> None:
        """Keep it."""
        self.touched.add(key)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        head = tensors.save({name: np.ascontiguousarray(one, np.float32) for name, one in made.head.items()})
        note = _Round(sha256=hashlib.sha256(made.graph + head).hexdigest(), head=head)
        replace(self.folder / f"{key}.onnx", made.graph)
        replace(self.folder / f"{key}.json", msgspec.json.encode(note))

    def canary(self, files: Mapping[str, bytes], about: Mapping[str, Any]) -> str:
        """Keep an encoder in full precision; its digest."""
        return self.artefacts.write(files, {**about, "precision": "fp32", "tuned": True})

    def forget(self) -> None:
        """All is learnt: what this fit would have taken up again is of no use, nor what nobody took up for KEPT_DAYS. Another fit's
        rounds stay; where two learn the same, the later one at worst learns again what the first had done."""
        before = time.time() - KEPT_DAYS * 86_400
        for path in (*self.folder.glob("*.onnx"), *self.folder.glob("*.json")):
            with suppress(OSError):
                if path.stem in self.touched or path.stat().st_mtime < before:
                    path.unlink()
        self.touched.clear()
