"""One workload's trial before anything is sent: what would be asked, which window certifies, and what that takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from modicum.backends.model import ModelStage
from modicum.backends.scorer import Scorer
from modicum.evaluate.limits import Bound
from modicum.evaluate.refuse import Supply
from modicum.evaluate.tune import Terms
from modicum.pipeline.outcomes import Known
from modicum.pipeline.purse import Bill
from modicum.pipeline.scoring import Scored
from modicum.pipeline.trial import Tried
from modicum.pipeline.window import Window
from modicum.pipeline.wish import Wish
from modicum.types import Attempt, Contract, PromiseKind, Rule, Sample, Verdict, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A window as it will be, or was, declared."""

    window: Window
    """Without predictions."""
    opened: tuple[str, ...]
    """All calls of its groups."""
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One workload's trial, before anything is sent."""

    workload: Workload
    stage: ModelStage
    wish: Wish
    kinds: tuple[PromiseKind, ...]
    number: int
    samples: dict[str, Sample]
    """Those that are asked, by call id."""
    supply: Supply
    """How fast distinct requests come in."""
    pilot: tuple[str, ...]
    opening: Opening | None
    """None: no newer calls are there to certify with."""
    wide: Opening | None = None
    """The window in its place where a scorer leaves some of it to the incumbent: of texts as many are judged, out of more."""
    attempt: Attempt | None
    """One that was declared and not looked at yet."""
    rule: Rule
    calls_month: float
    bill: Bill
    cannot: tuple[str, ...] = ()
    """What its calls want and the catalogue says that the model cannot do."""
    done: Tried | None = None
    """Where there is nothing to ask."""
    before: Verdict | None = None
    """What an earlier window of the same candidate led to."""
    learn: tuple[str, ...] = ()
    """Old calls that a scorer may learn from, one a group: asked where that pays."""
    group_of: Mapping[str, int] = field(default_factory=dict)
    """Of pilot and `learn`."""
    known: Known = Known()
    """What is known of how good the answers to old calls are."""
    scorer: Scorer | None = None
    """Judges the candidate's answers; None: every answer that can be read counts alike."""
    excess_alone: float | None = None
    """What the candidate would do without it, by the old answers: how much more of the requests it would answer worse."""
    scored: Scored | None = None
    """How that scorer was taught, where this run did it."""
    against: Bound | None = None
    """What old answers say against opening a window for the candidate alone."""
    note: str = ""
    """Why there is no scorer, where one was thought of."""

    @property
    def listed(self) -> bool:
        """Its answers are from a list of values, which may stand in tables."""
        return is_listed(self.workload.contract)

    @property
    def texts(self) -> bool:
        return self.workload.contract.kind == "text"

    @property
    def terms(self) -> Terms:
        return self.wish.terms(self.kinds, self.number)

    @property
    def asked(self) -> tuple[str, ...]:
        """All calls that it may be asked about, each once."""
        windows = [opening.window.samples for opening in (self.opening, self.wide) if opening is not None]
        return tuple(dict.fromkeys((*self.pilot, *self.learn, *(s.call_id for samples in windows for s in samples))))


def is_listed(contract: Contract) -> bool:
    return bool(contract.labels) and contract.kind not in ("text", "tool")


def plan_of(attempt: Attempt) -> str:
    """The name under which a window is kept before its answers are there."""
    return f"{attempt.attempt_id}/plan"
