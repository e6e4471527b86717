"""A provider to measure against, as a process of its own: what it does depends on the port.

    at once   a fixed answer
    late      the same after a while, as a model that thinks; a stream of 50 events, some milliseconds apart
    secure    as late, over TLS

Prints its ports as one line of JSON when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
from typing import Any, ClassVar, cast

import httptools
import uvloop

EVENTS = 50
USAGE = {"prompt_tokens": 250, "completion_tokens": 9, "total_tokens": 259}
ANSWER = {
    "id": "chatcmpl-0123456789",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello! How can I help you today?"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
BODY = json.dumps(ANSWER, separators=(",", ":")).encode()
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(event: bytes) -> bytes:
    event = b"data: %s\n\n" % event
    return b"%x\r\n%s\r\n" % (len(event), event)


def _events() -> list[bytes]:
    head = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-4o-mini"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": f" token{n}"} for n in range(EVENTS - 3))]
    made: list[dict[str, Any]] = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    made.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    made.append({**head, "choices": [], "usage": USAGE})
    return [_chunk(json.dumps(event, separators=(",", ":")).encode()) for event in made]


class Provider(asyncio.Protocol):
    """One connection. Reads whole requests; `"stream": true` anywhere in one makes the answer a stream."""

    late_s: ClassVar[float] = 0.0
    gap_s: ClassVar[float] = 0.0
    events: ClassVar[list[bytes]] = _events()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.loop = asyncio.get_running_loop()
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []
        self.timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        body = b"".join(self.body)
        self.body.clear()
        if b'"stream":true' in body.replace(b" ", b""):
            self.transport.write(STREAM)
            self.step(self.loop.time(), 0)
        elif self.late_s:
            self.timer = self.loop.call_later(self.late_s, self.transport.write, PLAIN)
        else:
            self.transport.write(PLAIN)

    def step(self, began: float, number: int) -> None:
        """Write the event of this number, and plan the next one by the clock: what was late does not make all later."""
        self.transport.write(self.events[number])
        if number + 1 == len(self.events):
            self.transport.write(_chunk(b"[DONE]") + b"0\r\n\r\n")
        else:
            self.timer = self.loop.call_at(began + (number + 1) * self.gap_s, self.step, began, number + 1)


async def serve(late_s: float, gap_s: float, certificate: str) -> None:
    class Late(Provider):
        pass

    Late.late_s, Late.gap_s = late_s, gap_s
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    servers = {
        "at_once": await loop.create_server(Provider, "127.0.0.1", 0, backlog=4096),
        "late": await loop.create_server(Late, "127.0.0.1", 0, backlog=4096),
        "secure": await loop.create_server(Late, "127.0.0.1", 0, backlog=4096, ssl=tls),
    }
    print(json.dumps({name: server.sockets[0].getsockname()[1] for name, server in servers.items()}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--late", type=float, default=0.8, help="seconds that an answer takes")
    parser.add_argument("--gap", type=float, default=0.005, help="seconds between two events")
    parser.add_argument("--certificate", required=True, help="PEM file with key and chain")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.late, arguments.gap, arguments.certificate))


if __name__ == "__main__":
    main()
