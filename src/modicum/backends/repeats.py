"""The exact cache by day: what the incumbent was recorded to answer to the very same request, for as long as that was tested.

It holds no request: keys are keyed hashes, and answers that are from no list are sealed with a stream that only the request's own text
gives. It knows when each answer was recorded, so it can say what it would have answered at any time (`predict_at`): that is how it is
tested. It learns nothing by day.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.specialist import MAX_LABELS, SPECIALIST_FILE, Form, arrays, read
from modicum.errors import ArtefactError
from modicum.types import Prediction
from modicum.workload.sameness import composed

ENTRIES_FILE = "entries.safetensors"
RECENT = 8
"""So many of the newest answers to a request say how sure the newest one is."""
SECOND = 1_000_000
"""Times are whole microseconds."""
KEY_BYTES = 16
UNREAD = -1
NOTHING = "null"
"""What is said, with confidence 0, where nothing is known and answers are from no list."""

_encode = msgspec.json.Encoder().encode


class RepeatsSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON half; the other half are the tensors `keys`, `starts`, `times`, `answers`, and of open answers `sealed` and `ends`."""

    kind: str
    labels: list[str]
    """All that it can say; empty where answers are sealed."""
    secret: str
    """Hexadecimal: what requests are hashed with, another one for each workload of each scope."""
    horizon_s: int
    """It was tested with answers at least so old, and answers no longer than this after its newest one."""
    newest_at: int
    """When that was recorded, in microseconds."""


class Repeats:
    """An exact cache, loaded and checked. Raises ArtefactError where the artefact is not one."""

    heavy = False
    used_slots: tuple[str, ...] = ()
    """All slots are read."""

    def __init__(self, artefact: Artefact, clock: Callable[[], float] = time.time) -> None:
        self.digest = artefact.digest
        self._body = body = read(artefact, SPECIALIST_FILE, RepeatsSpecialist)
        self._clock = clock
        if wrong := _fault(body):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: {wrong}")
        self.labels = tuple(body.labels)
        self._secret = bytes.fromhex(body.secret)
        wanted: dict[str, Form] = {
            "keys": ("uint8", (None, KEY_BYTES)),
            "starts": ("uint32", (None,)),
            "times": ("int64", (None,)),
            "answers": ("int32", (None,)),
        }
        if not self.labels:
            wanted |= {"sealed": ("uint8", (None,)), "ends": ("uint32", (None,))}
        found = arrays(artefact, ENTRIES_FILE, wanted)
        starts, self._times, self._answers = found["starts"], found["times"], found["answers"]
        self._ends: npt.NDArray[np.uint32] = np.zeros(0, np.uint32) if self.labels else found["ends"]
        self._sealed = b"" if self.labels else found["sealed"].tobytes()
        known = len(self.labels) or len(self._ends)
        if not (
            len(starts) == len(found["keys"]) + 1
            and starts[0] == 0
            and starts[-1] == len(self._times) == len(self._answers)
            and bool(np.all(starts[1:] > starts[:-1]))
            and bool(np.all((self._answers >= UNREAD) & (self._answers < known)))
            and (
                not len(self._ends)
                or (int(self._ends[-1]) == len(self._sealed) and bool(np.all(np.diff(self._ends.astype(np.int64)) >= 0)))
            )
        ):
            raise ArtefactError(f"{ENTRIES_FILE} of {artefact.digest}: its tables do not fit together")
        keys = found["keys"].tobytes()
        self._spans = {
            keys[at * KEY_BYTES : (at + 1) * KEY_BYTES]: span
            for at, span in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))
        }

    @property
    def keys(self) -> frozenset[bytes]:
        """The hashes of the requests that it knows."""
        return frozenset(self._spans)

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """What was answered to this very request, as things stand now."""
        return self._predict(slots, int(self._clock() * SECOND), None)

    def predict_at(self, slots: Sequence[tuple[str, str]], at: datetime) -> Prediction:
        """What it says at a time: before its newest answer only from answers that were a horizon old by then."""
        asked = microseconds(at)
        return self._predict(slots, asked, asked - self._body.horizon_s * SECOND if asked <= self._body.newest_at else None)

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each."""
        return [self.predict(slots) for slots in requests]

    def _predict(self, slots: Sequence[tuple[str, str]], at: int, until: int | None) -> Prediction:
        """Asked at a time, in microseconds, from answers up to another one, or from all."""
        body, nothing = self._body, Prediction(value=self.labels[0] if self.labels else NOTHING, confidence=0.0)
        if at > body.newest_at + body.horizon_s * SECOND:
            return nothing
        text = text_of(slots)
        span = self._spans.get(key_of(self._secret, text))
        if span is None:
            return nothing
        start, end = span
        if until is not None:
            end = start + int(np.searchsorted(self._times[start:end], until, side="right"))
        recent = self._answers[max(start, end - RECENT) : end].tolist()
        if not recent or recent[-1] == UNREAD:
            return nothing
        counts = Counter(recent)
        own = counts.pop(recent[-1])
        other, times = max(counts.items(), key=lambda pair: (pair[1], -pair[0]), default=(UNREAD, 0))
        return Prediction(
            value=self._answer(recent[-1], text),
            confidence=round((own + 1) / (len(recent) + 2), 12),
            runner_up=self._answer(other, text) if other != UNREAD else "",
            runner_up_probability=round(times / (len(recent) + 2), 12) if other != UNREAD else 0.0,
        )

    def _answer(self, number: int, text: bytes) -> str:
        if self.labels:
            return self.labels[number]
        begin = int(self._ends[number - 1]) if number else 0
        try:
            return seal(self._secret, text, number, self._sealed[begin : int(self._ends[number])]).decode()
        except UnicodeDecodeError:
            raise ArtefactError(f"{ENTRIES_FILE} of {self.digest}: a sealed answer is not what it was") from None


def text_of(slots: Sequence[tuple[str, str]]) -> bytes:
    """What two requests must have in common to be the same: every slot, by name, in one Unicode form, without white space around it."""
    return _encode(sorted((name, composed(_whole(text).replace("\r\n", "\n"), "NFC").strip()) for name, text in slots))


def key_of(secret: bytes, text: bytes) -> bytes:
    """The keyed hash of a request."""
    return hashlib.blake2b(text, key=secret, digest_size=KEY_BYTES).digest()


def seal(secret: bytes, text: bytes, number: int, answer: bytes) -> bytes:
    """Answer number `number` of the artefact, sealed with its request; sealing it again opens it."""
    stream = hashlib.shake_256(b"\0".join((secret, str(number).encode(), text))).digest(len(answer))
    return bytes(a ^ b for a, b in zip(answer, stream, strict=True))


def microseconds(at: datetime) -> int:
    return round(at.timestamp() * SECOND)


def _whole(text: str) -> str:
    """Valid Unicode, whatever a client sent."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _fault(body: RepeatsSpecialist) -> str:
    """What is wrong with the JSON half, or nothing."""
    if body.kind != "repeats":
        return f"kind {body.kind!r}, not repeats"
    if len(body.labels) > MAX_LABELS or len(set(body.labels)) != len(body.labels):
        return f"{len(body.labels)} labels, or one of them twice"
    if not (0 < body.horizon_s <= 10 * 366 * 86_400 and 0 <= body.newest_at <= 1 << 56):
        return "a number is out of range"
    try:
        secret = bytes.fromhex(body.secret)
    except ValueError:
        return "its secret is not hexadecimal"
    return "" if 16 <= len(secret) <= 64 else f"a secret of {len(secret)} bytes"
