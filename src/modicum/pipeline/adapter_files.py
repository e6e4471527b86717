"""The adapters of a home by the names under which they are served, and the folders that servers load.

A name holds the first digits of the weights' digest; one that does not is no name of an adapter, whoever wrote it.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from modicum.artefact import Artefact, Artefacts
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import ArtefactError
from modicum.store.home import replace
from modicum.train.adapter import CONFIG_FILE, WEIGHTS_FILE

KIND = "adapter"
DIGITS = 12
"""Of the weights' digest, in the name."""
_NAME = re.compile(rf"[a-z0-9]+(?:-[a-z0-9]+){{0,40}}-[0-9a-f]{{{DIGITS}}}")
MOST_CHARS = 60


class Record(msgspec.Struct, frozen=True):
    """The JSON that says what the artefact is."""

    name: str
    base: str
    kind: str = KIND


class _Training(msgspec.Struct, frozen=True):
    last_at: datetime | None = None


class Told(msgspec.Struct, frozen=True):
    """What a manifest says, as far as it is looked for here."""

    workload: str = ""
    settings: dict[str, Any] = {}  # msgspec copies it
    training: _Training | None = None


class _Manifest(msgspec.Struct, frozen=True):
    about: Told


def adapters_of(artefacts: Artefacts) -> list[tuple[str, str, Told]]:
    """The adapters of a home: name, digest, and what its manifest says. Damaged ones are left out."""
    found = []
    for digest in artefacts.digests():
        with suppress(ArtefactError, msgspec.MsgspecError):
            told = msgspec.json.decode(artefacts.manifest(digest), type=_Manifest).about
            if KIND in told.settings:
                found.append((str(told.settings[KIND]), digest, told))
    return found


def is_in(name: str, model: str) -> bool:
    """A model's name holds that of an adapter, however a server has it (BASE:NAME, NAME@1)."""
    return name in parts(model)


def parts(model: str) -> list[str]:
    """What a model's name is put together from, the whole first."""
    return [model, *re.split(r"[:/@]", model)]


def is_shaped(name: str) -> bool:
    """It is such a name as adapters have, of whichever home."""
    return len(name) <= MOST_CHARS and _NAME.fullmatch(name) is not None


def name_of(artefact: Artefact) -> str:
    """The name of an adapter by its own record, where that is the name of these weights; empty: it is none, or of another kind."""
    weights = artefact.files.get(WEIGHTS_FILE)
    if weights is None or CONFIG_FILE not in artefact.files:
        return ""
    try:
        said = msgspec.json.decode(artefact.files.get(SPECIALIST_FILE, b""), type=Record)
    except (msgspec.MsgspecError, RecursionError):
        return ""
    is_its_own = is_shaped(said.name) and said.name[-DIGITS:] == hashlib.sha256(weights).hexdigest()[:DIGITS]
    return said.name if said.kind == KIND and is_its_own else ""


def lay_out(home: Path, artefact: Artefact) -> Path | None:
    """Write `adapters/NAME/` as servers load it, PEFT's two files; None where the artefact is no adapter with its own name."""
    name = name_of(artefact)
    if not name:
        return None
    folder = home.resolve() / "adapters" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in (CONFIG_FILE, WEIGHTS_FILE):
        replace(folder / file, artefact.files[file])
    return folder
