"""What the specialist would have said, beside what the incumbent did say. Nothing of it is ever sent.

The prediction is made while the provider works on the call, so it delays nothing, and stands in the same record as the
call itself: a second record after the reply would have to find the first one, and could be lost.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from modicum import workload
from modicum.errors import InputError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.decide import Choice
from modicum.gateway.live import Stage
from modicum.gateway.speak import Question, say
from modicum.route.cover import uncovered
from modicum.types import Prediction
from modicum.wire import chat


def challenged(choice: Choice) -> bool:
    """Is there a proposed route that is to be asked about this control call, and was not yet?"""
    stage = choice.stage
    return stage is not None and stage.challenger is not None and choice.reason == "control" and choice.challenger_would is None


def is_heavy(choice: Choice) -> bool:
    """Does the challenger take milliseconds? What the live route takes, whoever decided on the call knows."""
    challenger = choice.stage.challenger if choice.stage is not None else None
    return challenger is not None and challenger.specialist is not None and challenger.specialist.heavy


def predict(choice: Choice, question: Question, alarm: Alarm) -> Choice:
    """The choice with the stage's prediction, and its challenger's, where they are to be compared and were not made yet."""
    choice = _predict(choice, question, alarm)
    return _challenge(choice, question, alarm) if challenged(choice) else choice


def _challenge(choice: Choice, question: Question, alarm: Alarm) -> Choice:
    """With what the challenger says. What its certificate does not cover it would leave to the incumbent."""
    challenger, recognised = choice.stage.challenger if choice.stage is not None else None, choice.recognised
    if challenger is None or recognised is None or datetime.now(UTC) >= challenger.live.expires_at:
        return choice
    try:
        parts = chat.segments(question.chat)
        if uncovered(challenger.live.cover, recognised, question.chat, parts, view_version=question.view_version) is not None:
            return dataclasses.replace(choice, challenger_would=False)
        said = say(challenger, recognised, question)
        return dataclasses.replace(choice, challenger=said.prediction, challenger_would=said.reason == "answered")
    except Exception as error:
        alarm.ring(f"route {challenger.live.route.route_id}", f"{name(error)}; it was not compared")
        return choice


def _predict(choice: Choice, question: Question, alarm: Alarm) -> Choice:
    stage, recognised = choice.stage, choice.recognised
    if not choice.compare or choice.prediction is not None or stage is None or stage.other is not None or recognised is None:
        return choice
    try:
        said = say(stage, recognised, question)
        if slow := stage.pace.rests():
            alarm.ring(f"slow {stage.live.route.route_id}", f"{slow}; nothing is compared")
        answers = said.reason == "answered" and not choice.deferred
        return dataclasses.replace(choice, prediction=said.prediction, would_answer=answers, stage_ms=said.ms)
    except Exception as error:
        alarm.ring(f"route {stage.live.route.route_id}", f"{name(error)}; nothing was compared")
        return dataclasses.replace(choice, compare=False, stage_failed=True, detail=choice.detail or f"not compared: {name(error)}")


def agreed(choice: Choice, response: dict[str, object] | None, alarm: Alarm) -> bool | None:
    """Did the incumbent say the same? `response`: what is seen of its answer, as a chat completion.

    None where nothing was predicted or the answer cannot be read.
    """
    stage = choice.stage
    return None if not choice.compare or stage is None else _agrees(stage, choice, choice.prediction, response, alarm)


def challenger_agreed(choice: Choice, response: dict[str, object] | None, alarm: Alarm) -> bool | None:
    """The same of the challenger."""
    stage = choice.stage.challenger if choice.stage is not None else None
    return None if stage is None or choice.challenger is None else _agrees(stage, choice, choice.challenger, response, alarm)


def _agrees(stage: Stage, choice: Choice, prediction: Prediction | None, response: dict[str, object] | None, alarm: Alarm) -> bool | None:
    recognised = choice.recognised
    if prediction is None or recognised is None or response is None:
        return None
    try:
        said = workload.read(stage.workload.contract, chat.answer(response), recognised.slots)
    except InputError:
        return None
    except Exception as error:
        alarm.ring(f"route {stage.live.route.route_id}", f"{name(error)}; nothing was compared")
        return None
    return None if said is None else said == prediction.value
