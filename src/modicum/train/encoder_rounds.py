"""Fine-tuning as `encoder.fit` asks for it: one encoder for each part of the samples, within a bound, and kept until the fit is done.

A fine-tuned encoder must not be asked about what it learnt from. So beside the one that is handed out there is one for each fold, which
learnt from all others; that makes fine-tuning several times as dear, and how many folds there are follows from what it may cost. The cost
is estimated from the tokens, never from the clock: the same samples give the same folds on every day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.backends.embed import GRAPH_FILE
from modicum.errors import NotEnoughDataError
from modicum.train import encoder_tune
from modicum.train.counts import Ints
from modicum.train.encoder_graph import Base, export, load

VERSION = 2
"""Raised when the same samples teach an encoder otherwise."""
FEWEST_FOLDS, MOST_FOLDS = 2, 5
CPU_PER_S, HALVED_PER_S, GPU_PER_S = 5e10, 1e11, 5e12
"""Floating-point operations of training a second: one core in float32, one core in bfloat16, a GPU. Low, as estimates of time should be."""
WEIGHTS, BIAS = "weights", "bias"

Floats = npt.NDArray[np.float32]
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One encoder that was fine-tuned, in full precision, and what reads its vectors."""

    graph: bytes
    head: Mapping[str, Floats]
    """Of a classifier `weights` (width, labels) and `bias`; else what `tagger_tune.Heads` names."""

    @property
    def weights(self) -> Floats:
        """(width, labels)."""
        return self.head[WEIGHTS]

    @property
    def bias(self) -> Floats:
        """(labels,)."""
        return self.head[BIAS]


class Keep(Protocol):
    """Where rounds are kept until the fit is done: an interrupted one takes up the next."""

    def read(self, key: str) -> Round | None:
        """What was kept under a key, whole, or nothing."""
        ...

    def write(self, key: str, made: Round) -> None:
        """Keep it."""
        ...

    def canary(self, files: Mapping[str, bytes], about: Mapping[str, Any]) -> str:
        """Keep an encoder in full precision beside the artefact that comes of it; its digest."""
        ...

    def forget(self) -> None:
        """All is learnt: no round is needed any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuner:
    """What fine-tunes one base."""

    base: Base
    minutes: float
    """That it may take, by estimate."""
    keep: Keep
    seed: int

    def folds(self, texts: Sequence[str]) -> int:
        """How many out-of-fold encoders there is time for. Raises NotEnoughDataError where the time is too short for any."""
        once = self.minutes_of(texts)
        # Of k folds each learns from k - 1 parts of k, and the last one from all: k times the whole.
        most = int(self.minutes / once)
        if most < FEWEST_FOLDS:
            raise NotEnoughDataError(
                f"fine-tuning would take about {FEWEST_FOLDS * once:.0f} minutes, and {self.minutes:g} are allowed",
                hint="raise [fit] encoder_minutes",
            )
        return min(MOST_FOLDS, most)

    def minutes_of(self, texts: Sequence[str]) -> float:
        """What learning from these once takes, estimated from their tokens."""
        where = encoder_tune.device()
        speed = GPU_PER_S if where == "cuda" else HALVED_PER_S if encoder_tune.is_halved(where) else CPU_PER_S
        tokens = sum(map(len, encoder_tune.tokenise(self.base, texts)))
        return max(1 / 60, 6 * self.base.parameters * tokens * encoder_tune.epochs(len(texts)) / speed / 60)

    def learn(self, texts: Sequence[str], truth: Ints, *, epochs: int, weights: Floats, bias: Floats, progress: Progress) -> Round:
        """An encoder and a head fine-tuned on these texts alone, from a head (width, labels) over the encoder as it is."""
        key = key_of(self.base, self.seed, epochs, weights.shape[1], truth.tolist(), list(texts))
        if (kept := self.keep.read(key)) is not None:
            progress(1.0)
            return kept
        made = encoder_tune.tune(
            load(self.base),
            self.base,
            texts,
            truth,
            weights=weights,
            bias=bias,
            epochs=epochs,
            seed=self.seed,
            device=encoder_tune.device(),
            progress=progress,
        )
        found = Round(graph=export(made.model, self.base, "fp32")[GRAPH_FILE], head={WEIGHTS: made.weights, BIAS: made.bias})
        self.keep.write(key, found)
        return found


def key_of(base: Base, seed: int, *taught: Any) -> str:
    """What one round is kept under: the same only where the same encoder is taught the same in the same way."""
    where = encoder_tune.device()
    entered = (
        VERSION,
        base.weights_sha256,
        msgspec.to_builtins(base.embedding),
        seed,
        where,
        encoder_tune.is_halved(where),
        *taught,
    )
    return hashlib.sha256(msgspec.json.encode(entered)).hexdigest()
