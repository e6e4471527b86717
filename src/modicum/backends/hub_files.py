"""An encoder from the Hugging Face Hub, `hf:ORG/MODEL@COMMIT`: its few files, at a commit that cannot move, kept under the home.

Only what `WANTED` names is fetched: weights as safetensors, never a pickle and never code. It is asked for when a person's settings name
it and it is not there yet; what leaves this machine is its name, and no key. The digests that the Hub gives are checked, and kept with it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from modicum import config
from modicum.backends.hub import EXTRA, _reach, _within
from modicum.errors import InputError, MissingExtraError, UpstreamError
from modicum.store.home import replace
from modicum.version import __version__

NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
WANTED = (*NEEDED, "1_Pooling/config.json", "config_sentence_transformers.json", "README.md")
MOST_BYTES = 4 * 1024**3
"""Of all files together."""
DIGESTS = "digests.json"
ASK_S, FETCH_S = 30.0, 3_600.0
_NAME = re.compile(r"hf:(?P<id>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})@(?P<commit>[0-9a-f]{40})")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubName:
    """A model of the Hub's at one commit."""

    id: str
    commit: str


def name_of(text: str) -> HubName | None:
    """The model that a setting names; None where it names a folder. Raises InputError for a name without a commit."""
    if not text.startswith("hf:"):
        return None
    found = _NAME.fullmatch(text)
    if found is None:
        raise InputError(
            f"{text[:200]!r} names no commit", hint="hf:ORG/MODEL@COMMIT, the commit with all of its 40 digits: a branch moves"
        )
    return HubName(id=found["id"], commit=found["commit"])


def fetch(name: HubName, folder: Path) -> Path:
    """The folder with its files, fetched below `folder` where it is not there yet.

    Raises MissingExtraError, UpstreamError where the Hub cannot be reached or says no, InputError where the model lacks a file or is
    not what was said.
    """
    place = folder / f"{name.id.replace('/', '--')}-{name.commit}"
    if is_whole(place):
        return place
    endpoint, offline = config.hub()
    if offline:
        raise UpstreamError(
            f"{name.id} is not here, and the Hugging Face Hub is not asked: HF_HUB_OFFLINE is set",
            hint="unset it once, or name a folder that holds the encoder in [fit] encoder",
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as part:
        _fetch(name, endpoint, Path(part) / "files")
        shutil.rmtree(place, ignore_errors=True)
        (Path(part) / "files").rename(place)
    return place


def is_whole(place: Path) -> bool:
    """Are all files there that were fetched, byte for byte?"""
    try:
        digests = msgspec.json.decode((place / DIGESTS).read_bytes(), type=dict[str, str])
        return set(NEEDED) <= digests.keys() <= set(WANTED) and all(_sha256(place / file) == digest for file, digest in digests.items())
    except (OSError, msgspec.MsgspecError):
        return False


def _fetch(name: HubName, endpoint: str, part: Path) -> None:
    try:
        from huggingface_hub import HfApi, constants
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise MissingExtraError.of(EXTRA, "an encoder from the Hugging Face Hub") from None
    constants.HF_HUB_DISABLE_TELEMETRY = True
    disable_progress_bars()
    _reach(endpoint)
    api = HfApi(endpoint=endpoint, token=False, library_name="modicum", library_version=__version__)
    host = urlsplit(endpoint).hostname
    try:
        rows = _within(ASK_S, lambda: api.get_paths_info(name.id, list(WANTED), revision=name.commit, token=False))
        files: dict[str, Any] = {row.path: row for row in rows if row.path in WANTED}
        _check(name, files)
        for file in files:
            _within(FETCH_S, lambda file=file: api.hf_hub_download(name.id, file, revision=name.commit, local_dir=part, token=False))  # type: ignore[misc]
    except HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise UpstreamError(
            f"{host} does not give {name.id} at {name.commit[:12]}" + (f" (HTTP {status})" if status else ""),
            hint="a model whose terms must be accepted first is fetched by hand, and its folder named",
        ) from None
    except TimeoutError:
        raise UpstreamError(f"{host} did not answer in time") from None
    except (InputError, MissingExtraError):
        raise
    except Exception as error:  # whatever client the library has, its errors are about this one request
        raise UpstreamError(f"{host} could not be asked: {type(error).__name__}") from None
    shutil.rmtree(part / ".cache", ignore_errors=True)
    digests = {file: _sha256(part / file) for file in files}
    for file, row in files.items():
        said = getattr(getattr(row, "lfs", None), "sha256", None)
        if (part / file).stat().st_size != row.size or (said is not None and said != digests[file]):
            raise InputError(f"{file} of {name.id} is not what the Hub said it was")
    replace(part / DIGESTS, msgspec.json.encode(digests))


def _check(name: HubName, files: dict[str, Any]) -> None:
    for file in NEEDED:
        if file not in files:
            raise InputError(
                f"{name.id} has no {file} at {name.commit[:12]}", hint="an encoder with safetensors weights and a fast tokenizer is needed"
            )
    size = sum(row.size for row in files.values())
    if size > MOST_BYTES:
        raise InputError(f"{name.id} has {size:,} bytes, and at most {MOST_BYTES:,} are fetched")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
