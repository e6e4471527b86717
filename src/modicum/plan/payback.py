"""When a specialist has paid for itself: what it takes to build one, what it saves a day, what keeping its promise costs a day."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What one specialist takes."""

    labels: int = 0
    """Answers that a person or a judge says right or wrong. A promise of agreement needs none."""
    label_usd: Decimal = Decimal("0.08")
    hours: float = 4.0
    """Of somebody's time, to fit it, read its certificate and switch it on."""
    hour_usd: Decimal = Decimal(60)
    training_hours: float = 0.1
    """Of a machine's time."""
    training_usd_hour: Decimal = Decimal("0.10")
    audits_day: float = 0.0
    """Answers a day that somebody looks at afterwards."""
    control_share: float = 0.05
    """Of the conversations, kept with the large model so that the promise can be checked."""

    @property
    def usd(self) -> Decimal:
        """Once."""
        return self.labels * self.label_usd + Decimal(self.hours) * self.hour_usd + Decimal(self.training_hours) * self.training_usd_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Payback:
    """A specialist's account."""

    one_off_usd: Decimal
    labels_usd: Decimal
    work_usd: Decimal
    training_usd: Decimal
    saved_usd_day: Decimal
    """Before what keeping the promise costs."""
    upkeep_usd_day: Decimal
    days: float | None
    """Until it has paid for itself. None: never."""

    @property
    def net_usd_day(self) -> Decimal:
        return self.saved_usd_day - self.upkeep_usd_day


def payback(build: Build, spend_usd_day: Decimal, answered: float) -> Payback:
    """A workload that costs so much a day, of whose calls a specialist would answer this share; its own computing is a rounding error (well
    under a millisecond a call). The control share is lost of what it could answer, and audits are paid for."""
    saved = spend_usd_day * Decimal(answered)
    upkeep = saved * Decimal(build.control_share) + Decimal(build.audits_day) * build.label_usd
    net = saved - upkeep
    return Payback(
        one_off_usd=_cents(build.usd),
        labels_usd=_cents(build.labels * build.label_usd),
        work_usd=_cents(Decimal(build.hours) * build.hour_usd),
        training_usd=_cents(Decimal(build.training_hours) * build.training_usd_hour),
        saved_usd_day=_cents(saved),
        upkeep_usd_day=_cents(upkeep),
        days=float(build.usd / net) if net > 0 else None,
    )


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(Decimal("0.01"))
