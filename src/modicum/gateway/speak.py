"""What a stage says of one request: its prediction, whether it may answer, and the reply in full, ready to be written.

All that can fail does so here, before the caller has a byte, where the call can still go upstream. The stage saw placeholders where
the request holds what is taken out; its answer is turned back here, and what cannot be turned back is left to the incumbent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum import workload
from modicum.gateway.live import Stage
from modicum.route.harmless import beyond_limit
from modicum.route.rule import refusal
from modicum.types import Endpoint, Prediction, Reason, Recognised, Usage, but, quick
from modicum.view import Names
from modicum.wire import completion, gather, stream, talk
from modicum.wire.dialects import dialect
from modicum.workload import parts

IDS: dict[Endpoint, str] = {"chat_completions": "chatcmpl-", "messages": "msg_", "responses": "resp_"}
TOOL_IDS: dict[Endpoint, str] = {"chat_completions": "call_", "messages": "toolu_", "responses": "call_"}


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, as a stage needs it."""

    call_id: str
    endpoint: Endpoint
    """The caller's dialect."""
    request: dict[str, Any]
    """As it was received."""
    chat: dict[str, Any]
    """What is seen of it, as a chat request."""
    names: Names
    """What its placeholders stand for."""
    view_version: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A prediction and what comes of it."""

    prediction: Prediction
    reason: Reason
    """`answered`, or why the stage must leave it to the incumbent."""
    detail: str = ""
    content: str = ""
    """The answer with the caller's own values in it, where it may be given; of a tool call its arguments."""
    tool: str = ""
    """The tool that is called, where one is."""
    ms: float | None = None
    """How long a stage of ours took."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A reply of our own, encoded."""

    usage: Usage
    body: bytes
    """The plain response; what is recorded."""
    events: bytes | None
    """The same as a stream, where one was asked for."""


def say(stage: Stage, recognised: Recognised, question: Question, *, below: bool = False) -> Said:
    """Ask the specialist. The same for an answer that is sent and for one that is only compared. `below`: its threshold does not hold."""
    assert stage.specialist is not None
    began = time.perf_counter()
    try:
        prediction = stage.specialist.predict(recognised.slots)
    finally:
        took = time.perf_counter() - began
        stage.pace.took(took)
    return judge(stage, question, prediction, below=below, ms=int(took * 1e6) / 1e3)


def judge(
    stage: Stage,
    question: Question,
    prediction: Prediction,
    *,
    below: bool = False,
    output_tokens: int | None = None,
    ms: float | None = None,
) -> Said:
    """What comes of a prediction. `output_tokens`: of the answer, where they were counted; else they are estimated. `ms`: what it took."""
    contract, names = stage.workload.contract, question.names
    outline = parts.outline(contract, prediction.value)  # what the rule knows it by
    refused = refusal(stage.live.rule, prediction if outline is prediction.value else but(prediction, value=outline))
    if refused and not (below and refused == "below_threshold"):
        return Said(prediction=prediction, reason=refused, ms=ms)
    tool = outline if contract.kind == "tool" else ""
    if tool and not _may_call(question.chat, tool):
        return Said(prediction=prediction, reason="not_covered", detail="the request does not let this tool be called", ms=ms)
    content = workload.render(contract, prediction.value)
    if not content.strip():
        return Said(prediction=prediction, reason="not_covered", detail="the answer would be empty", ms=ms)
    if not names.restorable(content):
        return Said(prediction=prediction, reason="not_covered", detail="the answer names a value that this request does not hold", ms=ms)
    if not names.empty:
        content = names.restore_json(content) if contract.kind in ("object", "tool") else names.restore(content)
    if beyond := beyond_limit(question.chat, completion.tokens(content) if output_tokens is None else output_tokens):
        return Said(prediction=prediction, reason="not_covered", detail=beyond, ms=ms)
    return Said(prediction=prediction, reason="answered", content=content, tool=tool, ms=ms)


def _may_call(request: dict[str, Any], tool: str) -> bool:
    """Does the request, which `route.harmless` let pass, offer the tool?"""
    offered = request.get("tools") or ()
    return request.get("tool_choice") != "none" and any(one["function"]["name"] == tool for one in offered)


def write(stage: Stage, question: Question, said: Said, *, usage: Usage | None = None) -> Written:
    """The reply as the caller will get it in its own dialect, a stream's events included. `usage`: where it was counted."""
    content = said.content
    usage = usage or completion.estimate(question.chat, content)
    streamed = question.request.get("stream") is True
    answer_id = IDS[question.endpoint] + question.call_id
    about = {"usage_estimated": usage.estimated, "workload": stage.workload.name, "certificate": stage.live.route.certificate_id}
    if question.endpoint != "chat_completions":
        return _translated(stage, question, said, usage, answer_id, about)
    whole = completion.build(
        response_id=answer_id,
        model=stage.model,
        content=content,
        created=int(time.time()),
        usage=usage,
        about={"workload": stage.workload.name, "certificate": stage.live.route.certificate_id},
        tool=(TOOL_IDS[question.endpoint] + question.call_id, said.tool) if said.tool else None,
    )
    events = b"".join(stream.split(whole, include_usage=completion.wants_usage(question.request))) if streamed else None
    return Written(usage=usage, body=msgspec.json.encode(whole), events=events)


def _translated(stage: Stage, question: Question, said: Said, usage: Usage, answer_id: str, about: dict[str, Any]) -> Written:
    part: talk.Part = talk.Text(text=said.content)
    if said.tool:
        part = talk.ToolUse(id=TOOL_IDS[question.endpoint] + question.call_id, name=said.tool, arguments=said.content)
    told = talk.Response(
        id=answer_id,
        model=stage.model,
        choices=(talk.Choice(parts=(part,), finish="tool_use" if said.tool else "stop"),),
        usage=usage,
        created=int(time.time()),
    )
    speech = dialect(question.endpoint)
    body = msgspec.json.encode(speech.write_response(told) | {"modicum": about})
    events = None
    if question.request.get("stream") is True:
        writer = speech.writer(speech.read_request(question.request))
        events = b"".join(map(writer.write, gather.events(told)))
    return Written(usage=usage, body=body, events=events)
