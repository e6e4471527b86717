"""The encoder that `[fit] encoder` names, as specialists run it: exported and quantised once, then kept as an artefact."""

from __future__ import annotations

from pathlib import Path

import msgspec

from modicum.artefact import Artefacts
from modicum.backends.embed import Embedding
from modicum.errors import ArtefactError
from modicum.store.home import replace
from modicum.train.encoder import Vectors
from modicum.train.encoder_graph import Base, export, load

EXPORT_VERSION = 1
"""Raised when the same weights are exported otherwise."""


class _Kept(msgspec.Struct, frozen=True):
    digest: str
    embedding: Embedding


def open_encoder(base: Base, home: Path, artefacts: Artefacts) -> Vectors:
    """An encoder that was found, ready to embed. Raises MissingExtraError where it has to be exported and cannot be."""
    note = home / "encoders" / f"{base.weights_sha256}-int8-{EXPORT_VERSION}.json"
    about = base.about() | {"precision": "int8"}
    try:
        kept = msgspec.json.decode(note.read_bytes(), type=_Kept)
        return Vectors(files=dict(artefacts.read(kept.digest).files), embedding=kept.embedding, about=about)
    except (OSError, msgspec.MsgspecError, ArtefactError):
        pass  # not exported yet, or what was kept is damaged: it is made again
    files = export(load(base), base, "int8")
    digest = artefacts.write(files, about)
    note.parent.mkdir(mode=0o700, exist_ok=True)
    replace(note, msgspec.json.encode(_Kept(digest=digest, embedding=base.embedding)))
    return Vectors(files=files, embedding=base.embedding, about=about)
