"""A recorded call as it is told: its figures, and both bodies word for word."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import msgspec

from modicum.types import Call

NULL = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldCall:
    """A call; its bodies stand beside it as JSON, byte for byte as they are kept (null: none is)."""

    call: Call
    request: msgspec.Raw
    response: msgspec.Raw


def told(call: Call) -> ToldCall:
    """The call with its bodies taken out and put beside it."""
    bare = dataclasses.replace(call, request=None, response=None)
    return ToldCall(call=bare, request=_raw(call.request), response=_raw(call.response))


def _raw(body: bytes | None) -> msgspec.Raw:
    """A body as JSON: itself, or as a string where it is none."""
    if body is None:
        return NULL
    try:
        msgspec.json.decode(body)
        body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(body.decode("utf-8", "replace")))
    return msgspec.Raw(body)
