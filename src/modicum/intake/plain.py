"""What an import needs of bodies that are shaped as nearly all are, in one typed pass over their bytes.

None stands for everything else: another shape, or a mistake that deserves words. `intake.verbatim` reads those the long way, and finds the
same in what both can read.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct


class _Message(Struct, gc=False):
    role: str
    content: str | None = None


class _Metadata(Struct, gc=False):
    user_id: str | None = None
    conversation_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None


class Request(Struct, gc=False):
    """A request whose messages are text."""

    messages: Annotated[list[_Message], Meta(min_length=1)]
    model: str | None = None
    stream: bool | None = None
    safety_identifier: str | None = None
    user: str | None = None
    metadata: _Metadata | None = None

    def user_id(self) -> str | None:
        """As `chat.user_id`."""
        named = self.metadata
        return self.safety_identifier or self.user or (named and named.user_id) or None

    def conversation_id(self) -> str | None:
        """As `chat.conversation_id`."""
        named = self.metadata
        return named and (named.conversation_id or named.session_id or named.thread_id) or None


class _Answer(Struct, gc=False):
    content: str | None = None


class _Choice(Struct, gc=False):
    message: _Answer
    finish_reason: str | None = None


class Response(Struct, gc=False):
    """A response that answers in text or by calling tools."""

    choices: Annotated[list[_Choice], Meta(min_length=1)]
    id: str | None = None
    model: str | None = None
    created: int | None = None
    usage: dict[str, Any] | None = None
    error: None = None


_request = msgspec.json.Decoder(Request).decode
_response = msgspec.json.Decoder(Response).decode


def request(body: bytes) -> Request | None:
    """A chat request, if it has the usual shape."""
    try:
        return _request(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def response(body: bytes) -> Response | None:
    """A chat response, if it has the usual shape."""
    try:
        return _response(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
