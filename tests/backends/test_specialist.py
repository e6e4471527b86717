"""Loading whatever an artefact holds: by the kind it names, and nothing that it names beside that."""

from __future__ import annotations

import msgspec
import pytest

from modicum.artefact import Artefact
from modicum.backends.linear import Linear
from modicum.backends.specialist import KINDS, SPECIALIST_FILE, load
from modicum.errors import ArtefactError
from tests.backends.test_linear import artefact


def test_the_kind_decides() -> None:
    loaded = load(artefact())
    assert isinstance(loaded, Linear) and loaded.labels and loaded.predict(()).value in loaded.labels


@pytest.mark.parametrize("kind", ["", "os.system", "modicum.backends.linear", "Linear", "linear ", 7, None, ["linear"]])
def test_no_other_kind_is_run(kind: object) -> None:
    body = msgspec.json.encode({"kind": kind})
    with pytest.raises(ArtefactError, match=r"specialist\.json"):
        load(Artefact(digest="sha256:" + "0" * 64, about={}, files={SPECIALIST_FILE: body}))


@pytest.mark.parametrize("files", [{}, {SPECIALIST_FILE: b"{"}, {SPECIALIST_FILE: b"[]"}, {SPECIALIST_FILE: b"\xff"}])
def test_what_is_no_specialist_says_so(files: dict[str, bytes]) -> None:
    with pytest.raises(ArtefactError, match=r"specialist\.json"):
        load(Artefact(digest="sha256:" + "0" * 64, about={}, files=files))


def test_each_kind_names_a_class_that_is_there() -> None:
    from importlib import import_module

    for module, name in KINDS.values():
        assert callable(getattr(import_module(module), name))
