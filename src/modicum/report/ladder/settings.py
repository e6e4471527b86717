"""What a ladder assumes where no record says: the price of work, of labels, of computing, how tokenizers differ, how small is too small.

All of it is an assumption, stands beside the figures that rest on it, and may be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from modicum.config import Config
from modicum.errors import ConfigError
from modicum.plan.cost import Assumptions
from modicum.plan.payback import Build
from modicum.types import TaskKind

_BUILD = Build()
MOST_DOLLARS = 10**6
LEAST_PARAMETERS: Mapping[TaskKind, int] = MappingProxyType(
    {
        **dict.fromkeys(("classify", "extract", "score"), 3_000_000_000),
        **dict.fromkeys(("tool", "translate", "summarise"), 7_000_000_000),
        **dict.fromkeys(("retrieve-and-answer", "generate", "unsure"), 20_000_000_000),
    }
)
"""From how many parameters on an open model is looked at for a kind of task. A rule of thumb: a reader who knows better sets another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderSettings:
    """What the figures suppose."""

    control_share: float = 0.05
    """Of the calls, kept with the incumbent wherever another model takes over, so that a drop in quality is seen."""
    label_usd: Decimal = _BUILD.label_usd
    """One answer that a person or a judge says right or wrong."""
    trial_labels: int = 100
    """Answers that are looked at before another model of somebody's takes over."""
    audit_labels_month: int = 0
    """Answers a month that are looked at afterwards."""
    work_hours: float = _BUILD.hours
    """Of somebody's time, to try one way and to switch it on."""
    small_work_hours: float = 2.0
    """The same where the model stays: another order of the prompt, a batch, a cache."""
    hour_usd: Decimal = _BUILD.hour_usd
    training_hours: float = _BUILD.training_hours
    computing_usd_hour: Decimal = _BUILD.training_usd_hour
    """Of the machine that trains a specialist and runs it."""
    serving_ms: float = 1.0
    """Of that machine's time for one answer of a specialist: measured 0.3 ms, rounded up."""
    token_ratio: float = 0.2
    """Another model may count this much more or fewer tokens in the same text; the estimate takes as many."""
    thinking_tokens: int = 200
    """Of reasoning before an answer. A model that can be asked not to: the estimate takes none, the interval up to so many. One that always
    reasons: the estimate takes so many, the interval `thinking_spread` times less to as many times more."""
    thinking_spread: float = 4.0
    least_repeats: float = 0.01
    """Of the requests, below which an exact cache is not worth a thought."""
    cache_minutes: float = 5.0
    """A provider keeps a prompt's beginning for so long after it was last read."""
    cache_least_tokens: int = 1024
    """Shorter beginnings are not kept."""
    trim_share: float = 0.5
    """Of the text that is sent again and again, what one may hope to leave out; the interval: half of that to half as much again."""
    least_parameters: Mapping[TaskKind, int] = field(default_factory=lambda: LEAST_PARAMETERS)
    published_margin: float = 0.02
    """Of the incumbent's score in the same benchmark, how much less still counts as no worse."""
    margin: float = 0.01
    confidence: float = 0.95
    """Of a certificate, as `[fit]` has them."""
    retiring_days: int = 120
    most_rungs: int = 9
    providers: tuple[str, ...] = ()
    """Providers, by their names in the price list, that this organisation has terms with; empty: nothing is known of that."""
    own_only: bool = False
    """Nothing may be sent to a provider that does not see it today."""
    region: str = ""
    """Where the calls must stay."""
    machines: Assumptions = Assumptions()
    months: int = 12
    """In which what it costs once must have come in again."""
    least_share: float = 0.05
    """Of the spend, below which nothing is worth changing."""
    cheaper: float = 0.99
    """From here on something counts as almost free beside the incumbent."""

    @classmethod
    def of(cls, config: Config) -> LadderSettings:
        """What a configuration says, the rest as it stands here. Raises ConfigError for a price of work that is none."""
        said, hour = config.report, _dollars("hour_usd", config.report.hour_usd)
        return cls(
            control_share=config.route.control_share,
            margin=config.fit.margin,
            confidence=config.fit.confidence,
            label_usd=_dollars("label_usd", said.label_usd),
            hour_usd=hour,
            machines=Assumptions(hour_usd=hour),
            providers=said.agreed,
            own_only=said.own_only,
            region=said.region,
        )

    @property
    def audit_usd_month(self) -> Decimal:
        return self.audit_labels_month * self.label_usd

    @property
    def serving_usd_call(self) -> Decimal:
        return Decimal(str(self.serving_ms)) / 3_600_000 * self.computing_usd_hour

    def one_off_usd(self, *, labels: int = 0, training: bool = False, small: bool = False) -> Decimal:
        """What it costs to get there."""
        hours = Decimal(str(self.small_work_hours if small else self.work_hours))
        trained = Decimal(str(self.training_hours)) * self.computing_usd_hour if training else Decimal(0)
        return labels * self.label_usd + hours * self.hour_usd + trained


def _dollars(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value < MOST_DOLLARS:
        raise ConfigError(f'[report] {name} = "{text[:40]}" is no amount of dollars', hint='a plain number: "0.08"')
    return value
