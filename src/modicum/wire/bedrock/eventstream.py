"""The binary stream `application/vnd.amazon.eventstream`: bytes in any pieces -> messages, and messages -> bytes.

A message is a prelude (total length, headers' length, CRC32 of these eight bytes), headers, payload, and the CRC32 of all that
came before. Numbers are big-endian. A header is a name (one byte of length), a type (one byte) and a value.
Read in AWS's page on event stream encoding, 2026-11-22; the tests compare with botocore's parser.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modicum.errors import UpstreamError

LONGEST_HEADERS = 128 << 10
LONGEST_MESSAGE = 4 << 20
"""Bytes of a whole message. AWS allows 24 MiB of payload; a chunk of an answer has a few hundred bytes."""

Value = bool | int | bytes | str
"""Timestamps are whole milliseconds since 1970, UUIDs their 16 bytes."""

_PRELUDE = struct.Struct(">III")
_FIXED = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q"), 8: struct.Struct(">q")}
_BYTES, _TEXT, _UUID = 6, 7, 9


class Message(NamedTuple):
    headers: dict[str, Value]
    payload: bytes

    def text(self, name: str) -> str:
        """A header's text; "" where there is none."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class Messages:
    """One stream. Raises UpstreamError for what is no stream of this kind; afterwards it is of no more use."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def partial(self) -> bool:
        """A message has begun and is not whole."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that are whole now. Must be read to its end before the next chunk comes."""
        self._held += chunk
        at = 0
        while len(self._held) - at >= _PRELUDE.size:
            total, headers, crc = _PRELUDE.unpack_from(self._held, at)
            if zlib.crc32(self._held[at : at + 8]) != crc:
                raise _broken("the checksum of a prelude does not fit")
            if headers > LONGEST_HEADERS or total > LONGEST_MESSAGE or total < headers + 16:
                raise _broken(f"a message of {total} bytes with {headers} bytes of headers")
            if len(self._held) - at < total:
                break
            message = bytes(self._held[at : at + total])
            at += total
            if zlib.crc32(message[:-4]) != int.from_bytes(message[-4:]):
                raise _broken("the checksum of a message does not fit")
            yield Message(_headers(message[12 : 12 + headers]), message[12 + headers : -4])
        del self._held[:at]


def _headers(data: bytes) -> dict[str, Value]:
    found: dict[str, Value] = {}
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, kind = data[at + 1 : end].decode(), data[end]
            value, at = _value(data, kind, end + 1)
            if name in found:
                raise _broken(f"the header '{name[:40]}' stands twice")
            found[name] = value
    except (IndexError, UnicodeDecodeError, struct.error):
        raise _broken("headers that cannot be read") from None
    return found


def _value(data: bytes, kind: int, at: int) -> tuple[Value, int]:
    """(value, where the next header begins). Raises IndexError past the end."""
    if kind in (0, 1):
        return kind == 0, at
    if kind in _FIXED:
        form = _FIXED[kind]
        return form.unpack_from(data, at)[0], at + form.size
    if kind == _UUID:
        length = 16
    elif kind in (_BYTES, _TEXT):
        length = struct.unpack_from(">H", data, at)[0]
        at += 2
    else:
        raise _broken(f"a header of type {kind}")
    if at + length > len(data):
        raise IndexError
    raw = data[at : at + length]
    return (raw.decode() if kind == _TEXT else raw), at + length


def _broken(why: str) -> UpstreamError:
    return UpstreamError(f"the provider's event stream is broken: {why}")


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with text headers. Names may have 255 bytes, values 65,535."""
    packed = b"".join(
        bytes([len(name := key.encode())]) + name + bytes([_TEXT]) + struct.pack(">H", len(raw := value.encode())) + raw
        for key, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + zlib.crc32(prelude).to_bytes(4) + packed + payload
    return message + zlib.crc32(message).to_bytes(4)
