"""Adapters by the names under which they are served: shown, taken out, and laid out where they come in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import save

from modicum.artefact import About, Artefacts, Base, Training
from modicum.backends.embed import GRAPH_FILE
from modicum.cli import cli
from modicum.errors import NotFoundError
from modicum.pipeline import adapter_files, bundles
from modicum.store.home import prepare
from tests.backends.tiny_encoder import tiny_files

WEIGHTS = save({"a.lora_A.weight": np.zeros((2, 2), np.float32)})
OWN = hashlib.sha256(WEIGHTS).hexdigest()[:12]


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["artefact", *words, "--home", str(home)])


def keep(home: Path, name: str) -> str:
    files = {
        "adapter_model.safetensors": WEIGHTS,
        "adapter_config.json": b'{"peft_type":"LORA"}',
        "specialist.json": msgspec.json.encode(adapter_files.Record(name=name, base="qwen"), order="sorted"),
    }
    about = About(
        workload="tickets",
        bases=(Base(name="qwen", weights_sha256="ab" * 32),),
        training=Training(calls=3, digest="sha256:0"),
        settings={"adapter": name},
    )
    return Artefacts(prepare(home) / "artefacts").write(files, about.said())


def test_an_adapter_goes_by_its_name_and_is_laid_out_where_it_comes_in(tmp_path: Path) -> None:
    name, home, other = f"tickets-{OWN}", tmp_path / "home", tmp_path / "other"
    digest = keep(home, name)
    assert bundles.find(home, name) == digest and bundles.show(home, digest).name == name
    assert f"adapter {name}" in " ".join(run(home, "show").output.split())
    assert name in run(home, "show", name).output
    out = run(home, "export", name, "--out", str(tmp_path / "bundle"), "--terms-reviewed", "legal: fine").output
    assert "PEFT's own" in out and f"--lora-modules {name}=" in out and "No script" not in out
    assert "PeftModel" in (tmp_path / "bundle" / "README.md").read_text()
    came = run(other, "import", str(tmp_path / "bundle"))
    folder = other.resolve() / "adapters" / name
    assert came.exit_code == 0 and str(folder) in " ".join(came.output.split()), came.output
    assert (folder / "adapter_model.safetensors").read_bytes() == WEIGHTS
    assert sorted(file.name for file in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    told = json.loads(run(tmp_path / "third", "import", str(tmp_path / "bundle"), "--format", "json").output)
    assert told["folder"].endswith(f"/adapters/{name}")


@pytest.mark.parametrize("name", ["../../etc", "tickets-0123456789ab", f"Tickets-{OWN}", f"a/{OWN}", f"{'a' * 80}-{OWN}"])
def test_a_name_that_is_not_that_of_its_weights_becomes_no_folder(tmp_path: Path, name: str) -> None:
    artefact = Artefacts(tmp_path / "artefacts").read(keep(tmp_path, name))
    assert adapter_files.name_of(artefact) == "" and adapter_files.lay_out(tmp_path, artefact) is None
    assert not (tmp_path / "adapters").exists()


def test_a_base_encoder_has_a_kind_and_says_which_it_is(tmp_path: Path) -> None:
    home = prepare(tmp_path / "home")
    said = {"base": "MiniLM", "base_weights_sha256": "cd" * 32, "precision": "int8"}
    digest = Artefacts(home / "artefacts").write(tiny_files(["parcel", "lost"]), said)
    found = bundles.show(home, digest)
    assert GRAPH_FILE in dict(found.files) and found.kind == "base encoder"
    assert [one.name for one in found.about.bases] == ["MiniLM"] and found.about.settings["precision"] == "int8"
    assert "base encoder" in run(home, "show").output and "MiniLM" in run(home, "show", digest[7:17]).output


def test_a_name_that_nothing_has_is_not_found(tmp_path: Path) -> None:
    keep(tmp_path / "home", f"tickets-{OWN}")
    with pytest.raises(NotFoundError):
        bundles.find(tmp_path / "home", "tickets-ffffffffffff")
