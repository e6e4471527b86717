"""Recorded answers to the files of an exact cache: what was answered to the same request, when.

Learns nothing and reads nothing but equality. Which of the answers may be given, and how old they may be, is tested like any rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.backends.repeats import ENTRIES_FILE, KEY_BYTES, UNREAD, RepeatsSpecialist, key_of, microseconds, seal, text_of
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import NotEnoughDataError
from modicum.types import Sample

KEY_COST = KEY_BYTES + 4
ANSWER_COST = 12
"""Bytes of a key and of one answer to it, a sealed answer's own beside."""


def build(
    samples: Sequence[Sample], *, labels: Sequence[str], horizon_s: int, secret: bytes, max_size_bytes: int
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Files of an exact cache over all samples, and what is to be said of it. Requests that were last asked longest ago give way to
    `max_size_bytes`. `labels` is all that may be said; empty where answers are from no list: then they are sealed.

    The same samples and secret give the same files. Raises NotEnoughDataError where there is no answer.
    """
    from safetensors.numpy import save

    number = {label: place for place, label in enumerate(labels)}
    found: dict[bytes, list[tuple[int, str | None]]] = {}
    texts: dict[bytes, bytes] = {}
    for sample in sorted(samples, key=lambda one: (one.at, one.call_id)):
        text = text_of(sample.slots)
        key = key_of(secret, text)
        texts[key] = text
        found.setdefault(key, []).append((microseconds(sample.at), sample.value))
    if not any(sample.value is not None for sample in samples):
        raise NotEnoughDataError("no answer can be read")
    kept = sorted(_newest(found, max_size_bytes, sealed=not labels))
    times: list[int] = []
    answers: list[int] = []
    starts = [0]
    sealed = bytearray()
    ends: list[int] = []
    for key in kept:
        own: dict[str, int] = {}
        for at, value in found[key]:
            times.append(at)
            if value is None or (labels and value not in number):
                answers.append(UNREAD)
            elif labels:
                answers.append(number[value])
            else:
                if value not in own:
                    own[value] = len(ends)
                    sealed += seal(secret, texts[key], len(ends), value.encode())
                    ends.append(len(sealed))
                answers.append(own[value])
        starts.append(len(times))
    tensors: dict[str, npt.NDArray[Any]] = {
        "keys": np.frombuffer(b"".join(kept), np.uint8).reshape(-1, KEY_BYTES),
        "starts": np.array(starts, np.uint32),
        "times": np.array(times, np.int64),
        "answers": np.array(answers, np.int32),
    }
    if not labels:
        tensors |= {"sealed": np.frombuffer(bytes(sealed), np.uint8), "ends": np.array(ends, np.uint32)}
    body = RepeatsSpecialist(
        kind="repeats",
        labels=list(labels),
        secret=secret.hex(),
        horizon_s=horizon_s,
        newest_at=max(microseconds(sample.at) for sample in samples),
    )
    files = {SPECIALIST_FILE: msgspec.json.encode(body), ENTRIES_FILE: save(tensors)}
    about = {
        "trainer": "repeats",
        "samples": len(samples),
        "requests": len(kept),
        "requests_left_out": len(found) - len(kept),
        "horizon_s": horizon_s,
        "size_bytes": sum(map(len, files.values())),
    }
    return files, about


def with_horizon(files: dict[str, bytes], horizon_s: int) -> dict[str, bytes]:
    """The same cache with another horizon."""
    body = msgspec.json.decode(files[SPECIALIST_FILE], type=RepeatsSpecialist)
    return files | {SPECIALIST_FILE: msgspec.json.encode(msgspec.structs.replace(body, horizon_s=horizon_s))}


def secret_of(home_key: bytes, scope: str, workload_id: str) -> bytes:
    """What the requests of one workload of one scope are hashed with; nothing of the home's key can be told from it."""
    return hashlib.blake2b(b"\0".join((b"repeats", scope.encode(), workload_id.encode())), key=home_key, digest_size=32).digest()


def _newest(found: dict[bytes, list[tuple[int, str | None]]], limit: int, *, sealed: bool) -> list[bytes]:
    """The requests that fit, those asked last first."""
    kept, left = [], limit - 4_096
    for key in sorted(found, key=lambda key: (-found[key][-1][0], key)):
        left -= KEY_COST + ANSWER_COST * len(found[key])
        left -= sum(4 + len(value.encode()) for value in {v for _, v in found[key]} if value is not None) if sealed else 0
        if left < 0:
            break
        kept.append(key)
    return kept
