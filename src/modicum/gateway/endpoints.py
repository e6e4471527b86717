"""Which path leads where: what a caller may ask, with and without `/v1`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from modicum.errors import MethodNotAllowedError, UnknownEndpointError
from modicum.types import Endpoint

Ours = Literal["models", "healthz", "readyz", "metrics", "traces", "tap", "feedback", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a path means: an endpoint whose calls are recorded, or one of ours."""

    endpoint: Endpoint | None = None
    name: Ours | None = None
    rest: str = ""
    """What stands behind the known part: a model's id; a file's, with its slash."""


POSTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        "/chat/completions": "chat_completions",
        "/responses": "responses",
        "/completions": "completions",
        "/embeddings": "embeddings",
        "/rerank": "rerank",
        "/messages": "messages",
        "/messages/count_tokens": "count_tokens",
    }
)
"""Endpoints that take one JSON body and give one answer."""
OURS: Mapping[str, tuple[Ours, str]] = MappingProxyType(
    {
        "/healthz": ("healthz", "GET"),
        "/readyz": ("readyz", "GET"),
        "/metrics": ("metrics", "GET"),
        "/traces": ("traces", "POST"),
        "/tap": ("tap", "POST"),
        "/feedback": ("feedback", "POST"),
    }
)
CHATS = frozenset(("chat_completions", "messages", "responses"))
"""Endpoints that have workloads: a request and its answer read as a chat completion."""
STORES: Mapping[str, Endpoint] = MappingProxyType({"/files": "files", "/batches": "batches"})
"""What a provider keeps for its caller: any method and any path below pass."""
KEPT: frozenset[Endpoint] = frozenset(STORES.values())
METHODS = frozenset(("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"))

_PLACES = {path: (Place(endpoint=endpoint), "POST") for path, endpoint in POSTS.items()}
_PLACES |= {path: (Place(name=ours), method) for path, (ours, method) in OURS.items()}
_PLACES["/models"] = (Place(name="models"), "GET")


def place(method: str, path: str) -> Place:
    """Where a request belongs. Raises UnknownEndpointError, or MethodNotAllowedError."""
    short = path[3:] if path.startswith("/v1/") else "/rerank" if path == "/v2/rerank" else path
    found = _PLACES.get(short)
    if found is not None:
        if method != found[1] and not (method == "HEAD" and found[1] == "GET"):
            raise MethodNotAllowedError(f"{path[:80]} takes {found[1]}, not {method[:16]}")
        return found[0]
    if short.startswith("/admin/") and short == path:
        return Place(name="admin", rest=path)
    first, slash, rest = short[1:].partition("/")
    if short.startswith("/models/") and rest and _plain(rest):
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(f"{path[:80]} takes GET, not {method[:16]}")
        return Place(name="models", rest=rest)
    kept = STORES.get("/" + first)
    if kept is not None and method in METHODS and (not slash or (rest and _plain(rest))):
        return Place(endpoint=kept, rest=slash + rest)
    raise UnknownEndpointError(
        f"nothing answers at {path[:80]!r}",
        hint="there are /v1/chat/completions, responses, messages, completions, embeddings, rerank, models, files and batches",
    )


def _plain(rest: str) -> bool:
    """No step up, no empty step, nothing that another reader of paths could take for one."""
    return (
        rest.isascii()
        and rest.isprintable()
        and not set("\\%?#; ") & set(rest)
        and all(step not in ("", ".", "..") for step in rest.split("/"))
    )
