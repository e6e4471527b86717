"""What stays of a request beside its text: was it asked before, what of it was sent before, how long is it. Pure.

Digests are of 64 bits, keyed by the home and the scope: without the key nothing can be looked up by them, and no two scopes compared.
They go with the call when it is erased, and stay with its figures when its body is past its time.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from modicum.errors import ModicumError
from modicum.store.codec import Head, Record
from modicum.types import Call
from modicum.wire import canon, chat

NAMES = (
    "request_mark",
    "messages_mark",
    "prior_mark",
    "head_mark",
    "input_chars",
    "prior_chars",
    "head_chars",
    "has_tools",
    "has_media",
)
"""Of the columns, in the order of a row.

request_mark    of all that decides the answer: endpoint, model, messages, tools, settings. None where something was taken out of it:
                two requests that differ in that alone look the same.
messages_mark   of the messages,
prior_mark      ... of those before the newest answer in them, which are what was sent to get it,
head_mark       ... of the system's and developer's at their beginning; the latter two None where there are none.
input_chars, prior_chars, head_chars: characters of the texts and of the arguments of tools in each.
has_tools       tools are declared. None where there is no body that can be read.
has_media       images, sound or files are in it.
"""
Marks = tuple[int | None, int | None, int | None, int | None, int | None, int | None, int | None, bool | None, bool | None]
UNKNOWN: Marks = (None, None, None, None, None, None, None, None, None)
_ASIDE = frozenset(
    (
        "messages",
        "stream",
        "stream_options",
        "user",
        "safety_identifier",
        "metadata",
        "store",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_retention",
    )
)
"""Fields that do not decide what is answered, and the messages, which enter by their own digest."""
_TAKEN_OUT = re.compile(rb"(?:<|\\u003[cC])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_[1-9][0-9]{0,5}(?:>|\\u003[eE])")
_MEDIA = frozenset(("image_url", "image", "input_image", "input_audio", "audio", "video", "video_url", "file", "input_file", "document"))
_SYSTEM = ("system", "developer")
_BYTES = 8
_encode = msgspec.json.Encoder(order="sorted").encode
_lines = msgspec.json.Encoder(order="sorted").encode_lines
"""A line each, so that a beginning of a list is written as it stands in the whole."""


class Marker:
    """Marks calls of a home. `key` is the home's."""

    __slots__ = ("_empty", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._empty: dict[str, Any] = {}

    def of(self, call: Call) -> Marks:
        """The marks of a call, all None where it has no request that can be read."""
        return UNKNOWN if call.request is None else self._of(call.request, call)

    def of_record(self, stored: Record) -> Marks:
        """The same of a call as it is stored."""
        return UNKNOWN if stored.request is None else self._of(stored.request, stored.head)

    def _of(self, body: bytes, call: Call | Head) -> Marks:
        try:
            request: dict[str, Any] | None = chat.loads(body)
            assert request is not None
            chat_request = request if call.endpoint == "chat_completions" else canon.chat_request(call.endpoint, request)
            if chat_request is not None and isinstance(chat_request.get("messages"), list) and chat_request["messages"]:
                *marks, digest = self._messages(call.scope, chat_request["messages"])
            else:
                chat_request, marks, digest = request, [*UNKNOWN[1:7], False], self._start(call.scope)
            rest = {name: value for name, value in chat_request.items() if name not in _ASIDE}
            digest.update(_encode((call.endpoint, call.request_model, rest)))
        except (ModicumError, ValueError, TypeError, RecursionError, msgspec.MsgspecError):
            return UNKNOWN
        hidden = call.view_version is not None and (b"<" in body or b"\\u003" in body) and _TAKEN_OUT.search(body) is not None
        tools = bool(chat_request.get("tools") or chat_request.get("functions"))
        return (None if hidden else _number(digest), *marks[:-1], tools, marks[-1])

    def _start(self, scope: str) -> Any:
        empty = self._empty.get(scope)
        if empty is None:
            empty = self._empty[scope] = hashlib.blake2b(scope.encode("utf-8", "surrogatepass"), digest_size=_BYTES, key=self._key)
        return empty.copy()

    def _messages(self, scope: str, messages: list[Any]) -> tuple[Any, ...]:
        """messages_mark, prior_mark, head_mark, the characters of each, has_media; and the digest to go on with."""
        digest = self._start(scope)
        roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
        leading = next((number for number, role in enumerate(roles) if role not in _SYSTEM), len(roles))
        newest = len(roles) - 1
        while newest > 0 and roles[newest] != "assistant":
            newest -= 1
        said, media = [], False
        for message in messages:
            chars, other = _said(message)
            said.append(chars)
            media = media or other
        prior = head = prior_chars = None
        done = 0
        # A system's text behind an answer is no beginning.
        for end in sorted({leading, newest} - {0}):
            digest.update(_lines(messages[done:end]))
            done = end
            if end == leading:
                head = _number(digest)
            if end == newest:
                prior, prior_chars = _number(digest), sum(said[:end])
        digest.update(_lines(messages[done:]))
        return _number(digest), prior, head, sum(said), prior_chars, sum(said[:leading]), media, digest


def _number(digest: Any) -> int:
    """A digest as the table's whole number."""
    return int.from_bytes(digest.digest(), signed=True)


def _said(message: Any) -> tuple[int, bool]:
    """Characters of a message, and whether something in it is no text."""
    if not isinstance(message, dict):
        return 0, False
    content = message.get("content")
    chars, media = 0, False
    if isinstance(content, str):
        chars = len(content)
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict):
                text = part.get("text")
                chars += len(text) if isinstance(text, str) else 0
                media = media or part.get("type") in _MEDIA
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        arguments = function.get("arguments") if isinstance(function, dict) else None
        chars += len(arguments) if isinstance(arguments, str) else 0
    return chars, media
