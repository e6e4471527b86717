"""An artefact as it travels: a flat folder, .zip or .tar, the same bytes for the same files.

    modicum.manifest.json   the manifest, byte for byte: its SHA-256 is the artefact's digest
    specialist.json, …      the files that it names
    README.md               the model card
    bom.cdx.json            the bill of materials
    run_linear.py, …        run it without this program
    model.sig               the signature over all others, where it was signed

The names beside the artefact's own hold a second dot or a capital, which its own cannot.
"""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from modicum.errors import ArtefactError

MANIFEST = "modicum.manifest.json"
CARD = "README.md"
BOM = "bom.cdx.json"
SIGNATURE = "model.sig"
MAX_SCRIPTS = 3
SCRIPT = re.compile(r"run_[a-z]{1,20}\.py")
BESIDE = (CARD, BOM, SIGNATURE)
"""What may lie in a bundle beside the manifest, its files and scripts. Nothing here ever runs or believes it."""

_WHEN = (1980, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes], out: Path) -> None:
    """Write a bundle: a folder, or an archive where `out` ends in .zip or .tar. Raises ArtefactError where something is there already."""
    if out.exists() or out.is_symlink():
        raise ArtefactError(f"{out} is there already", hint="name another, or remove it")
    try:
        if out.suffix == ".zip":
            out.write_bytes(_zip(files))
        elif out.suffix == ".tar":
            out.write_bytes(_tar(files))
        else:
            write_folder(files, out)
    except OSError as error:
        raise ArtefactError(f"cannot write {out}: {error.strerror}") from None


def write_folder(files: Mapping[str, bytes], out: Path) -> None:
    """The files as they are, in a new folder."""
    out.mkdir(parents=True)
    for name, data in files.items():
        (out / name).write_bytes(data)


def _zip(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            archive.addfile(entry, io.BytesIO(files[name]))
    return out.getvalue()
