"""ONNX graphs, checked before anything loads them: no file beside the graph, no operator that this program does not expect.

Reads the protobuf itself (field numbers of onnx.proto3) and only as far as that question goes. What is refused: tensors whose data lie
in another file (a path that the graph chooses), functions, training steps, loops, and operators of domains that load code.
"""

from __future__ import annotations

from collections.abc import Iterator

from modicum.errors import ArtefactError

MAX_NODES = 100_000
MAX_DEPTH = 8
DOMAINS = {b"", b"ai.onnx"}
FUSED = {
    b"Attention",
    b"BiasGelu",
    b"DynamicQuantizeMatMul",
    b"EmbedLayerNormalization",
    b"FastGelu",
    b"FusedMatMul",
    b"Gelu",
    b"LayerNormalization",
    b"MatMulIntegerToFloat",
    b"MatMulNBits",
    b"QAttention",
    b"QEmbedLayerNormalization",
    b"QuickGelu",
    b"SkipLayerNormalization",
}
"""Operators of `com.microsoft` that quantising and fusing an encoder makes."""
ENDLESS = {b"Loop", b"Scan"}

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Piece = tuple[int, int, int, int]
"""Field number, value of a varint, begin and end of its bytes (0, 0 where it has none)."""


def check_onnx(data: bytes) -> None:
    """Raise ArtefactError unless `data` is a graph that may be loaded."""
    graphs = 0
    for field, _, begin, end in _fields(data, 0, len(data)):
        if field in (20, 25):
            raise ArtefactError("not an encoder's graph: it brings functions or training steps")
        if field == 7:
            graphs += 1
            if sum(1 for _ in _nodes(data, begin, end, 0)) > MAX_NODES:
                raise ArtefactError(f"a graph of more than {MAX_NODES} operators")
    if graphs != 1:
        raise ArtefactError(f"not ONNX: {graphs} graphs")


def _nodes(data: bytes, begin: int, end: int, depth: int) -> Iterator[None]:
    """Once for each operator, those of graphs within included; all of them checked on the way."""
    if depth > MAX_DEPTH:
        raise ArtefactError("graphs within graphs, too deep")
    for field, _, start, stop in _fields(data, begin, end):
        if field == 1:
            yield
            yield from _node(data, start, stop, depth)
        elif field == 5:
            _tensor(data, start, stop)
        elif field == 15:
            _sparse(data, start, stop)


def _node(data: bytes, begin: int, end: int, depth: int) -> Iterator[None]:
    kind, domain = b"", b""
    for field, _, start, stop in _fields(data, begin, end):
        if field == 4:
            kind = data[start:stop]
        elif field == 7:
            domain = data[start:stop]
        elif field == 5:
            yield from _attribute(data, start, stop, depth)
    if kind in ENDLESS or (domain not in DOMAINS and not (domain == b"com.microsoft" and kind in FUSED)):
        raise ArtefactError(
            f"operator {kind[:40].decode('ascii', 'replace')!r} of {domain[:40].decode('ascii', 'replace')!r} is not allowed"
        )


def _attribute(data: bytes, begin: int, end: int, depth: int) -> Iterator[None]:
    for field, _, start, stop in _fields(data, begin, end):
        if field in (5, 10):
            _tensor(data, start, stop)
        elif field in (6, 11):
            yield from _nodes(data, start, stop, depth + 1)
        elif field in (22, 23):
            _sparse(data, start, stop)


def _sparse(data: bytes, begin: int, end: int) -> None:
    for field, _, start, stop in _fields(data, begin, end):
        if field in (1, 2):
            _tensor(data, start, stop)


def _tensor(data: bytes, begin: int, end: int) -> None:
    for field, value, _, _ in _fields(data, begin, end):
        if field == 13 or (field == 14 and value != 0):
            raise ArtefactError("a tensor's data lie in another file")


def _fields(data: bytes, at: int, end: int) -> Iterator[Piece]:
    """The fields of one message. Raises ArtefactError where the bytes are none."""
    while at < end:
        key, at = _varint(data, at, end)
        field, kind = key >> 3, key & 7
        value = begin = stop = 0
        if kind == VARINT:
            value, at = _varint(data, at, end)
        elif kind == BYTES:
            length, begin = _varint(data, at, end)
            at = stop = begin + length
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise ArtefactError("not ONNX: an unknown kind of field")
        if at > end or field == 0:
            raise ArtefactError("not ONNX: it ends in the middle")
        yield field, value, begin, stop


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ArtefactError("not ONNX: a number does not end")
