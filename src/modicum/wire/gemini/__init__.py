"""Google's generateContent and streamGenerateContent?alt=sse, as Gemini (v1beta) and Vertex AI speak them.

Only spoken to providers. The model stands in the address: a request that is read has the model "" where the body names none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modicum.wire import sse
from modicum.wire.gemini import request as _request
from modicum.wire.gemini import response as _response
from modicum.wire.gemini import stream as _stream
from modicum.wire.talk import Request, Response, StreamReader, StreamWriter

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc.Code by HTTP status."""


class Gemini:
    """See `talk.Dialect`."""

    name = "gemini"
    content_type = "text/event-stream"

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
        error = body.get("error") if body else None
        about = error if isinstance(error, dict) else {}
        message = about.get("message") if about else error
        kind = about.get("status") or STATUSES.get(status, f"http_{status}")
        return (message if isinstance(message, str) and message else f"Gemini answered {status}"), str(kind)[:80]

    def write_error(self, message: str, *, status: int, code: str, request_id: str = "") -> bytes:
        details = [{"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": request_id}] if request_id else []
        about = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code}, *details]
        return msgspec.json.encode(
            {"error": {"code": status, "message": message, "status": STATUSES.get(status, "INTERNAL"), "details": about}}
        )

    def error_event(self, body: bytes) -> bytes:
        return b"\n\n" + sse.event(body)


DIALECT = Gemini()
