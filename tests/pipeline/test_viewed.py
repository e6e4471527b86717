"""By night as by day: what is stored redacted and what is stored whole give the same; imports are kept as the settings say."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from modicum.config import Config, StoreConfig
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, new_call_id
from modicum.view import Redactor
from tests.pipeline import traffic
from tests.store.test_erase import holders

PLANTED = ("4111111111111111", "jane@canary.example", "sk-proj-CANARYcanaryCANARYcanary0123", "+60123456789")


def log(tmp_path: Path, count: int = 60) -> Path:
    rows = []
    for number, (row, _) in enumerate(traffic.sorted_messages(count)):
        row["request"]["messages"][-1]["content"] += f" Write to user{number}@canary.example, or {PLANTED[number % 4]}."
        row["request"]["user"] = f"person{number % 5}@canary.example"
        row["request"]["metadata"] = {"key": PLANTED[2]}
        rows.append(row)
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


def home(tmp_path: Path, how: Literal["redacted", "full", "none"]) -> Config:
    config = Config(store=StoreConfig(home=tmp_path / how, keep_bodies=how))
    assert bring_in(config, [log(tmp_path)])[0].added == 60
    return config


def test_imports_are_redacted_before_anything_is_written(tmp_path: Path) -> None:
    config = home(tmp_path, "redacted")
    find(config)
    for canary in (*PLANTED, "user7@canary.example", "person1", "canary.example"):
        assert holders(config.home, canary) == [], canary
    calls = list(Calls(config.home).scan())
    assert {call.view_version for call in calls} == {Redactor.open().version}
    assert len({call.user_id for call in calls}) == 5
    assert b"<EMAIL_1>" in (calls[0].request or b"")


def test_importing_again_adds_nothing_however_bodies_are_kept(tmp_path: Path) -> None:
    config = home(tmp_path, "redacted")
    whole = dataclasses.replace(config, store=dataclasses.replace(config.store, keep_bodies="full"))
    assert bring_in(whole, [tmp_path / "log.jsonl"])[0].known == 60


def test_bodies_are_left_out_where_that_is_asked(tmp_path: Path) -> None:
    config = home(tmp_path, "none")
    assert all(call.request is None and call.response is None for call in Calls(config.home).scan())
    assert all(holders(config.home, canary) == [] for canary in PLANTED)
    assert find(config) == []


def test_discovery_finds_the_same_however_bodies_are_kept(tmp_path: Path) -> None:
    found: list[Any] = []
    ways: tuple[Literal["redacted", "full"], ...] = ("redacted", "full")
    for how in ways:
        config = home(tmp_path, how)
        workloads = find(config)
        found.append([(one.workload_id, one.calls, one.versions[0].template, one.contract.labels) for one in workloads])
        assert holders(config.home, PLANTED[1]) == [] if how == "redacted" else holders(config.home, PLANTED[1])
        assert not any(canary in text for text in Control(config.home).texts() for canary in PLANTED)
    assert found[0] == found[1] and len(found[0]) == 1


def call(**fields: Any) -> Call:
    return Call(call_id=new_call_id(), started_at=datetime(2026, 10, 1, tzinfo=UTC), **fields)


def test_bodies_of_other_dialects_are_seen_as_chats_and_those_without_a_chat_are_counted() -> None:
    views = Views()
    message = {"model": "claude", "max_tokens": 5, "system": "Sort.", "messages": [{"role": "user", "content": "from a@x.io"}]}
    answer = {"id": "m1", "model": "claude", "role": "assistant", "type": "message", "content": [{"type": "text", "text": "to a@x.io"}]}
    seen = views.see(
        call(endpoint="messages", request=msgspec.json.encode(message), response=msgspec.json.encode(answer | {"stop_reason": "end_turn"}))
    )
    messages = msgspec.json.decode(seen.request or b"")["messages"]
    assert [one["content"] for one in messages] == ["Sort.", "from <EMAIL_1>"]
    assert msgspec.json.decode(seen.response or b"")["choices"][0]["message"]["content"] == "to <EMAIL_1>"
    assert views.formless == 0
    gone = views.see(call(endpoint="embeddings", request=b'{"input": "x", "model": "e"}', response=b"{}"))
    assert (gone.request, gone.response, views.formless) == (None, None, 1)


def test_what_was_viewed_by_this_view_is_not_looked_at_again() -> None:
    views = Views()
    stored = call(request=b'{"messages":[{"role":"user","content":"a@x.io"}]}', view_version=views.version)
    assert views.see(stored) is stored
    older = dataclasses.replace(stored, view_version="1")
    assert views.see(older).request == b'{"messages":[{"role":"user","content":"<EMAIL_1>"}]}'
