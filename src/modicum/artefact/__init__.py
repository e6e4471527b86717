"""Content-addressed blobs and manifests, verified before use.

An artefact is a handful of files under a manifest; its digest is the SHA-256 of the manifest, and the manifest names the
SHA-256 and the size of each file. Only safetensors, ONNX and JSON go in: nothing that could run code when it is read.
What is said about it is one record (`About`); a bundle is an artefact that travels (`pack`, `unpack`), with a bill of materials, a model
card and, if wished, a signature. What the files mean to whoever runs them is no business of this room.
"""

from __future__ import annotations

from modicum.artefact.about import About, Base, Teacher, Training, about_of, digest_of
from modicum.artefact.store import MAX_ARTEFACT_BYTES, MAX_FILES, MAX_MANIFEST_BYTES, Artefact, Artefacts, check, is_digest

__all__ = [
    "MAX_ARTEFACT_BYTES",
    "MAX_FILES",
    "MAX_MANIFEST_BYTES",
    "About",
    "Artefact",
    "Artefacts",
    "Base",
    "Teacher",
    "Training",
    "about_of",
    "check",
    "digest_of",
    "is_digest",
]
