"""How a command gets to an operation: by calling it, on a folder of this machine; or over HTTP, on a running gateway.

Either way it gives the same record, so that what a command prints does not depend on the way.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from modicum import config as settings
from modicum.admin.jobs import Job
from modicum.admin.operation import MOST_ITEMS, Desk, Operation, Page, Paged, Progress, Takes, nothing_said
from modicum.backends.client import Client, Timeouts
from modicum.config import Config
from modicum.errors import ConfigError, RemoteError

P = TypeVar("P", bound=Takes)
Q = TypeVar("Q", bound=Paged)
R = TypeVar("R")
Listed = TypeVar("Listed", bound=Page[Any])
T = TypeVar("T")

POLL_S = 0.2
LONGEST_POLL_S = 5.0
TIMEOUTS = Timeouts(connect_s=10.0, first_byte_s=0.0, read_s=300.0)


class Reach(Protocol):
    """The way to the operations."""

    @property
    def config(self) -> Config:
        """The settings of this machine."""

    @property
    def local(self) -> bool:
        """On a folder of this machine."""

    def do(self, operation: Operation[P, R], asked: P, progress: Progress = nothing_said) -> R:
        """What the operation gives, however long it takes. Raises ModicumError."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """On the home of `config`."""

    config: Config
    actor: str

    @property
    def local(self) -> bool:
        return True

    def do(self, operation: Operation[P, R], asked: P, progress: Progress = nothing_said) -> R:
        return operation.does(Desk(config=self.config, actor=self.actor, progress=progress), asked)


class There:
    """On the gateway at a URL. The secret goes to that host alone, and stands in no message."""

    def __init__(self, config: Config, server: str, secret: str) -> None:
        found = urlsplit(server)
        if found.scheme not in ("http", "https") or not found.netloc or found.query or found.fragment or "@" in found.netloc:
            raise ConfigError(f"--server {server[:200]!r} is not the address of a gateway", hint="for example http://127.0.0.1:8321")
        self.config = config
        self._base = server.rstrip("/").removesuffix("/v1")
        self._headers = [("authorization", f"Bearer {secret}"), ("accept", "application/json")]

    @property
    def local(self) -> bool:
        return False

    def do(self, operation: Operation[P, R], asked: P, progress: Progress = nothing_said) -> R:
        return asyncio.run(self._do(operation, asked, progress))

    async def _do(self, operation: Operation[P, R], asked: P, progress: Progress) -> R:
        client = Client()
        try:
            body = await self._ask(client, operation.method, *_written(operation, asked))
            if operation.long:
                body = await self._wait(client, msgspec.json.decode(body, type=Job), progress)
        finally:
            await client.close()
        if isinstance(operation.gives, str):
            pieces: Any = iter((body,))
            return pieces  # type: ignore[no-any-return]
        try:
            given: R = msgspec.json.decode(body, type=operation.gives)
        except msgspec.MsgspecError as error:
            raise RemoteError(f"{self._base} answered something else: {error}", hint="is it of another version?") from None
        return given

    async def _wait(self, client: Client, job: Job, progress: Progress) -> bytes:
        pause = POLL_S
        while job.state == "running":
            progress(job.share_done, job.doing)
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, LONGEST_POLL_S)
            job = msgspec.json.decode(await self._ask(client, "GET", f"/admin/v1/jobs/{quote(job.job_id, safe='')}", None), type=Job)
        if job.error is not None:
            raise RemoteError(job.error.message, hint=job.error.hint, code=job.error.code)
        return msgspec.json.encode(job.result)

    async def _ask(self, client: Client, method: str, target: str, body: bytes | None) -> bytes:
        headers = [*self._headers, *([("content-type", "application/json")] if body is not None else [])]
        reply = await client.send(method, self._base + target, headers, body, timeouts=TIMEOUTS)
        try:
            found = b"".join([piece async for piece in reply.chunks()])
        finally:
            reply.close()
        if reply.status not in (200, 202):
            raise _refusal(self._base, reply.status, found)
        return found


def reach(config: Config, server: str | None, admin_key_env: str, actor: str) -> Here | There:
    """The way that the options name. Raises ConfigError where a server is named and no key for it is to be found."""
    if not server:
        return Here(config=config, actor=actor)
    secret = settings.secret(admin_key_env)
    if secret is None:
        raise ConfigError(
            f"no admin key: {admin_key_env or '--admin-key-env'} is empty",
            hint="`modicum keys create NAME --admin` on the gateway's machine makes one; --admin-key-env names another variable",
        )
    return There(config, server, secret.strip())


def pages(way: Reach, operation: Operation[Q, Listed], asked: Q) -> Iterator[Listed]:
    """All pages of a list, the first one even where it is empty."""
    cursor: str | None = None
    while True:
        page = way.do(operation, msgspec.structs.replace(asked, cursor=cursor, limit=MOST_ITEMS))
        yield page
        cursor = page.next
        if cursor is None:
            return


def everything(way: Reach, operation: Operation[Q, Page[T]], asked: Q) -> list[T]:
    """All items of a list."""
    return [item for page in pages(way, operation, asked) for item in page.items]


def _written(operation: Operation[Any, Any], asked: Takes) -> tuple[str, bytes | None]:
    """(path with its query, body)"""
    fields = msgspec.to_builtins(asked)
    path = operation.path
    for place in operation.places:
        path = path.replace(f"{{{place}}}", quote(fields.pop(place), safe=""))
    if operation.method == "POST":
        return path, msgspec.json.encode(fields)
    pairs = [(name, _word(one)) for name, value in fields.items() for one in (value if isinstance(value, list | tuple) else [value])]
    query = urlencode([(name, word) for name, word in pairs if word is not None])
    return (f"{path}?{query}" if query else path), None


def _word(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusal(base: str, status: int, body: bytes) -> RemoteError:
    """What the gateway said, as an error of ours."""
    try:
        told = msgspec.json.decode(body)["error"]
        return RemoteError(str(told["message"]), hint=str(told.get("hint") or ""), code=str(told.get("code") or "refused"), status=status)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError, AttributeError):
        return RemoteError(f"{base} answered with HTTP status {status}", hint="is a Modicum gateway there?", status=status)
