"""The dialect as one object, and what of it only some servers know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from modicum.wire.openai import errors, request, response
from modicum.wire.openai.parts import REASONING
from modicum.wire.openai.reader import Reader
from modicum.wire.openai.writer import Writer
from modicum.wire.talk import Dialect, Request, Response, StreamReader, StreamWriter


class Chat:
    name = "openai chat completions"
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
        return errors.envelope(message, status=status, code=code)

    def error_event(self, body: bytes) -> bytes:
        return errors.error_event(body)


DIALECT: Dialect = Chat()


def suit(body: dict[str, Any], quirks: Collection[str]) -> dict[str, Any]:
    """A request that `write_request` made, in the words of one provider, a new object where they differ.

    `max_completion_tokens`: it wants the limit under that name, as OpenAI does; others know it as `max_tokens`. `no_stream_options`:
    it refuses that field. `own_words`, which OpenAI itself has: it refuses what is not OpenAI's own, so hints to caches (which it
    needs none of) and former reasoning (which it has no place for) are left out.
    """
    openai = "max_completion_tokens" in quirks
    if not openai and "max_completion_tokens" in body:
        body = {("max_tokens" if name == "max_completion_tokens" else name): value for name, value in body.items()}
    if "no_stream_options" in quirks and "stream_options" in body:
        body = {name: value for name, value in body.items() if name != "stream_options"}
    return _own_words(body) if openai or "own_words" in quirks else body


def _own_words(body: dict[str, Any]) -> dict[str, Any]:
    messages = [_own_message(message) for message in body["messages"]]
    own = {**body, "messages": messages}
    if body.get("tools"):
        own["tools"] = [{name: value for name, value in tool.items() if name != "cache_control"} for tool in body["tools"]]
    return own


def _own_message(message: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in message.items() if name != "cache_control" and name not in REASONING}
    for field in ("content", "tool_calls"):
        if isinstance(own.get(field), list):
            own[field] = [{name: value for name, value in part.items() if name != "cache_control"} for part in own[field]]
    return own
