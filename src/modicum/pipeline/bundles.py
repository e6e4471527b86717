"""Artefacts in and out of a home: found, told of, verified, written as a bundle, taken in from one.

What leaves the home leaves with a note that somebody reviewed the terms of those whose answers it learnt from; the note stands in the audit
log before a byte is written. What comes in is checked whole before anything of it is kept, and is not loaded.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from modicum.artefact import About, Artefact, Artefacts, about_of, digest_of, is_digest
from modicum.artefact.bom import bill
from modicum.artefact.card import card
from modicum.artefact.pack import BOM, CARD, MANIFEST, SIGNATURE, pack
from modicum.artefact.signing import check_signature, sign
from modicum.artefact.unpack import open_bundle
from modicum.backends.embed import GRAPH_FILE
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import ArtefactError, NotFoundError
from modicum.pipeline import adapter_files
from modicum.pipeline.provenance import bases_of
from modicum.pipeline.standalone import needs, scripts
from modicum.pipeline.switching import find_route
from modicum.store.control import Control
from modicum.store.erased import erased_among
from modicum.types import Certificate, Route

MIN_PREFIX = 6
"""Digits of a digest that name it, where no other begins so."""
MAX_NOTE_CHARS = 500
BASE_ENCODER = "base encoder"
"""Kind of an encoder as it was exported: what specialists are made from, and their canaries."""
TASKS = {
    **dict.fromkeys(("linear", "encoder", "chain"), "text-classification"),
    **dict.fromkeys(("extractor", "caller", "ladder"), "token-classification"),
}
"""Kind of specialist -> what the Hugging Face Hub calls its task, or the nearest to it; caches, scorers and other models have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One artefact and all that the home knows of it."""

    digest: str
    kind: str
    name: str
    """Under which an adapter is served; of other kinds empty."""
    about: About
    files: tuple[tuple[str, int], ...]
    """(name, bytes)."""
    certificates: tuple[Certificate, ...]
    routes: tuple[Route, ...]
    erased: int
    """Of the calls that it learnt from, those that were erased since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What verifying one artefact or bundle found."""

    what: str
    """Digest or path, as it was asked for."""
    digest: str
    """Empty where none was found."""
    files: int
    signed: Literal["", "was not looked at", "holds"] = ""
    """What of its signature: there is none, there was no key for it, it holds."""
    fault: str = ""
    """Empty: everything holds."""


def home_of(home: Path) -> Artefacts:
    """The artefacts of a home."""
    return Artefacts(home / "artefacts")


def find(home: Path, ref: str) -> str:
    """The digest that `ref` means: a digest or its beginning, an adapter's name, else a route or workload, whose newest model it is."""
    digits = ref.removeprefix("sha256:")
    if is_digest(f"sha256:{digits}"):
        return f"sha256:{digits}"
    begun = [one for one in home_of(home).digests() if one.removeprefix("sha256:").startswith(digits)] if len(digits) >= MIN_PREFIX else []
    if len(begun) > 1:
        raise NotFoundError(f"{len(begun)} artefacts begin with '{ref}'", hint="give more of the digest")
    if begun:
        return begun[0]
    adapter = next((digest for name, digest, _ in adapter_files.adapters_of(home_of(home)) if name == ref), "")
    return adapter or find_route(Control(home), ref).artefact_digest


def show(home: Path, digest: str) -> Shown:
    """All that is known of an artefact. Raises ArtefactError where it is absent or damaged."""
    artefacts, control = home_of(home), Control(home)
    artefact = artefacts.read(digest)
    return Shown(
        digest=digest,
        kind=kind_of(artefact),
        name=adapter_files.name_of(artefact),
        about=_about(artefact),
        files=tuple((name, len(data)) for name, data in sorted(artefact.files.items())),
        certificates=_certificates(control, digest),
        routes=tuple(route for route in control.routes() if route.artefact_digest == digest),
        erased=len(erased_among(home, artefacts.learnt_from(digest))),
    )


def show_all(home: Path) -> tuple[list[Shown], list[Verified]]:
    """Every artefact of a home, and those that are damaged."""
    verified = [verify(home, digest) for digest in home_of(home).digests()]
    return [show(home, one.digest) for one in verified if not one.fault], [one for one in verified if one.fault]


def verify(home: Path, digest: str) -> Verified:
    """Recompute all of an artefact in the home: digests, formats, and the list of what it learnt from."""
    artefacts = home_of(home)
    try:
        artefact = artefacts.read(digest)
        training, learnt = about_of(artefact.about).training, artefacts.learnt_from(digest)
        if learnt and training is not None and digest_of(learnt) != training.digest:
            raise ArtefactError("the list of the calls that it learnt from is not the one that its manifest names")
    except ArtefactError as error:
        return Verified(what=digest, digest=digest, files=0, fault=error.message)
    return Verified(what=digest, digest=digest, files=len(artefact.files))


def verify_bundle(path: Path, public_key: Path | None) -> Verified:
    """Recompute all of a bundle, and its signature where there is a key for it."""
    try:
        artefact, files = open_bundle(path)
        about_of(artefact.about)
        if public_key is not None:
            check_signature(files, public_key)
    except ArtefactError as error:
        return Verified(what=str(path), digest="", files=0, fault=error.message)
    signed: Literal["", "was not looked at", "holds"] = "holds" if public_key else "was not looked at" if SIGNATURE in files else ""
    return Verified(what=str(path), digest=artefact.digest, files=len(artefact.files), signed=signed)


def export(home: Path, digest: str, out: Path, *, terms_reviewed: str, private_key: Path | None, actor: str) -> tuple[str, ...]:
    """Write an artefact as a bundle to `out` and return the names of its files. Raises ArtefactError, MissingExtraError."""
    artefacts, control = home_of(home), Control(home)
    artefact = artefacts.read(digest)
    about, kind = _about(artefact), kind_of(artefact)
    if out.exists() or out.is_symlink():
        raise ArtefactError(f"{out} is there already", hint="name another, or remove it")
    proofs = [one.sentence for one in _certificates(control, digest)]
    running, task = scripts(kind), TASKS.get(kind, "")
    files = dict(artefact.files) | running | {MANIFEST: artefacts.manifest(digest)}
    files[BOM] = bill(artefact, about, kind=kind, task=task, proofs=proofs)
    files[CARD] = card(artefact, about, kind=kind, script=next(iter(running), ""), needs=needs(kind), task=task, proofs=proofs).encode()
    if private_key is not None:
        files[SIGNATURE] = sign(files, private_key)
    review_terms(control, digest, about, note=terms_reviewed, use=f"exported to {out}", actor=actor)
    pack(files, out)
    return tuple(files)


def review_terms(control: Control, digest: str, about: About, *, note: str, use: str, actor: str) -> None:
    """Write down that somebody reviewed the terms for using an artefact outside this machine. Raises ArtefactError where nobody says so."""
    note = " ".join(note.split())
    whose = ", ".join(about.providers) or "nobody whom its manifest names"
    if not note or len(note) > MAX_NOTE_CHARS:
        raise ArtefactError(
            f"this artefact learnt from answers of {whose}; their terms may not allow this use",
            hint=f'read them, then say who found what: --terms-reviewed "…" (at most {MAX_NOTE_CHARS} characters); the audit log keeps it',
        )
    control.log(actor, "artefact.terms-reviewed", digest, f"{use}; answers of {whose}: {note}")


def take_in(home: Path, path: Path, *, expected: str | None, public_key: Path | None, actor: str) -> Artefact:
    """Check a bundle and keep its artefact; of an adapter also the folder that servers load (`adapter_files.lay_out`).

    `expected`: the digest that it must have. Raises ArtefactError, MissingExtraError.
    """
    artefact, files = open_bundle(path)
    about_of(artefact.about)
    if expected is not None and f"sha256:{expected.removeprefix('sha256:')}" != artefact.digest:
        raise ArtefactError(f"{path} holds {artefact.digest}, not {expected}")
    if public_key is not None:
        check_signature(files, public_key)
    home_of(home).add(files[MANIFEST], artefact.files)
    adapter_files.lay_out(home, artefact)
    signed = f"signature holds under {public_key}" if public_key is not None else "no signature was asked for"
    Control(home).log(actor, "artefact.import", artefact.digest, f"from {path}; {signed}")
    return artefact


def _about(artefact: Artefact) -> About:
    """What its manifest says; of a base encoder, whose record is shorter, where it comes from and in how many bits it is."""
    about = about_of(artefact.about)
    if kind_of(artefact) != BASE_ENCODER:
        return about
    precision = {"precision": str(artefact.about["precision"])} if "precision" in artefact.about else {}
    return dataclasses.replace(about, bases=about.bases or bases_of(artefact.about), settings={**about.settings, **precision})


class _Kind(msgspec.Struct):
    kind: str


def kind_of(artefact: Artefact) -> str:
    """What an artefact says it is; empty where it does not."""
    if SPECIALIST_FILE not in artefact.files and GRAPH_FILE in artefact.files:
        return BASE_ENCODER
    try:
        return msgspec.json.decode(artefact.files.get(SPECIALIST_FILE, b"{}"), type=_Kind).kind[:40]
    except (msgspec.MsgspecError, RecursionError):
        return ""


def _certificates(control: Control, digest: str) -> tuple[Certificate, ...]:
    return tuple(one for one in control.certificates() if one.artefact_digest == digest)
