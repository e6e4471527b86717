"""Every format's page has a sample that is read as the page says."""

from __future__ import annotations

import codecs
import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from modicum.intake import FORMATS as NAMES
from modicum.intake import Pairs, Passed, Refusal, Told
from modicum.types import Call, ProviderTotal, Usage
from tests.intake.logs import FORMATS, samples, take, told


def calls(name: str, number: int = 0, **options: Any) -> list[Told]:
    return told(samples(name)[number][1], **options)


def messages(call: Call) -> list[Any]:
    assert call.request is not None
    found = json.loads(call.request)["messages"]
    assert isinstance(found, list)
    return found


def answer(call: Call) -> Any:
    assert call.response is not None
    return json.loads(call.response)["choices"][0]["message"]["content"]


def test_every_format_has_a_page() -> None:
    pages = {path.stem for path in FORMATS.glob("*.md")} - {"README"}
    assert pages == set(NAMES)
    index = (FORMATS / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.md)" in index for name in NAMES)


def test_litellm_spend_rows() -> None:
    full, bare = calls("litellm-spend")
    call = full.call
    assert messages(call)[1]["content"] == "Bil saya bulan ini dua kali ganda."
    assert answer(call) == "bil"
    assert call.usage == Usage(input_tokens=52, output_tokens=10, cache_read_tokens=32)
    assert (call.cost_usd, call.client_id, call.tags, call.user_id) == (
        Decimal("0.000195"),
        "support",
        ("team:meja-bantuan", "prod"),
        "u-17",
    )
    assert (call.duration_ms, call.time_to_first_chunk_ms, call.provider) == (900.0, 400.0, "openai")
    assert (call.request_model, call.response_model, call.response_id) == ("gpt-4o", "gpt-4o-2024-08-06", "chatcmpl-Sp3nd0000000000000001")
    assert "7c1f1b66-6d0c-4a50-8f0e-9b6f3e7a2c01" in full.also
    assert (bare.call.request, bare.lacks, bare.call.tags) == (None, "litellm_no_bodies", ("prod",))
    assert bare.call.usage == Usage(input_tokens=600, output_tokens=40)


@pytest.mark.parametrize(
    ("changes", "lacks", "asked"),
    [
        (
            {"proxy_server_request": {"messages": [{"role": "user", "content": "x (litellm_truncated skipped 9 chars)"}]}},
            "litellm_cut",
            False,
        ),
        ({"proxy_server_request": {"messages": [{"role": "user", "content": "redacted-by-litellm"}]}}, "litellm_redacted", False),
        ({"proxy_server_request": {}, "messages": [{"role": "user", "content": "q"}]}, "", True),
        (
            {"proxy_server_request": {}, "metadata": {"proxy_server_request": {"body": {"messages": [{"role": "user", "content": "q"}]}}}},
            "",
            True,
        ),
        ({"proxy_server_request": "{}", "metadata": "{}"}, "litellm_no_bodies", False),
        ({"response": {"choices": [{"message": {"content": "a litellm_truncated b"}}]}}, "", True),
    ],
)
def test_litellm_rows_say_where_the_text_is(changes: dict[str, Any], lacks: str, asked: bool) -> None:
    row = json.loads(samples("litellm-spend")[0][1].splitlines()[0]) | changes
    (one,) = told(json.dumps(row).encode())
    assert (one.lacks, one.call.request is not None) == (lacks, asked)
    if "response" in changes:
        assert one.call.response is None


def test_litellm_rows_of_other_kinds() -> None:
    row = json.loads(samples("litellm-spend")[0][1].splitlines()[0])
    failed = row | {
        "status": "failure",
        "spend": 0,
        "metadata": {"error_information": {"error_code": "429", "error_class": "RateLimitError"}},
    }
    (one,) = told(json.dumps(failed).encode())
    assert (one.call.status, one.call.error, one.call.cost_usd, one.call.response) == (429, "RateLimitError", None, None)
    (cached,) = told(json.dumps(row | {"cache_hit": "True", "spend": 0.0, "request_id": "chatcmpl-x_cache_hit1.5"}).encode())
    assert cached.call.cost_usd == 0
    (image,) = take(json.dumps(row | {"call_type": "aimage_generation", "completion_tokens": 0}).encode())
    assert isinstance(image, Passed)
    anthropic = {
        "call_type": "anthropic_messages",
        "proxy_server_request": {"model": "claude", "max_tokens": 5, "system": "s", "messages": [{"role": "user", "content": "q"}]},
    }
    (one,) = told(json.dumps(row | anthropic).encode())
    assert (one.call.endpoint, [message["role"] for message in messages(one.call)]) == ("chat_completions", ["system", "user"])


def test_spend_rows_as_a_table_are_the_same_calls() -> None:
    rows = [json.loads(line) for line in samples("litellm-spend")[0][1].splitlines()]
    names = list(rows[0])

    def cell(value: Any) -> str:
        text = json.dumps(value) if isinstance(value, dict | list) else "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"'

    for delimiter in ",;\t":
        table = "\r\n".join(delimiter.join(line) for line in (names, *([cell(row.get(name)) for name in names] for row in rows)))
        assert [one.call for one in told(b"\xef\xbb\xbf" + table.encode())] == [one.call for one in calls("litellm-spend")]
    assert [one.call for one in told(table.encode("utf-16"))] == [one.call for one in calls("litellm-spend")]


def test_litellm_sums_of_days_are_refused_with_the_way_to_the_rows() -> None:
    (refused,) = take(json.dumps([{"startTime": "2026-10-01", "spend": 1.2, "users": {"u": 1.2}, "models": {"gpt-4o": 1.2}}]).encode())
    assert isinstance(refused, Refusal) and "summarize=false" in refused.reason


@pytest.mark.parametrize(
    "layout", ["lines", "blank lines", "array", "indented", "page", "utf-16", "utf-16 big", "mark", "torn", "gzip", "zstd"]
)
def test_the_same_rows_however_they_are_laid_out(layout: str) -> None:
    rows = [json.loads(line) for line in samples("litellm-spend")[0][1].splitlines()]
    lines = "\n".join(map(json.dumps, rows))
    bodies: dict[str, bytes] = {
        "lines": lines.encode(),
        "blank lines": b"\r\n\r\n" + lines.replace("\n", "\r\n\r\n").encode() + b"\r\n\r\n",
        "array": json.dumps(rows).encode(),
        "indented": json.dumps(rows, indent=2).encode(),
        "page": json.dumps({"data": rows, "total": 2, "page": 1, "page_size": 50, "total_pages": 1}).encode(),
        "utf-16": lines.encode("utf-16"),
        "utf-16 big": codecs.BOM_UTF16_BE + lines.encode("utf-16-be"),
        "mark": codecs.BOM_UTF8 + lines.encode(),
        "torn": lines.encode() + b'\n{"request_id": "chatcmpl-3", "startTime": "2026-1',
        "gzip": gzip.compress(lines.encode()),
        "zstd": zstandard.compress(lines.encode()),
    }
    found = take(bodies[layout])
    assert [one for one in found if isinstance(one, Told)] == told(lines.encode())
    refusals = [str(one) for one in found if isinstance(one, Refusal)]
    assert len(found) - len(refusals) == 2 and len(refusals) == (layout == "torn")
    assert all("log:3: the log breaks off in this line" in one for one in refusals)


def test_litellm_payload() -> None:
    (one,) = calls("litellm")
    assert (messages(one.call)[0]["content"], answer(one.call), one.call.tags) == ("这张发票多少钱？", "128.00", ("prod",))


def test_langfuse_observations() -> None:
    found = take(samples("langfuse")[0][1])
    assert isinstance(found[0], Told) and found[1] == Passed("span (Langfuse)")
    call = found[0].call
    assert messages(call)[1]["content"] == "الإنترنت بطيء جدًا منذ أمس"
    assert answer(call) == "شبكة"
    assert call.usage == Usage(input_tokens=600, output_tokens=40, cache_read_tokens=160)
    assert (call.response_id, call.conversation_id, call.user_id, call.tags) == ("chatcmpl-Sp3nd0000000000000002", "s-1", "u-9", ("prod",))
    assert (call.cost_usd, call.duration_ms) == (Decimal("0.0021"), 1400.0)
    assert call.response_id in found[0].also
    assert json.loads(call.request or b"")["temperature"] == 0


@pytest.mark.parametrize(
    ("details", "sent", "got", "read"),
    [
        ({"input": 60, "output": 20, "total": 120, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 0}, 100, 20, 40),
        ({"input": 100, "output": 20, "total": 120, "cache_read_input_tokens": 40}, 100, 20, 40),
        ({"input": 60, "input_cached_tokens": 40, "output": 5, "output_reasoning_tokens": 15, "total": 120}, 100, 20, 40),
        ({"input": 100, "output": 20, "output_reasoning_tokens": 15, "total": 120}, 100, 20, None),
        ({"input": 60, "cache_read_input_tokens": 40, "output": 20}, 100, 20, 40),
        ({"input": 7, "output": 0}, 7, 0, None),
        ({}, None, None, None),
    ],
)
def test_langfuse_counts_cached_tokens_beside_or_within(
    details: dict[str, int], sent: int | None, got: int | None, read: int | None
) -> None:
    row = json.loads(samples("langfuse")[0][1])[0] | {"usageDetails": details}
    (one,) = told(json.dumps(row).encode())
    assert (one.call.usage.input_tokens, one.call.usage.output_tokens, one.call.usage.cache_read_tokens) == (sent, got, read)


def test_langfuse_in_its_other_shapes() -> None:
    row = json.loads(samples("langfuse")[0][1])[0]
    trace = {"id": "t" * 20, "timestamp": "2026-10-01T08:00:00Z", "userId": "u-1", "sessionId": "s-9", "tags": ["t"], "name": "chat"}
    bare = {name: value for name, value in row.items() if name not in ("traceId", "userId", "sessionId", "traceTags")}
    (one,) = told(json.dumps([trace | {"observations": [bare]}]).encode())
    assert (one.call.user_id, one.call.conversation_id, one.call.trace_id, one.call.tags, one.call.client_id) == (
        "u-1",
        "s-9",
        "t" * 20,
        ("t",),
        "chat",
    )
    (page,) = told(json.dumps({"data": [row], "meta": {"cursor": None}}).encode())
    assert page.call == calls_of(row)
    blob = {
        "id": row["id"],
        "trace_id": row["traceId"],
        "type": "GENERATION",
        "start_time": "2026-10-01 08:16:02.123",
        "end_time": "2026-10-01 08:16:03.523",
        "provided_model_name": "gpt-4o",
        "input": json.dumps(row["input"]),
        "output": json.dumps(row["output"]),
        "usage_details": row["usageDetails"],
        "total_cost": "0.0021",
        "model_parameters": '{"temperature":0}',
        "user_id": "u-9",
        "session_id": "s-1",
        "tags": ["prod"],
        "metadata": {},
    }
    (stored,) = told(json.dumps(blob).encode())
    assert stored.call == calls_of(row)
    (passed,) = take(json.dumps([trace | {"htmlPath": "/x"}]).encode())
    assert isinstance(passed, Passed) and "without its observations" in passed.what
    score = {"id": "s", "timestamp": "2026-10-01", "trace_id": "t", "name": "good", "value": 1, "source": "API", "data_type": "NUMERIC"}
    assert take(json.dumps(score).encode()) == [Passed("score (Langfuse)")]
    event = {name: value for name, value in row.items() if name not in ("model", "endTime", "traceTags")}
    event |= {"providedModelName": "gpt-4o", "latencyMs": 1400, "timeToFirstTokenMs": 250, "tags": ["prod"], "parentObservationId": None}
    (export,) = told(json.dumps(event).encode())
    assert (export.call.request_model, export.call.duration_ms, export.call.time_to_first_chunk_ms) == ("gpt-4o", 1400.0, 250.0)
    assert export.call.tags == ("prod",)


_LEAF = st.sampled_from(("GENERATION", "SPAN", "EMBEDDING", "TOOL"))
_TREE: st.SearchStrategy[Any] = st.recursive(
    st.tuples(_LEAF, st.just([])), lambda inner: st.tuples(_LEAF, st.lists(inner, max_size=4)), max_leaves=25
)  # fmt: skip


@given(_TREE, st.sampled_from(("children", "observations")), st.booleans(), st.booleans())
def test_every_generation_is_read_however_deep_it_stands(tree: Any, name: str, in_trace: bool, as_text: bool) -> None:
    made: list[str] = []

    def write(node: Any) -> dict[str, Any]:
        kind, inner = node
        made.append(kind)
        row = {"id": f"o{len(made)}", "type": kind, "startTime": "2026-10-01T08:00:00Z", "model": "m", "input": "a", "output": "b"}
        listed = [write(one) for one in inner]
        return row | ({name: json.dumps(listed) if as_text else listed} if listed else {})

    top = write(tree)
    about = {"sessionId": "s-1", "userId": "u-1"}
    record = {"id": "t1", "observations": [top], **about} if in_trace else {**top, "traceId": "t1", **about}
    found = take(json.dumps(record).encode())
    calls = [one.call for one in found if isinstance(one, Told)]
    assert len(found) == len(made)
    assert len(calls) == sum(kind in ("GENERATION", "EMBEDDING") for kind in made)
    assert {(call.trace_id, call.conversation_id, call.user_id) for call in calls} <= {("t1", "s-1", "u-1")}
    assert len({call.call_id for call in calls}) == len(calls)


def test_what_stands_deeper_than_any_trace_is_refused_by_name() -> None:
    row: dict[str, Any] = {"id": "o", "type": "GENERATION", "startTime": "2026-10-01T08:00:00Z"}
    for _ in range(40):
        row = {**row, "children": [row]}
    (refused,) = take(json.dumps(row | {"traceId": "t"}).encode())
    assert isinstance(refused, Refusal) and "nested" in refused.reason


def calls_of(row: dict[str, Any]) -> Call:
    (one,) = told(json.dumps(row).encode())
    return one.call


def test_spans_of_today_and_from_before_1_37() -> None:
    now, before = calls("otlp")
    assert (messages(now.call)[0]["content"], answer(now.call)) == ("என் கணக்கு ஏன் முடக்கப்பட்டது?", "கணக்கு")
    assert (now.call.provider, now.call.usage.input_tokens, now.call.client_id) == ("openai", 31, "helpdesk")
    assert f"span {now.call.trace_id} 00f067aa0ba902b7" in now.also
    assert (messages(before.call)[0]["content"], answer(before.call)) == ("Apa baki saya?", "baki")
    assert (before.call.provider, before.call.usage) == ("openai", Usage(input_tokens=12, output_tokens=3))


def test_spans_that_stand_one_by_one() -> None:
    (phoenix,) = calls("otlp", 2)
    assert (messages(phoenix.call)[0]["content"], answer(phoenix.call)) == ("我的余额是多少？", "余额")
    assert (phoenix.call.usage.input_tokens, phoenix.call.usage.output_tokens, phoenix.call.duration_ms) == (12, 3, 1250.0)
    assert (phoenix.call.conversation_id, phoenix.call.trace_id) == ("s-4", "6bf92f3577b34da6a3ce929d0e0e4736")
    console = {
        "name": "chat",
        "context": {"trace_id": "0x" + "c" * 32, "span_id": "0x" + "d" * 16, "trace_state": "[]"},
        "kind": "SpanKind.CLIENT",
        "start_time": "2026-10-01T08:00:00.250000Z",
        "end_time": "2026-10-01T08:00:01.500000Z",
        "status": {"status_code": "ERROR"},
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "m", "error.type": "timeout"},
        "events": [{"name": "gen_ai.user.message", "timestamp": "", "attributes": {"content": "hai"}}],
        "resource": {"attributes": {"service.name": "shop"}},
    }
    tool = console | {"attributes": {"gen_ai.operation.name": "execute_tool"}}
    one, other = take("\n".join(json.dumps(span, indent=4) for span in (console, tool)).encode())
    assert isinstance(one, Told) and (one.call.client_id, one.call.error, one.call.trace_id) == ("shop", "timeout", "c" * 32)
    assert messages(one.call)[0]["content"] == "hai" and isinstance(other, Passed)
    dotted: dict[str, Any] = {"name": "c", "context.trace_id": "a" * 32, "context.span_id": "b" * 16, "start_time": "2026-10-01T08:00:00Z"}
    dotted |= {"span_kind": "LLM", "attributes.llm.model_name": "m", "attributes.llm.token_count.prompt": 5, "end_time": None}
    (row,) = told(json.dumps(dotted).encode())
    assert (row.call.request_model, row.call.usage.input_tokens, row.lacks) == ("m", 5, "otlp_no_bodies")
    (refused,) = take(json.dumps(dotted | {"start_time": "soon"}).encode())
    assert isinstance(refused, Refusal)


def test_events_of_a_span_that_came_as_log_records() -> None:
    (events,) = calls("otlp", 1)
    assert (messages(events.call)[0]["content"], answer(events.call)) == ("Bil saya salah.", "bil")
    (span, _) = calls("otlp")
    assert f"span {events.call.trace_id} 00f067aa0ba902b7" in span.also


def test_helicone() -> None:
    (one,) = calls("helicone")
    call = one.call
    assert (messages(call)[0]["content"], answer(call), call.client_id, call.conversation_id) == (
        "Terjemahkan: 'invoice'",
        "invois",
        "helpdesk",
        "s-7",
    )
    assert (call.cost_usd, call.usage.input_tokens, call.duration_ms, call.provider) == (Decimal("0.0000042"), 20, 1300.0, "openai")
    row = json.loads(samples("helicone")[0][1])
    # The export writes a comma after the last element where it did not know that it was the last.
    (again,) = told(b"[\n" + json.dumps(row, indent=2).encode() + b",\n]\n")
    assert again.call == call
    cells = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in row.items()
        if name not in ("response_body", "request_path")
    }
    table = ",".join(cells) + "\n" + ",".join('"' + cell.replace('"', '""') + '"' for cell in cells.values())
    (third,) = told(table.encode())
    assert (third.call.request, third.call.response) == (call.request, None)


def test_openrouter() -> None:
    (one,) = calls("openrouter")
    call = one.call
    assert (call.response_id, call.cost_usd, call.provider, call.client_id) == (
        "gen-1790841600-0penRouter0000000001",
        Decimal("0.0123"),
        "openrouter",
        "helpdesk",
    )
    assert (call.usage.input_tokens, call.usage.output_tokens, call.started_at) == (
        10389,
        137,
        datetime(2026, 10, 1, 8, 0, 0, 713_000, UTC),
    )
    told_of = {
        "id": "gen-1790841600-0penRouter0000000001",
        "total_cost": 0.0123,
        "created_at": "2026-10-01T08:00:00.713Z",
        "model": "openai/gpt-oss-120b",
        "tokens_prompt": 9,
        "native_tokens_prompt": 10389,
        "native_tokens_completion": 137,
        "streamed": True,
        "cancelled": False,
    }
    (api,) = told(json.dumps({"data": told_of}).encode())
    assert (api.call.usage.input_tokens, api.call.call_id) == (10389, call.call_id)


def test_a_batch_is_joined_by_custom_id() -> None:
    both = samples("batch")[0][1]
    with Pairs() as pairs:
        (one,) = [found for found in take(both, pairs) if isinstance(found, Told)]
        assert pairs.unanswered == 0
    call = one.call
    assert (messages(call)[0]["content"], answer(call)) == ("Ringkaskan: pelanggan tidak dapat log masuk.", "Log masuk gagal.")
    assert (call.service_tier, call.usage, call.request_model) == ("batch", Usage(input_tokens=18, output_tokens=6), "gpt-4o-mini")
    (alone,) = told(both.splitlines()[1])
    assert (alone.lacks, alone.call.request, alone.call.call_id) == ("batch_no_input", None, call.call_id)
    result = {
        "type": "succeeded",
        "message": {
            "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4",
            "content": [{"type": "text", "text": "hi"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 2},
        },
    }
    params = {"model": "claude-sonnet-4", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    lines = [{"custom_id": "a", "params": params}, {"custom_id": "a", "result": result}, {"custom_id": "b", "result": {"type": "expired"}}]
    first, second = told(b"\n".join(json.dumps(line).encode() for line in lines))
    assert (first.call.endpoint, first.call.usage.input_tokens, first.call.request is not None) == ("messages", 9, True)
    assert (second.call.status, second.call.error) == (500, "expired")
    twice = [{"custom_id": "a", "params": params}, {"custom_id": "a", "params": params}, {"custom_id": "a", "result": result}]
    (one,) = told(b"\n".join(json.dumps(line).encode() for line in twice))
    assert one.call.request is None


def totals(body: bytes) -> list[ProviderTotal]:
    found = take(body)
    assert all(isinstance(one, ProviderTotal) for one in found), found
    return [one for one in found if isinstance(one, ProviderTotal)]


def test_usage_exports() -> None:
    (usage,) = totals(samples("totals")[0][1])
    assert (usage.day, usage.provider, usage.source, usage.model, usage.requests) == (
        "2026-10-01",
        "openai",
        "openai-usage",
        "gpt-4o-2024-08-06",
        5,
    )
    assert usage.usage == Usage(input_tokens=1000, output_tokens=500, cache_read_tokens=800)
    (console,) = totals(samples("totals")[1][1])
    assert (console.model, console.key, console.project) == ("claude-sonnet-4-20250514", "helpdesk", "Default")
    assert console.usage == Usage(
        input_tokens=152_000, output_tokens=5000, cache_read_tokens=50_000, cache_write_tokens=2000, cache_write_1h_tokens=0
    )


def test_cost_exports() -> None:
    result = {"object": "organization.costs.result", "amount": {"value": 0.06, "currency": "usd"}, "line_item": "gpt-4o-2024-08-06, input"}
    bucket = {"object": "bucket", "start_time": 1790812800, "end_time": 1790899200, "results": [result]}
    (openai,) = totals(json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None}, indent=1).encode())
    assert (openai.cost_usd, openai.model, openai.source) == (Decimal("0.06"), "gpt-4o-2024-08-06", "openai-costs")
    cents = {
        "currency": "USD",
        "amount": "123.78912",
        "description": "Claude Sonnet 4 Usage - Input Tokens",
        "model": "claude-sonnet-4-20250514",
    }
    (anthropic,) = totals(
        json.dumps({"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z", "results": [cents]}).encode()
    )
    assert (anthropic.cost_usd, anthropic.day) == (Decimal("1.2378912"), "2026-10-01")
    console = (
        "usage_date_utc,model,workspace,api_key,token_type,cost_usd,cost_type\n2026-10-01,Claude Haiku 4.5,Default,k,output,0.02,token\n"
    )
    (one,) = totals(console.encode())
    assert (one.cost_usd, one.model, one.line_item) == (Decimal("0.02"), "Claude Haiku 4.5", "output")
    table = (
        "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,organization_id,organization_name\n"
        "1790812800,1790899200,x,x,0.5617712500000000,usd,,,org-1,Personal\n1790899200,1790985600,x,x,,,,,,\n"
    )
    (day,) = totals(table.encode())
    assert day.cost_usd == Decimal("0.5617712500000000")
    (refused,) = take(table.replace("usd", "eur").encode())
    assert isinstance(refused, Refusal) and "not in US dollars" in refused.reason
    activity = {
        "date": "2026-10-01",
        "model": "openai/gpt-4.1",
        "usage": 0.5,
        "byok_usage_inference": 0,
        "requests": 4,
        "prompt_tokens": 50,
        "completion_tokens": 5,
    }
    (router,) = totals(json.dumps({"data": [activity]}).encode())
    assert (router.requests, router.cost_usd, router.provider) == (4, Decimal("0.5"), "openrouter")


COLUMNS = {
    "time": "When",
    "model": "Model",
    "input_tokens": "Tokens in",
    "output_tokens": "Tokens out",
    "prompt": "Question",
    "response": "Answer",
}


def test_any_table_by_its_columns() -> None:
    first, second = calls("columns", columns=COLUMNS)
    assert (messages(first.call)[0]["content"], answer(first.call)) == ("Bila pejabat\ndibuka?", "Pukul 9 pagi.")
    assert first.call.usage == Usage(input_tokens=1200, output_tokens=35)
    assert (messages(second.call)[0]["content"], answer(second.call)) == ("什么时候开门？", "九点。")
    body = samples("columns")[0][1]
    (lost,) = take(body)
    assert isinstance(lost, Refusal) and "none that we know: When, Model" in lost.reason
    (missing,) = take(body, columns={"model": "Modell"})
    assert isinstance(missing, Refusal) and "no such column" in missing.reason
    json_rows = b'{"M": "gpt-4o", "in": 5, "out": 1}\n{"M": "gpt-4o", "in": 5, "out": 1}\n'
    one, two = told(json_rows, columns={"model": "M", "input_tokens": "in", "output_tokens": "out"})
    assert one.call.call_id[14:] != two.call.call_id[14:]


@pytest.mark.parametrize(
    ("cell", "reads"),
    [
        ("1234.5", "1234.5"),
        ('"1,234.50"', "1234.5"),
        ('"1,234,567"', "1234567.0"),
        ("$5", "5.0"),
        ('"1,234"', None),
        ('"1.234,50"', None),
        ("12,5", None),
        ("-1", None),
    ],
)
def test_numbers_are_read_where_they_can_mean_one_thing_only(cell: str, reads: str | None) -> None:
    (one,) = take(f"Model;Cost\ngpt-4o;{cell}\n".encode(), columns={"model": "Model", "cost_usd": "Cost"})
    if reads is None:
        assert isinstance(one, Refusal) and "Cost" in one.reason
    else:
        assert isinstance(one, Told) and one.call.cost_usd == Decimal(reads)
