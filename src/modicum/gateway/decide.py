"""Who answers one request: recognise it, toss the coin, ask the stage. Nothing here raises; what fails goes upstream."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from modicum.errors import InputError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.live import Serving, Stage
from modicum.gateway.speak import Question, Written, say, write
from modicum.route.coin import keeps_control
from modicum.route.cover import uncovered
from modicum.types import UNKNOWN_USAGE, Prediction, Reason, Recognised, Usage, quick
from modicum.wire import chat


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Who answers, and what led to it."""

    reason: Reason
    detail: str = ""
    recognised: Recognised | None = None
    stage: Stage | None = None
    """The live route of its workload, where there is one."""
    compare: bool = False
    """The stage's answer is to be compared with the incumbent's."""
    prediction: Prediction | None = None
    would_answer: bool | None = None
    written: Written | None = None
    """What the caller gets, where the stage answers."""
    asks: bool = False
    """Its stage is another model, which is to be asked before it is known who answers."""
    asked: Asked | None = None
    """What asking it took."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Another model's part in a call, whatever came of its answer."""

    model: str
    """`provider/model`"""
    usage: Usage = UNKNOWN_USAGE
    cost_usd: Decimal | None = None
    duration_ms: float | None = None
    unpaid: bool = False
    """It runs on this machine and has no price: no budget is charged for it."""


NOT_RECOGNISED = Choice(reason="not_recognised")
NO_WORKLOADS = Choice(reason="no_workloads")


def decide(serving: Serving, question: Question, *, bypass: bool, observe: bool, control_share: float, alarm: Alarm) -> Choice:
    """The choice for one request under one state of what is served."""
    try:
        recognised = serving.recogniser.recognise(question.chat) if serving.recogniser else None
    except InputError as error:
        return Choice(reason="not_recognised", detail=error.message)
    except Exception as error:
        alarm.ring("recogniser", f"{name(error)}; the call went upstream")
        return Choice(reason="failed", detail=f"recogniser: {name(error)}")
    if observe or bypass:
        return Choice(reason="observe" if observe else "bypass", recognised=recognised)
    if recognised is None:
        return NOT_RECOGNISED
    if broken := serving.broken.get(recognised.workload_id):
        return Choice(reason="failed", detail=broken, recognised=recognised)
    stage = serving.stages.get(recognised.workload_id)
    if stage is None:
        return Choice(reason="no_route", recognised=recognised)
    rests = stage.pace.rests()
    try:
        choice = _ask(stage, recognised, question, control_share, rests=rests)
    except Exception as error:
        alarm.ring(f"route {stage.live.route.route_id}", f"{name(error)}; the call went upstream")
        choice = Choice(reason="failed", detail=name(error), recognised=recognised, stage=stage)
    # An answer that is there is given, however late; this is for those to come.
    if not rests and (slow := stage.pace.rests()):
        alarm.ring(f"slow {stage.live.route.route_id}", f"{slow}; its calls go upstream")
    return choice


def _ask(stage: Stage, recognised: Recognised, question: Question, control_share: float, *, rests: str) -> Choice:
    live, request = stage.live, question.chat
    parts = chat.segments(request)
    expired = datetime.now(UTC) >= live.expires_at
    outside = uncovered(live.cover, recognised, request, parts, view_version=question.view_version)
    # The coin comes before everything that looks at the request, so that what it keeps is a fair sample of the workload.
    if stage.on and keeps_control(conversation(request, parts), control_share, salt=live.route.route_id):
        return Choice(reason="control", recognised=recognised, stage=stage, compare=not expired and outside is None and not rests)
    if expired:
        return Choice(reason="expired", detail=f"on {live.expires_at:%Y-%m-%d}", recognised=recognised, stage=stage)
    # In shadow the incumbent answers whatever is asked: all of it is a fair sample, and says so by its reason.
    if not stage.on:
        return Choice(reason="shadow", detail=outside or rests, recognised=recognised, stage=stage, compare=outside is None and not rests)
    if outside is not None:
        return Choice(reason="not_covered", detail=outside, recognised=recognised, stage=stage)
    if rests:
        return Choice(reason="failed", detail=rests, recognised=recognised, stage=stage)
    if stage.other is not None:
        return Choice(reason="failed", detail="its model was not asked", recognised=recognised, stage=stage, asks=True)
    said = say(stage, recognised, question)
    answers = said.reason == "answered"
    return Choice(
        reason=said.reason,
        detail=said.detail,
        recognised=recognised,
        stage=stage,
        compare=said.reason in ("below_threshold", "protected_label"),
        prediction=said.prediction,
        would_answer=answers,
        written=write(stage, question, said) if answers else None,
    )


def degrade(choice: Choice, question: Question, alarm: Alarm) -> Choice | None:
    """No provider answers: what the route's stage says all the same, though it is not sure enough. None where it has nothing to say.

    Only its threshold is passed over. What its certificate does not cover, and labels that always go to the incumbent, get an error.
    """
    stage, recognised = choice.stage, choice.recognised
    if (
        stage is None
        or stage.other is not None
        or recognised is None
        or not stage.on
        or not choice.compare
        or choice.reason not in ("below_threshold", "control")
    ):
        return None
    try:
        said = say(stage, recognised, question, below=True)
        if said.reason != "answered":
            return None
        return dataclasses.replace(
            choice,
            reason="degraded",
            detail=f"no provider answered; {choice.reason}",
            prediction=said.prediction,
            would_answer=choice.would_answer,
            written=write(stage, question, said),
        )
    except Exception as error:
        alarm.ring(f"route {stage.live.route.route_id}", f"{name(error)}; no provider answered either")
        return None


def conversation(request: dict[str, Any], parts: chat.Segments) -> str | None:
    """What tells the request's conversation from others, None where it stands alone.

    Its own id where the caller sends one. Else a conversation of several turns goes by its opening and its user, so
    that its later turns fall on one side. A single message without an id has no conversation: its toss is a fresh one, independent of
    what it says.
    """
    if named := chat.conversation_id(request):
        return named
    return f"{chat.user_id(request)}\0{parts.first_user}" if parts.turns > 1 else None
