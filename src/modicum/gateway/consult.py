"""Ask the other model that is a live route's stage, and judge what it says as a specialist's answer is judged.

It is asked as it was when it was tried: the same deployment at the same address, the same words, redacted or whole, held to the same
schema. Whatever stands against its answer (it cannot be read, it was refused or cut off, the scorer beside it is not sure enough of it, it
came too late or from another revision) leaves the call to the incumbent. Nothing here raises but a caller's leaving.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from modicum import workload
from modicum.backends.asking import Told, ask
from modicum.backends.destination import host_of, may_receive
from modicum.backends.model import UNREADABLE, ModelStage
from modicum.errors import BudgetError, InputError, ModicumError, UntranslatableError, UpstreamUnavailableError
from modicum.gateway.alarm import name
from modicum.gateway.decide import Asked, Choice
from modicum.gateway.speak import Question, Said, judge, write
from modicum.gateway.till import NOTHING_HELD, Hold
from modicum.gateway.worst import worst
from modicum.store.ledger_rows import COMPARING
from modicum.types import UNKNOWN_USAGE, Key, Prediction, Recognised, Usage, new_call_id
from modicum.wire import chat
from modicum.wire.tokens import most_tokens
from modicum.workload.holding import held

if TYPE_CHECKING:
    from modicum.backends.upstreams import Target
    from modicum.gateway.day import Day
    from modicum.gateway.draft import Draft
    from modicum.gateway.live import Stage


class _Unable(Exception):
    """Why it is not asked, or its answer not taken."""


@dataclasses.dataclass(slots=True)
class _Part:
    """What asking it took, as far as it is known."""

    model: str
    duration_ms: float | None = None
    usage: Usage = UNKNOWN_USAGE
    cost_usd: Decimal | None = None
    unpaid: bool = False
    sent: bool = False

    def told(self) -> Asked | None:
        if not self.sent:
            return None
        return Asked(model=self.model, usage=self.usage, cost_usd=self.cost_usd, duration_ms=self.duration_ms, unpaid=self.unpaid)


async def consult(day: Day, draft: Draft, choice: Choice) -> Choice:
    """The choice once it was asked: with its answer written, or with the reason why the incumbent answers.

    Where the choice says `compare` nothing is written, and reason and detail stay; what could not be compared says so.
    """
    stage, recognised, question = choice.stage, choice.recognised, draft.question
    assert stage is not None and stage.other is not None and recognised is not None and question is not None
    part = _Part(stage.other.name)
    hold: Hold = NOTHING_HELD
    try:
        target = _reached(draft, stage.other, stage.workload.scope)
        priced = day.till.can_pay(_ANY_BUDGET, stage.other.provider, stage.other.model)
        part.unpaid = not priced and not host_of(target.deployments[0], stage.other.url)
        if choice.compare:
            hold = _compared(day, draft, stage.other, unpaid=part.unpaid)
        elif not (part.unpaid or day.till.can_pay(draft.key, stage.other.provider, stage.other.model)):
            raise _Unable(f"the key has a budget, and no price is known for {stage.other.name}")
        told = await _asked(draft, stage.other, target, part)
        said = await _said(stage, recognised, question, told)
        answers = said.reason == "answered" and not choice.deferred
        found = dataclasses.replace(choice, prediction=said.prediction, would_answer=answers, asks=False, asked=part.told())
        if choice.compare:
            return found
        written = write(stage, question, said, usage=_counted(told.usage)) if answers else None
        detail = said.detail or (_below(said.prediction) if said.reason == "below_threshold" else "")
        return dataclasses.replace(found, reason=said.reason, detail=detail, written=written)
    except _Unable as why:
        return _left(choice, str(why), part)
    except BudgetError as error:  # the day's money for comparing is spent
        return _left(choice, error.message, part, failed=False)
    except ModicumError as error:
        return _left(choice, error.message, part)
    except Exception as error:
        day.alarm.ring(f"route {stage.live.route.route_id}", f"{name(error)}; the call went upstream")
        return _left(choice, name(error), part)
    finally:
        hold.settle(part.cost_usd, part.usage) if part.sent else hold.cancel()


def _left(choice: Choice, why: str, part: _Part, *, failed: bool = True) -> Choice:
    if choice.compare:
        detail = choice.detail or f"not compared: {why}"
        return dataclasses.replace(choice, compare=False, detail=detail, asked=part.told(), stage_failed=failed)
    return dataclasses.replace(choice, reason="failed", detail=why, asks=False, asked=part.told(), stage_failed=failed)


def _reached(draft: Draft, other: ModelStage, scope: str) -> Target:
    """Where it is asked: there where it was tried, and only as long as the operator lets calls of this scope go there. Raises _Unable."""
    setting = draft.setting
    target = setting.upstreams.one(other.provider, other.model)
    if setting.upstreams.addresses[other.provider] != other.url:
        raise _Unable(f"provider '{other.provider}' is at another address than when {other.name} was tried")
    if not may_receive(setting.config.policy.may_receive, other.provider, host_of(target.deployments[0], other.url), scope):
        raise _Unable(f"calls of scope '{scope}' may not be sent to {other.provider} ([policy] may_receive)")
    return target


def _compared(day: Day, draft: Draft, other: ModelStage, *, unpaid: bool) -> Hold:
    """Set aside what an answer may cost that nobody gets. Raises BudgetError where the day's money for that is spent."""
    if unpaid:
        return NOTHING_HELD
    body = draft.body or b""
    key = dataclasses.replace(_ANY_BUDGET, budget_day_usd=Decimal(repr(draft.setting.config.route.compare_usd_day)))
    return day.till.reserve(
        key,
        new_call_id(),
        input_tokens=most_tokens(body),
        max_output=worst(draft.request, body, draft.endpoint).output,
        model=other.model,
        provider=other.provider,
    )


async def _asked(draft: Draft, other: ModelStage, target: Target, part: _Part) -> Told:
    """Its answer. Raises UpstreamError, UntranslatableError, _Unable."""
    assert draft.seen is not None
    setting, began = draft.setting, time.perf_counter()
    part.sent = True
    try:
        told = await ask(
            setting.upstreams,
            target,
            draft.endpoint,
            draft.request if other.whole_bodies else draft.seen.request,
            answer_schema=other.answer_schema,
            answer_choices=other.answer_choices,
            once_within_s=setting.config.route.model_timeout_s,
        )
    except (UntranslatableError, UpstreamUnavailableError):
        part.sent = False
        raise
    finally:
        part.duration_ms = round((time.perf_counter() - began) * 1000, 3)
    part.usage = told.usage
    if told.status >= 400:
        part.cost_usd = Decimal(0)  # nobody bills a refusal
    else:
        part.cost_usd = setting.till.cost(other.provider, told.model or None, other.model, told.usage, datetime.now(UTC))
    if told.response is None:
        raise _Unable(f"{other.name} answered with status {told.status}: {draft.setting.words[told.error] or ''}"[:300])
    return told


async def _said(stage: Stage, recognised: Recognised, question: Question, told: Told) -> Said:
    """What its answer means, by the contract, and whether it may be given. Raises _Unable for another revision."""
    other, contract = stage.other, stage.workload.contract
    assert other is not None
    if other.revision and told.model != other.revision:
        why = f"its answers come from '{told.model[:80]}', and '{other.revision[:80]}' was tried"
        stage.pace.rest(why)
        raise _Unable(why)
    stage.pace.well()
    value: str | None = None
    try:
        # In this call's placeholders, as answers were when it was tried: what it made up itself gets one of its own.
        response: dict[str, Any] = msgspec.json.decode(question.names.redact_json(msgspec.json.encode(told.response)))
        value = workload.read(contract, chat.answer(response), recognised.slots)
    except InputError:
        pass
    if value is None:
        return Said(prediction=Prediction(value="", confidence=UNREADABLE), reason="below_threshold")
    if other.scorer is not None:  # it takes milliseconds where texts are long, and others do not wait for it
        sure = await asyncio.to_thread(other.confidence, recognised.slots, value)
    else:
        sure = other.confidence(recognised.slots, value)
    named = held(contract, value, stage.live.rule.protected_labels)
    prediction = Prediction(value=value, confidence=sure, runner_up=named, runner_up_probability=1.0 if named else 0.0)
    counted = told.usage.output_tokens if contract.kind == "text" else None
    return judge(stage, question, prediction, output_tokens=counted)


def _below(prediction: Prediction) -> str:
    return "its answer cannot be read" if prediction.confidence == UNREADABLE else "its scorer is not sure enough of the answer"


def _counted(usage: Usage) -> Usage | None:
    return usage if usage.input_tokens is not None and usage.output_tokens is not None else None


_ANY_BUDGET = Key(
    key_id=COMPARING,
    name="answers that are only compared ([route] compare_usd_day)",
    digest="",
    shown="",
    budget_day_usd=Decimal(0),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    created_by="modicum",
)
"""In whose name the ledger counts, over all workers, what comparing costs."""
