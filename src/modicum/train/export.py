"""Trained weights to the two files that `backends.linear` runs: int8, or int16, with one scale a feature, and JSON.

One scale a feature, not one a label: features seen rarely have small weights, and a shared scale would round them away. Sixteen bits are
whole numbers too and not float16: as large, finer, and the sums stay the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.features import FEATURES_VERSION
from modicum.backends.linear import VALUE_UNIT, WEIGHTS_FILE, Block, LinearSpecialist
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.train.counts import Counts, Floats, Ints

Bits = Literal[8, 16]

_encoder = msgspec.json.Encoder()


def export(
    *,
    labels: Sequence[str],
    used_slots: Sequence[str],
    blocks: Sequence[Counts],
    rarities: Sequence[Ints],
    weights: Floats,
    bias: Floats,
    temperature: float,
    bits: Bits = 8,
) -> dict[str, bytes]:
    """Files of a linear specialist, `bits` a weight. `weights` is (features of all blocks, labels) for unit vectors a block, `bias`
    (labels,).
    """
    from safetensors.numpy import save

    largest = np.abs(weights).max(axis=1)
    top = float(largest.max()) if len(largest) and largest.max() > 0 else 1.0
    most, kind = (127, np.int8) if bits == 8 else (32_767, np.int16)
    steps = np.where(largest > 0, largest, top) / most
    unit = top / most / VALUE_UNIT
    tensors: dict[str, npt.NDArray[Any]] = {
        "weights": np.ascontiguousarray(np.rint(weights / steps[:, None]).astype(kind)),
        "scale": np.where(largest > 0, largest / top, 0.0).astype(np.float32),
        "rarity": np.concatenate([*rarities, np.zeros(0, np.int64)]).astype(np.uint16),
        "bias": np.rint(bias / unit).astype(np.float64),
    }
    body = LinearSpecialist(
        kind="linear",
        features_version=FEATURES_VERSION,
        labels=list(labels),
        used_slots=list(used_slots),
        temperature=temperature,
        unit=unit,
        blocks=[Block(slot=block.slot, kind=block.kind, features=list(block.names)) for block in blocks],
    )
    return {SPECIALIST_FILE: _encoder.encode(body), WEIGHTS_FILE: save(tensors)}


def export_constant(label: str, confidence: float) -> dict[str, bytes]:
    """Files of the specialist that always says the same."""
    body = LinearSpecialist(
        kind="linear",
        features_version=FEATURES_VERSION,
        labels=[label],
        used_slots=[],
        temperature=1.0,
        unit=1.0,
        blocks=[],
        constant_confidence=confidence,
    )
    return {SPECIALIST_FILE: _encoder.encode(body)}


def with_temperature(files: dict[str, bytes], temperature: float) -> dict[str, bytes]:
    """The same specialist, sharper or blunter."""
    body = msgspec.json.decode(files[SPECIALIST_FILE], type=LinearSpecialist)
    return files | {SPECIALIST_FILE: _encoder.encode(msgspec.structs.replace(body, temperature=temperature))}


def in_memory(files: dict[str, bytes]) -> Artefact:
    """An artefact that was never written, to run what is about to be exported."""
    return Artefact(digest="sha256:" + "0" * 64, about={}, files=files)
