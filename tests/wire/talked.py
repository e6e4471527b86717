"""Generated requests and answers in our own records, for dialects that are read from and written to them.

Strategies stand in the normal form that comes back from every dialect: parts that have a word in each, no empty texts, tool
results right after their calls and in their order, one message a turn, JSON in arguments as it is written here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from modicum.errors import UpstreamError
from modicum.types import Usage
from modicum.wire.gather import Gathered
from modicum.wire.talk import (
    Choice,
    Dialect,
    Event,
    File,
    Format,
    Image,
    Message,
    Part,
    Reasoning,
    Request,
    Response,
    StreamReader,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)

SAID = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
NAMES = st.text("abcdefgh_XYZ019", min_size=1, max_size=12)
DATA = st.binary(min_size=1, max_size=12).map(lambda data: base64.b64encode(data).decode())
VALUES = st.recursive(
    st.booleans() | st.integers(-(10**6), 10**6) | SAID,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)
ARGUMENTS = OBJECTS.map(lambda value: msgspec.json.encode(value).decode())
SCHEMAS = st.builds(
    lambda properties: {"type": "object", "properties": properties}, st.dictionaries(NAMES, st.just({"type": "string"}), max_size=3)
)
TEXTS = st.builds(Text, text=SAID)
IMAGES = st.builds(Image, media_type=st.sampled_from(["image/png", "image/jpeg"]), data=DATA)
FILES = st.builds(File, media_type=st.just("application/pdf"), data=DATA)
COUNTS = st.integers(0, 10**6)
FLOATS = st.floats(0, 1, allow_nan=False)


def plain(parts: Sequence[Part]) -> bool:
    return sum(isinstance(p, Text) for p in parts) <= 1 and not any(isinstance(p, Image | File) for p in parts)


@st.composite
def conversations(draw: st.DrawFn, *, call_ids: st.SearchStrategy[str], media: bool = True) -> tuple[Message, ...]:
    """System, then turns in alternation; every call is answered in the next turn."""
    found: list[Message] = []
    if draw(st.booleans()):
        found.append(Message(role="system", parts=(Text(text=draw(SAID)),)))
    used: set[str] = set()
    for _ in range(draw(st.integers(1, 3))):
        parts: list[Part] = draw(st.lists(TEXTS | IMAGES | FILES if media else TEXTS, min_size=1, max_size=3))
        found.append(Message(role="user", parts=tuple(parts), plain=plain(parts)))
        ids = [one for one in draw(st.lists(call_ids, max_size=2, unique=True)) if one not in used]
        used.update(ids)
        uses: list[Part] = [ToolUse(id=one, name=draw(NAMES), arguments=draw(ARGUMENTS)) for one in ids]
        said: list[Part] = [*draw(st.lists(TEXTS, min_size=0 if uses else 1, max_size=1)), *uses]
        found.append(Message(role="assistant", parts=tuple(said), plain=plain(said)))
        if uses:
            results = tuple(ToolResult(id=one, parts=(Text(text=draw(SAID)),)) for one in ids)
            found.append(Message(role="user", parts=results))
            found.append(Message(role="assistant", parts=(Text(text=draw(SAID)),)))
    return tuple(found)


@st.composite
def requests(draw: st.DrawFn, /, *, call_ids: st.SearchStrategy[str], media: bool = True, **more: st.SearchStrategy[Any]) -> Request:
    tools = tuple(draw(st.lists(st.builds(Tool, name=NAMES, description=st.none() | SAID, parameters=SCHEMAS), max_size=2)))
    choice = None
    if tools:
        choices = [None, ToolChoice(mode="auto"), ToolChoice(mode="any"), ToolChoice(mode="one", name=tools[0].name)]
        choice = draw(st.sampled_from(choices))
    return Request(
        model="",
        messages=draw(conversations(call_ids=call_ids, media=media)),
        tools=tools,
        tool_choice=choice,
        max_tokens=draw(st.none() | st.integers(1, 10**5)),
        temperature=draw(st.none() | FLOATS),
        top_p=draw(st.none() | FLOATS),
        format=draw(st.none() | st.builds(Format, kind=st.just("json_schema"), name=st.just("response"), schema=SCHEMAS)),
        **{name: draw(strategy) for name, strategy in more.items()},
    )


@st.composite
def answers(
    draw: st.DrawFn, *, call_ids: st.SearchStrategy[str], thoughts: st.SearchStrategy[Reasoning], usage: st.SearchStrategy[Usage]
) -> Response:
    """Thought, one text, calls; one choice."""
    parts: list[Part] = [*draw(st.lists(thoughts, max_size=1)), *draw(st.lists(TEXTS, max_size=1))]
    uses = draw(st.lists(st.builds(ToolUse, id=call_ids, name=NAMES, arguments=ARGUMENTS), max_size=2, unique_by=lambda use: use.id))
    finish = "tool_use" if uses else draw(st.sampled_from(["stop", "length", "refusal"]))
    return Response(id="resp_1", model="m", choices=(Choice(parts=(*parts, *uses), finish=finish),), usage=draw(usage), created=7)  # type: ignore[arg-type]


def wire(value: dict[str, Any]) -> dict[str, Any]:
    """As it arrives at the other side."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(value))
    return found


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in zip(marks, marks[1:], strict=False)]


def told(dialect: Dialect, events: Iterable[Event], request: Request) -> bytes:
    writer = dialect.writer(request)
    return b"".join(writer.write(event) for event in events)


def heard(reader: StreamReader, pieces: Iterable[bytes]) -> Gathered:
    found = Gathered()
    for piece in pieces:
        found.take(reader.feed(piece))
    found.take(reader.end())
    return found


def never_clean(reader: StreamReader, pieces: Iterable[bytes]) -> bool:
    """The stream did not end as a success: it broke, failed, or was no stream at all."""
    try:
        found = heard(reader, pieces)
    except UpstreamError:
        return True
    return not found.ended
