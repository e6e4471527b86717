"""Events that bring text alone are read as nothing else: what a stream adds up to is the same either way."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modicum.wire.hold import MOST_UNREAD
from modicum.wire.openai.passing import ChatPassing


class InFull(ChatPassing):
    """Reads every event in full."""

    tries = 0


HEADS = st.fixed_dictionaries(
    {"object": st.just("chat.completion.chunk")},
    optional={
        "id": st.sampled_from(["", "c1", "c2", None, 7]),
        "created": st.sampled_from([1, 2, None, 1.5]),
        "model": st.sampled_from(["m", "n", "", None]),
        "system_fingerprint": st.sampled_from(["f", None]),
        "service_tier": st.sampled_from(["default", None]),
        "usage": st.sampled_from([None, {"total_tokens": 3}]),
        "obfuscation": st.just("xyz"),
        "provider": st.just("one"),
        "error": st.sampled_from([None, {"message": "no"}]),
    },
)
DELTAS = st.one_of(
    st.fixed_dictionaries({"content": st.text(max_size=4)}),
    st.sampled_from(
        [{}, {"role": "assistant", "content": ""}, {"content": None}, {"content": "a", "reasoning_content": "b"}, {"refusal": "r"}]
    ),
    st.just({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]}),
)
PARTS = st.fixed_dictionaries(
    {"delta": DELTAS},
    optional={
        "index": st.sampled_from([0, 1, True, None, -1]),
        "finish_reason": st.sampled_from([None, "stop", ""]),
        "logprobs": st.sampled_from([None, {"content": [{"token": "a"}]}]),
        "native_finish_reason": st.none(),
    },
)
EVENTS = st.builds(lambda head, parts: head | {"choices": parts}, HEADS, st.lists(PARTS, max_size=2))
ALIKE = st.lists(st.fixed_dictionaries({"content": st.text(max_size=4)}), max_size=12).map(
    lambda deltas: [{"id": "c1", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
)


def fed(passing: ChatPassing, events: list[dict[str, Any]], end: str) -> ChatPassing:
    for event in events:
        data = f"data: {json.dumps(event)}{end}{end}".encode()
        assert passing.feed(data) == data
    return passing


@given(st.lists(st.one_of(EVENTS.map(lambda event: [event]), ALIKE), max_size=10), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_what_is_read_is_the_same(runs: list[list[dict[str, Any]]], end: str, at_once: bool) -> None:
    events = [event for run in runs for event in run]
    quick, full = ChatPassing(), InFull()
    for one in (quick, full):
        for event in events:
            fed(one, [event], end)
            if at_once:
                one.response()
    assert quick.response() == full.response()
    assert (quick.error, quick.finished, quick.unread) == (full.error, full.finished, full.unread)


def test_what_waits_to_be_read_is_bounded() -> None:
    passing = ChatPassing()
    event = {"id": "c1", "choices": [{"index": 0, "delta": {"content": "x" * 100}}]}
    for _ in range(2000):
        fed(passing, [event], "\n")
        assert sum(map(len, passing._later)) <= MOST_UNREAD
    whole = passing.response()
    assert whole is not None and whole["choices"][0]["message"]["content"] == "x" * 200_000


def test_an_error_is_seen_whenever_it_is_looked_for() -> None:
    passing = fed(
        ChatPassing(), [{"id": "c1", "choices": [{"index": 0, "delta": {"content": "a"}}]}, {"error": {"message": "overloaded"}}], "\n"
    )
    assert passing.error == {"message": "overloaded"} and not passing.finished and not passing.done
