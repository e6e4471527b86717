"""The tap that moves no traffic: calls that others answered, as they tell of them. Spans at /v1/traces, LiteLLM's callback at /v1/tap.

What was taken in is on the disk before the reply says so, and each call goes in once however often it is told of: it is known by its
response's id, or its span's, in the same index as what `modicum import` brings in (`store.batches`). A sender that is told to come again
loses nothing and doubles nothing. One thread a worker does the work, so no caller of a model waits for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modicum.config import Config, ServeConfig
from modicum.errors import (
    InputError,
    ModicumError,
    RequestError,
    RequestTooLargeError,
    StoreBusyError,
    UnknownEndpointError,
    UnsupportedMediaError,
)
from modicum.gateway import admit
from modicum.gateway.day import Day
from modicum.gateway.exchange import JSON, Asked, Header, Reply
from modicum.gateway.telemetry import Telemetry
from modicum.store import batches, identity
from modicum.store.key import evidence_key
from modicum.types import Call, Key
from modicum.view import Redactor, keeping
from modicum.wire import genai, litellm, otlp
from modicum.wire.observed import Observed

MOST_RATIO = 100
"""A body may unpack to so many times its size."""
RATIO_FROM_BYTES = 64 * 1024
MOST_WAITING_BYTES = 64 * 1024 * 1024
"""Of bodies that wait for the thread; a sender that comes then is told to come again."""
WAIT_S = 3.0
"""How long the thread waits while another process changes the store. OTLP exporters give up after ten seconds."""
AGAIN_S = b"5"
SHOWN = 5
PROTOBUF = (b"content-type", b"application/x-protobuf")
_CODES = {400: 3, 401: 16, 403: 7, 404: 12, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
"""HTTP status -> google.rpc.Code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one request's calls."""

    added: int = 0
    known: int = 0
    """Told of before."""
    erased: int = 0
    """Erased here before, and not taken again."""
    ignored: int = 0
    """Spans of something else than a call to a model, payloads of kinds that are not kept."""
    refused: int = 0
    reasons: tuple[str, ...] = ()
    """Why the first few were refused."""


async def traces(day: Day, asked: Asked, reply: Reply, *, key: Key | None = None) -> None:
    """`POST /v1/traces`: an OTLP ExportTraceServiceRequest in JSON or protobuf, plain or gzip. Answers in the form it was asked in."""
    form: otlp.Form = "json" if _kind(asked) == "application/json" else "protobuf"
    header = JSON if form == "json" else PROTOBUF
    try:
        if _kind(asked) not in ("application/json", "application/x-protobuf", "application/protobuf"):
            raise UnsupportedMediaError(
                f"content type {_kind(asked)[:80]!r} is not read", hint="send application/x-protobuf or application/json"
            )
        found = await _take(day, asked, key, "otlp", lambda body: _of_spans(otlp.spans(body, form)))
    except ModicumError as error:
        status = _status(error)
        again = ((b"retry-after", AGAIN_S),) if status in (429, 503) else ()
        await _refuse(asked, reply, status, otlp.refused(form, _CODES.get(status, 2), error.message), (header, *again))
        return
    told = []
    if found.refused:
        told.append(f"{found.refused} refused: {'; '.join(found.reasons)}")
    if found.ignored:
        told.append(f"{found.ignored} ignored: no calls to a model")
    await reply.whole(200, otlp.taken(form, rejected=found.refused, message=". ".join(told)), (header,))


async def callback(day: Day, asked: Asked, reply: Reply, *, key: Key | None = None) -> None:
    """`POST /v1/tap`: LiteLLM's StandardLoggingPayloads as one JSON array, as lines, or as one object. Raises ModicumError."""
    if _kind(asked) not in ("application/json", "application/x-ndjson", "application/jsonl", "application/x-jsonlines"):
        raise UnsupportedMediaError(f"content type {_kind(asked)[:80]!r} is not read", hint="send application/json")
    try:
        found = await _take(day, asked, key, "litellm", _of_payloads)
    except StoreBusyError as error:
        await _refuse(
            asked,
            reply,
            503,
            msgspec.json.encode({"error": {"message": error.message, "code": error.code}}),
            (JSON, (b"retry-after", AGAIN_S)),
        )
        return
    await reply.whole(200, msgspec.json.encode(found))


Told = Iterator[Observed | InputError | None]
"""A call, or why one was refused, or nothing that is kept."""


async def _take(day: Day, asked: Asked, key: Key | None, source: str, read: Callable[[bytes], Told]) -> Taken:
    config = day.config
    if not config.serve.tap:
        raise UnknownEndpointError("the tap is closed", hint="[serve] tap = true opens it")
    packed = asked.header(b"content-encoding").lower()
    if packed not in ("", "identity", "gzip"):
        raise UnsupportedMediaError(f"content encoding {packed[:40]!r} is not read", hint="send gzip, or none")
    body = await admit.read_body(asked, config.serve)
    scope = key.scope if key is not None else config.serve.scope

    def work() -> Taken:
        plain = _unpacked(body, config.serve) if packed == "gzip" else body
        return take(config, read(plain), scope=scope)

    found = await _door.run(work, len(body))
    telemetry = getattr(day, "telemetry", None)
    if isinstance(telemetry, Telemetry):
        for outcome in ("added", "known", "erased", "ignored", "refused"):
            telemetry.tapped(source, outcome, getattr(found, outcome))
    return found


class _Door:
    """One thread, and a bound on what waits for it. The thread starts with the first request: workers are forked before."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._waiting_bytes = 0

    async def run(self, work: Callable[[], Taken], size: int) -> Taken:
        if self._waiting_bytes and self._waiting_bytes + size > MOST_WAITING_BYTES:
            raise StoreBusyError("too much is waiting to be taken in")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "tap")
        self._waiting_bytes += size
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting_bytes -= size


_door = _Door()


def take(config: Config, told: Iterable[Observed | InputError | None], *, scope: str) -> Taken:
    """Record what was told, each call once. Raises StoreError, and StoreBusyError where another process keeps the store too long."""
    ignored = refused = 0
    reasons: list[str] = []

    def calls() -> Iterator[Call]:
        nonlocal ignored, refused
        for one in told:
            if isinstance(one, Observed):
                yield kept(config, one, scope=scope)
            elif one is None:
                ignored += 1
            else:
                refused += 1
                if len(reasons) < SHOWN and one.message not in reasons:
                    reasons.append(one.message)

    added = batches.add(config.home, calls(), wait_s=WAIT_S)
    return Taken(
        added=added.added, known=added.known, erased=added.erased, ignored=ignored, refused=refused, reasons=tuple(reasons)
    )  # fmt: skip


def kept(config: Config, observed: Observed, *, scope: str) -> Call:
    """The call as it is stored: with its id and scope, and its bodies as `[store] keep_bodies` says."""
    call = observed.call
    who = identity.of_response(scope, observed.identity)
    call = dataclasses.replace(call, call_id=identity.call_id(call.started_at, who), scope=scope)
    redactor, hidden_by = _view(config.redact.table, config.home)
    return keeping.kept(call, config.store.keep_bodies, redactor, hidden_by)


@functools.lru_cache(1)
def _view(table: Path | None, home: Path) -> tuple[Redactor, bytes]:
    return Redactor.open(table), evidence_key(home)


def _of_spans(spans: Iterable[otlp.Span]) -> Told:
    for span in spans:
        yield _observed(genai.observe, span)


def _of_payloads(body: bytes) -> Told:
    """The calls of a body. Raises RequestError where nothing of it is JSON."""
    if body.lstrip()[:1] == b"[":
        listed = _json(body)
    else:
        listed, lines = [], [line for line in body.split(b"\n") if line.strip()]
        for line in lines:
            try:
                listed.append(_json(line))
            except RequestError:
                if len(lines) == 1:
                    raise
                yield InputError("a line that is not JSON")
    for payload in listed:
        yield _observed(litellm.observe, payload)


def _observed(read: Callable[[Any], Observed | None], told: Any) -> Observed | InputError | None:
    try:
        return read(told)
    except InputError as error:
        return error
    except UnicodeEncodeError:
        return InputError("text with halves of characters")


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body)  # Python's own writer makes NaN of what is none
    except (ValueError, RecursionError):
        raise RequestError("the body is not JSON") from None


def _unpacked(packed: bytes, limits: ServeConfig) -> bytes:
    """A gzip body as it reads. Raises RequestTooLargeError past the limits, RequestError where it is none or broken off."""
    most = min(limits.max_body_bytes, max(RATIO_FROM_BYTES, MOST_RATIO * len(packed)))
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(packed, most + 1)
    except zlib.error:
        raise RequestError("the body is not gzip") from None
    if len(body) > most:
        raise RequestTooLargeError(
            f"the body unpacks to more than {most:,} bytes",
            hint=f"serve.max_body_bytes sets the limit; no body may unpack to over {MOST_RATIO} times its size",
        )
    if not unpacker.eof or unpacker.unused_data:
        raise RequestError("the gzip body is not one whole stream")
    return body


def _kind(asked: Asked) -> str:
    return asked.header(b"content-type").lower().partition(";")[0].strip()


def _status(error: ModicumError) -> int:
    return 503 if isinstance(error, StoreBusyError) else error.status or 500


async def _refuse(asked: Asked, reply: Reply, status: int, body: bytes, headers: tuple[Header, ...]) -> None:
    await reply.whole(status, body, headers)
