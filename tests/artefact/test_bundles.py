"""A bundle goes out and comes in the same; nothing odd comes in at all."""

from __future__ import annotations

import contextlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto

from modicum.artefact import Artefacts, check
from modicum.artefact.pack import MANIFEST, pack
from modicum.artefact.unpack import open_bundle, unpack
from modicum.errors import ArtefactError
from tests.artefact.hostile import ARCHIVES, FILES, FOLDERS, PLACES, bundle, tarred, with_file, zipped
from tests.artefact.test_onnx import GOOD, HOSTILE, changed

BESIDE = {"README.md": b"# it\n", "bom.cdx.json": b"{}", "run_linear.py": b"print()\n", "model.sig": b"{}"}


@pytest.mark.parametrize("name", ["bank", "bank.zip", "bank.tar"])
def test_what_goes_out_comes_in(tmp_path: Path, name: str) -> None:
    here, there = Artefacts(tmp_path / "a"), Artefacts(tmp_path / "b")
    digest = here.write(FILES, {"workload": "bank"}, learnt_from=["one"])
    out = tmp_path / name
    pack(dict(FILES) | BESIDE | {MANIFEST: here.manifest(digest)}, out)
    artefact, files = open_bundle(out)
    assert artefact == here.read(digest) and files.keys() == {*FILES, *BESIDE, MANIFEST}
    assert there.add(files[MANIFEST], artefact.files).digest == digest
    assert there.read(digest) == artefact
    assert here.learnt_from(digest) == {"one"} and not there.learnt_from(digest), "which calls it were stays at home"


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    for name in ("one.zip", "other.zip", "one.tar", "other.tar"):
        files = bundle()
        pack(files if name.startswith("one") else dict(reversed(files.items())), tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def test_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "there.zip").write_bytes(b"mine")
    (tmp_path / "link.zip").symlink_to(tmp_path / "elsewhere.zip")
    for name in ("there.zip", "link.zip"):
        with pytest.raises(ArtefactError, match="there already"):
            pack(bundle(), tmp_path / name)
    assert (tmp_path / "there.zip").read_bytes() == b"mine" and not (tmp_path / "elsewhere.zip").exists()


def test_the_corpus_is_odd_in_one_way_only(tmp_path: Path) -> None:
    """What the hostile bundles are made from is taken in, so that each is refused for what was done to it."""
    (tmp_path / "a.zip").write_bytes(zipped(list(bundle().items())))
    (tmp_path / "a.tar").write_bytes(tarred(bundle()))
    for path in (tmp_path / "a.zip", tmp_path / "a.tar"):
        assert open_bundle(path)[0].files == FILES
    assert len(ARCHIVES) + len(FOLDERS) + len(PLACES) >= 80


@pytest.mark.parametrize("name", ARCHIVES)
def test_refuses_archives(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bundle"
    path.write_bytes(ARCHIVES[name]())
    tracemalloc.start()
    try:
        with pytest.raises(ArtefactError):
            open_bundle(path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 10_000_000
    assert [one.name for one in tmp_path.iterdir()] == ["bundle"], "nothing was written"


@pytest.mark.parametrize("name", FOLDERS)
def test_refuses_what_folders_hold(tmp_path: Path, name: str) -> None:
    for file, data in FOLDERS[name]().items():
        (tmp_path / file).write_bytes(data)
    with pytest.raises(ArtefactError):
        open_bundle(tmp_path)


@pytest.mark.parametrize("name", PLACES)
def test_refuses_what_is_no_file(tmp_path: Path, name: str) -> None:
    PLACES[name](tmp_path)
    with pytest.raises(ArtefactError):
        open_bundle(tmp_path)


@pytest.mark.parametrize("name", HOSTILE)
def test_refuses_graphs_that_reach_out(tmp_path: Path, name: str) -> None:
    pack(with_file("more.onnx", changed(HOSTILE[name])), tmp_path / "a.tar")
    with pytest.raises(ArtefactError, match=r"more\.onnx"):
        open_bundle(tmp_path / "a.tar")


def test_takes_graphs_that_do_not(tmp_path: Path) -> None:
    assert ModelProto.FromString(GOOD).graph.node
    pack(with_file("more.onnx", GOOD), tmp_path / "a.zip")
    assert open_bundle(tmp_path / "a.zip")[0].files["more.onnx"] == GOOD


def test_a_path_that_is_no_bundle(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", Path("/dev/null"), tmp_path):
        with pytest.raises(ArtefactError):
            open_bundle(path)


def test_a_refusal_does_not_steer_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped([("\x1b[2J\u202e.json", b"{}")]))
    with pytest.raises(ArtefactError) as told:
        unpack(tmp_path / "a.zip")
    assert told.value.message.isprintable() and "\\u202e" in told.value.message


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_refused_or_harmless(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any bytes changed anywhere in an archive: an ArtefactError, or the very same artefact."""
    whole = bytearray(data.draw(st.sampled_from([zipped(list(bundle().items())), tarred(bundle())])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "bundle"
    path.write_bytes(bytes(whole[: data.draw(st.sampled_from([len(whole), len(whole) - 1, len(whole) // 2]))]))
    with contextlib.suppress(ArtefactError):
        assert open_bundle(path)[0] == check(bundle()[MANIFEST], FILES)


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=2_000), head=st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]), mark=st.booleans())
def test_any_bytes_are_refused(body: bytes, head: bytes, mark: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = head + body
    path = tmp_path_factory.mktemp("any") / "bundle"
    path.write_bytes(whole.ljust(600, b"\0")[:257] + b"ustar" + whole[262:] if mark else whole)
    with pytest.raises(ArtefactError):
        open_bundle(path)
