"""A signature holds for what was signed, under its key, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from modicum.artefact.pack import SIGNATURE
from modicum.artefact.signing import check_signature, sign
from modicum.errors import ArtefactError
from tests.artefact.hostile import bundle

pytest.importorskip("model_signing")


def key_pair(folder: Path, name: str = "key") -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_what_was_signed_holds_under_its_key_alone(tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    files = bundle() | {"README.md": b"# it\n"}
    signed = files | {SIGNATURE: sign(files, private)}
    check_signature(signed, public)
    odd = {
        "another file": signed | {"README.md": b"# else\n"},
        "a file more": signed | {"more.json": b"{}"},
        "a file less": {name: data for name, data in signed.items() if name != "README.md"},
        "no signature": files,
        "a signature that is none": files | {SIGNATURE: b"{}"},
        "bytes for a signature": files | {SIGNATURE: b"\x80\x04K\x01."},
    }
    for name, changed in odd.items():
        with pytest.raises(ArtefactError):
            check_signature(changed, public)
            pytest.fail(name)
    _, other = key_pair(tmp_path, "other")
    with pytest.raises(ArtefactError, match="does not hold under"):
        check_signature(signed, other)


def test_keys_that_are_none(tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    (tmp_path / "odd.pem").write_bytes(b"not a key")
    for key in (tmp_path / "absent.pem", tmp_path / "odd.pem", public):
        with pytest.raises(ArtefactError):
            sign(bundle(), key)
    signed = bundle() | {SIGNATURE: sign(bundle(), private)}
    for key in (tmp_path / "absent.pem", tmp_path / "odd.pem", private):
        with pytest.raises(ArtefactError):
            check_signature(signed, key)
