"""Amazon Bedrock's Converse and ConverseStream.

Only spoken to providers. The model stands in the address: a request that is read has the model "" where the body names none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modicum.wire.bedrock import request as _request
from modicum.wire.bedrock import response as _response
from modicum.wire.bedrock import stream as _stream
from modicum.wire.talk import Request, Response, StreamReader, StreamWriter

EXCEPTIONS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
"""The service tells the name in the header x-amzn-errortype, seldom in the body."""


class Bedrock:
    """See `talk.Dialect`."""

    name = "bedrock"
    content_type = "application/vnd.amazon.eventstream"

    def read_request(self, body: Mapping[str, Any]) -> Request:
        return _request.read(body)

    def write_request(self, request: Request) -> dict[str, Any]:
        return _request.write(request)

    def read_response(self, body: Mapping[str, Any]) -> Response:
        return _response.read(body)

    def write_response(self, response: Response) -> dict[str, Any]:
        return _response.write(response)

    def reader(self) -> StreamReader:
        return _stream.Reader()

    def writer(self, request: Request) -> StreamWriter:
        return _stream.Writer()

    def read_error(self, body: Mapping[str, Any] | None, status: int) -> tuple[str, str]:
        about = body or {}
        message = about.get("message") or about.get("Message")
        kind = about.get("__type")
        name = kind.rpartition("#")[2] if isinstance(kind, str) and kind else EXCEPTIONS.get(status, f"http_{status}")
        return (message if isinstance(message, str) and message else f"Bedrock answered {status}"), name[:80]

    def write_error(self, message: str, *, status: int, code: str, request_id: str = "") -> bytes:
        return msgspec.json.encode({"__type": EXCEPTIONS.get(status, code), "message": message})

    def error_event(self, body: bytes) -> bytes:
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = None
        message, _ = self.read_error(said if isinstance(said, dict) else None, 500)
        return _stream.exception("internalServerException", message)


DIALECT = Bedrock()
