"""Bodies that were kept whole are redacted everywhere: in segments, in the table, in what was learned. Ids and figures stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modicum.errors import StoreError
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.redact import preview, redact
from modicum.store.segments import SegmentWriter
from modicum.store.table import Table
from modicum.types import Call, new_call_id
from modicum.view import Redactor
from tests.store.test_erase import holders

START = datetime(2026, 10, 1, tzinfo=UTC)
REDACTOR = Redactor.open()
PLANTED = ("4111111111111111", "jane.doe@canary.example", "sk-proj-CANARYcanaryCANARYcanary0123", "S1234567D")


def calls(count: int = 40, *, user: str = "jane.doe@canary.example") -> list[Call]:
    request = f'{{"messages":[{{"role":"user","content":"{PLANTED[0]} {PLANTED[1]} {PLANTED[2]}"}}],"tools":[{{"d":"{PLANTED[3]}"}}]}}'
    return [
        Call(
            call_id=new_call_id(),
            response_id=f"r{number}",
            user_id=user if number % 2 else "u1",
            scope="default" if number % 3 else "other",
            started_at=START + timedelta(hours=3 * number),
            origin="live",
            request=request.encode(),
            response=f'{{"id":"r{number}","choices":[{{"message":{{"content":"{PLANTED[1]}"}}}}]}}'.encode(),
            request_model="gpt-4o",
        )
        for number in range(count)
    ]


def fill(home: Path, some: list[Call], *, in_table: int = 20) -> None:
    writer = SegmentWriter(home)
    for call in some[:in_table]:
        writer.append(call)
    writer.close()
    Calls(home).compact()
    for call in some[in_table:]:
        writer.append(call)


def test_everything_is_redacted_and_nothing_else_changes(tmp_path: Path) -> None:
    before = calls()
    fill(tmp_path, before)
    assert all(holders(tmp_path, canary) for canary in PLANTED)
    told: list[int] = []
    would = preview(tmp_path, REDACTOR, told.append)
    assert would.calls == 40 and would.values == {"CARD": 40, "EMAIL": 40, "SECRET": 40, "NRIC": 40} and told == [0]
    assert all(holders(tmp_path, canary) for canary in PLANTED)

    done = redact(tmp_path, REDACTOR)

    assert (done.calls, done.values) == (would.calls, would.values)
    assert {canary: holders(tmp_path, canary) for canary in PLANTED} == dict.fromkeys(PLANTED, [])
    after = {call.call_id: call for call in Calls(tmp_path).scan()}
    assert set(after) == {call.call_id for call in before} and len(list(Calls(tmp_path).scan())) == 40
    one = after[before[1].call_id]
    assert one.request == (b'{"messages":[{"role":"user","content":"<CARD_1> <EMAIL_1> <SECRET_1>"}],"tools":[{"d":"<NRIC_1>"}]}')
    assert one.response == b'{"id":"r1","choices":[{"message":{"content":"<EMAIL_1>"}}]}'
    assert one.view_version == REDACTOR.version and one.request_model == "gpt-4o" and one.started_at == before[1].started_at
    assert one.user_id is not None and one.user_id.startswith("alias-") and after[before[2].call_id].user_id == "u1"
    assert len({call.user_id for call in after.values()}) == 2


def test_a_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    fill(tmp_path, calls())
    redact(tmp_path, REDACTOR)
    version = Table(tmp_path).files()
    assert redact(tmp_path, REDACTOR).calls == 0
    assert Table(tmp_path).files() == version
    assert [entry.action for entry in Control(tmp_path).audit()].count("store.redact") == 1


class Stopping(Redactor):
    """Stops when it has given so many aliases, which is while rows are written."""

    left = 60

    def alias(self, name: str, key: bytes) -> str:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().alias(name, key)


def test_stopped_in_the_middle_it_goes_on(tmp_path: Path) -> None:
    before = calls(80)
    fill(tmp_path, before)
    with pytest.raises((KeyboardInterrupt, StoreError)):
        redact(tmp_path, Stopping.open())
    done = redact(tmp_path, REDACTOR)
    assert 0 < done.calls < 80
    assert {canary: holders(tmp_path, canary) for canary in PLANTED} == dict.fromkeys(PLANTED, [])
    assert sorted(call.call_id for call in Calls(tmp_path).scan()) == sorted(call.call_id for call in before)


def test_bodies_can_go_altogether(tmp_path: Path) -> None:
    fill(tmp_path, calls())
    redact(tmp_path, REDACTOR, how="none")
    assert all(call.request is None and call.response is None for call in Calls(tmp_path).scan())
    assert {canary: holders(tmp_path, canary) for canary in PLANTED} == dict.fromkeys(PLANTED, [])


def test_what_was_learned_loses_the_words_that_stood_in_values_alone(tmp_path: Path) -> None:
    fill(tmp_path, calls())
    (tmp_path / "requests").mkdir(exist_ok=True)
    (tmp_path / "requests" / "w_1-1.jsonl").write_text('{"slots": "write to jane.doe@canary.example, user"}')
    redact(tmp_path, REDACTOR)
    text = (tmp_path / "requests" / "w_1-1.jsonl").read_text()
    assert "canary" not in text and "user" in text and "write" in text
