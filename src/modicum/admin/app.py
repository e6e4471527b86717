"""The application over the table, for a process of its own that gateways talk to on a socket which only they can open.

Who asks was found out by the gateway; it says so in a header that no caller can set. Operations run in threads, a few at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import unquote

import msgspec

from modicum.admin import openapi, table
from modicum.admin.jobs import Jobs
from modicum.admin.operation import Desk, Operation, Progress
from modicum.admin.reading import read
from modicum.config import Config
from modicum.config.carried import unpack
from modicum.errors import (
    ConfigError,
    ForbiddenError,
    LimitError,
    MissingExtraError,
    ModicumError,
    RequestError,
    StoreError,
)
from modicum.gateway.exchange import JSON, Asked, Reply
from modicum.gateway.office import ACTOR, CONFIG, UNKNOWN_CONFIG
from modicum.wire.error import TYPES

THREADS = 4
MOST_WAITING = 64
MOST_BODY_BYTES = 256 * 1024 * 1024
"""The gateway's own limit is far below."""
KNOWN_CONFIGS = 8


class Office:
    """What the requests of one process share."""

    def __init__(self) -> None:
        self.jobs = Jobs()
        self.busy = 0
        """Requests under way."""
        self.last = time.monotonic()
        """When the last one ended."""
        self._configs: MutableMapping[str, Config] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="admin")

    @property
    def idle_s(self) -> float:
        """Seconds since anything was asked or done."""
        if self.busy or self.jobs.running:
            self.last = time.monotonic()
        return time.monotonic() - self.last

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        self.busy += 1
        try:
            if self.busy > MOST_WAITING:
                raise LimitError("too many requests wait already", retry_after_s=1.0)
            await self._answer(asked, reply, asked.raw_path.decode("latin-1"))
        except ModicumError as error:
            await refuse(reply, error)
        except Exception as error:
            await refuse(reply, StoreError(f"something of ours failed: {type(error).__name__}"), status=500, code="internal_error")
        finally:
            self.busy -= 1
            self.last = time.monotonic()

    async def _answer(self, asked: Asked, reply: Reply, raw_path: str) -> None:
        body = await asked.body(MOST_BODY_BYTES, 0)
        actor = unquote(asked.header(ACTOR))
        if not actor:
            raise ForbiddenError("nobody said who asks")
        digest = asked.header(CONFIG)
        if asked.method == "PUT" and raw_path == "/config":
            self._learn(digest, body)
            await reply.whole(200, b"{}")
            return
        config = self._configs.get(digest)
        if config is None:
            await reply.whole(UNKNOWN_CONFIG, b"{}")
            return
        if raw_path == openapi.PATH and asked.method == "GET":
            await reply.whole(200, msgspec.json.encode(openapi.document()))
            return
        operation, places = table.find(asked.method, raw_path)
        if operation.role != "admin":
            raise ForbiddenError(f"nobody's key is for {operation.name}")
        takes = read(operation, places, asked.query, asked.header(b"content-type"), body)
        await self._do(operation, takes, config, actor, reply)

    async def _do(self, operation: Operation[Any, Any], takes: Any, config: Config, actor: str, reply: Reply) -> None:
        if operation.long:

            def work(progress: Progress) -> Any:
                return operation.does(Desk(config=config, actor=actor, progress=progress, office=self), takes)

            job = self.jobs.start(operation.name, actor, work)
            await reply.whole(202, msgspec.json.encode(job))
            return
        desk = Desk(config=config, actor=actor, office=self)
        if isinstance(operation.gives, str):
            await self._stream(partial(operation.does, desk, takes), operation.gives, reply)
        else:
            body = await self._in_thread(lambda: msgspec.json.encode(operation.does(desk, takes)))
            await reply.whole(200, body)

    async def _stream(self, begin: Any, media: str, reply: Reply) -> None:
        pieces: Iterator[bytes] = await self._in_thread(begin)
        first = await self._in_thread(lambda: next(pieces, b""))
        await reply.start(200, ((b"content-type", media.encode()),))
        while first:
            await reply.write(first)
            first = await self._in_thread(lambda: _some(pieces))
        await reply.write(b"", last=True)

    async def _in_thread(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _learn(self, digest: str, body: bytes) -> None:
        if hashlib.sha256(body).hexdigest() != digest:
            raise RequestError("these settings are not those that were announced")
        while len(self._configs) >= KNOWN_CONFIGS:
            del self._configs[next(iter(self._configs))]
        self._configs[digest] = unpack(body)


def _some(pieces: Iterator[bytes], enough: int = 64 * 1024) -> bytes:
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= enough:
            break
    return bytes(found)


async def refuse(reply: Reply, error: ModicumError, *, status: int = 0, code: str = "") -> None:
    """Tell the caller no, in the words of our errors with the hint beside. A stream that has begun breaks off instead."""
    if reply.started:
        raise error
    status = status or status_of(error)
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    told = {"message": error.message, "type": kind, "param": None, "code": code or error.code, "hint": error.hint}
    wait = ((b"retry-after", b"1"),) if status in (429, 503) else ()
    await reply.whole(status, msgspec.json.encode({"error": told}), (JSON, *wait))


def status_of(error: ModicumError) -> int:
    """What HTTP says of an error that has no status of its own: a conflict with what is there, if nothing else."""
    if error.status is not None:
        return error.status
    if isinstance(error, StoreError):
        return 503
    if isinstance(error, MissingExtraError):
        return 501
    return 400 if isinstance(error, ConfigError) else 409
