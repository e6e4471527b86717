"""The dialect as one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modicum.wire.anthropic import errors, request, response
from modicum.wire.anthropic.reader import Reader
from modicum.wire.anthropic.writer import Writer
from modicum.wire.openai.errors import is_too_long
from modicum.wire.talk import Dialect, Request, Response, StreamReader, StreamWriter

TOO_LONG = "prompt is too long"


class Messages:
    name = "anthropic messages"
    content_type = "text/event-stream; charset=utf-8"

    def read_request(self, body: Mapping[str, Any]) -> Request:
        return request.read_request(body)

    def write_request(self, asked: Request) -> dict[str, Any]:
        return request.write_request(asked)

    def read_response(self, body: Mapping[str, Any]) -> Response:
        return response.read_response(body)

    def write_response(self, said: Response) -> dict[str, Any]:
        return response.write_response(said)

    def reader(self) -> StreamReader:
        return Reader()

    def writer(self, asked: Request) -> StreamWriter:
        return Writer(asked)

    def read_error(self, body: Mapping[str, Any] | None, status: int) -> tuple[str, str]:
        return errors.read_error(body, status)

    def write_error(self, message: str, *, status: int, code: str, request_id: str = "") -> bytes:
        if is_too_long(message, status) and not message.lower().startswith(TOO_LONG):
            message = f"{TOO_LONG}: {message}"  # by these words Claude's own agents know that they must compact
        return errors.envelope(message, status=status, request_id=request_id)

    def error_event(self, body: bytes) -> bytes:
        return errors.error_event(body)


DIALECT: Dialect = Messages()
