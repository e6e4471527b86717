"""Protocol Buffers' wire format: bytes to records and back, by a table of fields. Nothing is generated and nothing is imported.

A record is what the JSON form of the message would decode to, but for two things: 64-bit numbers are `int`, and fields of the kind
`hex` (identifiers of traces) are lower-case hex text, as OTLP writes them in JSON. Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modicum.errors import InputError

MOST_DEPTH = 64
MOST_RECORDS = 400_000
"""Two bytes can be a record: without a bound a small body would fill the memory."""
Kind = Literal["text", "bytes", "hex", "int", "bool", "fixed64", "fixed32", "sfixed64", "double", "record"]
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_WIRE: Mapping[Kind, int] = {
    "text": _BYTES, "bytes": _BYTES, "hex": _BYTES, "record": _BYTES, "int": _VARINT, "bool": _VARINT,
    "fixed64": _EIGHT, "sfixed64": _EIGHT, "double": _EIGHT, "fixed32": _FOUR,
}  # fmt: skip
_PACKED: Mapping[Kind, struct.Struct] = {
    "fixed64": struct.Struct("<Q"), "sfixed64": struct.Struct("<q"), "double": struct.Struct("<d"), "fixed32": struct.Struct("<I"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    kind: Kind = "text"
    message: Message | None = None
    repeated: bool = False


class Message:
    """A message's fields by number. They may be added later, for messages that hold themselves."""

    __slots__ = ("fields", "tags")

    def __init__(self, fields: Mapping[int, Field] | None = None) -> None:
        self.fields: dict[int, Field] = {}
        self.tags: dict[str, tuple[bytes, Field]] = {}
        """Name -> the bytes before a value (packed numbers have their own)."""
        self.add(fields or {})

    def add(self, fields: Mapping[int, Field]) -> None:
        for number, field in fields.items():
            self.fields[number] = field
            packed = field.repeated and field.kind in _PACKED
            self.tags[field.name] = varint(number << 3 | (_BYTES if packed else _WIRE[field.kind])), field


def decode(message: Message, data: bytes) -> dict[str, Any]:
    """The record in `data`. Unknown fields are skipped. Raises InputError for what is no such message, or is too deep or too much."""
    try:
        return _Reader(data).record(message, 0, len(data), MOST_DEPTH)
    except UnicodeDecodeError:
        raise InputError("not protobuf: text that is not UTF-8") from None
    except (IndexError, struct.error):
        raise InputError("not protobuf: it ends within a field") from None


class _Reader:
    __slots__ = ("_at", "_data", "_left")

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._left = data, 0, MOST_RECORDS

    def record(self, message: Message, start: int, end: int, depth: int) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0:
            raise InputError(f"the message holds over {MOST_RECORDS:,} records")
        if depth == 0:
            raise InputError(f"the message is nested deeper than {MOST_DEPTH} levels")
        found: dict[str, Any] = {}
        fields = message.fields
        self._at = start
        while self._at < end:
            tag = self._varint()
            field, wire = fields.get(tag >> 3), tag & 7
            if not tag >> 3:
                raise InputError("not protobuf: field number 0")
            begin, stop, number = self._value(wire, end)
            if field is None:
                continue
            if wire == _WIRE[field.kind]:
                value = self._read(field, begin, stop, number, depth)
                if field.repeated:
                    found.setdefault(field.name, []).append(value)
                else:
                    found[field.name] = value
            elif wire == _BYTES and field.repeated and (packed := _PACKED.get(field.kind)) is not None:
                found.setdefault(field.name, []).extend(value for (value,) in packed.iter_unpack(self._data[begin:stop]))
            self._at = stop
        return found

    def _value(self, wire: int, end: int) -> tuple[int, int, int]:
        """(start, end, number) of a value, which begins where the reader stands."""
        number = 0
        if wire == _VARINT:
            begin = self._at
            number = self._varint()
            stop = self._at
        elif wire == _BYTES:
            size = self._varint()
            begin = self._at
            stop = begin + size
        elif wire in (_EIGHT, _FOUR):
            begin = self._at
            stop = begin + (8 if wire == _EIGHT else 4)
        else:
            raise InputError(f"not protobuf: wire type {wire}")
        if stop > end:
            raise InputError("not protobuf: it ends within a field")
        self._at = stop
        return begin, stop, number

    def _read(self, field: Field, begin: int, stop: int, number: int, depth: int) -> Any:
        kind = field.kind
        if kind == "text":
            return str(self._data[begin:stop], "utf-8")
        if kind == "record":
            assert field.message is not None
            return self.record(field.message, begin, stop, depth - 1)
        if kind == "int":
            return number - (1 << 64) if number >= 1 << 63 else number
        if kind == "bool":
            return number != 0
        if kind == "bytes":
            return self._data[begin:stop]
        if kind == "hex":
            return self._data[begin:stop].hex()
        return _PACKED[kind].unpack_from(self._data, begin)[0]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF
            shift += 7
            if shift > 63:
                raise InputError("not protobuf: a number of more than ten bytes")


def encode(message: Message, record: Mapping[str, Any]) -> bytes:
    """The bytes of a record; what is None is left out. Raises KeyError for a field that the message does not have."""
    parts: list[bytes] = []
    for name, value in record.items():
        tag, field = message.tags[name]
        if value is None:
            continue
        if not field.repeated:
            parts += (tag, _written(field, value))
        elif (packed := _PACKED.get(field.kind)) is not None:
            numbers = b"".join(map(packed.pack, value))
            parts += (tag, varint(len(numbers)), numbers)
        else:
            for one in value:
                parts += (tag, _written(field, one))
    return b"".join(parts)


def _written(field: Field, value: Any) -> bytes:
    kind = field.kind
    if kind == "record":
        assert field.message is not None
        data = encode(field.message, value)
    elif kind == "text":
        data = value.encode("utf-8", "replace")
    elif kind == "hex":
        data = bytes.fromhex(value)
    elif kind == "bytes":
        data = value
    elif kind in ("int", "bool"):
        return varint(int(value) & 0xFFFF_FFFF_FFFF_FFFF)
    else:
        return _PACKED[kind].pack(value)
    return varint(len(data)) + data


def varint(value: int) -> bytes:
    """A number of up to 64 bits, seven bits a byte, the lowest first."""
    if value < 0x80:
        return bytes((value,))
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
