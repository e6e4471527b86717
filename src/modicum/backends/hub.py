"""Search the Hugging Face Hub for open weights, through `huggingface_hub`. What was found is kept for a day under the home.

What leaves this machine are the words of the search and its filters, when somebody asks for it, and no key; the library's telemetry is
off. Nothing is downloaded but the list. Where the Hub cannot be reached, what was found before is shown with its day, or it is said that
nothing was.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from modicum import config
from modicum.config.proxy import proxy_for
from modicum.errors import MissingExtraError, RequestError, UpstreamError
from modicum.store.home import replace
from modicum.types import TaskKind
from modicum.version import __version__

EXTRA = "hub"
FRESH = timedelta(days=1)
MOST = 100
"""Models of one answer."""
REACH_S, ANSWER_S = 4.0, 30.0
LONGEST_TEXT = 200
LONGEST_CACHED = 1 << 20
PIPELINES: dict[TaskKind, str] = {
    "classify": "text-classification",
    "extract": "token-classification",
    "score": "text-classification",
    "tool": "text-generation",
    "summarise": "summarization",
    "translate": "translation",
    "retrieve-and-answer": "question-answering",
    "embed": "sentence-similarity",
    "rerank": "text-ranking",
    "generate": "text-generation",
}
"""Our task -> the Hub's, which may be named itself too."""
Sort = Literal["downloads", "likes", "lastModified"]
T = TypeVar("T")
_TAG = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One search."""

    text: str = ""
    task: str = ""
    """One of ours, or a pipeline of the Hub's."""
    licence: str = ""
    """As the Hub spells it, in lower case: apache-2.0, mit, llama3.1."""
    most_parameters: int | None = None
    safetensors: bool = True
    """Weights as safetensors alone: no pickles, which can carry code."""
    sort: Sort = "downloads"
    limit: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """What the Hub says of one repository; its claims, nobody's measurement."""

    id: str
    task: str | None
    licence: str | None
    """The Hub's word for it."""
    parameters: int | None
    """Of its safetensors."""
    downloads: int | None
    """In the last 30 days."""
    gated: bool
    """Its terms must be accepted before it can be had."""
    modified: str | None
    """A day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a search found, and when the Hub said so."""

    asked: Asked
    endpoint: str
    at: datetime
    models: tuple[HubModel, ...]
    cached: bool = False
    note: str = ""
    """Why this is not fresh, where it should be."""


def search(asked: Asked, folder: Path | None = None, *, fresh: bool = False, now: datetime | None = None) -> Answer:
    """Ask the Hub that the environment names (HF_ENDPOINT); `folder`: where answers are kept.

    Raises RequestError for filters that the Hub cannot have, MissingExtraError, and UpstreamError where it cannot be reached and nothing
    was found before.
    """
    _check(asked)
    endpoint, offline = config.hub()
    now = now or datetime.now(UTC)
    path = None if folder is None else folder / f"{hashlib.sha256(msgspec.json.encode((endpoint, asked))).hexdigest()[:32]}.json"
    kept = None if path is None else _read(path)
    if kept is not None and not fresh and timedelta(0) <= now - kept.at < FRESH:
        return kept
    try:
        if offline:
            raise UpstreamError("the Hugging Face Hub is not asked: HF_HUB_OFFLINE is set", hint="unset it to search")
        found = Answer(asked=asked, endpoint=endpoint, at=now, models=_ask(asked, endpoint))
    except UpstreamError as error:
        if kept is None:
            raise
        return _noted(kept, error.message)
    if path is not None and folder is not None and folder.parent.is_dir():
        folder.mkdir(mode=0o700, exist_ok=True)
        replace(path, msgspec.json.encode(found))
    return found


def _check(asked: Asked) -> None:
    if len(asked.text) > LONGEST_TEXT or not asked.text.isprintable():
        raise RequestError(f"the text of a search is at most {LONGEST_TEXT} printable characters")
    for what, word in (("task", asked.task), ("licence", asked.licence)):
        if word and not _TAG.fullmatch(word):
            raise RequestError(f"{word!r} is no {what} of the Hub's", hint="lower case, as in apache-2.0 or text-classification")
    if not 1 <= asked.limit <= MOST:
        raise RequestError(f"at most {MOST} models can be asked for")


def _ask(asked: Asked, endpoint: str) -> tuple[HubModel, ...]:
    try:
        from huggingface_hub import HfApi, constants
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise MissingExtraError.of(EXTRA, "searching the Hugging Face Hub") from None
    # Else it asks the Hub for a list of coding agents first, looks for them in the environment and says in each request what it found.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    _reach(endpoint)
    api = HfApi(endpoint=endpoint, token=False, library_name="modicum", library_version=__version__)
    tags = [f"license:{asked.licence}"] if asked.licence else []
    tags += ["safetensors"] if asked.safetensors else []

    def ask() -> list[Any]:
        rows = api.list_models(
            search=asked.text or None,
            pipeline_tag=PIPELINES.get(asked.task, asked.task) or None,  # type: ignore[call-overload]
            filter=tags or None,
            num_parameters=None if asked.most_parameters is None else f"max:{asked.most_parameters}",
            sort={"lastModified": "last_modified"}.get(asked.sort, asked.sort),  # type: ignore[arg-type]
            limit=asked.limit,
            expand=["pipeline_tag", "tags", "safetensors", "downloads", "gated", "lastModified"],
            token=False,
        )
        return list(itertools.islice(rows, asked.limit))

    host = urlsplit(endpoint).hostname
    try:
        found = _within(ANSWER_S, ask)
    except HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise UpstreamError(f"{host} refused the search" + (f" (HTTP {status})" if status else "")) from None
    except TimeoutError:
        raise UpstreamError(f"{host} did not answer within {ANSWER_S:g} s") from None
    except Exception as error:  # whatever client the library has, its errors are about this one request
        raise UpstreamError(f"{host} could not be asked: {type(error).__name__}") from None
    models = map(_model, found)
    return tuple(
        one for one in models if asked.most_parameters is None or one.parameters is None or one.parameters <= asked.most_parameters
    )


def _reach(endpoint: str) -> None:
    """Fail at once where there is no network: the library would try for half a minute."""
    parts = urlsplit(proxy_for(endpoint) or endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=REACH_S).close()
    except (OSError, UnicodeError, ValueError):
        raise UpstreamError(
            f"the Hugging Face Hub cannot be reached ({parts.hostname}): is this machine offline?",
            hint="without --hub the catalogue that ships is searched; HF_ENDPOINT names a mirror",
        ) from None


def _within(seconds: float, ask: Callable[[], T]) -> T:
    """What `ask` returns or raises, in a thread that is left behind where it takes too long: the library sets no limit of its own."""
    out: list[Any] = []

    def run() -> None:
        try:
            out.append((True, ask()))
        except BaseException as error:
            out.append((False, error))

    thread = threading.Thread(target=run, name="hub", daemon=True)
    thread.start()
    thread.join(seconds)
    if not out:
        raise TimeoutError
    done, value = out[0]
    if not done:
        raise value
    return value  # type: ignore[no-any-return]


def _model(row: Any) -> HubModel:
    """A row of the library's. It has no attribute for what the Hub did not say, and whatever the Hub said for what it did."""
    tags = getattr(row, "tags", None)
    words = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    modified = getattr(row, "last_modified", None)
    return HubModel(
        id=_text(getattr(row, "id", None)) or "?",
        task=_text(getattr(row, "pipeline_tag", None)),
        licence=_text(next((word.removeprefix("license:") for word in words if word.startswith("license:")), None)),
        parameters=_count(getattr(getattr(row, "safetensors", None), "total", None)),
        downloads=_count(getattr(row, "downloads", None)),
        gated=bool(getattr(row, "gated", False)),
        modified=modified.date().isoformat() if isinstance(modified, datetime) else None,
    )


def _text(value: Any) -> str | None:
    return value[:LONGEST_TEXT] if isinstance(value, str) and value else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _read(path: Path) -> Answer | None:
    with suppress(OSError, msgspec.MsgspecError), open(path, "rb") as file:
        return _noted(msgspec.json.decode(file.read(LONGEST_CACHED), type=Answer), "")
    return None


def _noted(answer: Answer, note: str) -> Answer:
    return Answer(asked=answer.asked, endpoint=answer.endpoint, at=answer.at, models=answer.models, cached=True, note=note)
