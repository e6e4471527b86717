"""Streams of chunks: what passes unchanged, what it adds up to, and what a plain reply becomes."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from modicum.wire.stream import Passing, error_event, split

TEXTS = st.text(max_size=30)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {"id": TEXTS, "type": st.just("function"), "function": st.fixed_dictionaries({"name": TEXTS, "arguments": TEXTS})}
    ),
    min_size=1,
    max_size=3,
)
CHOICES = st.lists(
    st.fixed_dictionaries(
        {
            "message": st.fixed_dictionaries(
                {"role": st.just("assistant"), "content": TEXTS, "refusal": st.none()},
                optional={"tool_calls": TOOLS, "reasoning_content": TEXTS.filter(bool)},
            ),
            "finish_reason": st.sampled_from(["stop", "length", "tool_calls"]),
        }
    ),
    min_size=1,
    max_size=3,
)


def plain(choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 3,
        "model": "gpt-4",
        "system_fingerprint": "fp",
        "choices": [{"index": n, "logprobs": None, **choice} for n, choice in enumerate(choices)],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }


def through(pieces: list[bytes]) -> tuple[Passing, bytes, bytes]:
    """The stream after these pieces, what was handed on before the end, and what was kept back."""
    passing = Passing()
    early = b"".join(passing.feed(piece) for piece in pieces)
    return passing, early, passing.rest()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in zip(marks, marks[1:], strict=False)]


@given(CHOICES, st.lists(st.integers(0, 10_000), max_size=12))
def test_a_plain_reply_split_and_added_up_is_itself(choices: list[dict[str, Any]], places: list[int]) -> None:
    whole = plain(choices)
    passing, early, rest = through(cut(b"".join(split(whole, include_usage=True)), places))
    assert passing.done and passing.finished and passing.unread == 0
    assert passing.response() == whole
    assert b"[DONE]" not in early or "[DONE]" in str(choices)
    assert rest == b"data: [DONE]\n\n"


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=8))
def test_whatever_comes_passes_unchanged(data: bytes, places: list[int]) -> None:
    passing, early, rest = through(cut(data, places))
    assert early + rest == data
    passing.response()


@given(
    st.lists(
        st.sampled_from(
            [
                b"data: ",
                b"[DONE]",
                b"data:[DONE]",
                b"\n",
                b"\r\n",
                b"\r",
                b"{}",
                b'{"choices":[{"delta":{"content":"a"}}]}',
                b": ping",
                b"d",
            ]
        ),
        max_size=20,
    ),
    st.lists(st.integers(0, 500), max_size=8),
)
def test_done_and_all_after_it_is_kept_back_however_it_is_cut(parts: list[bytes], places: list[int]) -> None:
    data = b"".join(parts)
    one, cuts = through([data]), through(cut(data, places))
    assert cuts[1] + cuts[2] == data
    assert one[0].done == cuts[0].done
    for passing, early, _ in (one, cuts):
        assert passing.unread <= data.count(b"data:")
        assert not re.search(rb"(?:^|[\r\n])data: ?\[DONE\]", early)


def test_done_is_only_a_line_of_its_own() -> None:
    event = b'data: {"id":"x","choices":[{"delta":{"content":"data: [DONE]"}}]}\n\n'
    passing, early, _ = through([event])
    assert early == event and not passing.done


def test_half_a_done_is_kept_back() -> None:
    passing = Passing()
    assert passing.feed(b"data: [DO") == b""
    assert passing.feed(b"NE]\n\nmore") == b"" and passing.done
    assert passing.feed(b"!") == b"" and passing.rest() == b"data: [DONE]\n\nmore!"


def test_a_line_without_end_is_not_kept_back_for_ever() -> None:
    passing = Passing()
    assert passing.feed(b"data: " + b"x" * (1 << 20)) != b""


def test_tool_calls_in_fragments() -> None:
    def part(**function: str) -> dict[str, Any]:
        return {
            "choices": [
                {"index": 0, "delta": {"tool_calls": [{"index": 1, "id": "call_1" if "name" in function else None, "function": function}]}}
            ]
        }

    fragments = [part(name="look", arguments=""), part(arguments='{"a"'), part(arguments=":1}")]
    passing, _, _ = through([b"data: " + json.dumps({"id": "x", **fragment}).encode() + b"\n\n" for fragment in fragments])
    response = passing.response()
    assert response is not None
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
    assert response["choices"][0]["message"]["tool_calls"] == [call] and response["choices"][0]["message"]["content"] is None
    assert not passing.finished


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | TEXTS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["choices", "delta", "index", "tool_calls", "function", "error"]), inner)
        ),
        max_leaves=12,
    )
)
def test_events_of_any_shape_are_survived(event: Any) -> None:
    passing, early, _ = through([b"data: " + msgspec.json.encode(event) + b"\n\n"])
    assert early.endswith(b"\n\n")
    response = passing.response()
    assert response is None or isinstance(response["choices"], list)
    list(split(response or {}))


def test_an_error_event_ends_what_was_under_way() -> None:
    assert error_event(b"{}") == b"\n\ndata: {}\n\n"
    passing, _, _ = through([b'data: {"error": {"code": "overloaded"}}\n\n'])
    assert passing.error == {"code": "overloaded"}
