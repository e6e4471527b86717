"""A call as a frame and back, from bytes that may be torn or damaged."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.store import codec
from modicum.types import Call, Decision, Usage, new_call_id

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
maybe = st.none() | texts
calls = st.builds(
    Call,
    call_id=st.builds(new_call_id),
    response_id=maybe,
    scope=texts,
    user_id=maybe,
    started_at=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
    duration_ms=st.none() | st.floats(0, 1e9),
    streamed=st.booleans(),
    origin=st.sampled_from(["import", "live"]),
    request=st.none() | st.binary(max_size=200),
    response=st.none() | st.binary(max_size=200),
    error=maybe,
    usage=st.builds(
        Usage,
        input_tokens=st.none() | st.integers(0, 1 << 40),
        cache_write_1h_tokens=st.none() | st.integers(0, 1 << 40),
        audio_input_tokens=st.none() | st.integers(0, 1 << 40),
        estimated=st.booleans(),
    ),
    key_id=maybe,
    endpoint=st.sampled_from(["chat_completions", "messages", "embeddings"]),
    provider=maybe,
    deployments=st.lists(texts, max_size=3).map(tuple),
    view_version=maybe,
    service_tier=maybe,
    cost_usd=st.none() | st.decimals(0, 1000, places=9),
    decision=st.none()
    | st.builds(Decision, answered_by=texts, reason=st.just("answered"), value=maybe, confidence=st.none() | st.floats(-1, 1)),
)


def read(body: bytes) -> list[Call]:
    return [call for _, call in codec.calls(io.BytesIO(body), len(body))]


@given(st.lists(calls, max_size=4))
def test_calls_come_back_as_they_were(some: list[Call]) -> None:
    assert read(b"".join(map(codec.encode, some))) == some


@given(st.lists(calls, min_size=1, max_size=4), st.data())
@settings(max_examples=150)
def test_a_torn_tail_is_dropped_and_all_before_it_read(some: list[Call], data: st.DataObject) -> None:
    frames = [codec.encode(call) for call in some]
    whole = b"".join(frames)
    cut = data.draw(st.integers(0, len(whole)))
    lengths = [sum(map(len, frames[: n + 1])) for n in range(len(frames))]
    assert read(whole[:cut]) == some[: sum(length <= cut for length in lengths)]


@given(st.lists(calls, min_size=1, max_size=4), st.data())
@settings(max_examples=150)
def test_a_flipped_bit_never_makes_another_call(some: list[Call], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(codec.encode, some)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    assert all(call in some for call in read(bytes(whole)))


def test_a_damaged_payload_is_skipped_by_its_length() -> None:
    some = [Call(call_id=new_call_id(), started_at=datetime.now(UTC), request=b"x" * 50) for _ in range(3)]
    frames = [codec.encode(call) for call in some]
    damaged = bytearray(frames[1])
    damaged[-3] ^= 1
    assert read(frames[0] + bytes(damaged) + frames[2]) == [some[0], some[2]]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(body: bytes) -> None:
    read(body)


def test_times_are_exact_to_the_microsecond_and_money_to_the_digit() -> None:
    at = datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    call = Call(call_id=new_call_id(), started_at=at, cost_usd=Decimal("0.000000123456789"))
    assert read(codec.encode(call)) == [call]
    assert codec.from_us(codec.to_us(at)) == at
    assert codec.to_us(at + timedelta(microseconds=1)) - codec.to_us(at) == 1
