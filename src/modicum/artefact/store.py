"""A folder of artefacts: `blobs/<sha256>` and `manifests/<sha256>.json`, written once and never changed.

Write order is blobs, then manifest, each through a temporary file, fsync, rename and fsync of the folder: a manifest that
can be read therefore always has its blobs, whatever was killed. Reading checks every digest, size and format again.

Beside them lies `learnt/<sha256>`: the ids of the calls that an artefact learnt from. It stays here when the artefact travels.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from modicum.artefact.formats import check_format
from modicum.errors import ArtefactError

MANIFEST_VERSION = 1
MAX_FILES = 32
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_ARTEFACT_BYTES = 512 * 1024 * 1024

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\.(?:json|safetensors|onnx)")
"""Of a file in an artefact: one dot, no folder, the same in every file system."""


def is_digest(text: str) -> bool:
    """True for `sha256:` and 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """Files with what is said about them, as verified."""

    digest: str
    about: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def size_bytes(self) -> int:
        """Sum of the files' sizes."""
        return sum(map(len, self.files.values()))


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: str
    size_bytes: int


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    about: dict[str, Any]
    files: dict[str, _Entry]


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(_Manifest)


class Artefacts:
    """The artefacts under one folder; the same content is kept once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, files: Mapping[str, bytes], about: Mapping[str, Any], *, learnt_from: Iterable[str] = ()) -> str:
        """Keep `files` (name -> bytes) with `about` (JSON data) and return the digest of the manifest, `sha256:<hex>`.

        `learnt_from`: ids of the calls that it was trained on; they are remembered beside it. The same input gives the same digest, and
        writing it again is harmless. Raises ArtefactError for names, formats or sizes that are not allowed, and where the folder cannot be
        written.
        """
        _check_sizes(files)
        entries = {name: _Entry(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data)) for name, data in files.items()}
        try:
            manifest = _encoder.encode(_Manifest(version=MANIFEST_VERSION, about=dict(about), files=entries))
        except (TypeError, ValueError, RecursionError) as error:
            raise ArtefactError(f"what is said about an artefact must be JSON data: {error}") from None
        checked = check(manifest, files)
        ids = sorted(set(learnt_from))
        try:
            if ids:
                self._folder("learnt")
                # One word an id, and none that anybody says: erasing deletes what holds a word that only erased calls said.
                _keep(self.root / "learnt" / _hex(checked.digest), "\n".join(ids).replace("-", "_").encode())
            self._keep(manifest, checked)
        except OSError as error:
            raise ArtefactError(f"cannot write artefacts under {self.root}: {error.strerror}") from None
        return checked.digest

    def add(self, manifest: bytes, files: Mapping[str, bytes]) -> Artefact:
        """Keep an artefact that came from elsewhere, under the digest that it has there. Raises ArtefactError where `check` does."""
        checked = check(manifest, files)
        try:
            self._keep(manifest, checked)
        except OSError as error:
            raise ArtefactError(f"cannot write artefacts under {self.root}: {error.strerror}") from None
        return checked

    def _keep(self, manifest: bytes, artefact: Artefact) -> None:
        for folder in ("blobs", "manifests"):
            self._folder(folder)
        for data in artefact.files.values():
            _keep(self.root / "blobs" / hashlib.sha256(data).hexdigest(), data)
        _keep(self.root / "manifests" / f"{_hex(artefact.digest)}.json", manifest)

    def _folder(self, name: str) -> None:
        (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def digests(self) -> list[str]:
        """Of all artefacts here, sorted."""
        names = (path.stem for path in (self.root / "manifests").glob("*.json"))
        return sorted(digest for name in names if is_digest(digest := f"sha256:{name}"))

    def learnt_from(self, digest: str) -> frozenset[str]:
        """Ids of the calls that an artefact learnt from; none where it was made elsewhere."""
        try:
            return frozenset((self.root / "learnt" / _hex(digest)).read_text("ascii", "replace").replace("_", "-").split())
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise ArtefactError(f"cannot read what artefact {digest} learnt from: {error.strerror}") from None

    def manifest(self, digest: str) -> bytes:
        """The manifest of an artefact, as it is kept. Raises ArtefactError where it is absent or damaged."""
        if not is_digest(digest):
            raise ArtefactError(f"{digest[:100]!r} is no digest of an artefact", hint="sha256: and 64 hexadecimal digits")
        body = self._load(self.root / "manifests" / f"{_hex(digest)}.json", MAX_MANIFEST_BYTES, f"artefact {digest}")
        if hashlib.sha256(body).hexdigest() != _hex(digest):
            raise ArtefactError(f"the manifest of artefact {digest} is damaged", hint="fit the workload again, or restore the file")
        return body

    def read(self, digest: str) -> Artefact:
        """The artefact of this digest; every byte of it was checked. Raises ArtefactError for anything odd or absent."""
        manifest = _parse(self.manifest(digest))
        files = {}
        for file, entry in sorted(manifest.files.items()):
            data = self._load(self.root / "blobs" / entry.sha256, entry.size_bytes, f"{file} of artefact {digest}")
            if len(data) != entry.size_bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
                raise ArtefactError(f"{file} of artefact {digest} is damaged", hint="fit the workload again, or restore the file")
            check_format(file, data)
            files[file] = data
        return Artefact(digest=digest, about=MappingProxyType(manifest.about), files=MappingProxyType(files))

    def _load(self, path: Path, limit: int, what: str) -> bytes:
        """At most `limit` bytes of a plain file; links are not followed."""
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            raise ArtefactError(f"{what} is not in {self.root}") from None
        except OSError as error:
            raise ArtefactError(f"cannot read {what}: {error.strerror}") from None
        if data is None or len(data) > limit:
            raise ArtefactError(f"{what} is larger than it says ({limit} bytes)")
        return data


def check(manifest: bytes, files: Mapping[str, bytes]) -> Artefact:
    """The artefact of a manifest and the files that it names: every digest, size, name and format of it holds, or ArtefactError."""
    parsed = _parse(manifest)
    if _encoder.encode(parsed) != manifest:
        raise ArtefactError("not a manifest: it is written in another way than this program writes one")
    if parsed.files.keys() != files.keys():
        odd = sorted(parsed.files.keys() ^ files.keys())[0]
        raise ArtefactError(f"{odd[:100]!r} is named by the manifest and not there, or there and not named")
    for name, entry in parsed.files.items():
        if len(files[name]) != entry.size_bytes or hashlib.sha256(files[name]).hexdigest() != entry.sha256:
            raise ArtefactError(f"{name} is not the file that the manifest names")
        check_format(name, files[name])
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    return Artefact(digest=digest, about=MappingProxyType(parsed.about), files=MappingProxyType(dict(files)))


def _check_sizes(files: Mapping[str, bytes]) -> None:
    if not 1 <= len(files) <= MAX_FILES:
        raise ArtefactError(f"an artefact has 1 to {MAX_FILES} files, not {len(files)}")
    total = sum(map(len, files.values()))
    if total > MAX_ARTEFACT_BYTES:
        raise ArtefactError(f"{total} bytes are more than an artefact may have ({MAX_ARTEFACT_BYTES})")


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ArtefactError(
            f"{name[:100]!r} is no name for a file of an artefact", hint="a-z, 0-9, - and _, ending in .json, .safetensors or .onnx"
        )


def _parse(body: bytes) -> _Manifest:
    if len(body) > MAX_MANIFEST_BYTES:
        raise ArtefactError(f"a manifest of {len(body)} bytes is too large (most: {MAX_MANIFEST_BYTES})")
    try:
        manifest = _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ArtefactError(f"not a manifest: {error}") from None
    if manifest.version != MANIFEST_VERSION:
        raise ArtefactError(f"a manifest of version {manifest.version}; this program reads version {MANIFEST_VERSION}")
    if not 1 <= len(manifest.files) <= MAX_FILES:
        raise ArtefactError(f"a manifest of {len(manifest.files)} files (1 to {MAX_FILES} are allowed)")
    for name, entry in manifest.files.items():
        _check_name(name)
        if not is_digest(f"sha256:{entry.sha256}") or not 0 <= entry.size_bytes <= MAX_ARTEFACT_BYTES:
            raise ArtefactError(f"the manifest's entry for {name} is not well formed")
    if sum(entry.size_bytes for entry in manifest.files.values()) > MAX_ARTEFACT_BYTES:
        raise ArtefactError(f"an artefact may have {MAX_ARTEFACT_BYTES} bytes, this one says it has more")
    return manifest


def _keep(path: Path, data: bytes) -> None:
    """Write once: temporary file, fsync, rename, fsync of the folder. A good copy that is there already stays."""
    try:
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
