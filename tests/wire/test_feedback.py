"""Feedback as applications send it, whatever they send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modicum.errors import RequestError
from modicum.types import Feedback
from modicum.wire import feedback as wire

AT = datetime(2026, 1, 1, tzinfo=UTC)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*wire.FIELDS, *wire.ALIASES, "lable"]) | st.text(max_size=8)


def read(**row: Any) -> Feedback:
    return wire.read(row, scope="default", at=AT)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, JSON_VALUES, max_size=6))
def test_anything_is_read_or_refused(row: dict[str, Any]) -> None:
    try:
        found = wire.read(row, scope="s", at=AT)
    except RequestError:
        return
    assert bool(found.call) != bool(found.conversation)
    assert any(getattr(found, name) is not None for name in wire.SAYS)
    assert found.score is None or abs(found.score) <= wire.GREATEST_SCORE
    assert wire.named(found) == found
    assert found == wire.read(row, scope="s", at=AT)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.text(min_size=1, max_size=40).filter(str.strip).filter(lambda text: not wire._UNSEEN.search(text)),
    st.one_of(st.booleans(), st.integers(-1000, 1000), st.floats(-1000, 1000)),
)
def test_what_fits_is_read_as_it_was_said(text: str, score: float) -> None:
    found = read(call_id="chatcmpl-1", label=text, score=score, comment=text)
    assert (found.label, found.comment, found.score) == (text, text, float(score))


def test_the_same_thing_said_again_has_the_same_id_and_another_has_another() -> None:
    first = read(call_id="c", label="refund")
    again = wire.read({"response_id": "c", "gold": "refund"}, scope="default", at=datetime(2027, 1, 1, tzinfo=UTC), key_id="k_1")
    assert first.feedback_id == again.feedback_id
    others = [read(call_id="c", label="Refund"), read(call_id="d", label="refund"), read(call_id="c", label="refund", by="ann")]
    others.append(wire.read({"call_id": "c", "label": "refund"}, scope="other", at=AT))
    assert len({first.feedback_id, *(one.feedback_id for one in others)}) == 5


def test_a_label_that_is_json_has_one_spelling() -> None:
    assert read(call_id="c", label={"b": 1, "a": "é"}).label == '{"a":"é","b":1}'
    assert read(call_id="c", label=3).label == "3"
    assert read(call_id="c", label=False).label == "false"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"call_id": "c"}, "says nothing"),
        ({"label": "x"}, "one call or one conversation"),
        ({"call_id": "c", "conversation_id": "v", "score": 1}, "one call or one conversation"),
        ({"conversation_id": "v", "label": "x"}, "about one call"),
        ({"call_id": "c", "lable": "x"}, "no field 'lable'"),
        ({"call_id": "c", "response_id": "d", "label": "x"}, "twice"),
        ({"call_id": "c", "score": float("nan")}, "within"),
        ({"call_id": "c", "score": "good"}, "number"),
        ({"call_id": "c", "name": "tone", "label": "x"}, "no score"),
        ({"call_id": "c", "outcome": "it all ended, well!"}, "word"),
        ({"call_id": "c", "label": "x", "source": "oracle"}, "none of person"),
        ({"call_id": "c" * 300, "label": "x"}, "longer"),
        ({"call_id": "c", "label": "x\x00"}, "no text"),
        ({"call_id": 7, "label": "x"}, "must be text"),
    ],
)
def test_what_does_not_fit_is_refused_and_said_why(row: dict[str, Any], why: str) -> None:
    with pytest.raises(RequestError, match=why):
        wire.read(row, scope="default", at=AT)


def test_a_near_word_is_suggested() -> None:
    with pytest.raises(RequestError) as refused:
        read(call_id="c", correcton="x")
    assert refused.value.hint == "did you mean 'correction'?"


def test_an_outcome_is_one_word_however_it_is_written() -> None:
    assert read(call_id="c", outcome=" Not Resolved ").outcome == "not_resolved"
