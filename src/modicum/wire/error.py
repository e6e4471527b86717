"""Errors in OpenAI's envelope: ours as clients of that API expect them, theirs as one word for the record."""

from __future__ import annotations

from typing import Any

import msgspec

from modicum.errors import ModicumError

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}


def body(error: ModicumError) -> bytes:
    """The JSON body for one of our errors. The message is one line and ends with what to do."""
    message = f"{error.message} ({error.hint})" if error.hint else error.message
    return envelope(message, status=error.status or 500, code=error.code)


def envelope(message: str, *, status: int, code: str) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`."""
    return msgspec.json.encode({"error": {"message": message, "type": TYPES.get(status, "server_error"), "param": None, "code": code}})


def name(response: dict[str, Any] | None, status: int) -> str:
    """What kind of error a provider's body tells of: its code, else its type, else the status."""
    error = response.get("error") if response else None
    found = next((error[key] for key in ("code", "type") if error.get(key)), None) if isinstance(error, dict) else None
    return str(found)[:80] if found is not None else f"http_{status}"
