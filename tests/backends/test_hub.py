"""Searching the Hub, against a scripted one on this machine."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends import hub
from modicum.backends.hub import Asked
from modicum.errors import RequestError, UpstreamError

pytest.importorskip("huggingface_hub")

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "_id": "1",
        "id": "BAAI/bge-reranker-v2-m3",
        "pipeline_tag": "text-ranking",
        "tags": ["safetensors", "license:apache-2.0"],
        "safetensors": {"parameters": {"F32": 567_755_777}, "total": 567_755_777},
        "downloads": 3_000_000,
        "gated": False,
        "lastModified": "2026-01-02T03:04:05.000Z",
    },
    {"_id": "2", "id": "somebody/else", "tags": [], "gated": "auto"},
]


class Scripted:
    """A Hub that answers what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.status, self.body = 200, json.dumps(ROWS).encode()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(urlsplit(self.path).path)
                outer.asked.append(parse_qs(urlsplit(self.path).query))
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                self.send_response(outer.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    made = Scripted()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", made.url + "/")
    monkeypatch.setenv("HF_TOKEN", "hf_not_to_be_sent")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home" / "hub"


def test_the_hub_is_asked_what_was_meant_and_no_key_is_sent(scripted: Scripted) -> None:
    asked = Asked(text="multilingual", task="rerank", licence="apache-2.0", most_parameters=600_000_000, limit=5)
    found = hub.search(asked, now=NOW)
    (query,) = scripted.asked
    assert query["search"] == ["multilingual"] and query["pipeline_tag"] == ["text-ranking"]
    assert set(query["filter"]) == {"license:apache-2.0", "safetensors"} and query["sort"] == ["downloads"]
    assert query["num_parameters"] == ["max:600000000"] and query["limit"] == ["5"]
    assert scripted.paths == ["/api/models"]
    assert re.fullmatch(r"modicum/\S+; hf_hub/[\d.]+; python/[\d.]+", scripted.headers[0]["user-agent"])
    assert not any("hf_not" in value for value in scripted.headers[0].values()) and "authorization" not in scripted.headers[0]
    first, second = found.models
    assert (first.id, first.licence, first.parameters, first.modified) == (
        "BAAI/bge-reranker-v2-m3",
        "apache-2.0",
        567_755_777,
        "2026-01-02",
    )
    assert (second.licence, second.parameters, second.downloads, second.gated) == (None, None, None, True)
    assert found.endpoint == scripted.url and not found.cached


def test_pickles_are_left_out_unless_asked_for(scripted: Scripted) -> None:
    hub.search(Asked(text="bert", safetensors=False), now=NOW)
    assert "filter" not in scripted.asked[0]


def test_a_size_that_the_hub_did_not_heed_is_heeded_here(scripted: Scripted) -> None:
    assert [one.id for one in hub.search(Asked(text="x", most_parameters=1_000_000), now=NOW).models] == ["somebody/else"]


def test_an_answer_is_kept_for_a_day(scripted: Scripted, folder: Path) -> None:
    asked = Asked(text="bert")
    hub.search(asked, folder, now=NOW)
    again = hub.search(asked, folder, now=NOW + timedelta(hours=23))
    assert len(scripted.asked) == 1 and again.cached and again.at == NOW and len(again.models) == 2
    assert [oct(path.stat().st_mode & 0o777) for path in folder.iterdir()] == ["0o600"] and folder.stat().st_mode & 0o777 == 0o700
    hub.search(Asked(text="other"), folder, now=NOW)
    hub.search(asked, folder, fresh=True, now=NOW)
    hub.search(asked, folder, now=NOW + timedelta(hours=25))
    assert len(scripted.asked) == 4


def test_without_a_home_nothing_is_written(scripted: Scripted, tmp_path: Path) -> None:
    hub.search(Asked(text="bert"), tmp_path / "none" / "hub", now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_offline_what_was_found_before_is_shown_with_its_day(scripted: Scripted, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(text="bert")
    hub.search(asked, folder, now=NOW)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    old = hub.search(asked, folder, now=NOW + timedelta(days=40))
    assert old.cached and old.at == NOW and "HF_HUB_OFFLINE" in old.note
    with pytest.raises(UpstreamError, match="HF_HUB_OFFLINE"):
        hub.search(Asked(text="nothing yet"), folder, now=NOW)
    assert len(scripted.asked) == 1


def test_no_network_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{held.getsockname()[1]}")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        with pytest.raises(UpstreamError, match="cannot be reached") as caught:
            hub.search(Asked(text="bert"), now=NOW)
    assert "HF_ENDPOINT" in caught.value.hint


@pytest.mark.parametrize(("status", "body"), [(403, b"{}"), (200, b"<html>"), (200, b'{"a": 1}'), (200, b'[{"x": 1}]')])
def test_an_answer_that_is_none_is_an_error(scripted: Scripted, status: int, body: bytes) -> None:
    scripted.status, scripted.body = status, body
    with pytest.raises(UpstreamError):
        hub.search(Asked(text="bert"), now=NOW)


def test_a_damaged_cache_is_asked_again(scripted: Scripted, folder: Path) -> None:
    asked = Asked(text="bert")
    hub.search(asked, folder, now=NOW)
    for path in folder.iterdir():
        path.write_bytes(b"{")
    assert not hub.search(asked, folder, now=NOW).cached


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=300) | st.lists(st.text(max_size=20) | st.integers(), max_size=3)


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "tags", "pipeline_tag", "safetensors", "downloads", "gated", "last_modified"), VALUES)
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_the_hub_says_of_a_model_can_be_kept(row: dict[str, Any]) -> None:
    one = hub._model(SimpleNamespace(**row))
    assert msgspec.json.decode(msgspec.json.encode(one), type=hub.HubModel) == one
    assert len(one.id) <= 200


@pytest.mark.parametrize(
    "asked",
    [Asked(text="a\nb"), Asked(text="a" * 500), Asked(task="Text Ranking"), Asked(licence="mit&x=1"), Asked(limit=0), Asked(limit=10_000)],
)
def test_what_the_hub_cannot_be_asked(asked: Asked) -> None:
    with pytest.raises(RequestError):
        hub.search(asked)
