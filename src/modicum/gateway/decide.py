"""Who answers one request: recognise it, toss the coin, ask the stage. Nothing here raises; what fails goes upstream."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from modicum.errors import InputError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.live import Serving, Stage
from modicum.gateway.speak import Question, Written, say, write
from modicum.route.coin import Arm, toss
from modicum.route.cover import uncovered
from modicum.route.steps import ANSWERING
from modicum.types import UNKNOWN_USAGE, Prediction, Reason, Recognised, Route, RouteState, Usage, quick
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
    propensity: float | None = None
    """Of the side that the coin chose, where there is a route."""
    compare: bool = False
    """The stage's answer is to be compared with the incumbent's."""
    deferred: bool = False
    """The route would not give the stage's answer whatever it is: it is compared for what it says alone."""
    prediction: Prediction | None = None
    would_answer: bool | None = None
    stage_ms: float | None = None
    """How long a stage of ours took."""
    stage_failed: bool = False
    written: Written | None = None
    """What the caller gets, where the stage answers."""
    asks: bool = False
    """Its stage is another model, which is to be asked before it is known who answers."""
    asked: Asked | None = None
    """What asking it took."""
    challenger: Prediction | None = None
    """What a proposed route beside the live one says,"""
    challenger_would: bool | None = None
    """... and whether it would answer; None where none was asked."""


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


_Arm = Arm | Literal["shadow", "under_way"]
NOT_RECOGNISED = Choice(reason="not_recognised")
NO_WORKLOADS = Choice(reason="no_workloads")


def decide(
    serving: Serving,
    question: Question,
    *,
    bypass: bool,
    observe: bool,
    control_share: float,
    alarm: Alarm,
    settle_minutes: float = 0.0,
    kept: float = 1.0,
) -> Choice:
    """The choice for one request under one state of what is served. `kept`: of what live routes answer, less while nobody watches."""
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
    stage = serving.stages.get(recognised.workload_id)
    if stage is None:
        return Choice(reason="no_route", recognised=recognised)
    rests, propensity = stage.broken or stage.pace.rests(), None
    try:
        # The coin comes before everything that looks at the request, so that what it keeps is a fair sample of the workload.
        parts, now = chat.segments(question.chat), datetime.now(UTC)
        arm, propensity = _arm(stage.live.route, question.chat, parts, now, control_share, settle_minutes, kept)
        choice = _ask(stage, recognised, question, parts, now, arm, propensity, rests)
    except Exception as error:
        alarm.ring(f"route {stage.live.route.route_id}", f"{name(error)}; the call went upstream")
        choice = Choice(reason="failed", detail=name(error), recognised=recognised, stage=stage, propensity=propensity, stage_failed=True)
    # An answer that is there is given, however late; this is for those to come.
    if not rests and (slow := stage.pace.rests()):
        alarm.ring(f"slow {stage.live.route.route_id}", f"{slow}; its calls go upstream")
    return choice


def _arm(
    route: Route, request: dict[str, Any], parts: chat.Segments, now: datetime, control_share: float, settle_minutes: float, kept: float
) -> tuple[_Arm, float]:
    """On which arm the coin puts the request, and the chance of its side (`toss`). In shadow there is one alone."""
    if route.state not in ANSWERING:
        return "shadow", 1.0
    talk, share = conversation(request, parts), _answered(route.state, route.share)
    control = control_share if route.control_share is None else route.control_share
    arm, propensity = toss(talk, salt=route.route_id, control=control, share=share, kept=kept)
    # What the route gained by its last step forward are new conversations, for a while: those under way are not moved. They have a reason
    # of their own, for what has a history is no fair sample.
    if arm == "route" and (held := route.before) is not None and parts.turns > 1:
        before = _answered(held.state, held.share)
        settles = before < share and abs(now - route.changed_at) < timedelta(minutes=settle_minutes)
        if settles and toss(talk, salt=route.route_id, control=control, share=before)[0] != "route":
            return "under_way", propensity
    return arm, propensity


def _answered(state: RouteState, share: float) -> float:
    """The share of conversations that a route answers in a state, of those that are not control."""
    return 1.0 if state == "on" else share if state == "canary" else 0.0


def _ask(
    stage: Stage,
    recognised: Recognised,
    question: Question,
    parts: chat.Segments,
    now: datetime,
    arm: _Arm,
    propensity: float,
    rests: str,
) -> Choice:
    live = stage.live
    expired = now >= live.expires_at
    if arm == "unwatched" or arm == "under_way":
        return Choice(reason=arm, recognised=recognised, stage=stage, propensity=propensity)
    outside = uncovered(live.cover, recognised, question.chat, parts, view_version=question.view_version)
    known = outside is None or outside.version_alone
    if arm != "route" and not (expired and arm == "shadow"):
        # The incumbent answers whatever is asked: all of it is a fair sample, and says so by its reason.
        return Choice(
            reason=arm,
            detail=outside.why if outside is not None else rests,
            recognised=recognised,
            stage=stage,
            propensity=propensity,
            compare=known and not expired and not rests,
            deferred=outside is not None,
            stage_failed=known and bool(rests),
        )
    if expired:
        detail = f"on {live.expires_at:%Y-%m-%d}"
        return Choice(reason="expired", detail=detail, recognised=recognised, stage=stage, propensity=propensity)
    if outside is not None:
        # Another version of the prompt is in shadow at once. Another model's answers to it would be paid for all calls, not for a sample.
        return Choice(
            reason="not_covered",
            detail=outside.why,
            recognised=recognised,
            stage=stage,
            propensity=propensity,
            compare=outside.version_alone and stage.other is None and not rests,
        )
    if rests:
        return Choice(reason="failed", detail=rests, recognised=recognised, stage=stage, propensity=propensity, stage_failed=True)
    if stage.other is not None:
        unasked = "its model was not asked"
        return Choice(reason="failed", detail=unasked, recognised=recognised, stage=stage, propensity=propensity, asks=True)
    said = say(stage, recognised, question)
    answers = said.reason == "answered"
    return Choice(
        reason=said.reason,
        detail=said.detail,
        recognised=recognised,
        stage=stage,
        propensity=propensity,
        compare=said.reason in ("below_threshold", "protected_label"),
        prediction=said.prediction,
        would_answer=answers,
        stage_ms=said.ms,
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
        or not stage.answers
        or not choice.compare
        or choice.deferred
        or choice.reason not in ("below_threshold", "control", "canary")
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
            stage_ms=said.ms,
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
