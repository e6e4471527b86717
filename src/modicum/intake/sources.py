"""Open a log: plain, gzip or zstd by its first bytes, from a file or from standard input, never more of it in memory than a piece.

UTF-16, as spreadsheets write it, is read as UTF-8.

What unpacks to far more than any log would is taken for an attack and ends there; what breaks off in the middle gives all that came before.
"""

from __future__ import annotations

import codecs
import io
import itertools
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from modicum.errors import LogFormatError

STDIN = "-"
PIECE_BYTES = 1 << 20
MOST_RATIO = 300
"""Logs with one long prompt repeated throughout stay below a third of this."""
RATIO_FROM_BYTES = 64 << 20
"""The ratio counts from so many unpacked bytes on."""
ZSTD_WINDOW_BYTES = 128 << 20
"""What zstd's own command line accepts without being asked; a larger one would be ours to allocate."""


_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Broken(Exception):
    """The packed stream cannot be read on; the text says why."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class Source:
    """An open log."""

    name: str
    stream: BinaryIO
    """Packed, as it lies on the disk."""
    modified_at: datetime
    size_bytes: int | None
    """Packed size, where it is known."""
    read_bytes: int = 0
    """Packed bytes read so far."""
    generated: Callable[[], Iterator[bytes]] | None = None
    """Gives the bytes in place of `stream`, once, where they come from elsewhere than a file."""

    def read(self, size: int, /) -> bytes:
        chunk = self.stream.read(size)
        self.read_bytes += len(chunk)
        return chunk

    def pieces(self) -> Iterator[bytes]:
        """The unpacked bytes, as UTF-8 where a mark says that they are UTF-16. Raises Broken where they end too early, or never would."""
        pieces = self._unpacked() if self.generated is None else self.generated()
        start = b""
        while len(start) < 2 and (piece := next(pieces, None)) is not None:
            start += piece
        yield from _as_utf8(start, pieces) if start[:2] in _UTF16 else itertools.chain((start,), pieces)

    def _unpacked(self) -> Iterator[bytes]:
        start = b""
        while len(start) < 4 and (more := self.read(4 - len(start))):
            start += more
        if start[:2] == b"\x1f\x8b":
            pieces = _gzip(self, start)
        elif start == b"\x28\xb5\x2f\xfd":
            pieces = _zstd(self, start)
        else:
            yield start
            while piece := self.read(PIECE_BYTES):
                yield piece
            return
        unpacked = 0
        for piece in pieces:
            unpacked += len(piece)
            if unpacked > RATIO_FROM_BYTES and unpacked > MOST_RATIO * self.read_bytes:
                raise Broken(f"unpacks to over {MOST_RATIO} times its size: refused as a decompression bomb")
            yield piece


def _as_utf8(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    decode = codecs.getincrementaldecoder("utf-16")().decode
    try:
        for piece in itertools.chain((start,), pieces):
            yield decode(piece).encode()
        yield decode(b"", final=True).encode()
    except UnicodeError as error:
        raise Broken(f"begins like UTF-16 and is none: {error}") from None


def _gzip(source: Source, start: bytes) -> Iterator[bytes]:
    packed = start
    while packed or (packed := source.read(PIECE_BYTES)):
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not packed and not (packed := source.read(PIECE_BYTES)):
                raise Broken("the gzip stream breaks off")
            try:
                piece = member.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                raise Broken(f"the gzip stream is damaged: {error}") from None
            packed = member.unconsumed_tail if not member.eof else member.unused_data
            if piece:
                yield piece
        # Some writers pad the end with zeros.
        packed = packed.lstrip(b"\0")


class _Prefixed(io.BytesIO):
    """A stream whose first bytes were read already."""

    def __init__(self, start: bytes, source: Readable) -> None:
        super().__init__()
        self._start, self._source = start, source

    def read(self, size: int | None = -1, /) -> bytes:
        size = PIECE_BYTES if size is None or size < 0 else size
        start, self._start = self._start[:size], self._start[size:]
        return start or self._source.read(size)


def _zstd(source: Source, start: bytes) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    with unpacker.stream_reader(_Prefixed(start, source), read_size=PIECE_BYTES, read_across_frames=True) as reader:
        while True:
            try:
                piece = reader.read(PIECE_BYTES)
            except zstandard.ZstdError as error:
                raise Broken(f"the zstd stream is damaged: {error}") from None
            if not piece:
                break
            yield piece


@contextmanager
def opened(log: Path) -> Iterator[Source]:
    """Open a log, `-` being standard input. Raises LogFormatError where there is no such file or it cannot be read."""
    if str(log) == STDIN:
        yield Source("standard input", sys.stdin.buffer, datetime.now(UTC), None)
        return
    try:
        with log.open("rb", buffering=PIECE_BYTES) as file:
            about = os.fstat(file.fileno())
            yield Source(str(log), file, datetime.fromtimestamp(int(about.st_mtime), UTC), about.st_size)
    except FileNotFoundError:
        raise LogFormatError(f"no file '{log}'") from None
    except IsADirectoryError:
        raise LogFormatError(f"'{log}' is a folder", hint="name the files in it") from None
    except PermissionError:
        raise LogFormatError(f"'{log}' may not be read") from None
