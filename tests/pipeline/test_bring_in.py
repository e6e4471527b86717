"""Logs of several kinds, joined; and Langfuse's API as a log."""

from __future__ import annotations

import email.utils
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import modicum.intake.langfuse_api as api
from modicum.config import Config, load
from modicum.errors import ConfigError, RemoteError
from modicum.intake.langfuse_api import LangfuseLog
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.store.bookmarks import Bookmarks
from modicum.store.calls import Calls
from modicum.store.totals import Totals
from tests.intake.logs import samples
from tests.pipeline.langfuse_server import PUBLIC, SECRET, Langfuse

START = datetime(2026, 10, 1, 8, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
    return load(None, flags={"store.home": tmp_path / "home"})


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def spend(number: int) -> dict[str, Any]:
    at = START + timedelta(minutes=number)
    return {
        "request_id": f"chatcmpl-{number:024d}",
        "call_type": "acompletion",
        "spend": 0.001,
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 110,
        "startTime": at.isoformat(),
        "endTime": (at + timedelta(seconds=1)).isoformat(),
        "model": "gpt-4o",
        "request_tags": ["prod"],
        "metadata": {"user_api_key_alias": "support"},
        "messages": {},
        "response": {},
        "proxy_server_request": {},
    }


def generation(number: int, **changes: Any) -> dict[str, Any]:
    at = START + timedelta(minutes=number)
    return {
        "id": f"time-{at:%H-%M-%S-%f}_chatcmpl-{number:024d}",
        "traceId": f"trace-{number:020d}",
        "type": "GENERATION",
        "startTime": at.isoformat(),
        "endTime": (at + timedelta(seconds=1)).isoformat(),
        "model": "gpt-4o",
        "metadata": {},
        "usageDetails": {"input": 100, "output": 10},
        "input": [{"role": "user", "content": f"Kelaskan aduan {number}: talian putus."}],
        "output": {"role": "assistant", "content": "rangkaian"},
    } | changes


def test_usage_from_one_log_and_text_from_another(config: Config, tmp_path: Path) -> None:
    rows = write(tmp_path, "rows.jsonl", [spend(number) for number in range(20)])
    traces = write(tmp_path, "traces.jsonl", [generation(number) for number in range(5)])
    (found,) = bring_in(config, [rows])
    assert (found.added, found.without_text, found.with_text) == (20, 20, 0)
    assert "store_prompts_in_spend_logs: true" in found.notes[0]
    (found,) = bring_in(config, [traces])
    assert (found.added, found.joined, found.with_text) == (0, 5, 5)
    calls = list(Calls(config.home).scan())
    assert len(calls) == 20 and sum(call.cost_usd is not None for call in calls) == 20
    both = [call for call in calls if call.request is not None]
    assert len(both) == 5 and all(call.tags == ("prod",) and call.client_id == "support" and call.trace_id for call in both)
    assert [(one.added, one.joined, one.known) for one in bring_in(config, [rows, traces])] == [(0, 0, 20), (0, 0, 5)]
    usage = Calls(config.home).usage()
    assert {row.seen: row.calls for row in usage} == {True: 5, False: 15}


@pytest.mark.parametrize("text_first", [False, True])
def test_what_another_log_tells_the_text_of_is_not_said_to_lack_it(config: Config, tmp_path: Path, text_first: bool) -> None:
    rows = write(tmp_path, "rows.jsonl", [spend(number) for number in range(20)])
    all_text = write(tmp_path, "traces.jsonl", [generation(number) for number in range(20)])
    logs = [all_text, rows] if text_first else [rows, all_text]
    both = bring_in(config, logs)
    assert sum(log.joined for log in both) == 20 and [log.notes for log in both] == [(), ()]
    assert [dict(log.lacking) for log in both if log.lacking] == [{"litellm_no_bodies": 20}]
    (again,) = bring_in(config, [rows])
    assert again.known == 20 and again.notes == (), "they have their text by now"


def test_those_that_no_log_tells_the_text_of_are_counted(config: Config, tmp_path: Path) -> None:
    rows = write(tmp_path, "rows.jsonl", [spend(number) for number in range(20)])
    some = write(tmp_path, "traces.jsonl", [generation(number) for number in range(12)])
    first, second = bring_in(config, [rows, some])
    assert (first.added, second.joined, second.notes) == (20, 12, ())
    assert first.notes[0].startswith("8 calls came without what was asked")
    (more,) = bring_in(config, [write(tmp_path, "more.jsonl", [spend(number) for number in range(30, 33)])])
    assert more.notes[0].startswith("3 calls came without")


def test_a_batch_whatever_the_order_of_its_files(config: Config, tmp_path: Path) -> None:
    asked, answered = samples("batch")[0][1].splitlines()
    for name, line in (("out.jsonl", answered), ("in.jsonl", asked)):
        (tmp_path / name).write_bytes(line + b"\n")
    first, second = bring_in(config, [tmp_path / "out.jsonl", tmp_path / "in.jsonl"])
    assert (first.added, first.with_text, second.added, first.notes) == (1, 1, 0, ())
    (call,) = Calls(config.home).scan()
    assert call.request is not None and call.service_tier == "batch"


def test_totals_stand_beside_the_calls_and_the_latest_word_holds(config: Config, tmp_path: Path) -> None:
    page = tmp_path / "usage.json"
    page.write_bytes(samples("totals")[0][1])
    assert [(one.totals, one.totals_known) for one in bring_in(config, [page])] == [(1, 0)]
    assert [(one.totals, one.totals_known) for one in bring_in(config, [page])] == [(0, 1)]
    page.write_bytes(samples("totals")[0][1].replace(b"1000", b"2000"))
    assert [(one.totals, one.totals_known) for one in bring_in(config, [page])] == [(1, 0)]
    (total,) = Totals(config.home).all()
    assert total.usage.input_tokens == 2000
    page.write_bytes(samples("totals")[0][1].replace(b'"proj_1"', b"null"))
    bring_in(config, [page])
    (total,) = Totals(config.home).all()  # broken down otherwise: it tells of the same tokens
    assert (total.project, total.usage.input_tokens) == (None, 1000)
    assert list(Calls(config.home).scan()) == []


def test_a_sample_keeps_the_figures_of_all(config: Config, tmp_path: Path) -> None:
    rows = write(tmp_path, "rows.jsonl", [generation(number) for number in range(200)])
    bring_in(config, [rows], sample=0.25)
    calls = list(Calls(config.home).scan())
    assert len(calls) == 200 and all(call.usage.input_tokens == 100 for call in calls)
    assert 25 <= sum(call.request is not None for call in calls) <= 80
    (found,) = bring_in(config, [rows])
    assert found.joined == 200 - sum(call.request is not None for call in calls)
    assert all(call.request is not None for call in Calls(config.home).scan())


@pytest.mark.parametrize("v2", [True, False])
def test_langfuse_page_by_page(config: Config, v2: bool) -> None:
    observations = [generation(number) for number in range(10)] + [
        generation(90, type="SPAN"),
        generation(91, type="EMBEDDING", input="teks"),
    ]
    with Langfuse(observations, v2=v2) as server:
        (found,) = bring_in(config, [server.address], since=START)
        assert (found.added, found.refused, found.source) == (11, 0, server.address)
        assert SECRET not in "".join(server.asked)
        again = bring_in(config, [server.address], since=START)
    assert (again[0].added, again[0].known) == (0, 11)
    calls = list(Calls(config.home).scan())
    assert sum(call.request is not None for call in calls) == 11
    assert json.loads(calls[0].request or b"")["messages"][0]["content"] == "Kelaskan aduan 0: talian putus."


def test_a_busy_server_is_asked_again_no_sooner_than_it_says(config: Config) -> None:
    waits: list[float] = []
    with Langfuse([generation(number) for number in range(4)]) as server:
        server.troubles = [(429, {"retry-after": "7"}, b""), (503, {}, b""), (200, {"x-torn": "1"}, b'{"data"')]
        log = LangfuseLog(server.address, since=START, sleep=waits.append)
        lines = [b"".join(source.pieces()) for source, _, _ in log.slices(None)]
    assert b"".join(lines).count(b"traceId") == 4
    assert waits[0] == 7.0 and len(waits) == 3


def test_what_was_read_is_kept_and_reading_goes_on_from_there(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAGES_A_SLICE", 1)
    monkeypatch.setattr(api, "MOST_TRIES", 1)
    with Langfuse([generation(number) for number in range(9)]) as server:
        server.troubles = [(200, {}, None), (200, {}, None), (500, {}, b"")]
        with pytest.raises(RemoteError, match="goes on from here|status 500"):
            bring_in(config, [server.address], since=START)
        assert len(list(Calls(config.home).scan())) == 6
        before = len(server.asked)
        (found,) = bring_in(config, [server.address], since=START)
        assert found.added == 3
        assert "cursor=6" in server.asked[before]
        assert Bookmarks(config.home).get(LangfuseLog(server.address).place) is None


def test_a_sample_asks_for_the_text_of_some_hours(config: Config) -> None:
    observations = [generation(30 * number) for number in range(200)]
    with Langfuse(observations, page=50) as server:
        (found,) = bring_in(config, [server.address], since=START - timedelta(hours=1), sample=0.2)
        assert found.added == 200
        assert sum("%2Cio" in target for target in server.asked) > 2
    kept = [call for call in Calls(config.home).scan() if call.request is not None]
    assert 10 <= len(kept) <= 90
    assert len({call.started_at.hour for call in kept}) > 1


def test_refusals_of_a_server_are_told_without_the_keys(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with Langfuse([]) as server:
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-wrong-canary")
        with pytest.raises(ConfigError, match="does not take these keys") as told:
            bring_in(config, [server.address])
        assert "canary" not in str(told.value)
        monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET)
        server.troubles = [(200, {}, b"<html>")]
        with pytest.raises(RemoteError, match="something else than a page"):
            bring_in(config, [server.address])
    monkeypatch.delenv("LANGFUSE_PUBLIC_KEY")
    with pytest.raises(ConfigError, match="not set"):
        bring_in(config, ["langfuse://example.invalid"])
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC)
    for address in ("langfuse://", "langfuse://a@b", "langfuse://a?b"):
        with pytest.raises(ConfigError):
            bring_in(config, [address])
    for address in (
        "langfuse://a/b c",
        "langfuse://a/b\r\nx-more: 1",
        "langfuse://a\t",
        "langfuse://a/\x00",
        "langfuse://müller.de",
        "langfuse://a\\b",
    ):
        with pytest.raises(ConfigError, match="is not an address") as told:
            bring_in(config, [address])
        assert told.value.message.isprintable()
    monkeypatch.setenv("LANGFUSE_BASE_URL", "https://a/b\nhost: c")
    with pytest.raises(ConfigError, match="is not an address"):
        bring_in(config, ["langfuse://"])


def test_a_page_that_is_too_long_is_not_read_and_asked_for_in_parts(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "LONGEST_PAGE_BYTES", 20_000)
    observations = [generation(number, input=[{"role": "user", "content": f"{number} " + "x" * 4_000}]) for number in range(30)]
    with Langfuse(observations, page=200) as server:
        (found,) = bring_in(config, [server.address], since=START)
        assert found.added == 30
        assert "limit=200" in server.asked[0] and any("limit=2&" in target or target.endswith("limit=2") for target in server.asked)
    with Langfuse([generation(50, input="y" * 30_000)]) as server, pytest.raises(RemoteError, match="page of over 0 MiB") as told:
        bring_in(config, [server.address], since=START)
    assert "--sample" in told.value.hint
    with Langfuse(observations, v2=False, page=200) as server, pytest.raises(RemoteError, match="page of over"):
        bring_in(config, [server.address], since=START)


def test_a_server_may_say_when_as_a_date(config: Config) -> None:
    waits: list[float] = []
    at = datetime.now(UTC) + timedelta(seconds=90)
    with Langfuse([generation(1)]) as server:
        server.troubles = [(429, {"retry-after": email.utils.format_datetime(at, usegmt=True)}, b""), (429, {"retry-after": "999999"}, b"")]
        log = LangfuseLog(server.address, since=START, sleep=waits.append)
        assert b"".join(b"".join(source.pieces()) for source, _, _ in log.slices(None)).count(b"traceId") == 1
    assert 80 < waits[0] <= 90 and waits[1] == api.LONGEST_WAIT_S


def test_a_bookmark_holds_for_what_was_asked_then_alone(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAGES_A_SLICE", 1)
    monkeypatch.setattr(api, "MOST_TRIES", 1)
    with Langfuse([generation(number) for number in range(9)]) as server:
        server.troubles = [(200, {}, None), (500, {}, b"")]
        with pytest.raises(RemoteError):
            bring_in(config, [server.address], since=START)
        asked = len(server.asked)
        (found,) = bring_in(config, [server.address], since=START + timedelta(minutes=1))
        assert "cursor" not in server.asked[asked]
        assert (found.added, found.known) == (6, 2) or found.added + found.known == 8


def test_text_that_comes_later_is_looked_at(config: Config, tmp_path: Path) -> None:
    rows = write(tmp_path, "rows.jsonl", [spend(number) for number in range(60)])
    traces = write(tmp_path, "traces.jsonl", [generation(number) for number in range(60)])
    bring_in(config, [rows])
    assert find(config, only_if_needed=True) == []
    bring_in(config, [traces])
    (workload,) = find(config, only_if_needed=True)
    assert workload.calls == 60


@pytest.mark.parametrize("turned", [False, True])
def test_a_span_and_its_events_are_one_call_whichever_came_first(config: Config, tmp_path: Path, turned: bool) -> None:
    span = json.loads(samples("otlp")[0][1].splitlines()[0])
    told = span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    told[:] = [one for one in told if "messages" not in one["key"]]
    logs = [write(tmp_path, "spans.jsonl", [span]), tmp_path / "logs.jsonl"]
    logs[1].write_bytes(samples("otlp")[1][1])
    for log in reversed(logs) if turned else logs:
        bring_in(config, [log])
    (call,) = Calls(config.home).scan()
    assert call.request is not None and b"Bil saya salah." in call.request
    assert (call.usage.input_tokens, call.response_id, call.request_model) == (31, "chatcmpl-0tlp000000000000000001", "gpt-4o")
