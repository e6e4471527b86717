"""A bundle from anywhere to the bytes of its files: everything odd is refused here, before anything is loaded or written.

An archive is flat and short: plain files with plain names, each once, no links, no folders, nothing encrypted, and in all no more bytes
than an artefact may have, however small they were packed. Of a zip the table of contents is bounded before the library parses it; of a tar
only plain records are read, by the code below. Who has packed a bundle anew in another way unpacks it and gives the folder.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from modicum.artefact.pack import BESIDE, MANIFEST, MAX_SCRIPTS, SCRIPT
from modicum.artefact.store import MAX_ARTEFACT_BYTES, MAX_FILES, MAX_MANIFEST_BYTES, NAME, Artefact, check
from modicum.errors import ArtefactError

MAX_ENTRIES = MAX_FILES + 1 + len(BESIDE) + MAX_SCRIPTS
MAX_BESIDE_BYTES = 1024 * 1024
MAX_BUNDLE_BYTES = MAX_ARTEFACT_BYTES + MAX_MANIFEST_BYTES + (len(BESIDE) + MAX_SCRIPTS) * MAX_BESIDE_BYTES
MAX_CONTENTS_BYTES = 64 * 1024
"""Of a zip's table of contents."""
MAX_RATIO = 200
"""Bytes out of a packed one, beyond the first megabyte: weights full of zeros stay below."""

_END = b"PK\x05\x06"
_END_BYTES = 22
_BLOCK = 512
_HINT = "a bundle is what `modicum artefact export` wrote; one that was packed anew is unpacked first, and its folder given"

Piece = tuple[str, bytes]


def open_bundle(path: Path) -> tuple[Artefact, dict[str, bytes]]:
    """The artefact of a bundle, checked, and all that the bundle holds, by name: a folder, a .zip or a .tar. Raises ArtefactError."""
    try:
        files = unpack(path)
        if MANIFEST not in files:
            raise ArtefactError(f"it holds no {MANIFEST}")
        return check(files[MANIFEST], {name: data for name, data in files.items() if NAME.fullmatch(name)}), files
    except FileNotFoundError:
        raise ArtefactError(f"no bundle at {path}") from None
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror or error}") from None
    except ArtefactError as error:
        raise ArtefactError(f"{path}: {error.message}", hint=error.hint or _HINT) from None


def unpack(path: Path) -> dict[str, bytes]:
    """The files of a bundle, by name, whatever they hold. Raises ArtefactError for what is not packed as a bundle is, and OSError."""
    if path.is_dir():
        return _collect(_folder(path))
    return _collect(_archive(_plain(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), MAX_BUNDLE_BYTES, path.name)))


def limit_of(name: str) -> int:
    """The most bytes that an entry of this name may have. Raises ArtefactError for a name that no bundle holds."""
    if name == MANIFEST:
        return MAX_MANIFEST_BYTES
    if _is_beside(name):
        return MAX_BESIDE_BYTES
    if NAME.fullmatch(name):
        return MAX_ARTEFACT_BYTES
    raise ArtefactError(f"it holds {name[:100]!a}")


def _is_beside(name: str) -> bool:
    return name in BESIDE or SCRIPT.fullmatch(name) is not None


def _collect(pieces: Iterator[Piece]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name, data in pieces:
        if name in files:
            raise ArtefactError(f"it holds {name} twice")
        files[name] = data
        if len(files) > MAX_ENTRIES:
            raise ArtefactError(f"it holds more than {MAX_ENTRIES} files")
        if sum(map(len, files.values())) > MAX_BUNDLE_BYTES:
            raise ArtefactError(f"it holds more than {MAX_BUNDLE_BYTES} bytes")
    return files


def _folder(path: Path) -> Iterator[Piece]:
    """Plain files of a folder; nothing is followed out of it, whoever swaps a file for a link meanwhile."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                limit = limit_of(entry.name)
                fd = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
                yield entry.name, _plain(fd, limit, entry.name)
    finally:
        os.close(folder)


def _plain(fd: int, limit: int, name: str) -> bytes:
    """The bytes of an opened file, which is closed then."""
    with open(fd, "rb") as file:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            raise ArtefactError(f"{name} is no plain file")
        return _read(file, min(limit, about.st_size), name)


def _read(file: IO[bytes], limit: int, name: str) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ArtefactError(f"{name} has more than {limit} bytes")
    return data


def _archive(data: bytes) -> Iterator[Piece]:
    if data[:2] == b"PK":
        return _zip(data)
    if data[257:262] == b"ustar":
        return _tar(data)
    raise ArtefactError("neither a folder nor a .zip nor a .tar")


def _zip(data: bytes) -> Iterator[Piece]:
    # The library reads the whole table of contents at once, so what it may be is settled before: at the very end, short, of one disk.
    end = data[-_END_BYTES:]
    contents, at = int.from_bytes(end[12:16], "little"), int.from_bytes(end[16:20], "little")
    if end[:4] != _END or contents > MAX_CONTENTS_BYTES or at + contents + _END_BYTES != len(data):
        raise ArtefactError("a zip with a comment, something before or behind it, or too long a table of contents")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                limit = limit_of(entry.orig_filename)
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if entry.flag_bits & 1 or kind not in (0, stat.S_IFREG) or entry.external_attr & 0x10:
                    raise ArtefactError(f"{entry.filename} is encrypted, or no plain file")
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ArtefactError(f"{entry.filename} is packed in a way that is not allowed")
                if entry.file_size > min(limit, MAX_RATIO * entry.compress_size + MAX_BESIDE_BYTES):
                    raise ArtefactError(f"{entry.filename} would unpack to {entry.file_size} bytes")
                with archive.open(entry) as file:  # gives no more bytes than the entry says
                    yield entry.filename, _read(file, limit, entry.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, struct.error) as error:
        raise ArtefactError(f"not a zip: {str(error)[:100]}") from None


def _tar(data: bytes) -> Iterator[Piece]:
    at = 0
    while any(header := data[at : at + _BLOCK]):
        if len(header) < _BLOCK or header[257:262] != b"ustar" or _sum(header) != _octal(header[148:156]):
            raise ArtefactError("not a tar, or one that is damaged")
        name = header[:100].rstrip(b"\0").decode("ascii", "backslashreplace")
        limit, size = limit_of(name), _octal(header[124:136])
        if header[156:157] not in (b"0", b"\0") or any(header[345:500]):
            raise ArtefactError(f"{name} is no plain file")
        at += _BLOCK
        if size > limit or at + size > len(data):
            raise ArtefactError(f"{name} has more than {limit} bytes, or ends in the middle")
        yield name, data[at : at + size]
        at += -(-size // _BLOCK) * _BLOCK
    if any(data[at:]):
        raise ArtefactError("a tar with something behind its end")


def _sum(header: bytes) -> int:
    """Of a tar header, its own field read as spaces."""
    return sum(header[:148]) + 8 * 32 + sum(header[156:])


def _octal(field: bytes) -> int:
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    if not re.fullmatch(rb"[0-7]{1,12}", digits):
        raise ArtefactError("not a tar: a number is none")
    return int(digits, 8)
