"""The bill of materials of an artefact: CycloneDX 1.6 JSON (ECMA-424) with one machine-learning model, its files, bases and teachers.

Written against https://cyclonedx.org/schema/bom-1.6.schema.json. The same artefact gives the same bytes: no time, no random serial number.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from modicum.artefact.about import About, Base, Teacher
from modicum.artefact.store import Artefact

_SPACE = uuid.UUID("6f0d3b54-2b3e-5b0c-9d0a-0f6f2f6a5c11")
"""Of serial numbers that are made from digests."""


def bill(artefact: Artefact, about: About, *, kind: str, task: str = "", proofs: Sequence[str] = ()) -> bytes:
    """The bill as JSON.

    `kind`: of the specialist; `task`: as the Hugging Face Hub names it; `proofs`: sentences of certificates that name it.
    """
    body = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, artefact.digest)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [_component("application", "modicum", about.code_version)]},
            "component": _model(artefact, about, kind, task, proofs),
        },
        "components": [
            _component("file", name) | {"hashes": [_hash(sha256(data).hexdigest())], "bom-ref": f"file:{name}"}
            for name, data in sorted(artefact.files.items())
        ],
        "dependencies": [{"ref": artefact.digest, "dependsOn": [f"file:{name}" for name in sorted(artefact.files)]}],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2)


def _model(artefact: Artefact, about: About, kind: str, task: str, proofs: Sequence[str]) -> dict[str, Any]:
    model = _component("machine-learning-model", about.workload or "specialist", artefact.digest) | {
        "bom-ref": artefact.digest,
        "hashes": [_hash(artefact.digest.removeprefix("sha256:"))],
        "modelCard": {
            "modelParameters": {
                "approach": {"type": "supervised"},
                "modelArchitecture": kind or "unknown",
                "datasets": [_dataset(about)],
            }
            | ({"task": task} if task else {}),
            "quantitativeAnalysis": {
                "performanceMetrics": [{"type": name, "value": format(value)} for name, value in sorted(about.metrics.items())]
            },
            "considerations": {"technicalLimitations": [f"certified: {proof}" for proof in proofs] or ["not certified"]},
        },
    }
    if about.bases:
        model["pedigree"] = {"ancestors": [_base(base) for base in about.bases]}
    return model


def _dataset(about: About) -> dict[str, Any]:
    training = about.training
    names = "" if training is None else training.digest
    said = [{"name": "calls", "value": str(training.calls)}, {"name": "digest of ids", "value": training.digest}] if training else []
    return {
        "type": "dataset",
        "name": f"recorded calls {names}".strip(),
        "classification": "confidential",
        "contents": {"properties": [{"name": f"modicum:{one['name']}", "value": one["value"]} for one in said + _teachers(about.teachers)]},
    }


def _teachers(teachers: Sequence[Teacher]) -> list[dict[str, str]]:
    return [
        {"name": "teacher", "value": f"{one.calls} answers of {one.model} ({one.provider or 'provider unknown'}) in scope {one.scope}"}
        for one in teachers
    ]


def _base(base: Base) -> dict[str, Any]:
    found = _component("machine-learning-model", base.name, base.revision)
    if base.licence:
        found["licenses"] = [{"expression": base.licence}]
    if base.weights_sha256:
        found["hashes"] = [_hash(base.weights_sha256)]
    return found


def _component(kind: str, name: str, version: str = "") -> dict[str, Any]:
    return {"type": kind, "name": name} | ({"version": version} if version else {})


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
