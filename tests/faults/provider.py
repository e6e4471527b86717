"""A provider on a raw socket that behaves as a test says, model by model, and remembers what it saw and what it billed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Act = Callable[["Exchange"], Awaitable[bool]]
"""Answers one request; False closes the connection."""
INPUT_TOKENS, WORDS = 10, ("one ", "two ", "three ", "four ", "five ")


@dataclass(slots=True)
class Exchange:
    """One request that arrived, and what became of it."""

    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    began: float = field(default_factory=time.monotonic)
    billed: int | None = None
    """Output tokens of an answer that was told to its end; None: nothing is billed."""
    left: float | None = None
    """When the other side was seen to have gone."""

    @property
    def request(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def model(self) -> str:
        return str(self.request["model"]) if self.body else ""

    @property
    def tag(self) -> str:
        """The caller's own name for its request: the last user text."""
        return str(self.request["messages"][-1]["content"]) if self.body else ""

    @property
    def streamed(self) -> bool:
        return self.request.get("stream") is True

    # ------------------------------------------------------------------------------------------------ ways to answer

    async def raw(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            self.left = self.left or time.monotonic()
            raise

    async def status(self, status: int, **headers: str) -> bool:
        error = {"error": {"message": "as the test says", "type": "server_error", "param": None, "code": None}}
        await self._whole(b"%d As Told" % status, json.dumps(error).encode(), headers)
        return True

    async def answer(self) -> bool:
        """A good answer, plain or streamed, with its usage."""
        if self.streamed:
            return await self.stream()
        words = len(WORDS)
        body = completion(self.model, f"echo {self.tag}", words)
        self.billed = words
        await self._whole(b"200 OK", json.dumps(body).encode(), {})
        return True

    async def stream(self, *, pause_s: float = 0.01, words: tuple[str, ...] = WORDS) -> bool:
        await self.open_stream()
        await self.event(delta(self.model, role="assistant", content=f"echo {self.tag} "))
        for word in words:
            if await self.gone(pause_s):
                return False
            await self.event(delta(self.model, content=word))
        return await self.close_stream(len(words))

    async def open_stream(self) -> None:
        await self.raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, body: dict[str, Any]) -> None:
        await self.chunk(b"data: " + json.dumps(body).encode() + b"\n\n")

    async def close_stream(self, words: int) -> bool:
        await self.event(delta(self.model, finish="stop"))
        if (self.request.get("stream_options") or {}).get("include_usage"):
            last = delta(self.model) | {"choices": [], "usage": usage(words)}
            await self.event(last)
        self.billed = words
        await self.chunk(b"data: [DONE]\n\n")
        await self.raw(b"0\r\n\r\n")
        return True

    async def gone(self, within_s: float) -> bool:
        """Wait; did the other side go meanwhile?"""
        watch = asyncio.ensure_future(self.reader.read(1))
        done, _ = await asyncio.wait([watch], timeout=within_s)
        if done:
            self.left = time.monotonic()
            return True
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        return False

    async def hang(self, seconds: float = 60.0) -> bool:
        await self.gone(seconds)
        return False

    def reset(self) -> bool:
        self.writer.transport.abort()
        return False

    async def respond(self, body: dict[str, Any]) -> None:
        """This, as a plain answer."""
        await self._whole(b"200 OK", json.dumps(body).encode(), {})

    async def _whole(self, status: bytes, body: bytes, headers: dict[str, str]) -> None:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()).encode()
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n" % (status, len(body), lines)
        await self.raw(head + body)


def completion(model: str, content: str, words: int) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"id": "chatcmpl-x", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage(words)}


def delta(model: str, *, finish: str | None = None, **more: str) -> dict[str, Any]:
    choice = {"index": 0, "delta": more, "finish_reason": finish}
    return {"id": "chatcmpl-x", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [choice]}


def usage(words: int) -> dict[str, int]:
    return {"prompt_tokens": INPUT_TOKENS, "completion_tokens": words, "total_tokens": INPUT_TOKENS + words}


def message(model: str, content: str, words: int) -> dict[str, Any]:
    """The same as Anthropic says it."""
    said = {"id": "msg_x", "type": "message", "role": "assistant", "model": model, "content": [{"type": "text", "text": content}]}
    return said | {"stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": words}}


class Provider:
    """Listens while it is entered, in a thread of its own. `acts[model]` answers a model's requests, a good answer the others'."""

    def __init__(self) -> None:
        self.acts: dict[str, Act] = {}
        self.seen: list[Exchange] = []
        self.connections = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def of(self, model: str) -> list[Exchange]:
        return [one for one in list(self.seen) if one.body and one.model == model]

    def hang_up(self) -> None:
        """Close every connection that is idle, so that descriptors can be counted."""

        def close_all() -> None:
            for writer in self._writers:
                writer.close()

        self._loop.call_soon_threadsafe(close_all)

    def __enter__(self) -> Provider:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 25, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        exchange = Exchange(head, await reader.readexactly(length), reader, writer)
        self.seen.append(exchange)
        if head.startswith(b"POST") and exchange.body and b"/chat/completions" in head.split(b"\r\n")[0]:
            act = self.acts.get(exchange.model)
            return await (act(exchange) if act is not None else exchange.answer())
        return await self._other(exchange)

    async def _other(self, exchange: Exchange) -> bool:
        body = json.dumps(self.other(exchange.head.split(b" ")[1].decode(), exchange)).encode()
        await exchange._whole(b"200 OK", body, {})
        return True

    def other(self, path: str, exchange: Exchange) -> dict[str, Any]:
        """What is said at other paths, in the right shape."""
        if path.endswith("/messages"):
            exchange.billed = len(WORDS)
            return message(exchange.model, f"echo {exchange.tag}", len(WORDS))
        if path.endswith("/models"):
            return {"object": "list", "data": [{"id": "steady", "object": "model", "created": 1, "owned_by": "them"}]}
        return {"id": "x", "object": "thing", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
