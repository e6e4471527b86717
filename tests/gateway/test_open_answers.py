"""Records and tool calls of our own, in every dialect, plain and streamed."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from modicum.artefact import Artefacts
from modicum.gateway.alarm import Alarm
from modicum.gateway.decide import Choice, decide
from modicum.gateway.live import Live, Serving
from modicum.gateway.speak import Question
from modicum.store import home as store_home
from modicum.store import snapshot
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.train import call, design, extract
from modicum.types import Contract, Cover, Endpoint, Field, Pattern, Route, Rule, Template, Version, Workload
from modicum.view import VIEW_VERSION, Redactor
from modicum.wire import chat
from modicum.workload import record
from tests.train.orders import CONTRACT, as_samples, orders

START = datetime(2026, 1, 1, tzinfo=UTC)
SYSTEM = "You read the letters of a furniture shop."
TEXT = "Please send me 1,250 lamps and desks, this is Marta Novak from Riga thanks"
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
    for name in ("order", "return")
]
CALLS = Contract(kind="tool", reader="tool", fields=tuple(Field(path=(name, "city"), kind="span") for name in ("order", "return")))


def asked(**more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Letter: {TEXT}"}]
    return {"model": "gpt-4", "messages": messages, **more}


@cache
def files(kind: str) -> dict[str, bytes]:
    rows = [(text, told) for text, told in orders(250) if kind == "object" or told["customer"]]
    if kind == "object":
        samples = as_samples(rows)
        return extract.fit(samples, design.design(samples, CONTRACT), groups=range(len(rows)), max_size_bytes=500_000, seed=1).files
    called = [(text, {"name": told["kind"], "arguments": {"city": told["customer"]["city"]}}) for text, told in rows]
    return call.fit(as_samples(called), CALLS, groups=range(len(rows)), max_size_bytes=500_000, seed=1).files


def serve(home: Path, contract: Contract, request: dict[str, Any], rule: Rule) -> Serving:
    """A home with one route, opened."""
    digest = Artefacts(store_home.prepare(home) / "artefacts").write(files(contract.kind), {"made_by": "a test"})
    template = Template(
        key=chat.contract_key(request),
        system=Pattern(literals=(SYSTEM,), anchored_start=True, anchored_end=True),
        user=Pattern(literals=("Letter: ",), anchored_start=True),
    )
    workload = Workload(
        workload_id="w1",
        scope="default",
        name="letters",
        task="extract",
        contract=dataclasses.replace(contract, read_share=1.0, json_style="compact"),
        versions=(Version(version_id="v1", template=template, first_seen=START, last_seen=START),),
        incumbents=("gpt-4",),
        first_seen=START,
        last_seen=START,
    )
    route = Route(
        route_id="r1",
        workload_id="w1",
        scope="default",
        artefact_digest=digest,
        certificate_id="c1",
        state="on",
        changed_at=START,
        changed_by="tester",
    )
    cover = Cover(incumbents=("gpt-4",), version_ids=("v1",), view_version=VIEW_VERSION, max_input_chars=500)
    live = LiveRoute(route=route, rule=rule, cover=cover, expires_at=datetime.now(UTC) + timedelta(days=90))
    snapshot.write(home, Snapshot(version=datetime.now(UTC).isoformat(), workloads=(workload,), routes=(live,)))
    opened = Live(home, Alarm(io.StringIO(), pause_s=0))
    opened.now = opened.load()
    return opened.now.of("default")


def decided(serving: Serving, request: dict[str, Any], endpoint: Endpoint = "chat_completions", *, stream: bool = False) -> Choice:
    seen = Redactor.open().see(json.dumps(request).encode(), request)
    own: dict[str, Any] = {"model": "gpt-4", "stream": stream}
    own |= {"input": TEXT} if endpoint == "responses" else {"max_tokens": 500, "messages": request["messages"][1:]}
    received = request | {"stream": stream} if endpoint == "chat_completions" else own
    question = Question(call_id="c", endpoint=endpoint, request=received, chat=seen.request, names=seen.names, view_version=VIEW_VERSION)
    return decide(serving, question, bypass=False, observe=False, control_share=0, alarm=Alarm(io.StringIO(), pause_s=0))


def body(choice: Choice) -> dict[str, Any]:
    assert choice.reason == "answered" and choice.written is not None, (choice.reason, choice.detail)
    told: dict[str, Any] = json.loads(choice.written.body)
    return told


SURE = Rule(accept_above=0.5)


def test_a_record_is_given_in_the_incumbents_style(tmp_path: Path) -> None:
    serving = serve(tmp_path / "home", CONTRACT, asked(), SURE)
    content = body(decided(serving, asked()))["choices"][0]["message"]["content"]
    wanted = {"kind": "order", "customer": {"name": "Marta Novak", "city": "Riga"}, "quantity": 1250, "express": False}
    assert content == json.dumps(wanted | {"things": ["lamps", "desks"]}, separators=(",", ":"))


def test_what_its_outline_says_can_be_kept_for_the_incumbent(tmp_path: Path) -> None:
    kept = Rule(accept_above=0.5, protected_labels=(record.canonical({"express": False, "kind": "order"}),))
    assert decided(serve(tmp_path / "home", CONTRACT, asked(), kept), asked()).reason == "protected_label"


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return serve(tmp_path_factory.mktemp("calls") / "home", CALLS, asked(tools=TOOLS), SURE)


def test_a_tool_call_for_an_openai_client(calling: Serving) -> None:
    choice = body(decided(calling, asked(tools=TOOLS)))["choices"][0]
    (used,) = choice["message"]["tool_calls"]
    assert (choice["message"]["content"], choice["finish_reason"], used["type"]) == (None, "tool_calls", "function")
    assert used["function"]["name"] == "order" and json.loads(used["function"]["arguments"]) == {"city": "Riga"} and used["id"]


def test_a_tool_call_as_a_stream(calling: Serving) -> None:
    written = decided(calling, asked(tools=TOOLS), stream=True).written
    assert written is not None and written.events is not None
    events = [json.loads(line[6:]) for line in written.events.decode().split("\n") if line.startswith("data: {")]
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    (used,) = [one for delta in deltas for one in delta.get("tool_calls", ())]
    assert used["index"] == 0 and json.loads(used["function"]["arguments"]) == {"city": "Riga"}
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_tool_call_for_an_anthropic_client(calling: Serving) -> None:
    told = body(decided(calling, asked(tools=TOOLS), "messages"))
    (used,) = told["content"]
    assert (used["type"], used["name"], used["input"], told["stop_reason"]) == ("tool_use", "order", {"city": "Riga"}, "tool_use")
    events = decided(calling, asked(tools=TOOLS), "messages", stream=True).written
    assert events is not None and events.events is not None
    assert b'"input_json_delta"' in events.events and b'"stop_reason":"tool_use"' in events.events


def test_a_tool_call_for_a_responses_client(calling: Serving) -> None:
    told = body(decided(calling, asked(tools=TOOLS), "responses"))
    (used,) = told["output"]
    assert (used["type"], used["name"], json.loads(used["arguments"])) == ("function_call", "order", {"city": "Riga"})
    events = decided(calling, asked(tools=TOOLS), "responses", stream=True).written
    assert events is not None and events.events is not None and b"response.function_call_arguments.done" in events.events


def test_a_tool_that_may_not_be_called_is_not(calling: Serving) -> None:
    choice = decided(calling, asked(tools=TOOLS, tool_choice="none"))
    assert choice.reason == "not_covered" and choice.written is None
    kept = dataclasses.replace(calling.stages["w1"].live, rule=Rule(accept_above=0.5, protected_labels=("order",)))
    stages = {"w1": dataclasses.replace(calling.stages["w1"], live=kept)}
    assert decided(dataclasses.replace(calling, stages=stages), asked(tools=TOOLS)).reason == "protected_label"
