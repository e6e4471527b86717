"""A scripted Langfuse on raw sockets: pages of observations by v2's cursor or v1's page number, and the troubles that a test names."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

PUBLIC, SECRET = "pk-lf-1", "sk-lf-canary-2"


class Langfuse:
    """A context manager; `asked` holds every target, `troubles` is taken from before each answer: (status, headers, body or None)."""

    def __init__(self, observations: list[dict[str, Any]], *, v2: bool = True, page: int = 3) -> None:
        self.observations, self.v2, self.page = observations, v2, page
        self.asked: list[str] = []
        self.troubles: list[tuple[int, dict[str, str], bytes | None]] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while line := self.rfile.readline():
                    target = line.split()[1].decode()
                    headers = {}
                    while (head := self.rfile.readline().strip()) and b":" in head:
                        name, _, value = head.partition(b":")
                        headers[name.lower()] = value.strip()
                    status, more, body = outer.answer(target, headers.get(b"authorization", b"").decode())
                    said = b"".join(f"{name}: {value}\r\n".encode() for name, value in more.items())
                    length = len(body) + (9 if more.get("x-torn") else 0)
                    self.wfile.write(f"HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n".encode() + said + b"\r\n" + body)
                    self.wfile.flush()
                    if more.get("x-torn"):
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Langfuse:
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"langfuse://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, target: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(target)
        if self.troubles:
            status, headers, body = self.troubles.pop(0)
            if body is not None or status != 200:
                return status, headers, body or b""
        if authorization != "Basic " + base64.b64encode(f"{PUBLIC}:{SECRET}".encode()).decode():
            return 401, {}, b'{"message": "no"}'
        found = urlsplit(target)
        asked = {name: value[0] for name, value in parse_qs(found.query).items()}
        since, until = (datetime.fromisoformat(asked[name]) for name in ("fromStartTime", "toStartTime"))
        listed = [
            one for one in self.observations if one["type"] == asked["type"] and since <= datetime.fromisoformat(one["startTime"]) < until
        ]
        if found.path == "/api/public/v2/observations" and self.v2:
            at, length = int(asked.get("cursor", "0")), min(self.page, int(asked["limit"]))
            page = [dict(one) for one in listed[at : at + length]]
            for one in page:
                one["providedModelName"] = one.pop("model")
                for name in ("input", "output"):
                    one[name] = json.dumps(one[name]) if "io" in asked["fields"].split(",") else None
            meta: dict[str, Any] = {"cursor": str(at + length)} if at + length < len(listed) else {}
            return 200, {}, json.dumps({"data": page, "meta": meta}).encode()
        if found.path == "/api/public/observations":
            number = int(asked["page"])
            page = listed[(number - 1) * self.page : number * self.page]
            meta = {"page": number, "limit": self.page, "totalItems": len(listed), "totalPages": -(-len(listed) // self.page)}
            return 200, {}, json.dumps({"data": page, "meta": meta}, indent=1).encode()
        return 404, {}, b"{}"
