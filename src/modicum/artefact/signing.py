"""A bundle's signature with a local key, as OpenSSF model-signing makes and checks it (https://github.com/sigstore/model-transparency).

Over all files of a bundle but the signature itself; nothing is asked of a transparency log or any other machine. What is signed is what was
read and checked: it is written to a private folder for the library, which reads folders. Needs the extra `sign`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modicum.artefact.pack import SIGNATURE, write_folder
from modicum.errors import ArtefactError, MissingExtraError


def sign(files: Mapping[str, bytes], private_key: Path) -> bytes:
    """The signature of a bundle's files, with an elliptic-curve key in PEM. Raises ArtefactError, MissingExtraError."""
    signing, _ = _library()
    with tempfile.TemporaryDirectory() as folder:
        model, signature = _laid_out(files, Path(folder))
        try:
            signing.Config().use_elliptic_key_signer(private_key=_there(private_key)).sign(model, signature)
        except Exception as error:  # the library raises what the libraries below it do
            raise ArtefactError(
                f"cannot sign with {private_key}: {str(error)[:200]}",
                hint="an unencrypted PEM: openssl ecparam -name prime256v1 -genkey -noout -out KEY.pem",
            ) from None
        return signature.read_bytes()


def check_signature(files: Mapping[str, bytes], public_key: Path) -> None:
    """Raise ArtefactError unless the bundle carries a signature of all its other files by the owner of this key."""
    _, verifying = _library()
    if SIGNATURE not in files:
        raise ArtefactError(f"it is not signed: there is no {SIGNATURE}")
    with tempfile.TemporaryDirectory() as folder:
        model, signature = _laid_out(files, Path(folder))
        signature.write_bytes(files[SIGNATURE])
        try:
            verifying.Config().use_elliptic_key_verifier(public_key=_there(public_key)).verify(model, signature)
        except Exception as error:  # as above
            raise ArtefactError(f"the signature does not hold under {public_key}: {str(error).partition(':')[0][:200]}") from None


def _there(key: Path) -> Path:
    if not key.is_file():
        raise ArtefactError(f"no key at {key}")
    return key


def _laid_out(files: Mapping[str, bytes], folder: Path) -> tuple[Path, Path]:
    model = folder / "model"
    write_folder({name: data for name, data in files.items() if name != SIGNATURE}, model)
    return model, folder / SIGNATURE


def _library() -> tuple[Any, Any]:
    try:
        from model_signing import signing, verifying
    except ImportError:
        raise MissingExtraError.of("sign", "signing an artefact") from None
    return signing, verifying
