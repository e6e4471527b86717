"""What stays of a request: equal where the same is asked, silent on what it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modicum.store.marks import NAMES, UNKNOWN, Marker
from modicum.types import Call

KEY = b"k" * 32
MARKER = Marker(KEY)


def marks(request: dict[str, Any] | bytes | None, **fields: Any) -> dict[str, Any]:
    body = json.dumps(request).encode() if isinstance(request, dict) else request
    call = Call(call_id="c", started_at=datetime(2026, 10, 1, tzinfo=UTC), request=body, **fields)
    return dict(zip(NAMES, MARKER.of(call), strict=True))


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


SAID = [said("system", "Be kind."), said("user", "Hello")]
ASKED = {"model": "m", "messages": SAID, "temperature": 0}


def test_what_does_not_decide_the_answer_is_left_aside() -> None:
    first = marks(ASKED)
    same = {"temperature": 0, "messages": SAID, "stream": True, "user": "u", "metadata": {"a": "b"}, "model": "m"}
    assert marks(same) == first
    for other in ({**ASKED, "temperature": 1}, {**ASKED, "model": "n"}, {**ASKED, "tools": [{"type": "function"}]}):
        assert marks(other)["request_mark"] != first["request_mark"]
        assert marks(other)["messages_mark"] == first["messages_mark"]
    assert marks(ASKED, scope="b")["request_mark"] != first["request_mark"]
    assert (
        Marker(b"l" * 32).of(Call(call_id="c", started_at=datetime(2026, 10, 1, tzinfo=UTC), request=json.dumps(ASKED).encode()))[0]
        != (first["request_mark"])
    )


def test_lengths_and_kinds() -> None:
    first = marks(ASKED)
    assert (first["input_chars"], first["head_chars"], first["prior_chars"], first["prior_mark"]) == (13, 8, None, None)
    assert (first["has_tools"], first["has_media"]) == (False, False)
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "https://a.b/c"}}]
    seen = marks({"messages": [said("user", parts)], "functions": [{"name": "f"}]})
    assert (seen["input_chars"], seen["head_chars"], seen["head_mark"]) == (3, 0, None)
    assert (seen["has_tools"], seen["has_media"]) == (True, True)
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]
    asked = marks({"messages": [said("user", "go"), {"role": "assistant", "tool_calls": calls}, said("tool", "done")]})
    assert (asked["input_chars"], asked["prior_chars"]) == (2 + 7 + 4, 2)


def test_what_came_before_the_newest_answer_is_the_request_that_got_it() -> None:
    first = marks(ASKED)
    longer = [*SAID, said("assistant", "Hi."), said("user", "More")]
    second = marks({**ASKED, "messages": longer})
    assert (second["prior_mark"], second["prior_chars"]) == (first["messages_mark"], first["input_chars"])
    assert second["head_mark"] == first["head_mark"]
    third = marks({"messages": [*longer, said("assistant", "More what?"), said("user", "More!")]})
    assert third["prior_mark"] == second["messages_mark"]


def test_messages_of_another_dialect_are_marked_as_they_are_seen() -> None:
    body = {"model": "m", "max_tokens": 9, "system": "Be kind.", "messages": [said("user", "Hello")]}
    hinted = {**body, "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]}
    first = marks(body, endpoint="messages")
    assert (first["input_chars"], first["head_chars"]) == (13, 8)
    assert marks(hinted, endpoint="messages") == first


def test_what_is_no_chat_is_marked_whole() -> None:
    first = marks({"model": "e", "input": "text"}, endpoint="embeddings")
    assert first["request_mark"] is not None
    assert (first["messages_mark"], first["input_chars"], first["has_tools"]) == (None, None, False)
    assert marks({"model": "e", "input": "other"}, endpoint="embeddings")["request_mark"] != first["request_mark"]


def test_two_requests_that_differ_in_what_was_taken_out_are_not_the_same() -> None:
    hidden = {"messages": [said("user", "Write to <EMAIL_1>")]}
    assert marks(hidden, view_version="2")["request_mark"] is None
    assert marks(hidden, view_version="2")["messages_mark"] is not None
    assert marks(hidden)["request_mark"] is not None, "a body that was kept whole holds what it says"
    assert marks({"messages": [said("user", "a < b > c")]}, view_version="2")["request_mark"] is not None


@given(st.one_of(st.binary(max_size=200), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(
    lambda value: json.dumps({"messages": value}).encode()
)))  # fmt: skip
def test_no_body_breaks_it(body: bytes) -> None:
    for endpoint in ("chat_completions", "messages", "rerank"):
        found = marks(body, endpoint=endpoint)
        assert set(found) == set(NAMES)


def test_nothing_is_known_without_a_body() -> None:
    assert tuple(marks(None).values()) == UNKNOWN
    assert tuple(marks(b"not JSON").values()) == UNKNOWN
