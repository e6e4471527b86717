"""What a report holds: figures under the nouns' field names. Money that is not known is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from modicum.report.budget import Budget
from modicum.report.currency import DOLLARS, Currency
from modicum.report.history import Comparison, ScopeSpend, Trend
from modicum.report.month import WHOLE, Edges
from modicum.report.rungs import Baselines, Ladder, RetiringModel, Shares, Worth
from modicum.report.sides import Measured
from modicum.report.traffic import Traffic
from modicum.report.units import UnitFigures
from modicum.types import Certificate, ContractKind, Price, Saving, TaskKind, Verdict

State = Literal[
    "on",  # a specialist answers
    "canary",  # a specialist answers a share of the conversations
    "shadow",  # a specialist is compared, its answers are never sent
    "proposed",  # certified, waiting for a person
    "paused",  # certified once, switched off by a person
    "rolled_back",  # sent back by an alarm or a person
    "retired",  # replaced
    "expired",  # its certificate is too old to answer under
    "refused",  # tried, and not proven
    "not_tried",  # a small model may be tried
    "needs_reading",  # not tried: its answers say more than what is read from them, and nobody said whether that counts
    "unsuited",  # not tried, and this kind of answer cannot be taken over yet
    "ignored",  # the operator left it out
    "declared",  # nobody recorded it: somebody said so
]
IN_FORCE = ("on", "canary", "shadow", "proposed")
"""States with a certificate that holds."""
STOPPED = ("paused", "rolled_back", "retired", "expired")
"""States that had one, and nothing answers by it."""


def _as_much_more(high: Decimal | None, spend: Decimal | None, baseline: Decimal | None) -> Decimal | None:
    """What is as far above the baseline as the limit is above the spend; None where any of them is unknown."""
    return None if high is None or not spend or baseline is None else high * baseline / spend


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpend:
    """What one model was asked and what that cost."""

    model: str
    calls: int
    calls_without_usage: int
    unpriced_calls: int
    """Calls whose cost is unknown: no price, or no usage."""
    spend_usd: Decimal | None
    """Of the calls whose cost is known; None where there is none."""
    price: Price | None
    """On the last day that it was called."""
    spellings: tuple[tuple[str, Decimal | None], ...] = ()
    """The names in the calls that are added up here and what each costs, where there are several, most calls first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCounts:
    """What a specialist in shadow said, against what the incumbent said."""

    calls: int = 0
    """Calls that it saw."""
    would_answer: int = 0
    """Of those, the ones that it was sure of."""
    compared: int = 0
    """Of those, the ones where the incumbent's answer could be read."""
    agreed: int = 0
    """Of those, the ones where both said the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """What happened to the calls that came through the gateway."""

    specialist_calls: int
    incumbent_calls: int
    shadow: ShadowCounts | None
    reasons: tuple[tuple[str, int], ...]
    """Why each call went where it went, most frequent first."""
    saved_usd: Decimal | None
    """What the incumbents would have charged for the specialist's calls, at their mean cost of a call of this workload."""
    specialist_p50_ms: float | None
    incumbent_p50_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateText:
    """One version's prompt with its slots marked, never what they held."""

    version_id: str
    calls: int
    parts: tuple[tuple[str, tuple[str | None, ...]], ...]
    """(role, pieces): a piece is fixed text, or None for a slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """How far a workload's figures, told from those of its calls that were seen, may be off: 95 %."""

    seen_calls: int
    calls_low: int
    calls_high: int
    spend_low_usd_month: Decimal | None
    spend_high_usd_month: Decimal | None
    over: Literal["days", "calls"] = "days"
    """What was drawn in the interval's eyes: days, or under three days the calls alone, taken as costing alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadFigures:
    """One workload: what it costs, what could take it over, what that would save."""

    workload_id: str
    name: str
    scope: str
    task: TaskKind
    contract_kind: ContractKind
    labels: int
    can_be_served: bool
    """False where answers say more than what is read from them: nothing is switched on before the operator says what counts."""
    calls: int
    share: float
    """Of all calls in the report."""
    calls_without_usage: int
    unpriced_calls: int
    spend_usd: Decimal | None
    spend_usd_month: Decimal | None
    baseline_usd_month: Decimal | None
    """What a month would cost if the incumbents answered every call, those of the specialist too."""
    incumbents: tuple[ModelSpend, ...]
    state: State
    answering: float = 0.0
    """Share of the conversations that a specialist answers, of those that are not control: 1 once it is on, in canary its share."""
    cache_read_share: float | None = None
    """Share of the incumbents' input tokens that came from the provider's cache; None where no call said that any did."""
    route_id: str | None = None
    certificate_id: str | None = None
    sentence: str | None = None
    """The certificate's promise."""
    coverage: float | None = None
    """Share of distinct requests that the specialist answers."""
    coverage_calls: float | None = None
    """The same weighted by calls, an estimate."""
    expires_at: datetime | None = None
    saving: Saving | None = None
    """A month, net of the control share; None without a certificate in force."""
    gross_saving_usd_month: Decimal | None = None
    control_usd_month: Decimal | None = None
    """What the control share of the conversations goes on costing."""
    code: str = ""
    reason: str = ""
    """Why nothing is proposed, for programs and for people. `verdict` says what is missing, in calls, days and labels."""
    verdict: Verdict | None = None
    """Without `request_file`: a report names no file of this machine."""
    certificate: Certificate | None = None
    live: LiveFigures | None = None
    templates: tuple[TemplateText, ...] = ()
    task_why: str = ""
    """What told the task, in words."""
    task_sure: float = 0.0
    """How sure the task is, 0 to 1."""
    sampled: Sampled | None = None
    """None: all of its calls were seen, or nobody can say."""
    spend_low_usd_month: Decimal | None = None
    spend_high_usd_month: Decimal | None = None
    """95 % of what a month may bring (`month.limits`), the share of the calls that was seen included; None: declared, or unknown."""

    @property
    def baseline_high_usd_month(self) -> Decimal | None:
        """The upper limit of what the incumbents would cost: no saving is larger."""
        return _as_much_more(self.spend_high_usd_month, self.spend_usd_month, self.baseline_usd_month)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days that a scope's calls speak of."""

    scope: str
    from_day: date
    to_day: date
    days_observed: int
    days_left_out: int
    """Days inside the period without any call for more than a week: nobody was looking."""
    calls: int
    days: float = 0.0
    """In whole days: the first and the last count as the part of them that was recorded."""
    edges: Edges = WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlineFigure:
    """One of the three figures that a reader sees first."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything together."""

    calls: int
    calls_in_workloads: int
    calls_without_workload: int
    failed_calls: int
    """Status 400 and above."""
    calls_without_usage: int
    unpriced_calls: int
    spend_usd: Decimal | None
    spend_usd_month: Decimal | None
    baseline_usd_month: Decimal | None
    """What a month would cost if the incumbents answered every call."""
    spend_without_workload_usd: Decimal | None
    spend_without_workload_usd_month: Decimal | None
    workloads: int
    certified: int
    saving_on: Saving | None
    """Of the routes that are on."""
    saving_proposed: Saving | None
    """Of those proposed or in shadow."""
    saving: Saving | None
    """Of both together."""
    saving_unknown: int
    """Certified workloads whose saving is unknown."""
    answerable_share: float | None
    """Share of all calls that certified specialists answer, net of the control share."""
    expected_wrong_certificates: float
    """How many of the certificates one must expect to be wrong, at most: the sum of what each may err."""
    refused_calls: int = 0
    """Failed before any token: nobody bills them, and they are not among those of unknown cost."""
    impossible_calls: int = 0
    """Of unknown cost, for what was written down of their use cannot be; not among those without usage."""
    told_calls: int = 0
    """Of `calls`: those that usage and cost exports tell of, and no record."""
    told_usd: Decimal = Decimal(0)
    """Of `spend_usd`: what such exports tell of."""
    spend_low_usd_month: Decimal | None = None
    spend_high_usd_month: Decimal | None = None
    """95 % of what a month may bring; None: declared, or unknown."""
    hours_recorded: int = 24
    """Hours of the day of which some scope's calls hold any, the fewest of them. Under 24 the spend's limits go from what was recorded to
    as much in every hour."""

    @property
    def baseline_high_usd_month(self) -> Decimal | None:
        """The upper limit of what all calls would cost without small models: no saving is larger."""
        return _as_much_more(self.spend_high_usd_month, self.spend_usd_month, self.baseline_usd_month)

    @property
    def unpriced_share(self) -> float:
        """Of the calls that may have cost something: those of which nobody knows what."""
        billed = self.calls - self.refused_calls
        return self.unpriced_calls / billed if billed else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that a report says; text, page and JSON show this record."""

    made_at: datetime
    version: str
    headline: str
    figures: tuple[HeadlineFigure, HeadlineFigure, HeadlineFigure]
    period_from: date
    period_to: date
    periods: tuple[Period, ...]
    control_share: float
    totals: Totals
    workloads: tuple[WorkloadFigures, ...]
    """Dearest first."""
    models: tuple[ModelSpend, ...]
    """All models called, dearest first, unknown prices last."""
    notes: tuple[str, ...]
    """How the figures were made, and what is not in them."""
    currency: Currency = DOLLARS
    """What money is shown in; every figure here is dollars."""
    budget: Budget | None = None
    scopes: tuple[ScopeSpend, ...] = ()
    """Dearest first."""
    trend: Trend | None = None
    seen_calls: int = 0
    """Calls that came in with what was asked; of the others only figures are known."""
    comparison: Comparison | None = None
    traffic: Traffic | None = None
    refused_lines: int | None = None
    """Lines of the logs brought in for this report that are no calls; None where none was."""
    ladders: tuple[Ladder, ...] = ()
    """What could answer each workload, the smallest first."""
    baselines: Baselines | None = None
    shares: Shares | None = None
    retiring: tuple[RetiringModel, ...] = ()
    worth: Worth | None = None
    beside: tuple[str, ...] = ()
    """What providers' exports tell of that no recorded call covers, in sentences."""
    units: tuple[UnitFigures, ...] = ()
    """What good answers cost, of the calls that feedback speaks of."""
    measured: Measured = Measured()
    """What live routes saved so far."""
    declared: bool = False
    """Every figure is what somebody said, at list prices; nothing was recorded."""
