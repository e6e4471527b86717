"""The gateway as a library: the same walk in this process, with its routes, records and providers. Synchronous and asynchronous.

There is one walk and it is asynchronous. It runs on one background loop, which every thread and every loop of the program shares.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from modicum.config import Config, load, use_one_thread
from modicum.errors import InputError, ModicumError, RequestError, UpstreamError
from modicum.gateway.answer import answer as walk
from modicum.gateway.day import Day
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import JSON, Asked, Header, Reply
from modicum.gateway.feedback import kept
from modicum.store import feedback as feedback_store
from modicum.store.home import prepare
from modicum.store.segments import SegmentWriter
from modicum.types import Decision, Usage
from modicum.wire import chat, talk
from modicum.wire import feedback as wire_feedback
from modicum.wire.dialects import dialect

Messages = str | Sequence[Mapping[str, Any]]
T = TypeVar("T")

_PATH = "/v1/chat/completions"
_AHEAD = 16
"""Pieces of a stream that wait for their reader; beyond that the provider is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as an OpenAI chat completion."""

    text: str
    """Of the first choice; empty where it only calls tools."""
    response: dict[str, Any] = field(repr=False)
    decision: Decision | None
    """Who answered, and why."""
    call_id: str
    usage: Usage = Usage()
    cost_usd: Decimal | None = None


class Modicum:
    """Asks models by the operator's configuration: `Modicum().answer("...", model="...")`. Close it, or use it as a context.

    `config`: a configuration, or the file of one; None: ./modicum.toml where it exists, the environment, the defaults. Nothing is
    opened before the first question. Keys are for callers from outside, so none is needed here.
    """

    def __init__(self, config: Config | Path | str | None = None) -> None:
        self._config = config if isinstance(config, Config) else load(Path(config) if config is not None else None)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._day: Day | None = None

    # ------------------------------------------------------------------------------------------------------ questions

    def answer(self, prompt: Messages, *, model: str, **options: Any) -> Answer:
        """Ask, and wait. `prompt`: a text, or chat messages; `options` as in OpenAI's chat completions.

        Raises ModicumError: RequestError for what was asked wrongly, UpstreamError where no provider answers.
        """
        return self._run(self._answer(_request(prompt, model, options)))

    async def answer_async(self, prompt: Messages, *, model: str, **options: Any) -> Answer:
        """The same, awaited from any loop."""
        return await asyncio.wrap_future(self._start(self._answer(_request(prompt, model, options))))

    def stream(self, prompt: Messages, *, model: str, **options: Any) -> Iterator[str]:
        """The answer's text piece by piece. Leaving the iterator early stops the provider."""
        pieces = self._pieces(_request(prompt, model, {**options, "stream": True}))
        try:
            while True:
                try:
                    yield self._run(anext(pieces))
                except StopAsyncIteration:
                    return
        finally:
            self._run(pieces.aclose())

    async def stream_async(self, prompt: Messages, *, model: str, **options: Any) -> AsyncIterator[str]:
        """The same, from any loop."""
        pieces = self._pieces(_request(prompt, model, {**options, "stream": True}))
        try:
            while True:
                try:
                    yield await asyncio.wrap_future(self._start(anext(pieces)))
                except StopAsyncIteration:
                    return
        finally:
            await asyncio.wrap_future(self._start(pieces.aclose()))

    def feedback(self, call_id: str, **said: Any) -> str:
        """Say what became of a call, by `Answer.call_id` or its response's id: label, correction, score, outcome, comment, by, source.

        Returns the feedback's id once it is on the disk. Raises RequestError for what is no feedback, StoreError.
        """
        return self._run(self._feedback({"call_id": call_id, **said}))

    def close(self) -> None:
        """Finish the records and close all connections. May be called twice."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._close(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ----------------------------------------------------------------------------------------------------- the walk

    async def _answer(self, body: bytes) -> Answer:
        reply = Kept()
        draft = await self._walk(body, reply)
        return _answer(draft, reply.status, b"".join(reply.pieces))

    async def _pieces(self, body: bytes) -> AsyncGenerator[str, None]:
        """Runs on the loop of its own."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        reply = Kept(queue.put)

        async def work() -> None:
            try:
                await self._walk(body, reply)
            finally:
                await queue.put(None)

        task = asyncio.create_task(work())
        reader, texts, failed = dialect("chat_completions").reader(), set[int](), b""
        try:
            while (chunk := await queue.get()) is not None:
                if reply.status >= 400:
                    failed += chunk
                    continue
                for event in reader.feed(chunk):
                    if isinstance(event, talk.Opened) and isinstance(event.part, talk.Text) and event.choice == 0:
                        texts.add(event.index)
                    elif isinstance(event, talk.Added) and event.choice == 0 and event.index in texts and event.text:
                        yield event.text
                    elif isinstance(event, talk.Failed):
                        raise UpstreamError(event.message)
            await task
            if failed:
                _refused(reply.status, failed)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _feedback(self, row: dict[str, Any]) -> str:
        setting = self._open().setting
        told = kept(wire_feedback.read(row, scope=setting.config.serve.scope, at=datetime.now(UTC)), setting)
        await asyncio.to_thread(feedback_store.add, setting.config.home, [told])
        return told.feedback_id

    async def _walk(self, body: bytes, reply: Reply) -> Draft:
        asked = Asked("POST", _PATH, [(b"content-type", b"application/json")], body=body, trusted=True)
        return await walk(self._open(), asked, reply, "chat_completions")

    def _open(self) -> Day:
        if self._day is None:
            use_one_thread()
            home = prepare(self._config.home)
            day = Day.open(self._config, SegmentWriter(home, durability=self._config.store.durability), source="library")
            day.start()
            self._day = day
        return self._day

    async def _close(self) -> None:
        day, self._day = self._day, None
        if day is not None:
            await day.close()

    # ------------------------------------------------------------------------------------------------ the background

    def _run(self, work: Awaitable[T]) -> T:
        return self._start(work).result()

    def _start(self, work: Awaitable[T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(_whole(work), self._background())

    def _background(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="modicum", daemon=True)
                self._thread.start()
            return self._loop


class Kept(Reply):
    """A reply that stays in this process. `then`: takes the pieces of its body, which are kept here where there is nobody to."""

    def __init__(self, then: Callable[[bytes], Awaitable[None]] | None = None) -> None:
        super().__init__()
        self.status = 0
        self.headers: Sequence[Header] = ()
        self.pieces: list[bytes] = []
        self._then = then

    async def start(self, status: int, headers: Sequence[Header] = (JSON,), *, length: int | None = None) -> None:
        self.started, self.status, self.headers = True, status, headers

    async def write(self, body: bytes, *, last: bool = False) -> None:
        self.ended = last
        self.push(body)
        await self.room()

    def push(self, body: bytes) -> bool:
        self.pieces.append(body)
        return self._then is None

    async def room(self) -> None:
        if self._then is not None:
            body = b"".join(self.pieces)
            self.pieces.clear()
            if body:
                await self._then(body)


async def _whole(work: Awaitable[T]) -> T:
    return await work


def _request(prompt: Messages, model: str, options: Mapping[str, Any]) -> bytes:
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    try:
        return msgspec.json.encode({"model": model, "messages": messages, **options})
    except (TypeError, UnicodeEncodeError) as error:
        raise RequestError(f"the question cannot be written as JSON: {error}") from None


def _answer(draft: Draft, status: int, body: bytes) -> Answer:
    if status >= 400:
        _refused(status, body)
    try:
        response = chat.loads(body)
        said = chat.answer(response)
    except InputError as error:
        raise UpstreamError(f"the answer cannot be read: {error.message}") from None
    call = draft.call_kept
    return Answer(
        text=said.content or "",
        response=response,
        decision=call.decision if call is not None else None,
        call_id=draft.call_id,
        usage=call.usage if call is not None else Usage(),
        cost_usd=draft.cost_usd,
    )


def _refused(status: int, body: bytes) -> None:
    """Raise what an error body says."""
    try:
        message, code = dialect("chat_completions").read_error(chat.loads(body), status)
    except InputError:
        message, code = f"HTTP status {status}", f"http_{status}"
    error: ModicumError = UpstreamError(message) if status >= 500 or status == 429 else RequestError(message)
    error.code, error.status = code, status
    raise error
