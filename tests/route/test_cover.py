from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.route.cover import uncovered
from modicum.route.harmless import HARMLESS, beyond_limit
from modicum.types import Cover, Recognised
from modicum.view import VIEW_VERSION
from modicum.wire.chat import segments

COVER = Cover(incumbents=("gpt-4o",), version_ids=("v1",), view_version=VIEW_VERSION, max_input_chars=20, max_turns=1)
SEEN = Recognised(workload_id="w", version_id="v1", slots=())
PLAIN: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
TOOLS = [{"type": "function", "function": {"name": "play", "parameters": {"type": "object"}}}]
USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "yes?"}
HARMLESS_VALUES: dict[str, list[Any]] = {
    "temperature": [0, 0.7, 2],
    "top_p": [1, 0.1],
    "presence_penalty": [-2, 0.0],
    "frequency_penalty": [0, 2.0],
    "max_tokens": [1, 4096],
    "max_completion_tokens": [16],
    "n": [1],
    "seed": [0, -7, 1 << 40],
    "stream": [True, False],
    "user": ["u-1"],
    "safety_identifier": ["u-1"],
    "prompt_cache_key": ["k"],
    "metadata": [{}, {"conversation_id": "c"}],
    "store": [True, False],
    "service_tier": ["auto", "default"],
    "reasoning_effort": ["low"],
    "verbosity": ["low"],
    "logprobs": [False],
    "logit_bias": [{}],
    "modalities": [["text"]],
    "response_format": [{"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x"}}],
    "tools": [TOOLS],
}
INVALID: dict[str, list[Any]] = {
    "temperature": ["hot", -0.1, 2.1, True, [], 1e999],
    "top_p": ["all", 1.5, False],
    "presence_penalty": [3, "0"],
    "frequency_penalty": [-2.5, {}],
    "max_tokens": [-5, 0, 1.5, "10", True, 1 << 70],
    "max_completion_tokens": [-1, 0, "many"],
    "n": [0, 2, 1.0, True, "1"],
    "seed": ["x", 1.5, True, 1 << 70],
    "stream": ["yes", 1, 0, []],
    "stream_options": [True, {"include_usage": "yes"}, {"other": True}],
    "user": [7, {}],
    "metadata": ["x", {"a": 1}, {"a": None}, {str(n): "" for n in range(17)}],
    "store": ["yes", 1],
    "service_tier": ["best", 1],
    "reasoning_effort": ["extreme", 1],
    "verbosity": [1],
    "logprobs": [True, 0, 1, "perhaps"],
    "top_logprobs": [0, 5],
    "logit_bias": [{"50256": -100}, []],
    "modalities": [["audio"], ["text", "audio"], []],
    "response_format": ["json", {}, {"type": "xml"}, []],
    "tools": [[], "play", {}, [1], [{"type": "banana", "function": {"name": "f"}}], [{"type": "function"}]],
    "tool_choice": ["required", {"type": "function", "function": {"name": "play"}}, True],
    "function_call": ["auto", {"name": "play"}],
    "functions": [[], [{"name": "play"}]],
    "web_search_options": [{}],
    "stop": ["\n", ["a"], []],
    "audio": [{"voice": "x"}],
    "prediction": [{"type": "content", "content": "x"}],
    "extra_body": [{}],
    "top_k": [5],
    "": [1],
}  # fmt: skip


def reason(cover: Cover = COVER, seen: Recognised = SEEN, **changes: Any) -> str | None:
    return judged(PLAIN | changes, cover, seen)


def judged(request: dict[str, Any], cover: Cover = COVER, seen: Recognised = SEEN) -> str | None:
    outside = uncovered(cover, seen, request, segments(request), view_version=VIEW_VERSION)
    return None if outside is None else outside.why


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HARMLESS_VALUES.items() for value in values])
def test_what_is_harmless_is_covered(name: str, value: Any) -> None:
    assert reason(**{name: value}) is None


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in INVALID.items() for value in values])
def test_other_options_and_values_defer_by_name(name: str, value: Any) -> None:
    more = {"tools": TOOLS, "stream": True} if name in ("tool_choice", "stream_options") else {}
    found = judged(PLAIN | more | {name: value})
    assert found is not None and repr(name) in found
    assert not isinstance(value, str) or len(value) < 2 or value not in found.replace(name, ""), "a value may be a secret"


def test_null_counts_as_absent() -> None:
    nulls = dict.fromkeys([*(HARMLESS.keys() - PLAIN.keys()), "stop", "functions", "function_call", "never_heard_of"])
    assert judged(PLAIN | nulls) is None


def test_every_field_of_the_list_is_tried() -> None:
    tried = HARMLESS_VALUES.keys() | INVALID.keys() | {"model", "messages"}
    assert HARMLESS.keys() - tried == {"prompt_cache_retention", "parallel_tool_calls"}
    assert reason(prompt_cache_retention="24h") is None


def test_options_that_need_another_one() -> None:
    assert reason(stream=True, stream_options={"include_usage": True}) is None
    assert "stream" in (reason(stream_options={"include_usage": True}) or "")
    assert reason(stream=False, stream_options={})
    assert all(reason(tools=TOOLS, tool_choice=choice, parallel_tool_calls=False) is None for choice in ("auto", "none"))
    assert reason(tool_choice="auto") and reason(parallel_tool_calls=True)
    assert "both" in (reason(max_tokens=5, max_completion_tokens=5) or "")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model": "gpt-5"}, "gpt-5"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "more than text"),
        ({"messages": [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}]}, "no text"),
        ({"messages": [{"role": "user", "content": []}]}, "no text"),
        ({"messages": [{"role": "user", "content": None}]}, "no text"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}, "turns"),
        ({"messages": [{"role": "user", "content": "a" * 21}]}, "characters"),
        ({"messages": [USER, ASSISTANT]}, "the last message is the assistant's"),
        ({"messages": [USER, {"role": "system", "content": "now"}]}, "the last message is the system's"),
        ({"messages": [{"role": "system", "content": "now"}]}, "the last message"),
        ({"messages": [ASSISTANT, USER]}, "before any user's"),
        ({"messages": [{"role": "tool", "content": "5", "tool_call_id": "c"}, USER]}, "tool"),
        ({"messages": [{"role": "king", "content": "5"}, USER]}, "king"),
        ({"messages": [{"role": "user", "content": "hi", "audio": {"id": "x"}}]}, "audio"),
        ({"messages": [{"role": "user", "content": "hi", "name": 5}]}, "name"),
    ],
)
def test_what_was_not_seen_is_named(changes: dict[str, Any], word: str) -> None:
    assert word in (reason(**changes) or "")


def test_a_conversation_is_covered_up_to_its_turns() -> None:
    cover = Cover(incumbents=("gpt-4o",), version_ids=("v1",), view_version=VIEW_VERSION, max_input_chars=20, max_turns=2)
    dumped: dict[str, Any] = ASSISTANT | {"refusal": None, "annotations": [], "audio": None, "function_call": None, "tool_calls": None}
    spoken = [{"role": "system", "content": [{"type": "text", "text": "be"}]}, USER, dumped, USER | {"name": "ann"}]
    assert reason(cover, messages=spoken) is None
    called = ASSISTANT | {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    assert "tool_calls" in (reason(cover, messages=[USER, called, USER]) or "")


def test_another_version_and_another_view_defer() -> None:
    assert reason(seen=Recognised(workload_id="w", version_id="v2", slots=()))
    nameless = Cover(incumbents=("gpt-4o",), version_ids=("", "v1"), view_version=VIEW_VERSION, max_input_chars=20)
    assert reason(cover=nameless, seen=Recognised(workload_id="w", version_id="", slots=())), "a wording that has no name is nobody's"
    assert reason(cover=Cover(incumbents=("gpt-4o",), version_ids=("v1",), view_version="0", max_input_chars=20))


def test_an_answer_longer_than_asked_for_does_not_fit() -> None:
    assert beyond_limit({}, 10_000) is None and beyond_limit({"max_tokens": None}, 10_000) is None
    for name in ("max_tokens", "max_completion_tokens"):
        assert beyond_limit({name: 3}, 3) is None
        assert beyond_limit({name: 3}, 4) == f"the answer has about 4 tokens, '{name}' allows 3"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "function", "name", "a"]), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(HARMLESS.keys() - PLAIN.keys())) | st.text(max_size=5), VALUES, max_size=4))
def test_any_option_is_judged_without_an_error(options: dict[str, Any]) -> None:
    found = judged(PLAIN | options)
    assert found is None or isinstance(found, str)
    if any(value is not None and name not in HARMLESS for name, value in options.items()):
        assert found
