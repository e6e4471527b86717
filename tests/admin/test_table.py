"""The parts of the admin API by themselves: reading requests, pages, jobs, settings that travel, and the document."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.admin import table
from modicum.admin.jobs import Jobs
from modicum.admin.openapi import document
from modicum.admin.operation import Paged, instant, paged
from modicum.admin.reading import read
from modicum.config import load
from modicum.config.carried import pack, unpack
from modicum.config.listing import listing
from modicum.errors import InputError, JobRunningError, ModicumError, NotFoundError

SPEND = next(one for one in table.OPERATIONS if one.name == "money.spend")
CREATE = next(one for one in table.OPERATIONS if one.name == "keys.create")


def test_the_document_is_the_one_in_the_docs() -> None:
    kept = json.loads((Path(__file__).parents[2] / "docs" / "admin-api.json").read_text())
    assert kept == json.loads(json.dumps(document())), "make docs"
    assert all(at["x-modicum-role"] == "admin" for path in kept["paths"].values() for at in path.values())


def test_a_query_is_read_by_its_types() -> None:
    found: Any = read(SPEND, {}, b"by=key&by=model&since=2026-11-01T00:00:00%2B01:00", "", b"")
    assert found.by == ("key", "model") and found.since.utcoffset().total_seconds() == 3600
    for query in (
        b"by=colour",
        b"since=2026-11-01",
        b"since=1&since=2",
        b"x=1",
        b"by",
        b"by=%ff",
        b"&".join(b"by=key" for _ in range(200)),
    ):
        with pytest.raises(InputError):
            read(SPEND, {}, query, "", b"")
    with pytest.raises(InputError):
        read(SPEND, {}, b"", "application/json", b"{}")
    with pytest.raises(InputError):
        read(CREATE, {}, b"name=a", "", b"")


@given(body=st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    try:
        read(CREATE, {}, b"", "application/json", body)
    except ModicumError as error:
        assert error.status in (400, 415)


@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60), query=st.binary(max_size=60))
def test_no_path_breaks_the_table(path: str, query: bytes) -> None:
    try:
        operation, places = table.find("GET", f"/admin/v1/{path}")
        read(operation, places, query, "", b"")
    except ModicumError as error:
        assert error.status in (400, 404, 405)


def test_deep_and_huge_bodies_are_refused() -> None:
    for body in (
        b"[" * 100_000,
        b'{"name":' * 50_000,
        b'{"name": 1e400}',
        b'{"name": "\\ud800"}',
        b'{"requests_minute": ' + b"9" * 5000 + b"}",
    ):
        with pytest.raises(InputError):
            read(CREATE, {}, b"", "application/json", body)


@given(st.integers(0, 40), st.integers(1, 10))
def test_pages_put_together_are_the_list(count: int, limit: int) -> None:
    items = [f"i{number}" for number in range(count)]
    found: list[str] = []
    cursor = None
    while True:
        page = paged(items, Paged(cursor=cursor, limit=limit), str)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert found == items
    with pytest.raises(InputError):
        paged(items, Paged(cursor="gone"), str)


def test_times_out_of_range_are_refused() -> None:
    assert instant(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 1, tzinfo=UTC)
    for year in (1, 9999):
        with pytest.raises(InputError):
            instant(datetime(year, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Result:
    count: int


def test_jobs_run_one_at_a_time_and_are_asked_for() -> None:
    jobs, go = Jobs(), threading.Event()

    def work(progress: Any) -> Result:
        progress(0.5, "halfway")
        assert go.wait(5)
        return Result(3)

    def fail(progress: Any) -> None:
        raise NotFoundError("nothing there", hint="look elsewhere")

    job = jobs.start("fitting.fit", "key:a", work)
    with pytest.raises(JobRunningError, match="of key:a is running"):
        jobs.start("fitting.fit", "key:b", work)
    go.set()
    assert ended(jobs, job.job_id).result == {"count": 3}
    failed = ended(jobs, jobs.start("x", "key:b", fail).job_id)
    assert failed.state == "failed" and failed.error is not None and failed.error.hint == "look elsewhere"
    broken = ended(jobs, jobs.start("x", "key:b", lambda progress: 1 / 0).job_id)
    assert broken.error is not None and (broken.error.code, broken.error.message) == ("internal_error", "it broke off: ZeroDivisionError")
    assert [one.actor for one in jobs.all()] == ["key:b", "key:b", "key:a"] and not jobs.running
    with pytest.raises(NotFoundError):
        jobs.get("job_0")


def ended(jobs: Jobs, job_id: str) -> Any:
    until = time.monotonic() + 5
    while (job := jobs.get(job_id)).state == "running":
        assert time.monotonic() < until
        time.sleep(0.01)
    return job


WRITTEN = """
[providers.mine]
url = "https://login:birdsong-1@models.example/v1"
headers = { authorization = "Bearer birdsong-2" }
[models.fast]
deployments = ["mine/a", { model = "mine/b", weight = 2 }]
[prices."a"]
input_usd_mtok = 0.5
[upstream]
headers = { x-api-key = "birdsong-3" }
[telemetry]
otlp_endpoint = "https://birdsong-4@collector.example"
"""


def test_settings_travel_whole_and_are_shown_without_secrets(tmp_path: Path) -> None:
    file = tmp_path / "modicum.toml"
    file.write_text(WRITTEN)
    config = load(file, environ={})
    assert unpack(pack(config)) == config
    shown = list(listing(config))
    assert "birdsong" not in repr(shown)
    found = {row.name: row.value for row in shown}
    assert found["providers.mine.url"] == "https://(not shown)@models.example/v1"
    assert found["models.fast.deployments"] == "mine/a (1), mine/b (2)" and found['prices."a".input_usd_mtok'] == "0.5"
    assert found["upstream.headers"] == "x-api-key: (not shown)"
