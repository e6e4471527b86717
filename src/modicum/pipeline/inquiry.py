"""Ask a candidate recorded calls: several at once, under a budget, each answer kept the moment it is there.

What was answered before is not asked again, whatever ended the run. What is sent is what is stored (redacted, unless the operator kept
bodies whole and says so); what comes back is redacted before it is kept, with the same placeholders.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from modicum.artefact import Artefacts
from modicum.backends.adapter import served
from modicum.backends.asking import Told, ask
from modicum.backends.client import Client
from modicum.backends.model import ModelStage
from modicum.backends.upstreams import Upstreams
from modicum.catalog import Catalogue, cost, tiers
from modicum.config import Config
from modicum.errors import InputError, UntranslatableError, UpstreamError
from modicum.evaluate.trials import Reply
from modicum.pipeline.candidate import PATIENCE, Candidate
from modicum.pipeline.naming import adapter_in, wrong_adapter
from modicum.pipeline.purse import Bill, Purse
from modicum.store.answers import Answered, Answers
from modicum.store.calls import Calls
from modicum.types import Call, Price, Sample, Usage, Workload, but
from modicum.view import Redactor
from modicum.wire import chat, completion
from modicum.workload import read

__all__ = ["Bill", "Inquiry", "Posed", "Progress", "Purse", "reply_of"]

AT_ONCE = 8
GIVES_UP_AFTER = 5
"""Calls in a row that were not answered, each tried as often as `PATIENCE` says."""
OF_THE_CALL = frozenset((400, 413, 422))
"""Statuses that say that this request cannot be answered; any other refusal is of the key, the model's name or the provider."""
_PLACEHOLDER = re.compile(rb"(?:<|\\u003[cC])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)_[1-9][0-9]{0,5}(?:>|\\u003[eE])")

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Posed:
    """One request as it is about to be sent."""

    call: Call
    body: bytes
    request: dict[str, Any]
    """The body, decoded."""
    most_usd: Decimal | None
    """What it may cost; None where its price is unknown."""


class Inquiry:
    """One candidate, asked about the calls of any workload."""

    def __init__(self, config: Config, candidate: Candidate, catalogue: Catalogue, purse: Purse) -> None:
        self._config, self._candidate, self._catalogue, self.purse = config, candidate, catalogue, purse
        self._redactor = Redactor.open(config.redact.table)
        self._calls, self._answers = Calls(config.home), Answers(config.home)
        self._leave_out = config.providers.get(candidate.deployment.provider, config.upstream).leave_out
        self._adapter = adapter_in(Artefacts(config.home / "artefacts"), candidate.deployment.model, candidate.deployment.kind)
        self._failed = 0
        self.stopped = ""
        """Why the last asking ended before its end."""
        self.answered = 0
        """Calls that were answered, in all askings."""

    def key(self, stage: ModelStage) -> str:
        """Under which its answers are kept: what is asked, where, and in which words."""
        said: tuple[Any, ...] = (stage.provider, stage.url, stage.model, stage.answer_schema, self._leave_out, stage.whole_bodies)
        if stage.answer_choices:
            said += (stage.answer_choices,)
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:32]

    def known(self, stage: ModelStage, call_ids: Iterable[str]) -> dict[str, Answered]:
        """What it answered so far, by call id."""
        return self._answers.of(self.key(stage), call_ids)

    # ---------------------------------------------------------------------------------------------------------- before

    def bill(self, workload: Workload, stage: ModelStage, call_ids: Sequence[str]) -> Bill:
        """What asking these calls would take. Reads them, sends nothing."""
        known = self.known(stage, call_ids)
        todo = [call_id for call_id in call_ids if call_id not in known]
        findings: Counter[str] = Counter()
        estimate: Decimal | None = Decimal(0)
        redacted, longest, images, tools = 0, 0, False, False
        for call in self._scan(workload, todo):
            found = self._findings(call)
            findings.update(found)
            redacted += bool(found)
            usage = _usage(call)
            longest = max(longest, usage.input_tokens or 0)
            one = cost(self._price(usage), Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens))
            estimate = None if estimate is None or one is None else estimate + one
            with suppress(InputError):
                request = chat.loads(call.request or b"")
                tools = tools or bool(request.get("tools"))
                images = images or (call.endpoint == "chat_completions" and chat.segments(request).images)
        return Bill(
            calls=len(call_ids),
            known=len(known),
            estimate_usd=estimate,
            findings=dict(findings),
            redacted=redacted,
            images=images,
            tools=tools,
            longest_tokens=longest,
        )

    def _findings(self, call: Call) -> Counter[str]:
        """How many values of each type the redactor took out, now or before the call was stored."""
        viewed, names = self._redactor.see_call(call)
        if viewed is not call:
            return Counter(names.counts())
        return Counter(kind.decode() for kind, _ in {(found[1], found[0]) for found in _PLACEHOLDER.finditer(call.request or b"")})

    # ---------------------------------------------------------------------------------------------------------- asking

    def ask(
        self, workload: Workload, stage: ModelStage, call_ids: Sequence[str], progress: Progress = lambda share: None
    ) -> dict[str, Answered]:
        """The answers to these calls, asked now where there is none yet. Fewer than wanted where `stopped` says why.

        A first Ctrl-C asks nothing more and waits for what is under way; then, or at the second, KeyboardInterrupt is raised.
        """
        self.stopped = ""
        known = self.known(stage, call_ids)
        questions = [
            found
            for call in self._scan(workload, [call_id for call_id in call_ids if call_id not in known])
            if (found := self._question(call, whole=stage.whole_bodies)) is not None
        ]
        if questions:
            asyncio.run(self._all(stage, questions, progress))
            known = self.known(stage, call_ids)
        return known

    async def _all(self, stage: ModelStage, questions: list[Posed], progress: Progress) -> None:
        key, client = self.key(stage), Client()
        upstreams = Upstreams.open(dataclasses.replace(self._config, retry=PATIENCE), client)
        waiting, total = list(reversed(questions)), len(questions)
        interrupted, settled = False, asyncio.Event()
        loop = asyncio.get_running_loop()
        self._failed = 0

        def stop() -> None:
            nonlocal interrupted
            interrupted = True
            self.stopped = "it was stopped"
            loop.remove_signal_handler(signal.SIGINT)

        async def work() -> None:
            while waiting and not self.stopped:
                question = waiting.pop()
                while not self.purse.take(question.most_usd):
                    if not self.purse.reserved_usd:
                        self.stopped = f"the budget of ${self.purse.budget_usd} is reached"
                        return
                    await settled.wait()  # what is under way costs less than was set aside for it
                row: Answered | None = None
                try:
                    row = await self._one(upstreams, stage, question)
                finally:
                    self.purse.settle(question.most_usd, None if row is None else _spent(row, question))
                    settled.set()
                    settled.clear()
                if row is not None:
                    self._answers.add(key, row)
                    self.answered += row.status < 400
                progress(1 - len(waiting) / total)

        with suppress(ValueError, RuntimeError, NotImplementedError):  # not in the main thread: Ctrl-C comes another way there
            loop.add_signal_handler(signal.SIGINT, stop)
        try:
            if self._adapter and (wrong := wrong_adapter(self._adapter, stage.model, await served(upstreams, self._candidate.target))):
                self.stopped = wrong
                return
            await asyncio.gather(*(work() for _ in range(min(AT_ONCE, total))))
        finally:
            with suppress(ValueError, RuntimeError, NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)
            await client.close()
        if interrupted:
            raise KeyboardInterrupt

    async def _one(self, upstreams: Upstreams, stage: ModelStage, question: Posed) -> Answered | None:
        """None where it is no answer to this call: nobody answered, or what is wrong is not in the call."""
        try:
            told = await ask(
                upstreams,
                self._candidate.target,
                question.call.endpoint,
                question.request,
                answer_schema=stage.answer_schema,
                answer_choices=stage.answer_choices,
            )
        except UntranslatableError as refusal:
            told = Told(status=400, response=None, duration_ms=0.0, error=refusal.message)
        except UpstreamError as failure:
            self._failed += 1
            if self._failed >= GIVES_UP_AFTER:
                self.stopped = f"{self._candidate.deployment.name} does not answer: {failure.message}"
            return None
        if wrong := wrong_adapter(self._adapter, stage.model, [told.model] if told.model else []):
            self.stopped = wrong
            return None
        if told.status >= 400 and told.status not in OF_THE_CALL:
            self.stopped = f"{self._candidate.deployment.name} answers with status {told.status}: {told.error}"
            return None
        self._failed = 0
        return self._row(question, told)

    def _question(self, call: Call, *, whole: bool) -> Posed | None:
        viewed = call if whole else self._redactor.see_call(call)[0]
        if viewed.request is None:
            return None
        try:
            request = chat.loads(viewed.request)
        except InputError:
            return None
        usage = _usage(call)
        limit = next(
            (v for n in ("max_completion_tokens", "max_tokens", "max_output_tokens") if isinstance(v := request.get(n), int)), None
        )
        most = Usage(
            input_tokens=None if usage.input_tokens is None else usage.input_tokens * 13 // 10 + 16,
            output_tokens=limit if limit is not None else 4 * (usage.output_tokens or 0) + 256,
        )
        return Posed(call=call, body=viewed.request, request=request, most_usd=cost(self._price(most), most))

    def _row(self, question: Posed, told: Told) -> Answered:
        response = None if told.response is None else msgspec.json.encode(told.response)
        # In the names of the request that was sent, as the incumbent's own answer was redacted.
        seen, _ = self._redactor.see_call(but(question.call, request=question.body, response=response, view_version=None))
        price = self._price(told.usage, told.model)
        return Answered(
            call_id=question.call.call_id,
            at=datetime.now(UTC),
            status=told.status,
            response=None if seen.response is None else seen.response.decode("utf-8", "replace"),
            model=told.model,
            usage=told.usage,
            cost_usd=cost(price, told.usage),
            duration_ms=told.duration_ms,
            error=self._redactor.names().redact(told.error) if told.error else "",
        )

    def _price(self, usage: Usage, model: str = "") -> Price | None:
        deployment = self._candidate.deployment
        return tiers.price_of(
            self._catalogue,
            (model, deployment.model),
            datetime.now(UTC).date(),
            input_tokens=usage.input_tokens or 0,
            provider=deployment.provider,
        )

    def _scan(self, workload: Workload, call_ids: Sequence[str]) -> Iterable[Call]:
        if not call_ids:
            return ()
        return self._calls.scan(scope=workload.scope, workload_id=workload.workload_id, call_ids=call_ids)


def _spent(row: Answered, question: Posed) -> Decimal | None:
    """What a call took from the purse; an answer without usage is taken to have cost the most that it could."""
    return question.most_usd if row.cost_usd is None and row.status < 400 else row.cost_usd


def reply_of(workload: Workload, sample: Sample, row: Answered | None) -> Reply:
    """An answer as the contract reads it; None was never asked (its call is gone) and counts as unreadable."""
    if row is None:
        return Reply(value=None, cost_usd=None, duration_ms=None, error="the call is not there any more")
    value = None
    if row.response is not None and row.status < 400:
        with suppress(InputError):
            value = read(workload.contract, chat.answer(chat.loads(row.response.encode())), sample.slots)
    error = row.error or ("" if row.status < 400 else f"status {row.status}")
    return Reply(value=value, cost_usd=row.cost_usd, duration_ms=row.duration_ms, error=error)


def _usage(call: Call) -> Usage:
    """Tokens as the incumbent counted them, else roughly."""
    if call.usage.input_tokens is not None and call.usage.output_tokens is not None:
        return call.usage
    try:
        request = chat.loads(call.request or b"")
    except InputError:
        return call.usage
    return completion.estimate(request, (call.response or b"").decode("utf-8", "replace"))
