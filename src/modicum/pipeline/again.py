"""How often an incumbent differs from itself: recorded requests of the train window, asked again of the model that answered them.

No candidate can agree with an incumbent more often than the incumbent does, so the figure stands beside every disagreement. Asked are
distinct requests drawn by a hash, older than any that can certify. What was answered once is kept and not asked again; whom calls may be
sent to, what is sent and what it may cost is as with another model (`inquiry`, `[policy] may_receive`).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import ConfigError, ModicumError
from modicum.evaluate.groups import text_of_slots
from modicum.evaluate.split import find_cut, share_that_certifies
from modicum.pipeline import rollbacks
from modicum.pipeline.candidate import Candidate, find_candidate
from modicum.pipeline.inquiry import Bill, Inquiry, Progress, Purse, reply_of
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.stats.binomial import clopper_pearson
from modicum.store.answers import Answered
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Sample, Workload
from modicum.workload.sameness import normalise

ENOUGH = 20
"""Calls that were answered twice from which a share is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfAgreement:
    """What an incumbent said when it was asked again."""

    calls: int
    differing: int
    """An answer that cannot be read differs from everything."""

    @property
    def disagreement(self) -> float:
        return self.differing / self.calls

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, exact."""
        return clopper_pearson(self.differing, self.calls, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What asking the incumbent of one workload again would take."""

    workload: Workload
    candidate: Candidate | None
    """The incumbent as the configuration reaches it; None: see `why`."""
    samples: tuple[Sample, ...]
    bill: Bill
    why: str = ""
    """Why nothing is asked; empty where something is."""


class Asker:
    """Asks incumbents again, for all workloads of one `fit`, under one purse."""

    def __init__(
        self,
        config: Config,
        count: int,
        purse: Purse,
        *,
        among: Callable[[Sequence[Sample]], Sequence[Sample]] | None = None,
        draw: str = "again",
    ) -> None:
        """`among`: the calls that are drawn from; those of the train window, since the last rollback, where nobody says. `draw`: another
        name is another draw, of calls that were not asked again before."""
        self._config, self._count, self.purse, self._among, self._draw = config, count, purse, among, draw
        self._catalogue, self._views = Catalogue(*priced(config)), Views.open(config)
        self.stopped = ""
        """Why the last asking ended before its end."""

    def plan(self, workload: Workload) -> Again:
        """What would be asked. Sends and writes nothing."""
        config = self._config
        nothing = Again(workload=workload, candidate=None, samples=(), bill=Bill(calls=0))
        if workload.ignored or not workload.routable or workload.contract.kind == "text":
            return dataclasses.replace(nothing, why="its answers are not compared")
        control = Control(config.home)
        recogniser = recogniser_of(control, workload.scope)
        samples = gather(Calls(config.home), workload, recogniser, self._catalogue, self._views).samples
        old = self._among(samples) if self._among is not None else _old(samples, rollbacks.rolled_back_at(control, workload))
        try:
            candidate = incumbent_of(config, old)
        except ModicumError as error:
            return dataclasses.replace(nothing, why=error.message)
        if not candidate.may_receive(config.policy.may_receive, workload.scope):
            where = f"calls of scope '{workload.scope}' may not be sent to {candidate.host} ([policy] may_receive)"
            return dataclasses.replace(nothing, why=where)
        stage = candidate.stage(workload.contract, constrain=False)
        own = [s for s in old if _names(candidate, s)]
        if self._draw != "again":
            known = self._inquiry(candidate).known(stage, [s.call_id for s in own])
            own = [s for s in own if s.call_id not in known]
        drawn = _drawn(own, self._count, self._draw)
        bill = self._inquiry(candidate).bill(workload, stage, [s.call_id for s in drawn])
        return Again(workload=workload, candidate=candidate, samples=tuple(drawn), bill=bill)

    def run(self, again: Again, progress: Progress = lambda share: None) -> SelfAgreement | None:
        """Ask what was not asked before, and say what all of it shows; None where nothing was answered."""
        if again.candidate is None:
            return None
        inquiry = self._inquiry(again.candidate)
        stage = again.candidate.stage(again.workload.contract, constrain=False)
        rows = inquiry.ask(again.workload, stage, [s.call_id for s in again.samples], progress)
        self.stopped = inquiry.stopped
        return _compared(again.workload, again.samples, rows)

    def _inquiry(self, candidate: Candidate) -> Inquiry:
        return Inquiry(self._config, candidate, self._catalogue, self.purse)


def known_agreement(config: Config, workload: Workload, samples: Sequence[Sample], catalogue: Catalogue) -> SelfAgreement | None:
    """What was asked again of these samples so far; None where that is too little to tell a share. Sends nothing."""
    try:
        candidate = incumbent_of(config, samples)
        inquiry = Inquiry(config, candidate, catalogue, Purse(budget_usd=None))
        rows = inquiry.known(candidate.stage(workload.contract, constrain=False), [s.call_id for s in samples])
    except ModicumError:
        return None  # the configuration does not reach it any more
    found = _compared(workload, [s for s in samples if s.call_id in rows], rows)
    return found if found is not None and found.calls >= ENOUGH else None


def incumbent_of(config: Config, samples: Sequence[Sample]) -> Candidate:
    """The model that answers most of them, where the configuration reaches it. Raises ModicumError."""
    names = Counter((s.incumbent, s.provider) for s in samples)
    if not names:
        raise ConfigError("none of its old calls is kept with its body")
    (model, provider), _ = names.most_common(1)[0]
    if provider is not None and provider in config.providers and not model.startswith(f"{provider}/"):
        model = f"{provider}/{model}"
    return find_candidate(config, model)


def _compared(workload: Workload, samples: Sequence[Sample], rows: Mapping[str, Answered]) -> SelfAgreement | None:
    pairs = [(s.value, reply_of(workload, s, row).value) for s in samples if (row := rows.get(s.call_id)) is not None]
    if not pairs:
        return None
    return SelfAgreement(calls=len(pairs), differing=sum(one is None or one != other for one, other in pairs))


def _old(samples: Sequence[Sample], since: datetime | None) -> list[Sample]:
    """Those that are older than any that can certify. After a rollback only newer ones: what differs from older answers is the change."""
    recent = rollbacks.since_then(samples, since)
    if not any(s.control for s in recent):
        return recent
    cut = find_cut(recent, certify_share=share_that_certifies(since))
    return [s for s in recent if s.at < cut]


def _names(candidate: Candidate, sample: Sample) -> bool:
    asked = candidate.deployment
    return sample.incumbent in (asked.model, asked.name, candidate.asked) or f"{asked.provider}/{sample.incumbent}" == asked.name


def _drawn(samples: Sequence[Sample], count: int, draw: str) -> list[Sample]:
    """So many distinct requests, by a draw that stays the same when more are asked for."""
    order = sorted(samples, key=lambda s: hashlib.blake2b(f"{draw}\0{s.call_id}".encode(), digest_size=16).digest())
    distinct = {normalise(text_of_slots(s)): s for s in reversed(order)}
    return [s for s in order if distinct[normalise(text_of_slots(s))] is s][:count]
