"""What every specialist is by day, whatever it is made of, and how one is loaded from its artefact.

`specialist.json` names the kind; the module that runs it is imported then, so that nobody pays for a kind that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, TypeVar, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.errors import ArtefactError
from modicum.types import Prediction

SPECIALIST_FILE = "specialist.json"
MAX_LABELS = 10_000

KINDS = {
    "repeats": ("modicum.backends.repeats", "Repeats"),
    "neighbours": ("modicum.backends.neighbours", "Neighbours"),
    "linear": ("modicum.backends.linear", "Linear"),
    "encoder": ("modicum.backends.encoder", "Encoder"),
    "chain": ("modicum.backends.chain", "Chain"),
    "extractor": ("modicum.backends.extractor", "Extractor"),
    "caller": ("modicum.backends.caller", "Caller"),
    "ladder": ("modicum.backends.ladder", "Ladder"),
}
"""Kind -> the module and class that run it. Nothing that a file says is imported, only what stands here."""

T = TypeVar("T")
Floats = npt.NDArray[np.float64]
Form = tuple[str, tuple[int | None, ...]]
"""Type, or several with "or" between them, and shape of an array; None stands for any length."""


class Specialist(Protocol):
    """One artefact, loaded and checked: it answers a request with a value of its workload's contract and says how sure it is."""

    digest: str
    labels: tuple[str, ...]
    """All that it can say; empty where that is no list."""
    used_slots: tuple[str, ...]
    """What it reads of a request."""
    heavy: bool
    """It takes milliseconds: the gateway asks it in a thread, so that other callers do not wait for it."""

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """The answer to one request; `slots` are (name, text), others than the used ones are ignored."""
        ...

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        ...


@runtime_checkable
class Timed(Protocol):
    """A specialist whose answers depend on when it is asked."""

    def predict_at(self, slots: Sequence[tuple[str, str]], at: datetime) -> Prediction:
        """What it would have answered at a time, from nothing newer."""
        ...


def predict_at(specialist: Specialist, slots: Sequence[tuple[str, str]], at: datetime) -> Prediction:
    """The answer to a recorded request, as it would have been given then."""
    return specialist.predict_at(slots, at) if isinstance(specialist, Timed) else specialist.predict(slots)


class _Kind(msgspec.Struct, frozen=True):
    kind: str


def load(artefact: Artefact) -> Specialist:
    """The specialist that an artefact holds. Raises ArtefactError where it holds none that this program runs."""
    kind = read(artefact, SPECIALIST_FILE, _Kind).kind
    if kind not in KINDS:
        raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: kind {kind!r} is not one that this program runs")
    module, name = KINDS[kind]
    specialist: Specialist = getattr(import_module(module), name)(artefact)
    return specialist


def read(artefact: Artefact, name: str, form: type[T]) -> T:
    """A JSON file of an artefact in the form that it must have. Raises ArtefactError."""
    try:
        return msgspec.json.decode(artefact.files[name], type=form)
    except KeyError:
        raise ArtefactError(f"artefact {artefact.digest} has no {name}") from None
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ArtefactError(f"{name} of {artefact.digest}: {error}") from None


def arrays(artefact: Artefact, name: str, wanted: Mapping[str, Form]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a safetensors file, with exactly these names, types and shapes. Raises ArtefactError."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(artefact.files[name])
    except KeyError:
        raise ArtefactError(f"artefact {artefact.digest} has no {name}") from None
    except (SafetensorError, ValueError, TypeError) as error:
        raise ArtefactError(f"{name} of {artefact.digest}: {error}") from None
    if found.keys() != wanted.keys() or not all(_is(found[key], form) for key, form in wanted.items()):
        told = {key: (str(array.dtype), array.shape) for key, array in found.items()}
        raise ArtefactError(f"{name} of {artefact.digest}: the tensors are {told}, not {dict(wanted)}")
    return found


def _is(array: npt.NDArray[Any], form: Form) -> bool:
    kind, shape = form
    return (
        str(array.dtype) in kind.split(" or ")
        and len(array.shape) == len(shape)
        and all(b in (a, None) for a, b in zip(array.shape, shape, strict=True))
    )


def decide(logits: Floats, sharpness: float, labels: Sequence[str]) -> Prediction:
    """The first label, its lead over the second in probability (softmax of `sharpness * logits`), and the second.

    Confidence is rounded to twelve decimals, below which machines differ.
    """
    first = int(logits.argmax())
    odds = np.exp((logits - logits[first]) * sharpness)
    total = float(odds.sum())
    odds[first] = -1.0
    second = int(odds.argmax())
    behind = float(odds[second])
    return Prediction(
        value=labels[first],
        confidence=round((1.0 - behind) / total, 12),
        runner_up=labels[second],
        runner_up_probability=round(behind / total, 12),
    )
