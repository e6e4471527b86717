"""A specialist's answer on its way back to the caller: recognised and predicted under the view, rendered, then turned back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import msgspec

from modicum import workload
from modicum.types import Contract, Field, Pattern, Template, Version, Workload
from modicum.view import Names, Redactor
from modicum.wire import completion, stream
from modicum.workload import Recogniser

REDACTOR = Redactor.open()
NOW = datetime(2026, 10, 1, tzinfo=UTC)
MAILS = Workload(
    workload_id="w_1",
    name="mails",
    scope="default",
    versions=(
        Version(
            version_id="v1",
            template=Template(
                key="", system=None, user=Pattern(literals=("Who wrote this, and who is meant? Mail: ",), anchored_start=True)
            ),
            first_seen=NOW,
            last_seen=NOW,
            calls=20,
        ),
    ),
    contract=Contract(kind="object", fields=(Field(path=("from",), kind="span"), Field(path=("to",), kind="span"))),
    task="extract",
    incumbents=("gpt-4o",),
    calls=20,
    first_seen=NOW,
    last_seen=NOW,
)


class Spans:
    """A specialist that copies the first two addresses of its slot; that is all it ever sees."""

    def predict(self, slots: tuple[tuple[str, str], ...]) -> str:
        found = [word.strip(".,") for word in dict(slots)["user.0"].split() if word.startswith("<EMAIL_")]
        return json.dumps({"from": found[1], "to": found[0]})


def ask(mail: str) -> tuple[str, Names]:
    """What the specialist says, and the call's names."""
    body = msgspec.json.encode(
        {"model": "gpt-4o", "messages": [{"role": "user", "content": f"Who wrote this, and who is meant? Mail: {mail}"}]}
    )
    seen = REDACTOR.see(body, msgspec.json.decode(body))
    recognised = Recogniser([MAILS]).recognise(seen.request)
    assert recognised is not None and recognised.workload_id == "w_1"
    assert "@" not in dict(recognised.slots)["user.0"]
    return workload.render(MAILS.contract, Spans().predict(recognised.slots)), seen.names


def test_the_second_and_the_third_of_a_kind_come_back_as_themselves() -> None:
    said, names = ask("To o'hara@x.io from jörg@y.de, not z@z.io")
    assert json.loads(said) == {"from": "<EMAIL_2>", "to": "<EMAIL_1>"}
    assert names.restorable(said)
    assert json.loads(names.restore_json(said)) == {"from": "jörg@y.de", "to": "o'hara@x.io"}


def test_a_stream_of_the_answer_comes_back_as_itself() -> None:
    said, names = ask("To o'hara@x.io from jörg@y.de")
    content = names.restore_json(said)
    whole = completion.build(response_id="r", model="m", content=content, created=1, usage=completion.estimate({}, content), about={})
    events = b"".join(stream.split(whole, include_usage=False))
    deltas = [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: {")]
    text = "".join(choice["delta"].get("content") or "" for event in deltas for choice in event["choices"])
    assert json.loads(text) == {"from": "jörg@y.de", "to": "o'hara@x.io"}


def test_an_answer_that_names_another_calls_value_is_not_served() -> None:
    _, names = ask("To a@x.io from b@x.io")
    assert not names.restorable('{"from": "<EMAIL_7>"}')
