"""Every kind of artefact is shown, verified, written as a bundle and taken in again; one that no script runs says so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save

from modicum.artefact import Artefacts
from modicum.artefact.pack import BOM, CARD
from modicum.artefact.unpack import open_bundle
from modicum.backends.model import ModelStage
from modicum.backends.specialist import KINDS, SPECIALIST_FILE
from modicum.pipeline import bundles, standalone
from modicum.store.home import prepare
from modicum.train.export import export_constant

LINEAR = export_constant("up", 0.9)
OTHER = ModelStage(provider="small", provider_kind="openai_compatible", url="http://127.0.0.1:1/v1", model="tiny", revision="")
WEIGHTS = save({"weights": np.zeros((2, 3), np.float32)})


def tiny(kind: str) -> dict[str, bytes]:
    """The names and formats of a kind's files, none larger than it must be."""
    if kind == "linear":
        return LINEAR
    if kind == "model":
        return OTHER.files()
    named = {SPECIALIST_FILE: msgspec.json.encode({"kind": kind})}
    if kind in ("chain", "ladder"):
        return named | {f"{half}-{name}": data for half in ("first", "second") for name, data in LINEAR.items()}
    return named | {f"{kind}.safetensors": WEIGHTS}


@pytest.mark.parametrize("kind", sorted({*KINDS, "scorer", "model", "adapter"}))
def test_shown_verified_and_carried(tmp_path: Path, kind: str) -> None:
    here, there = prepare(tmp_path / "here"), prepare(tmp_path / "there")
    digest = Artefacts(here / "artefacts").write(tiny(kind), {"workload": "w", "trainer": kind}, learnt_from=["one"])
    shown = bundles.show(here, digest)
    assert (shown.kind, shown.about.workload, len(shown.files)) == (kind, "w", len(tiny(kind)))
    assert not bundles.verify(here, digest).fault

    out = tmp_path / "out.zip"
    names = bundles.export(here, digest, out, terms_reviewed="legal: yes", private_key=None, actor="tester")
    assert {CARD, BOM, *tiny(kind)} <= set(names) and not bundles.verify_bundle(out, None).fault
    card = open_bundle(out)[1][CARD].decode()
    scripts = standalone.scripts(kind)
    assert scripts.keys() <= set(names) and ("runs it by itself" in card) == (not scripts and kind != "adapter")
    assert ("PEFT" in card) == (kind == "adapter"), "what loads an adapter"
    assert ("pipeline_tag: " in card) == bool(scripts), "what a script runs has a task of the Hub's"
    if scripts:
        assert f"python {next(iter(scripts))}" in card and standalone.needs(kind) in card
    assert bundles.take_in(there, out, expected=digest, public_key=None, actor="tester").digest == digest
