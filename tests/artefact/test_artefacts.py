"""Artefacts: what goes in comes out, and nothing odd does."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from modicum.artefact import Artefact, Artefacts
from modicum.artefact.formats import check_format
from modicum.errors import ArtefactError

FILES = {
    "specialist.json": b'{"labels":["yes","no"]}',
    "weights.safetensors": save({"weights": np.arange(6, dtype=np.int8).reshape(3, 2), "bias": np.zeros(2)}),
}
ABOUT = {"trainer": "linear", "samples": 12}


def test_reads_what_was_written(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "artefacts")
    digest = artefacts.write(FILES, ABOUT)
    artefact = artefacts.read(digest)
    assert artefact == Artefact(digest=digest, about=ABOUT, files=FILES)
    assert artefact.size_bytes == sum(map(len, FILES.values()))


def test_the_digest_depends_on_the_content_alone(tmp_path: Path) -> None:
    one, other = Artefacts(tmp_path / "a"), Artefacts(tmp_path / "b")
    digest = one.write(FILES, ABOUT)
    assert one.write(FILES, ABOUT) == digest
    assert other.write(dict(reversed(FILES.items())), dict(reversed(ABOUT.items()))) == digest
    assert other.write(FILES, ABOUT | {"samples": 13}) != digest
    assert len(list((tmp_path / "b" / "blobs").iterdir())) == 2, "the same blobs are kept once"


def test_files_are_private_and_no_temporary_stays(tmp_path: Path) -> None:
    Artefacts(tmp_path).write(FILES, ABOUT)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 3
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert not [path for path in files if path.name.startswith(".")]


@pytest.mark.parametrize(
    "name",
    [
        "../escape.json",
        "/etc/passwd",
        "a/b.json",
        "weights.pkl",
        "model.bin",
        "",
        ".json",
        "A.json",
        "x.json\n",
        "x" * 80 + ".json",
        "..json",
        "n\0.json",
    ],
)
def test_refuses_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtefactError):
        Artefacts(tmp_path).write({name: b"{}"}, {})
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", b"\x80\x04K\x01."),
        ("a.json", b""),
        ("a.json", b"[" * 100_000),
        ("a.safetensors", b""),
        ("a.safetensors", b"\x80\x04K\x01."),
        ("a.safetensors", (2**63).to_bytes(8, "little") + b"{}"),
        ("a.safetensors", (2).to_bytes(8, "little") + b"{}x"),
        ("a.safetensors", FILES["weights.safetensors"] + b"\0"),
        ("a.safetensors", FILES["weights.safetensors"][:-1]),
    ],
)
def test_refuses_formats(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(ArtefactError):
        Artefacts(tmp_path).write({name: data}, {})


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "I8", "shape": [2], "data_offsets": [0, 1]},
        {"dtype": "I8", "shape": [-1, -1], "data_offsets": [0, 1]},
        {"dtype": "I8", "shape": [2**40, 2**40], "data_offsets": [0, 1]},
        {"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 1]},
        {"dtype": "I8", "shape": [1], "data_offsets": [0, 1], "code": "x"},
        {"dtype": "I8", "shape": [1], "data_offsets": [-1, 0]},
        "I8",
    ],
)
def test_refuses_tensors(tensor: object) -> None:
    header = json.dumps({"w": tensor}).encode()
    with pytest.raises(ArtefactError):
        check_format("w.safetensors", len(header).to_bytes(8, "little") + header + b"\0")


def test_refuses_no_files_too_many_and_odd_words_about_them(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    for files, about in (
        ({}, {}),
        ({f"f{n}.json": b"1" for n in range(100)}, {}),
        (FILES, {"x": object()}),
        (FILES, {"x": "y" * 5_000_000}),
    ):
        with pytest.raises(ArtefactError):
            artefacts.write(files, about)


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "sha256:" + "0" * 63, "sha256:../../../etc/passwd", "md5:" + "0" * 64, "sha256:" + "0" * 64, "0" * 10_000]
)
def test_refuses_digests(tmp_path: Path, digest: str) -> None:
    with pytest.raises(ArtefactError):
        Artefacts(tmp_path).read(digest)


def test_a_link_is_not_followed_and_a_folder_is_no_blob(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path / "artefacts")
    digest = artefacts.write(FILES, ABOUT)
    blob = tmp_path / "artefacts" / "blobs" / hashlib.sha256(FILES["specialist.json"]).hexdigest()
    blob.rename(tmp_path / "elsewhere")
    blob.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError):
        artefacts.read(digest)
    blob.unlink()
    blob.mkdir()
    with pytest.raises(ArtefactError):
        artefacts.read(digest)


def test_writing_again_repairs_a_damaged_blob(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    digest = artefacts.write(FILES, ABOUT)
    blob = tmp_path / "blobs" / hashlib.sha256(FILES["specialist.json"]).hexdigest()
    blob.write_bytes(b"{}")
    with pytest.raises(ArtefactError):
        artefacts.read(digest)
    assert artefacts.write(FILES, ABOUT) == digest
    assert artefacts.read(digest).files == FILES


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtefactError):
        Artefacts(tmp_path / "file").write(FILES, ABOUT)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_end_in_an_artefact_error(tmp_path: Path, data: st.DataObject) -> None:
    root = tmp_path / os.urandom(6).hex()
    artefacts = Artefacts(root)
    digest = artefacts.write(FILES, ABOUT)
    path = data.draw(st.sampled_from(sorted(p for p in root.rglob("*") if p.is_file())))
    body = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(body) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "grow", "replace"])):
        case "flip":
            body[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del body[at:]
        case "grow":
            body += data.draw(st.binary(min_size=1, max_size=50))
        case _:
            body = bytearray(data.draw(st.binary(max_size=100)))
    path.write_bytes(body)
    with pytest.raises(ArtefactError):
        artefacts.read(digest)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda x: st.dictionaries(st.sampled_from(["version", "about", "files", "sha256", "size_bytes", "a.json"]), x, max_size=4),
        ).map(lambda x: json.dumps(x).encode()),
    )
)
def test_any_manifest_is_read_or_refused(tmp_path: Path, body: bytes) -> None:
    name = hashlib.sha256(body).hexdigest()
    (tmp_path / "manifests").mkdir(exist_ok=True)
    (tmp_path / "manifests" / f"{name}.json").write_bytes(body)
    with pytest.raises(ArtefactError):
        Artefacts(tmp_path).read(f"sha256:{name}")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["a.json", "a.safetensors"]), st.binary(max_size=300))
def test_any_bytes_are_a_format_or_refused(name: str, data: bytes) -> None:
    for body in (data, len(data).to_bytes(8, "little") + data):
        with contextlib.suppress(ArtefactError):
            check_format(name, body)
