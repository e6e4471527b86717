"""Bytes to a gateway and all that comes back."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

from tests.faults.world import World


def send(port: int, data: bytes, *, timeout_s: float = 5.0, host: str = "127.0.0.1") -> bytes:
    """What comes until the other side closes, or says nothing for a while."""
    received = b""
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        with contextlib.suppress(ConnectionError, TimeoutError):
            while piece := connection.recv(65536):
                received += piece
    return received


def status(received: bytes) -> int:
    """Of the first reply; 0: none came."""
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.1 ") else 0


def request(
    made: World, body: Any, *, path: str = "/v1/chat/completions", more: bytes = b"", method: bytes = b"POST", close: bool = True
) -> bytes:
    """The bytes of a request with the key."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [method + b" " + path.encode() + b" HTTP/1.1", b"Host: localhost", b"Content-Type: application/json"]
    lines += [b"X-Modicum-Key: " + made.secret.encode(), b"Content-Length: %d" % len(data)]
    lines += [b"Connection: close"] if close else []
    return b"\r\n".join(lines) + b"\r\n" + more + b"\r\n" + data


def chat(text: str = "tagraw", model: str = "steady", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}
