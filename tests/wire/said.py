"""Generated conversations and answers, in OpenAI's words and in ours.

What is generated stands in the normal form in which a request comes back from Anthropic's dialect (`normal` of test_between.py
brings others there): only what both have words for is in it, for the rest is refused by name.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
from hypothesis import strategies as st

from modicum.types import Usage
from modicum.wire.talk import Choice, Finish, Part, Reasoning, Refusal, Response, Text, ToolUse

WORDS = st.text(max_size=24)
SAID = st.text(min_size=1, max_size=24)
NAMES = st.text("abcdefgh_-XYZ019", min_size=1, max_size=12)
IDS = st.text("abcdefXYZ019_-", min_size=1, max_size=16)
DATA = st.binary(min_size=1, max_size=12).map(lambda data: base64.b64encode(data).decode())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6, allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=3)
CACHE = st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "5m"}, {"type": "ephemeral", "ttl": "1h"}])
SPACES = st.sampled_from([(",", ":"), (", ", ": ")])
ARGUMENTS = st.builds(lambda value, style: json.dumps(value, separators=style), OBJECTS, SPACES)


def record(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


TEXT = record({"type": st.just("text"), "text": SAID}, cache_control=CACHE)
WHERE = st.builds("data:image/png;base64,{}".format, DATA) | st.builds("https://example.com/{}".format, NAMES)
IMAGE = record(
    {"type": st.just("image_url"), "image_url": record({"url": WHERE}, detail=st.sampled_from(["auto", "high"]))}, cache_control=CACHE
)
PLAIN_FILE = SAID.map(lambda said: "data:text/plain;base64," + base64.b64encode(said.encode()).decode())
FILE = record(
    {
        "type": st.just("file"),
        "file": record({"file_data": st.builds("data:application/pdf;base64,{}".format, DATA) | PLAIN_FILE}, filename=NAMES)
        | record({"file_id": IDS}, filename=NAMES),
    },
    cache_control=CACHE,
)
SYSTEM = record({"role": st.sampled_from(["system", "developer"]), "content": WORDS | st.lists(TEXT, min_size=1, max_size=3)})
USER = record({"role": st.just("user"), "content": WORDS | st.lists(TEXT | IMAGE | FILE, min_size=1, max_size=3)})
CALL = record(
    {"id": IDS, "type": st.just("function"), "function": record({"name": NAMES, "arguments": ARGUMENTS | st.just("")})}, cache_control=CACHE
)
BLOCK = record({"type": st.just("thinking"), "thinking": WORDS, "signature": SAID}) | record(
    {"type": st.just("redacted_thinking"), "data": SAID}
)
ASSISTANT = record(
    {"role": st.just("assistant"), "content": st.none() | WORDS | st.lists(TEXT, min_size=1, max_size=2)},
    tool_calls=st.lists(CALL, min_size=1, max_size=3),
    thinking_blocks=st.lists(BLOCK, min_size=1, max_size=2),
    refusal=st.none() | SAID,
)
RESULT = record(
    {"role": st.just("tool"), "tool_call_id": IDS, "content": WORDS | st.lists(TEXT, min_size=1, max_size=2)}, cache_control=CACHE
)
TOOL = record(
    {
        "type": st.just("function"),
        "function": record(
            {"name": NAMES},
            description=WORDS,
            parameters=st.builds(lambda properties: {"type": "object", "properties": properties}, OBJECTS) | st.just({}),
            strict=st.booleans(),
        ),
    },
    cache_control=CACHE,
)
FORMAT = st.just({"type": "text"}) | record(
    {
        "type": st.just("json_schema"),
        "json_schema": record(
            {"name": NAMES, "schema": st.builds(lambda properties: {"type": "object", "properties": properties}, OBJECTS)},
            strict=st.booleans(),
            description=WORDS,
        ),
    }
)
CHOICE = st.sampled_from(["auto", "none", "required"]) | NAMES.map(lambda name: {"type": "function", "function": {"name": name}})
REQUESTS = record(
    {
        "model": st.sampled_from(["claude-opus-4-8", "claude-sonnet-4-6", "anything"]),
        "messages": st.lists(SYSTEM | USER | ASSISTANT | RESULT, min_size=1, max_size=6),
    },
    max_tokens=st.integers(1, 100_000),
    temperature=st.floats(0, 1),
    top_p=st.floats(0, 1),
    top_k=st.integers(1, 100),
    stop=SAID | st.lists(SAID, min_size=1, max_size=3),
    n=st.just(1),
    store=st.just(False),
    presence_penalty=st.just(0),
    user=SAID,
    service_tier=st.sampled_from(["auto", "default"]),
    stream=st.booleans(),
    tools=st.lists(TOOL, min_size=1, max_size=3),
    tool_choice=CHOICE,
    parallel_tool_calls=st.booleans(),
    reasoning_effort=st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    response_format=FORMAT,
)

COUNTS = st.integers(0, 10**9)
THOUGHTS = st.lists(st.builds(Reasoning, text=SAID, signature=SAID) | st.builds(Reasoning, sealed=SAID), max_size=2)
USES = st.lists(
    st.builds(ToolUse, id=IDS, name=NAMES, arguments=OBJECTS.map(lambda value: msgspec.json.encode(value).decode())), max_size=3
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    plain, read, written = draw(COUNTS), draw(st.none() | COUNTS), draw(st.none() | COUNTS)
    hour = None if written is None else draw(st.none() | st.integers(0, written))
    return Usage(
        input_tokens=plain + (read or 0) + (written or 0),
        output_tokens=draw(COUNTS),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        reasoning_tokens=draw(st.none() | COUNTS),
    )


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """Reasoning, one text, tool calls: the order that a chat completion has."""
    said = draw(st.lists(st.builds(Text, text=SAID), max_size=1))
    refused = draw(st.lists(st.builds(Refusal, text=SAID), max_size=1))
    parts: list[Part] = [*draw(THOUGHTS), *said, *refused]
    uses = draw(USES)
    finish: Finish = "tool_use" if uses else draw(st.sampled_from(["stop", "length", "refusal"]))
    return Choice(parts=(*parts, *uses), finish=finish)


@st.composite
def responses(draw: st.DrawFn, most: int = 1) -> Response:
    return Response(
        id=draw(IDS),
        model=draw(NAMES),
        choices=tuple(draw(st.lists(choices(), min_size=1, max_size=most))),
        usage=draw(usages()),
        created=draw(st.integers(1, 2**33)),
        service_tier=draw(st.none() | st.sampled_from(["default", "priority"])),
    )
