"""Replicate's predictions: worked examples, round trips, streams cut anywhere, garbage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import InputError, ModicumError, UntranslatableError, UpstreamError
from modicum.types import Usage
from modicum.wire.gather import events
from modicum.wire.replicate import DIALECT, stream_url
from modicum.wire.talk import Choice, Format, Image, Message, Request, Response, Text, Tool
from tests.wire import talked

PROMPT = Message(role="user", parts=(Text(text="Hi"),))
REQUESTS = st.builds(
    Request,
    model=st.just(""),
    messages=st.tuples(st.builds(Message, role=st.just("user"), parts=st.tuples(talked.TEXTS)))
    | st.tuples(
        st.builds(Message, role=st.just("system"), parts=st.tuples(talked.TEXTS)),
        st.builds(Message, role=st.just("user"), parts=st.tuples(talked.TEXTS)),
    ),
    max_tokens=st.none() | st.integers(1, 999),
    temperature=st.none() | talked.FLOATS,
    top_k=st.none() | st.integers(1, 99),
    seed=st.none() | st.integers(0, 99),
    stop=st.lists(talked.NAMES, max_size=2).map(tuple),
    stream=st.none() | st.booleans(),
)
# Replicate's streams know line feeds alone: a carriage return is a line end to server-sent events.
SAID = talked.SAID.map(lambda text: text.replace("\r", "\n"))
ANSWERS = st.builds(
    lambda text, usage: Response(id="p1", model="m", choices=(Choice(parts=(Text(text=text),), finish="stop"),), usage=usage),
    SAID,
    st.builds(Usage, input_tokens=st.none() | talked.COUNTS, output_tokens=st.none() | talked.COUNTS),
)
ASKED = Request(model="", messages=(PROMPT,))


@settings(deadline=None)
@given(REQUESTS)
def test_a_request_comes_back_as_it_went(request: Request) -> None:
    assert DIALECT.read_request(talked.wire(DIALECT.write_request(request))) == request


@settings(deadline=None)
@given(ANSWERS, st.lists(st.integers(0, 10**4), max_size=8))
def test_an_answer_and_its_stream_come_back_as_they_went(response: Response, places: list[int]) -> None:
    assert DIALECT.read_response(talked.wire(DIALECT.write_response(response))) == response
    found = talked.heard(DIALECT.reader(), talked.cut(talked.told(DIALECT, events(response), ASKED), places))
    back = found.response()
    assert found.ended and back is not None and replace(back, id="p1", model="m") == response


@settings(deadline=None)
@given(ANSWERS, st.integers(0, 10**4))
def test_a_stream_that_breaks_off_is_never_whole(response: Response, place: int) -> None:
    data = talked.told(DIALECT, events(response), ASKED)
    assert talked.never_clean(DIALECT.reader(), [data[: place % data.rindex(b"event: done")]])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_nothing(data: bytes) -> None:
    assert talked.never_clean(DIALECT.reader(), [data])


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["input", "prompt", "output", "status", "id", "version", "metrics"]), talked.VALUES | st.just("succeeded")
    )
)
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    for read in (DIALECT.read_request, DIALECT.read_response):
        try:
            read(body)
        except ModicumError as error:
            assert isinstance(error, InputError | UpstreamError)


def test_a_prediction() -> None:
    body = {
        "id": "abc",
        "model": "meta/llama",
        "status": "succeeded",
        "output": ["Hel", "lo"],
        "error": None,
        "created_at": "2026-11-22T04:00:00.123Z",
        "metrics": {"predict_time": 0.5, "input_token_count": 3, "output_token_count": 2},
        "urls": {"stream": "https://stream.replicate.com/v1/x"},
    }
    found = DIALECT.read_response(body)
    assert found.choices[0].parts == (Text(text="Hello"),) and found.usage == Usage(input_tokens=3, output_tokens=2)
    assert found.created == 1795320000 and stream_url(body) == "https://stream.replicate.com/v1/x"
    assert DIALECT.read_response(body | {"output": "Hello"}).choices == found.choices


@pytest.mark.parametrize("status", ["failed", "canceled", "starting", "processing", None])
def test_what_is_no_answer_is_an_error(status: str | None) -> None:
    with pytest.raises(UpstreamError):
        DIALECT.read_response({"status": status, "output": "half", "error": "out of memory"})


@pytest.mark.parametrize(
    "stream",
    [
        b'event: output\ndata: a\n\nevent: error\ndata: {"detail": "broke"}\n\n',
        b'event: output\ndata: a\n\nevent: done\ndata: {"reason": "canceled"}\n\n',
    ],
)
def test_a_failure_in_a_stream(stream: bytes) -> None:
    found = talked.heard(DIALECT.reader(), [stream])
    assert not found.ended and found.failed is not None


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"messages": (PROMPT, Message(role="assistant", parts=(Text(text="a"),)), PROMPT)}, "messages"),
        ({"messages": (Message(role="user", parts=(Image(media_type="image/png", data="AA=="),)),)}, r"messages\[0\].content"),
        ({"tools": (Tool(name="f"),)}, "tools"),
        ({"format": Format(kind="json_object")}, "response_format"),
        ({"choices": 2}, "'n'"),
        ({"stop": ("a,b",)}, "stop"),
        ({"user_id": "u"}, "user"),
    ],
)
def test_what_has_no_words_is_refused_by_name(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(UntranslatableError, match=named):
        DIALECT.write_request(replace(ASKED, **request_))


def test_errors() -> None:
    assert DIALECT.read_error({"title": "Bad", "detail": "no"}, 422) == ("no", "Bad")
    found = talked.heard(DIALECT.reader(), [DIALECT.error_event(DIALECT.write_error("gone", status=500, code="x"))])
    assert found.failed is not None and found.failed.message == "gone"
    assert msgspec.json.decode(DIALECT.write_error("gone", status=500, code="x"))["detail"] == "gone"
