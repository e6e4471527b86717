"""What is told beside an answer: the short way and the long one find the same."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.types import Usage
from modicum.wire import figures

ODD: st.SearchStrategy[Any] = st.sampled_from(
    (None, True, -1, 0, 7, 7.0, 7.5, 1 << 40, 1 << 70, "", "7", [], {}, [1], {"cached_tokens": 3})
)
COUNT: st.SearchStrategy[Any] = st.one_of(st.integers(0, 500), st.integers(0, 500), ODD)
DETAILS = st.dictionaries(
    st.sampled_from(("cached_tokens", "audio_tokens", "reasoning_tokens", "rejected_prediction_tokens", "cache_write_tokens", "x")), COUNT
)
USAGE = st.dictionaries(
    st.sampled_from(("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens", "cached_tokens", "queue_time")), COUNT
)
WORD: st.SearchStrategy[Any] = st.one_of(st.sampled_from(("stop", "gpt-4o", "default")), ODD)
CHOICE: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries({}, optional={"index": st.just(0), "message": st.just({"content": "x"}), "finish_reason": WORD}), ODD
)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    body = draw(st.dictionaries(st.sampled_from(("id", "model", "service_tier", "object", "created")), WORD))
    body |= draw(
        st.fixed_dictionaries({}, optional={"choices": st.one_of(st.lists(CHOICE, max_size=3), ODD), "usage": st.one_of(USAGE, ODD)})
    )
    if isinstance(body.get("usage"), dict):
        body["usage"] = body["usage"] | draw(
            st.fixed_dictionaries(
                {}, optional=dict.fromkeys(("prompt_tokens_details", "completion_tokens_details"), st.one_of(DETAILS, ODD))
            )
        )
    return body


@settings(max_examples=1500, deadline=None)
@given(bodies())
def test_both_ways_find_the_same(body: dict[str, Any]) -> None:
    assert figures.of_body("chat_completions", msgspec.json.encode(body)) == figures.of_response("chat_completions", body)


def test_what_openai_tells() -> None:
    told = {
        "id": "chatcmpl-1",
        "model": "gpt-4o-2024-08-06",
        "service_tier": "flex",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "down"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 312,
            "completion_tokens": 5,
            "total_tokens": 321,
            "prompt_tokens_details": {"cached_tokens": 128, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0, "accepted_prediction_tokens": 0},
        },
    }
    usage = Usage(
        input_tokens=312, output_tokens=9, cache_read_tokens=128, reasoning_tokens=4, audio_input_tokens=0, audio_output_tokens=0
    )  # as xAI counts: what was thought beside what was said
    found = figures.of_body("chat_completions", msgspec.json.encode(told))
    assert found == figures.Figures("chatcmpl-1", "gpt-4o-2024-08-06", "flex", "stop", usage)


def test_what_is_no_object_tells_nothing() -> None:
    for body in (b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000):
        assert figures.of_body("chat_completions", body) == figures.of_body("messages", body) == figures.NOTHING


def test_other_dialects_are_read_whole() -> None:
    body = {"id": "msg_1", "model": "claude", "stop_reason": "end_turn", "role": "assistant", "type": "message", "content": []}
    found = figures.of_body("messages", msgspec.json.encode({**body, "usage": {"input_tokens": 3, "output_tokens": 2}}))
    assert (found.response_id, found.model, found.finish_reason, found.usage.input_tokens, found.usage.output_tokens) == (
        *("msg_1", "claude", "stop"),
        *(3, 2),
    )
