"""OpenAI's Responses.

Spoken with callers, whose calls can so go to providers of chat, and with providers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modicum.wire import openai, sse
from modicum.wire.openai.errors import TYPES
from modicum.wire.responses import request as _request
from modicum.wire.responses import response as _response
from modicum.wire.responses.reader import Reader
from modicum.wire.responses.writer import Writer
from modicum.wire.talk import Request, Response, StreamReader, StreamWriter


class Responses:
    """See `talk.Dialect`."""

    name = "responses"
    content_type = "text/event-stream"

    def read_request(self, body: Mapping[str, Any]) -> Request:
        return _request.read(body)

    def write_request(self, request: Request) -> dict[str, Any]:
        return _request.write(request)

    def read_response(self, body: Mapping[str, Any]) -> Response:
        return _response.read(body)

    def write_response(self, response: Response, request: Request | None = None) -> dict[str, Any]:
        """With `request` its tools, choice and settings are repeated, as OpenAI does."""
        return _response.write(response, request)

    def reader(self) -> StreamReader:
        return Reader()

    def writer(self, request: Request) -> StreamWriter:
        return Writer(request)

    def read_error(self, body: Mapping[str, Any] | None, status: int) -> tuple[str, str]:
        error = body.get("error") if body else None
        about = error if isinstance(error, dict) else {}
        message = about.get("message") if about else error
        kind = about.get("code") or about.get("type") or TYPES.get(status, f"http_{status}")
        return (message if isinstance(message, str) and message else f"the provider answered {status}"), str(kind)[:80]

    def write_error(self, message: str, *, status: int, code: str, request_id: str = "") -> bytes:
        return openai.DIALECT.write_error(message, status=status, code=code)

    def error_event(self, body: bytes) -> bytes:
        """An `error` event. It cannot know how many events came before, so its number is 0."""
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = None
        message, kind = self.read_error(said if isinstance(said, dict) else None, 500)
        data = {"type": "error", "sequence_number": 0, "code": kind, "message": message, "param": None}
        return b"\n\n" + sse.event(msgspec.json.encode(data), "error")


DIALECT = Responses()
