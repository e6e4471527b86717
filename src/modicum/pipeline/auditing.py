"""The record of changes, checked and exported: of a home, and of a file that an export wrote, which needs no home.

A signature is made and checked by what signs artefacts, with a local key, over the export's bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from modicum.artefact.pack import SIGNATURE
from modicum.artefact.signing import check_signature, sign
from modicum.errors import ArtefactError, InputError
from modicum.store import audit_file, chain
from modicum.store.chain import Walk, Walked
from modicum.store.control import Control

NAME = "audit.jsonl"
"""What a signature calls an export, whatever its file is called."""
MAX_SIGNED_BYTES = 1024 * 1024 * 1024
MAX_SIGNATURE_BYTES = 1024 * 1024


def export(home: Path) -> Iterator[bytes]:
    """The whole record with its head, as `audit_file` writes it: of one moment."""
    return audit_file.written(Control(home).audit_lines(), datetime.now(UTC))


def verify_home(home: Path, kept: str | None = None) -> Walked:
    """Check the record of a home. `kept`: a head that somebody kept; the record may have grown since."""
    walk = Walk(kept)
    for line in Control(home).audit_lines():
        walk.step(line)
    return walk.end()


def verify_file(path: Path, kept: str | None = None) -> Walked:
    """Check an export. Raises InputError where there is no file to read."""
    try:
        with path.open("rb") as file:
            return audit_file.verify(file, kept)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def kept_head(text: str) -> str:
    """The head that is meant by 64 digits, or by the path of an export. Raises InputError."""
    if not Path(text).is_file():
        return chain.head(text)
    try:
        with Path(text).open("rb") as file:
            return audit_file.head_of(file)
    except OSError as error:
        raise InputError(f"cannot read {text}: {error.strerror}") from None


def signature_of(path: Path) -> Path:
    """Where the signature of an export lies: beside it."""
    return path.with_name(f"{path.name}.sig")


def sign_file(path: Path, private_key: Path) -> Path:
    """Sign an export, and say where the signature lies. Raises ArtefactError, MissingExtraError."""
    signature = signature_of(path)
    signature.write_bytes(sign({NAME: _read(path, MAX_SIGNED_BYTES)}, private_key))
    return signature


def check_file(path: Path, public_key: Path) -> str:
    """Why an export's signature does not hold under this key; empty where it does. Raises InputError, MissingExtraError."""
    files = {NAME: _read(path, MAX_SIGNED_BYTES)}
    if signature_of(path).is_file():
        files[SIGNATURE] = _read(signature_of(path), MAX_SIGNATURE_BYTES)
    try:
        check_signature(files, public_key)
    except ArtefactError as error:
        return error.message
    return ""


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > most:
        raise InputError(f"{path} is larger than {most:,} bytes")
    return data
