"""What the specialist would have said, beside what the incumbent did say. Nothing of it is ever sent.

The prediction is made while the provider works on the call, so it delays nothing, and stands in the same record as the
call itself: a second record after the reply would have to find the first one, and could be lost.
"""

from __future__ import annotations

import dataclasses

from modicum import workload
from modicum.errors import InputError
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.decide import Choice
from modicum.gateway.speak import Question, say
from modicum.wire import chat


def predict(choice: Choice, question: Question, alarm: Alarm) -> Choice:
    """The choice with the stage's prediction, where it is to be compared and was not made yet."""
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
    stage, recognised = choice.stage, choice.recognised
    if not choice.compare or choice.prediction is None or stage is None or recognised is None or response is None:
        return None
    try:
        said = workload.read(stage.workload.contract, chat.answer(response), recognised.slots)
    except InputError:
        return None
    except Exception as error:
        alarm.ring(f"route {stage.live.route.route_id}", f"{name(error)}; nothing was compared")
        return None
    return None if said is None else said == choice.prediction.value
