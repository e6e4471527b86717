"""Who a recorded call is, however often its log is read: an id that depends on nothing but scope and identity. Light.

An imported call is known by its response's own id, else by the digest of its line and how often the line has occurred before in
its source. Its `call_id` is a UUIDv7 (RFC 9562) whose time is the call's and whose 74 other bits digest the identity, so
ids sort by time and the same call has the same id in every import. The same identity in another scope is another call.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime

from modicum.errors import InputError
from modicum.store.codec import from_us, to_us

KEY_BYTES = 10
_RANDOM_BITS = 0x0FFF_3FFF_FFFF_FFFF_FFFF
_FORM = 7 << 76 | 2 << 62


def of_response(scope: str, response_id: str) -> bytes:
    """The identity of a call whose response has an id of its own."""
    return _digest(b"response", scope.encode(), response_id.encode("utf-8", "surrogatepass"))


def of_line(scope: str, line_digest: bytes, occurrence: int) -> bytes:
    """The identity of a call without one: its line, and which occurrence of it in its source this is (1, 2, …)."""
    return _digest(b"line", scope.encode(), line_digest, str(occurrence).encode())


def call_id(started_at: datetime, identity: bytes) -> str:
    """The id of an imported call."""
    milliseconds = max(0, to_us(started_at) // 1000) & 0xFFFF_FFFF_FFFF
    found = f"{milliseconds << 80 | _FORM | int.from_bytes(identity[:KEY_BYTES]) & _RANDOM_BITS:032x}"
    return f"{found[:8]}-{found[8:12]}-{found[12:16]}-{found[16:20]}-{found[20:]}"


def name(scope: str, text: str) -> bytes:
    """The key of a call that is known by this name: the same as that of a call whose response has it for an id."""
    digest = int.from_bytes(of_response(scope, text)[:KEY_BYTES])
    return (_FORM | digest & _RANDOM_BITS).to_bytes(KEY_BYTES)


def key(call_id: str) -> bytes:
    """What is left of a call id without its time: the same for one identity even where the log's times were rewritten."""
    try:
        found = bytes.fromhex(call_id[14:].replace("-", ""))
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise InputError(f"'{call_id}' is not the id of a call")
    return found


def day_of(call_id: str) -> str | None:
    """The UTC day (YYYY-MM-DD) that a call id names; None where it is no UUIDv7."""
    try:
        parsed = uuid.UUID(call_id)
    except ValueError:
        return None
    if parsed.version != 7:
        return None
    return from_us((parsed.int >> 80) * 1000).date().isoformat()


def _digest(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"".join([len(part).to_bytes(8) + part for part in parts]), digest_size=16).digest()
