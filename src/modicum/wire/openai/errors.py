"""Errors in OpenAI's envelope: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}

LONGEST_NAME = 80
LONGEST_MESSAGE = 2000


TOO_LONG = re.compile(
    r"prompt is too long|maximum context length|context.length.exceeded|exceeds the context window|input is too long"
    r"|input token count.{0,40} exceeds|exceeds? the (?:available|maximum) (?:context|number of (?:input )?tokens)",
    re.IGNORECASE,
)
"""How providers say that a request does not fit into the model: agents make their history shorter where they understand it."""
TOO_LONG_CODE = "context_length_exceeded"


def is_too_long(message: str, status: int) -> bool:
    return status in (400, 413, 422) and TOO_LONG.search(message) is not None


def envelope(message: str, *, status: int, code: str) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": TYPES.get(status, "server_error"), "param": None, "code": code}})


def read_error(body: Mapping[str, Any] | None, status: int) -> tuple[str, str]:
    """(message, kind) of what OpenAI and its likes send: the envelope, FastAPI's `detail`, or `message` and `type` without it."""
    error: Any = body.get("error", body) if body else None
    if isinstance(error, str):
        error = {"message": error, "code": body.get("code") if body else None}
    if not isinstance(error, Mapping):
        return f"HTTP status {status}", f"http_{status}"
    kind = next((error[name] for name in ("code", "type") if isinstance(error.get(name), str | int) and error[name]), None)
    message = next((error[name] for name in ("message", "detail") if isinstance(error.get(name), str) and error[name]), None)
    return (message or f"HTTP status {status}")[:LONGEST_MESSAGE], str(kind)[:LONGEST_NAME] if kind is not None else f"http_{status}"


def error_event(body: bytes) -> bytes:
    """An error body as an event; the blank line before it ends whatever event was under way."""
    return b"\n\ndata: " + body + b"\n\n"
