"""From every dialect's stream into every other's: what the provider told is what the caller hears."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.types import Endpoint, Usage
from modicum.wire.dialects import dialect
from modicum.wire.gather import Gathered, events
from modicum.wire.talk import Choice, Message, Reasoning, Request, Response, Text, ToolUse
from tests.wire import talked

ENDPOINTS: tuple[Endpoint, ...] = ("chat_completions", "messages", "responses", "generate_content", "converse")
PAIRS = list(product(ENDPOINTS, ENDPOINTS))
ASKED = Request(model="m", messages=(Message(role="user", parts=(Text(text="a"),)),), stream=True, include_usage=True)
ANSWERS = talked.answers(
    call_ids=st.text("abcXYZ019_", min_size=1, max_size=20),
    thoughts=st.builds(Reasoning, text=talked.SAID),
    usage=st.builds(Usage, input_tokens=talked.COUNTS, output_tokens=talked.COUNTS),
)


def between(told: Response, provider: Endpoint, caller: Endpoint, places: list[int]) -> Gathered:
    """What the caller hears of what the provider said."""
    data = talked.told(dialect(provider), events(told), ASKED)
    reader, writer = dialect(provider).reader(), dialect(caller).writer(ASKED)
    heard = [event for piece in talked.cut(data, places) for event in reader.feed(piece)] + list(reader.end())
    return talked.heard(dialect(caller).reader(), [b"".join(writer.write(event) for event in heard)])


def said(response: Response) -> list[Any]:
    """Parts less the ids of calls, which Gemini makes itself."""
    parts = response.choices[0].parts
    return [(part.name, part.arguments) if isinstance(part, ToolUse) else part for part in parts]


@settings(deadline=None, max_examples=60)
@given(ANSWERS, st.sampled_from(PAIRS), st.lists(st.integers(0, 10**5), max_size=5))
def test_an_answer_reaches_the_caller(response: Response, pair: tuple[Endpoint, Endpoint], places: list[int]) -> None:
    found = between(response, *pair, places)
    back = found.response()
    assert found.ended and found.failed is None and back is not None
    assert said(back) == said(response) and back.choices[0].finish == response.choices[0].finish
    assert (back.usage.input_tokens, back.usage.output_tokens) == (response.usage.input_tokens, response.usage.output_tokens)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def test_signed_thought_and_a_call_in_every_pair(pair: tuple[Endpoint, Endpoint]) -> None:
    parts = (Reasoning(text="hm", signature="gemini-c2ln"), Text(text="look"), ToolUse(id="c1", name="f", arguments='{"a":1}'))
    response = Response(id="r", model="m", choices=(Choice(parts=parts, finish="tool_use"),), usage=Usage(input_tokens=1, output_tokens=2))
    back = between(response, *pair, []).response()
    assert back is not None
    assert [type(part) for part in back.choices[0].parts] == [Reasoning, Text, ToolUse]
    kept = [part.signature for part in back.choices[0].parts if isinstance(part, Reasoning)]
    assert kept == ["gemini-c2ln"] or "converse" in pair


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def test_a_stream_that_breaks_is_never_whole_to_the_caller(pair: tuple[Endpoint, Endpoint]) -> None:
    response = Response(id="r", model="m", choices=(Choice(parts=(Text(text="a b c d"),), finish="stop"),))
    provider, caller = pair
    data = talked.told(dialect(provider), events(response), ASKED)
    reader, writer = dialect(provider).reader(), dialect(caller).writer(ASKED)
    heard = [*reader.feed(data[: len(data) // 2]), *reader.end()]
    assert talked.never_clean(dialect(caller).reader(), [b"".join(writer.write(event) for event in heard)])
