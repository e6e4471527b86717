"""Errors as Anthropic tells them: `{"type": "error", "error": {"type", "message"}, "request_id"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modicum.wire.openai.errors import LONGEST_MESSAGE, LONGEST_NAME

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def envelope(message: str, *, status: int, request_id: str = "") -> bytes:
    kind = TYPES.get(status, "invalid_request_error" if 400 <= status < 500 else "api_error")
    body: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id or None}
    return msgspec.json.encode(body)


def read_error(body: Mapping[str, Any] | None, status: int) -> tuple[str, str]:
    error = body.get("error") if body else None
    error = error if isinstance(error, Mapping) else {}
    message, kind = error.get("message"), error.get("type")
    return (
        message[:LONGEST_MESSAGE] if isinstance(message, str) and message else f"HTTP status {status}",
        kind[:LONGEST_NAME] if isinstance(kind, str) and kind else f"http_{status}",
    )


def error_event(body: bytes) -> bytes:
    """An error body as the last event; the blank line before it ends whatever event was under way."""
    return b"\n\nevent: error\ndata: " + body + b"\n\n"
