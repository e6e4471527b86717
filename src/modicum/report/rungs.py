"""What a ladder holds: everything that could answer a workload, the smallest first, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from modicum.types import Certificate, Price, RouteState, Saving

RungKind = Literal[
    "exact_cache",  # the same request was answered before
    "specialist",  # a small model of our own, built from these calls; or another model, where a certificate of it is in force
    "tried",  # another model that was tried on these calls
    "same_laboratory",  # a smaller model of whoever made the incumbent
    "open_hosted",  # an open model at a provider
    "open_own",  # an open model on own hardware
    "incumbent_cached",  # today's model, with the provider's prompt caching
    "incumbent_batch",  # today's model at batch prices
    "incumbent_trimmed",  # today's model, with less text sent
    "incumbent",  # as it is
]
Evidence = Literal[
    "certified",  # a certificate on these very calls
    "measured",  # on these very calls, without a certificate: a share of repeats, an attempt that was refused
    "published",  # a benchmark of this kind of task, on others' data
    "none",
]
Reasons = Literal[
    "may",  # it can be asked not to write to itself before it answers
    "always",  # it cannot
]
ObstacleKind = Literal[
    "licence", "terms", "region", "context", "modality", "tools", "structured_output", "residency", "retiring", "latency", "data"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One thing that stands in the way."""

    kind: ObstacleKind
    text: str
    hard: bool = True
    """False: it has to be looked at, and may be nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One way to answer a workload's calls."""

    kind: RungKind
    name: str
    """As a reader calls it: a model's name, "exact cache", "specialist"."""
    model: str | None = None
    """As it is asked for at `provider`; None for what is no model of anybody's."""
    provider: str | None = None
    price: Price | None = None
    """Of another model there; None for all else."""
    share: float | None = 1.0
    """Of the workload's calls that it would answer; the others stay with the incumbent. None: nobody knows yet."""
    usd_call: Decimal | None = None
    """What a call that it answers costs. None: unknown."""
    usd_month: Decimal | None = None
    """What the whole workload would cost in a month, the incumbent's part included."""
    one_off_usd: Decimal | None = None
    """What it costs to get there: labels, training, trying. None: unknown."""
    saving: Saving | None = None
    """A month, net of audits, control share and compute. None: unknown; it may be a loss."""
    cheaper_share: float | None = None
    """1 - usd_call / the incumbent's usd_call."""
    evidence: Evidence = "none"
    proof: str = ""
    """The evidence in a sentence, with its source."""
    source: str = ""
    """Address of a published figure."""
    needs: tuple[str, ...] = ()
    """What has to be done first: calls, days, labels, a line of configuration."""
    obstacles: tuple[Obstacle, ...] = ()
    assumptions: tuple[str, ...] = ()
    retires: date | None = None
    reasons: Reasons | None = None
    """Before it answers; None: no, or no source says so."""
    thinking_tokens: int = 0
    """Tokens of that a call: in `usd_call` where it always reasons, at the lower limit of the saving alone where it may."""

    @property
    def blocked(self) -> bool:
        return any(one.hard for one in self.obstacles)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedModel:
    """Another model that was tried on a workload's calls, by its latest attempt."""

    name: str
    """`provider/model`, as the configuration has them."""
    model: str
    attempt_id: str
    at: datetime
    groups: int
    """Distinct requests that it was asked."""
    verdict: Literal["certified", "unproven", "open"]
    """open: nobody has looked at its answers yet."""
    code: str = ""
    reason: str = ""
    needs_labels: int | None = None
    certificate: Certificate | None = None
    route_id: str | None = None
    route_state: RouteState | None = None

    @property
    def certificate_id(self) -> str | None:
        return None if self.certificate is None else self.certificate.certificate_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """A workload's rungs, the smallest first, the incumbent last."""

    workload_id: str
    rungs: tuple[Rung, ...]
    left_out: tuple[str, ...] = ()
    """What was looked at and is not shown, with why."""
    calls: int = 0
    """Those that every saving here is computed over: of known tokens and known cost, and what a specialist answered."""
    days: int = 0
    """Observed; 0 where nobody recorded any. Under three, the intervals are over calls alone."""
    tried: tuple[TriedModel, ...] = ()
    """Other models that were tried on these calls: what has a route first, then the newest."""
    calls_month: tuple[float, float] | None = None
    """95 % of what a month may bring, by these days; by these calls alone under three days. None: declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baselines:
    """What the same calls cost a month under simple rules, side by side: calls whose tokens and cost are both known, no others."""

    calls: int
    """Those compared, of the period."""
    calls_left_out: int
    """Their tokens or their cost are unknown: they stand in none of the four."""
    calls_without_workload: int = 0
    """Of those compared. No ladder speaks of them; they stand in all four as they do in the spend."""
    naive_usd_month: Decimal | None
    """All of them on the dearest model that was called."""
    naive_model: str | None
    honest_usd_month: Decimal | None
    """All of them, none kept back, on the one cheap model with evidence for every workload, else on the cheapest that was called and still
    answers."""
    honest_model: str | None
    honest_evidence: Evidence
    today_usd_month: Decimal | None
    ours_usd_month: Decimal | None
    """Today's, with what the certificates in force save on these very calls, net of control share and computing."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of everything, counted twice: in calls, and in what the incumbents charge for them or would."""

    calls: float
    spend: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How much runs, and could run, on what is almost free beside the incumbent. A call counts once: as running, else under the strongest
    evidence."""

    cheaper: float
    """1 - the price of a call over the incumbent's: at least this."""
    runs: Part
    certified: Part
    """What certificates in force cover beyond that."""
    measured: Part
    published: Part
    unproven: Part
    """By price alone."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiringModel:
    """A model that is called today and stops answering soon, or has, or was announced to and goes on."""

    model: str
    provider: str
    """Empty: at the laboratory itself."""
    day: date
    gone: bool
    """The day has passed, and the log has no answer from after it."""
    replacement: str
    """What the provider recommends; empty: nothing."""
    source: str
    calls: int
    spend_usd_month: Decimal | None
    workloads: tuple[tuple[str, str, Decimal | None], ...]
    """(id, name, dollars a month on this model), the dearest first."""
    sentence: str
    answered_until: date | None = None
    """The last day with an answer of it in the log, where that is after the day on which it was announced to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Whether anything here is worth changing."""

    changing: bool
    """Something certified or measured passes the threshold."""
    trying: bool
    """Something passes it if it should turn out good enough, which nothing here shows."""
    saving: Saving | None
    """A month, of the rungs named, each workload once."""
    one_off_usd: Decimal | None
    rungs: tuple[tuple[str, str], ...]
    """(workload id, name of the rung)."""
    threshold: str
    sentence: str
