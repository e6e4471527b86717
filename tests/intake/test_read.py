"""A log, line by line: what goes in, and why the rest does not."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import InputError, LogFormatError
from modicum.intake import Options, Refusal, Source, check_scope, opened, read
from modicum.types import Call

CHANGED = datetime(2026, 11, 1, tzinfo=UTC)


def flywheel(**changes: Any) -> dict[str, Any]:
    line = {
        "timestamp": "2026-10-01T00:00:07.5+00:00",
        "client_id": "team-2",
        "request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi é"}], "user": "u1", "metadata": {"session_id": "s1"}},
        "response": {
            "id": "chatcmpl-Bq1xY7kZ2mN4",
            "created": 1_790_812_807,
            "model": "gpt-4o-2024",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "yo"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        },
        "duration_ms": 672.5,
    }
    return line | changes


def encode(*lines: Any) -> bytes:
    return b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)


def counter() -> Callable[[bytes], int]:
    seen: Counter[bytes] = Counter()

    def count(digest: bytes) -> int:
        seen[digest] += 1
        return seen[digest]

    return count


def take(body: bytes, **options: Any) -> list[Call | Refusal]:
    source = Source("log", io.BytesIO(body), CHANGED, len(body))
    return list(read(source, Options(**options), counter()))


def one(line: Any, **options: Any) -> Call:
    (call,) = take(encode(line), **options)
    assert isinstance(call, Call), call
    return call


def reason(line: Any, **options: Any) -> str:
    (refusal,) = take(encode(line), **options)
    assert isinstance(refusal, Refusal), refusal
    return refusal.reason


def test_a_flywheel_line_is_a_call_with_verbatim_bodies() -> None:
    request = b'{"model":"gpt-4o",  "messages":[{"role":"user","content":"\xc3\xa9 \\u00e9"}]}'
    call = one(b'{"request": ' + request + b', "response": null, "timestamp": 1790812807}')
    assert call.request == request
    assert (call.response, call.response_id, call.duration_ms) == (None, None, None)
    call = one(flywheel())
    assert (call.response_id, call.client_id, call.user_id, call.conversation_id) == ("chatcmpl-Bq1xY7kZ2mN4", "team-2", "u1", "s1")
    assert (call.request_model, call.response_model, call.finish_reason, call.status) == ("gpt-4o", "gpt-4o-2024", "stop", 200)
    assert (call.usage.input_tokens, call.usage.output_tokens, call.duration_ms) == (3, 1, 672.5)
    assert call.started_at == datetime(2026, 10, 1, 0, 0, 7, 500_000, tzinfo=UTC)
    assert (call.scope, call.source, call.origin) == ("default", "data-flywheel", "import")


def test_a_fine_tuning_row_ends_with_the_answer() -> None:
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    call = one({"messages": [*said, {"role": "assistant", "content": "a"}], "tools": [{"type": "function"}], "weight": 1})
    assert call.request is not None and call.response is not None
    assert json.loads(call.request) == {"messages": said, "tools": [{"type": "function"}]}
    assert json.loads(call.response)["choices"][0]["message"] == {"role": "assistant", "content": "a"}
    assert (call.source, call.request_model, call.started_at.replace(microsecond=0)) == ("openai-finetune", None, CHANGED)
    open_ended = one({"messages": said})
    assert open_ended.response is None


def test_an_error_is_a_call_without_its_message() -> None:
    call = one(flywheel(response={"error": {"message": "your secret prompt ...", "type": "rate_limit", "code": 429}}))
    assert (call.status, call.error) == (429, "rate_limit")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"not json\n", "not JSON"),
        (b"[[]]\n", "not a JSON object"),
        (b'"x"\n', "not a JSON object"),
        ({}, "no format we know"),
        (flywheel(request={"model": "x"}), "messages"),
        (flywheel(request={"messages": []}), "messages"),
        (flywheel(request={"messages": "hi"}), "messages"),
        (flywheel(request={"messages": [1]}), "messages[0]"),
        (flywheel(request=[]), "request: expected a JSON object, found a list"),
        (flywheel(request=None), "no 'request'"),
        (flywheel(response="yo"), "response: expected a JSON object, found text"),
        (flywheel(response={"choices": []}), "response: 'choices'"),
        (flywheel(timestamp="yesterday"), "timestamp 'yesterday'"),
        (flywheel(timestamp=[1]), "timestamp"),
        (flywheel(timestamp="9999-12-31"), "timestamp '9999-12-31' lies in the future"),
        (flywheel(timestamp=99_999_999_999), "lies in the future"),
        (flywheel(timestamp="2001-01-01T00:00:00Z"), "lies before 2015"),
        (flywheel(timestamp=0), "timestamp 0 lies before 2015"),
        (flywheel(duration_ms="fast"), "duration_ms"),
        (flywheel(duration_ms=-1), "duration_ms"),
        (flywheel(client_id={"a": 1}), "client_id is an object"),
        (b'{"request": {"messages": [{"role": "us\0er"}]}}\n', "NUL"),
        (b'{"request": {"messages": [{"role": "user", "content": "\xe9"}]}}\n', "not UTF-8: byte 56 is 0xe9"),
        (b'{"other": "\xff", "request": {"messages": [{"role": "user", "content": "a"}]}}\n', "not UTF-8"),
        (b'{"request": ' * 10_000 + b"1" + b"}" * 10_000 + b"\n", "nested"),
        (b'{"request": {"messages": [{"role": "user", "x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}]}}\n", "nested"),
        (b'{"request": {"messages": [{"role": "user", "x": ' + b"[" * 70 + b"]" * 70 + b"}]}}\n", "nested deeper than 64"),
        (b"[" * 1_000_000 + b"\n", "JSON"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "nothing before"),
        ({"messages": {"role": "user"}}, "messages"),
        (b'{"request": {"messages": [{"ro', "breaks off"),
        (b"\x00" * 50, "NUL"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(line: Any, why: str) -> None:
    assert why in reason(line)


def test_the_rest_goes_in_and_numbers_are_those_of_the_file() -> None:
    body = encode(flywheel(), b"\n", b"bad\n", b"\r\n", {"messages": [{"role": "user", "content": "x"}]}, b'{"request": {"mess')
    found = take(body)
    assert [line.line for line in found if isinstance(line, Refusal)] == [3, 6]
    assert [call.source for call in found if isinstance(call, Call)] == ["data-flywheel", "openai-finetune"]


def test_a_line_that_is_too_long_is_refused_and_the_next_one_read() -> None:
    long = flywheel(request={"messages": [{"role": "user", "content": "x" * 3_000_000}]})
    found = take(encode(long, flywheel()), longest_bytes=1 << 20)
    assert [type(line) for line in found] == [Refusal, Call]
    assert "longer than 1 MiB" in str(found[0])


def test_an_id_that_is_used_again_and_again_tells_no_calls_apart() -> None:
    """Some servers number their answers from 0 to 999."""
    answered = flywheel()["response"] | {"id": "chatcmpl-417"}
    found = [
        call for call in take(encode(flywheel(response=answered), flywheel(response=answered, duration_ms=1.0))) if isinstance(call, Call)
    ]
    assert len({call.call_id for call in found}) == 2 and found[0].response_id == "chatcmpl-417"


def test_identity_is_the_response_s_id_else_line_and_occurrence() -> None:
    same = take(encode(flywheel(), flywheel(duration_ms=1.0)))
    assert isinstance(same[0], Call) and isinstance(same[1], Call) and same[0].call_id == same[1].call_id
    row = {"messages": [{"role": "user", "content": "q"}], "timestamp": 1_790_812_807}
    first = take(encode(row, row, flywheel(), row))
    again = take(encode(row, row, row, row))
    ids = [call.call_id for call in first if isinstance(call, Call) and call.source == "openai-finetune"]
    assert len(set(ids)) == 3
    assert [call.call_id for call in again if isinstance(call, Call)][:3] == ids
    assert one(row, scope="b").call_id not in ids
    crlf = one(encode(row).replace(b"\n", b"\r\n"))
    assert crlf.call_id == ids[0]


def test_lines_without_a_time_keep_the_order_of_the_log() -> None:
    rows = [{"messages": [{"role": "user", "content": str(n)}]} for n in range(20)]
    times = [call.started_at for call in take(encode(*rows)) if isinstance(call, Call)]
    assert times == sorted(times) and len(set(times)) == 20
    created = one(flywheel(timestamp=None))
    assert created.started_at == datetime.fromtimestamp(1_790_812_807, UTC)
    for odd in (1, 99_999_999_999):  # what test servers write; the line itself says no time
        response = flywheel()["response"] | {"created": odd}
        assert one(flywheel(timestamp=None, response=response)).started_at.replace(microsecond=0) == CHANGED


def test_answers_of_our_own_specialists_go_in() -> None:
    response = flywheel()["response"] | {"model": "modicum/bank-intent@3f2a1c"}
    assert one(flywheel(response=response)).response_model == "modicum/bank-intent@3f2a1c"


def test_the_scope_is_named_or_taken_from_a_field() -> None:
    assert one(flywheel(), scope="a").scope == "a"
    assert one(flywheel(), scope_from="client_id").scope == "team-2"
    assert one(flywheel(tenant=7), scope_from="tenant").scope == "7"
    assert "no 'tenant'" in reason(flywheel(), scope_from="tenant")
    assert "a scope is text" in reason(flywheel(tenant=[]), scope_from="tenant")
    assert "longer than 80" in reason(flywheel(tenant="x" * 81), scope_from="tenant")
    for name in ("", " ", "a\nb", "__HIVE_DEFAULT_PARTITION__", "ü" * 41):
        with pytest.raises(InputError):
            check_scope(name)


def test_a_named_format_is_not_recognised_but_demanded() -> None:
    row = {"messages": [{"role": "user", "content": "q"}]}
    assert one(row | {"request": row}, form="openai-finetune").source == "openai-finetune"
    assert reason(row, form="data-flywheel") == "no 'request'"
    assert reason(flywheel(), form="openai-finetune") == "no 'messages'"


def in_members(body: bytes) -> bytes:
    return gzip.compress(body[:100]) + gzip.compress(body[100:]) + b"\0" * 512


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress, in_members])
def test_logs_are_unpacked_by_what_they_are(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    log = tmp_path / "log"
    log.write_bytes(pack(encode(*(flywheel(response=None, n=n) for n in range(50)))))
    with opened(log) as source:
        found = list(read(source, Options(), counter()))
        assert source.read_bytes == source.size_bytes
    assert len(found) == 50 and all(isinstance(line, Call) for line in found)


def with_checksum(body: bytes) -> bytes:
    """Without one, damage to a zstd frame may pass as another text."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(body)


@pytest.mark.parametrize("pack", [gzip.compress, with_checksum])
def test_a_packed_log_that_breaks_off_gives_what_came_before(pack: Callable[[bytes], bytes]) -> None:
    rng = random.Random(1)
    body = pack(encode(*(flywheel(response=None, n=n, noise=f"{rng.getrandbits(180)}") for n in range(5_000))))
    found = take(body[: len(body) // 2])
    assert len(found) > 500
    assert [type(line) for line in found[-2:]] in ([Call, Refusal], [Refusal, Refusal]) or isinstance(found[-1], Call)
    damaged = bytearray(body)
    damaged[len(body) // 2] ^= 255
    assert any(isinstance(line, Refusal) for line in take(bytes(damaged)))


@pytest.mark.parametrize("filling", [b"\n", b"x"])
def test_a_bomb_is_not_unpacked_to_its_end(monkeypatch: pytest.MonkeyPatch, filling: bytes) -> None:
    monkeypatch.setattr("modicum.intake.sources.RATIO_FROM_BYTES", 2 << 20)
    found = take(zstandard.compress(filling * (8 << 20)))
    assert len(found) == 1 and "bomb" in str(found[0])


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for missing in (tmp_path / "nothing", tmp_path):
        with pytest.raises(LogFormatError), opened(missing):
            pass


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda child: st.lists(child) | st.dictionaries(st.text(), child)
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": st.text()}) | json_values, max_size=3
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "request": st.fixed_dictionaries({"messages": messages}) | json_values,
            "response": json_values,
            "messages": messages | json_values,
            "timestamp": json_values,
            "client_id": json_values,
            "duration_ms": json_values,
        },
    )
)
@settings(max_examples=40, deadline=None)
def test_any_object_is_a_call_or_refused(line: dict[str, Any]) -> None:
    (found,) = take(encode(line))
    assert isinstance(found, Call | Refusal)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(body: bytes) -> None:
    assert all(isinstance(line, Call | Refusal) for line in take(body))
