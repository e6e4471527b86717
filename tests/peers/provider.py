"""A scripted provider on raw sockets that speaks OpenAI's and Anthropic's dialects, whole and streamed, and breaks on request.

The request's model says what it does: `…-broken` stops in mid-stream without an end, `…-limited` answers 429, `…-tools` calls
a tool twice at once, anything else says hello. What it was sent stands in `seen`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from typing import Any

AT = 1_790_000_000
_numbers = itertools.count(1)
WORDS = ["Hel", "lo ", "wörld", " ✓"]
TEXT = "".join(WORDS)
TOOLS = [("call_1", "weather", '{"city": "Kuala Lumpur"}'), ("call_2", "weather", '{"city": "Zürich", "days": 2}')]


class Provider:
    """Runs in a thread of its own; `url` is its root, without /v1."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        """(method, path, headers, body)."""
        self.url = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Provider:
        self._thread.start()
        assert self._started.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = json.loads(body) if body.startswith(b"{") else None
        self.seen.append((method, path, headers, asked))
        model = str((asked or {}).get("model", ""))
        if model.endswith("-limited"):
            writer.write(whole(429, self._limited(path), "retry-after: 1\r\nx-should-retry: false\r\n"))
        elif asked and asked.get("stream"):
            events = STREAMS[path.partition("?")[0]](asked)
            if model.endswith("-broken"):
                events = events[: len(events) // 2]
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for event in events:
                writer.write(event)
                await writer.drain()
                await asyncio.sleep(0.001)
            return False
        else:
            writer.write(whole(200, PLAIN[path.partition("?")[0]](asked or {})))
        await writer.drain()
        return True

    def _limited(self, path: str) -> Any:
        told = {"type": "rate_limit_error", "message": "slow down"}
        return (
            {"type": "error", "error": told}
            if path.startswith("/v1/messages")
            else {"error": told | {"code": "rate_limit_exceeded", "param": None}}
        )


def whole(status: int, body: Any, more: str = "") -> bytes:
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\nx-request-id: req_up\r\n{more}\r\n"
    return head.encode() + text


def sse(body: Any, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(body).encode() + b"\n\n"


# ---------------------------------------------------------------------------------------------------------------- OpenAI

OPENAI_USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "prompt_tokens_details": {"cached_tokens": 4}}


def new_id() -> str:
    """No two answers have the same id."""
    return f"chatcmpl-scripted-{next(_numbers):08d}"


def chat(asked: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": TEXT, "refusal": None}
    if str(asked["model"]).endswith("-tools"):
        calls = [{"id": one, "type": "function", "function": {"name": name, "arguments": given}} for one, name, given in TOOLS]
        message |= {"content": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls" if message.get("tool_calls") else "stop"}
    return {
        "id": new_id(),
        "object": "chat.completion",
        "created": AT,
        "model": asked["model"],
        "choices": [choice],
        "usage": OPENAI_USAGE,
    }


def chat_stream(asked: dict[str, Any]) -> list[bytes]:
    number = new_id()

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        body = {"id": number, "object": "chat.completion.chunk", "created": AT, "model": asked["model"]}
        usage = {"usage": None} if (asked.get("stream_options") or {}).get("include_usage") else {}
        return sse(body | usage | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    events = [chunk({"role": "assistant", "content": ""})]
    if str(asked["model"]).endswith("-tools"):
        for at, (one, name, given) in enumerate(TOOLS):
            events.append(
                chunk({"tool_calls": [{"index": at, "id": one, "type": "function", "function": {"name": name, "arguments": ""}}]})
            )
            events += [chunk({"tool_calls": [{"index": at, "function": {"arguments": piece}}]}) for piece in (given[:7], given[7:])]
        events.append(chunk({}, "tool_calls"))
    else:
        events += [chunk({"content": word}) for word in WORDS]
        events.append(chunk({}, "stop"))
    if (asked.get("stream_options") or {}).get("include_usage"):
        body = {"id": number, "object": "chat.completion.chunk", "created": AT, "model": asked["model"], "choices": []}
        events.append(sse(body | {"usage": OPENAI_USAGE}))
    return [*events, b"data: [DONE]\n\n"]


def response(asked: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    part = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}
    usage = {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 17,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": status,
        "model": asked["model"],
        "output": [message] if status == "completed" else [],
        "usage": usage if status == "completed" else None,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }


def response_stream(asked: dict[str, Any]) -> list[bytes]:
    item = {"type": "message", "id": "msg_1", "status": "in_progress", "role": "assistant", "content": []}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    at: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    done = response(asked)
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": response(asked, "in_progress")}),
        ("response.in_progress", {"response": response(asked, "in_progress")}),
        ("response.output_item.added", {"output_index": 0, "item": item}),
        ("response.content_part.added", {**at, "part": part}),
        *(("response.output_text.delta", {**at, "delta": word, "logprobs": []}) for word in WORDS),
        ("response.output_text.done", {**at, "text": TEXT, "logprobs": []}),
        ("response.content_part.done", {**at, "part": done["output"][0]["content"][0]}),
        ("response.output_item.done", {"output_index": 0, "item": done["output"][0]}),
        ("response.completed", {"response": done}),
    ]
    return [sse({"type": name, "sequence_number": number, **body}, name) for number, (name, body) in enumerate(events)]


def completion(asked: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "text": TEXT, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": AT,
        "model": asked["model"],
        "choices": [choice],
        "usage": OPENAI_USAGE,
    }


def embedding(asked: dict[str, Any]) -> dict[str, Any]:
    row = {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}
    return {"object": "list", "data": [row], "model": asked["model"], "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def rerank(asked: dict[str, Any]) -> dict[str, Any]:
    rows = [{"index": number, "relevance_score": 1 / (1 + number)} for number in range(len(asked["documents"]))]
    return {"id": "rr-1", "results": rows, "meta": {"billed_units": {"search_units": 1}}}


def models(_: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": "gpt-there", "object": "model", "created": 1, "owned_by": "them"}]}


# ------------------------------------------------------------------------------------------------------------- Anthropic

ANTHROPIC_USAGE = {"input_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 5}


def blocks(asked: dict[str, Any]) -> list[dict[str, Any]]:
    if str(asked["model"]).endswith("-tools"):
        return [{"type": "tool_use", "id": one, "name": name, "input": json.loads(given)} for one, name, given in TOOLS]
    return [{"type": "text", "text": TEXT}]


def message(asked: dict[str, Any]) -> dict[str, Any]:
    content = blocks(asked)
    stop = "tool_use" if content[0]["type"] == "tool_use" else "end_turn"
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }


def message_stream(asked: dict[str, Any]) -> list[bytes]:
    done = message(asked)
    start = done | {"content": [], "stop_reason": None, "usage": ANTHROPIC_USAGE | {"output_tokens": 1}}
    events: list[tuple[str, dict[str, Any]]] = [("message_start", {"message": start}), ("ping", {})]
    for at, block in enumerate(done["content"]):
        if block["type"] == "text":
            events.append(("content_block_start", {"index": at, "content_block": {"type": "text", "text": ""}}))
            events += [("content_block_delta", {"index": at, "delta": {"type": "text_delta", "text": word}}) for word in WORDS]
        else:
            given = json.dumps(block["input"], ensure_ascii=False)
            events.append(("content_block_start", {"index": at, "content_block": block | {"input": {}}}))
            pieces = ("", given[:7], given[7:])
            events += [("content_block_delta", {"index": at, "delta": {"type": "input_json_delta", "partial_json": one}}) for one in pieces]
        events.append(("content_block_stop", {"index": at}))
    events.append(("message_delta", {"delta": {"stop_reason": done["stop_reason"], "stop_sequence": None}, "usage": ANTHROPIC_USAGE}))
    events.append(("message_stop", {}))
    return [sse({"type": name, **body}, name) for name, body in events]


def count(_: dict[str, Any]) -> dict[str, Any]:
    return {"input_tokens": 12}


PLAIN = {
    "/v1/chat/completions": chat,
    "/v1/responses": response,
    "/v1/completions": completion,
    "/v1/embeddings": embedding,
    "/v1/rerank": rerank,
    "/v1/models": models,
    "/v1/messages": message,
    "/v1/messages/count_tokens": count,
}
STREAMS = {"/v1/chat/completions": chat_stream, "/v1/responses": response_stream, "/v1/messages": message_stream}
