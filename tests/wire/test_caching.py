"""Where a request to Anthropic is marked for its cache."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modicum.wire import canon
from modicum.wire.caching import mark
from tests.wire import said

STATIC, DYNAMIC = "s" * 3000, "d" * 50
MARK = {"type": "ephemeral"}


def body(system: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 1, "system": system, "messages": [{"role": "user", "content": "x"}], **more}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def test_the_static_prefix_is_marked() -> None:
    found = mark(body(STATIC + DYNAMIC), 3000, "messages")
    assert found is not None and found["system"] == [text(STATIC, cache_control=MARK), text(DYNAMIC)]
    whole = mark(body(STATIC), 3000, "messages")
    assert whole is not None and whole["system"] == [text(STATIC, cache_control=MARK)]
    blocks = [text(STATIC), text(DYNAMIC), text(DYNAMIC)]
    two = mark(body(blocks), 3001, "messages")
    assert two is not None and two["system"] == [text(STATIC, cache_control=MARK), text(DYNAMIC), text(DYNAMIC)]
    split = mark(body(blocks), 3011, "messages")
    assert split is not None and split["system"][1:3] == [text("d" * 10, cache_control=MARK), text("d" * 40)]
    space = mark(body([text(STATIC), text("  ")]), 9999, "messages")
    assert space is not None and "cache_control" not in space["system"][1]


def test_what_is_left_alone() -> None:
    assert mark(body(STATIC), 3000, "chat_completions") is None
    assert mark(body("short"), 5, "messages") is None
    assert mark(body("short", tools=[{"name": "x" * 3000}]), 5, "messages") is not None
    assert mark(body(STATIC), 0, "messages") is None and mark(body(None), 10, "messages") is None
    assert mark(body([text(STATIC, cache_control=MARK)]), 3000, "messages") is None
    assert mark(body(STATIC, cache_control=MARK), 3000, "messages") is None
    result = {"type": "tool_result", "tool_use_id": "a", "content": [text("x", cache_control=MARK)]}
    assert mark(body(STATIC, messages=[{"role": "user", "content": [result]}]), 3000, "messages") is None


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4), st.integers(-1, 100), said.OBJECTS)
def test_nothing_said_changes(texts: list[str], static: int, more: dict[str, Any]) -> None:
    asked = body([text(one) for one in texts], tools=[{"name": "t" * 3000, "input_schema": {}}])
    before = copy.deepcopy(asked)
    found = mark(asked, static, "messages")
    assert asked == before
    if found is None:
        return
    assert "".join(block["text"] for block in found["system"]) == "".join(texts)
    marked = [at for at, block in enumerate(found["system"]) if "cache_control" in block]
    assert len(marked) == 1 and found["system"][marked[0]]["text"].strip()
    assert canon.chat_request("messages", found) is not None
    mark({**asked, **more}, static, "messages")
