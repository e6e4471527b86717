"""Content-addressed blobs and manifests, verified before use.

An artefact is a handful of files under a manifest; its digest is the SHA-256 of the manifest, and the manifest names the
SHA-256 and the size of each file. Only safetensors and JSON go in: nothing that could run code when it is read.
This room knows nothing of models; what the files mean is the business of whoever wrote them.
"""

from __future__ import annotations

from modicum.artefact.store import MAX_ARTEFACT_BYTES, MAX_FILES, MAX_MANIFEST_BYTES, Artefact, Artefacts, is_digest

__all__ = ["MAX_ARTEFACT_BYTES", "MAX_FILES", "MAX_MANIFEST_BYTES", "Artefact", "Artefacts", "is_digest"]
