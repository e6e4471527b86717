"""Recorded calls as our models see them by day: redacted, then as chat completions. The one place where bodies are read by night.

A call that was stored redacted is not redacted again; one that was stored whole, or under an older view, is redacted here, in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from modicum.config import Config
from modicum.errors import ModicumError
from modicum.types import Call, Endpoint
from modicum.view import Redactor
from modicum.wire import canon, chat


class Views:
    """The view of a home's calls. `version` is the redactor's, which certificates name."""

    __slots__ = ("_redactor", "formless", "version")

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor.open()
        self.version = self._redactor.version
        self.formless = 0
        """Calls seen so far that are no chats: embeddings, reranking."""

    @classmethod
    def open(cls, config: Config) -> Views:
        """The view that `[redact]` asks for. Raises ConfigError where its table cannot be used."""
        return cls(Redactor.open(config.redact.table))

    def see(self, call: Call) -> Call:
        """The call with its bodies as they are seen. Both are None where there is none, or where its endpoint has no chat form."""
        if call.request is None:
            return call
        viewed, _ = self._redactor.see_call(call)
        if call.endpoint == "chat_completions":
            return viewed
        request = _chat(canon.chat_request, call.endpoint, viewed.request)
        if request is None:
            self.formless += 1
            return dataclasses.replace(viewed, request=None, response=None)
        return dataclasses.replace(viewed, request=request, response=_chat(canon.chat_response, call.endpoint, viewed.response))

    def of(self, calls: Iterable[Call]) -> Iterator[Call]:
        """Each call as it is seen, in order."""
        return map(self.see, calls)


def _chat(read: Callable[[Endpoint, dict[str, Any]], dict[str, Any] | None], endpoint: Endpoint, body: bytes | None) -> bytes | None:
    """A body in a caller's dialect as one of a chat; None where it has no such form, or cannot be read."""
    try:
        found = read(endpoint, chat.loads(body)) if body is not None else None
    except ModicumError:
        return None
    return None if found is None else msgspec.json.encode(found)
