"""Recorded calls as a provider: the same request gets the answer that it got then.

A request is found by the digest of its JSON without the fields that only say how the reply is delivered. Several recorded answers to
one request come in turn, as they were recorded, then from the first again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.types import Call
from modicum.wire import chat

STREAM_FIELDS = frozenset(("stream", "stream_options"))

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded answer."""

    status: int
    body: bytes
    duration_ms: float | None
    time_to_first_chunk_ms: float | None


class Recordings:
    """Answers by request, in memory."""

    def __init__(self) -> None:
        self._answers: dict[bytes, list[Recording]] = {}
        self._turn: dict[bytes, int] = {}
        self.calls = 0
        self.models: dict[str, None] = {}
        """Models asked for, in the order in which they appeared."""

    def __len__(self) -> int:
        """Distinct requests."""
        return len(self._answers)

    def add(self, call: Call) -> bool:
        """Keep a call's answer. False where it has no request or no answer that could be given again."""
        if call.request is None or call.response is None:
            return False
        try:
            request = chat.loads(call.request)
            chat.loads(call.response)
        except InputError:
            return False
        recording = Recording(call.status, call.response, call.duration_ms, call.time_to_first_chunk_ms)
        self._answers.setdefault(key(request), []).append(recording)
        if isinstance(request.get("model"), str):
            self.models[request["model"]] = None
        self.calls += 1
        return True

    def answer(self, request: Mapping[str, Any]) -> Recording | None:
        """The next recorded answer to this request; None where it was never recorded."""
        found = key(request)
        answers = self._answers.get(found)
        if answers is None:
            return None
        turn = self._turn.get(found, 0)
        self._turn[found] = (turn + 1) % len(answers)
        return answers[turn]


def key(request: Mapping[str, Any]) -> bytes:
    """Digest of a request without its stream fields; the order of keys does not matter."""
    plain = {name: value for name, value in request.items() if name not in STREAM_FIELDS}
    return hashlib.blake2b(_encode_sorted(plain), digest_size=16).digest()
