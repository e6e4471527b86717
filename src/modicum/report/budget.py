"""What a month may cost, in whatever currency the bill is signed in, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from modicum.config.sections import ReportConfig
from modicum.errors import InputError
from modicum.report.currency import DOLLARS, Currency, amount_of, code_of, rate_of

OLD_RATE_DAYS = 31
"""A rate older than this is said to be."""

Standing = Literal[
    "under",
    "over",
    "under_so_far",  # what is known is under it, and the cost of some calls is not known
    "unknown",  # no call's cost is known
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a month may cost."""

    amount: Decimal
    """In `currency`, as it was given."""
    currency: Currency

    @property
    def usd(self) -> Decimal:
        return self.currency.usd(self.amount)

    def share(self, usd_month: Decimal | None) -> float | None:
        """How much of it a month's spend takes; None where the spend is unknown."""
        return None if usd_month is None else float(usd_month / self.usd)

    def standing(self, usd_month: Decimal | None, unpriced_calls: int) -> Standing:
        """A known part that is over is over; calls of unknown cost leave "under" open."""
        if usd_month is None:
            return "unknown"
        if usd_month > self.usd:
            return "over"
        return "under_so_far" if unpriced_calls else "under"


def choose(
    settings: ReportConfig, *, today: date, currency: str | None = None, rate: str | None = None, threshold: str | None = None
) -> tuple[Currency, Budget | None]:
    """The currency to show and the budget to hold against, from flags (`currency`, `rate`, `threshold`) over `[report]`.

    Without --currency a report is shown in the budget's. One rate is known at a time, so the two are the same currency unless one of
    them is dollars. Raises InputError.
    """
    limit = amount_of(threshold or settings.threshold) if threshold or settings.threshold else None
    wanted = code_of(currency or settings.currency) if currency or settings.currency else (limit[1] if limit else "USD")
    foreign = {code for code in (wanted, limit[1] if limit else "USD") if code != "USD"}
    if len(foreign) > 1:
        raise InputError(
            f"a budget in {limit[1] if limit else ''} and a report in {wanted} want two rates",
            hint="give both in one currency, or one in USD",
        )
    known = DOLLARS
    if foreign:
        known = _rated(foreign.pop(), settings, rate, today)
    elif rate is not None and rate_of(rate) != 1:
        raise InputError("--rate without a currency that is not the dollar", hint="--currency MYR --rate 4.7")
    shown = known if wanted == known.code else DOLLARS
    return shown, None if limit is None else Budget(amount=limit[0], currency=known if limit[1] == known.code else DOLLARS)


def _rated(code: str, settings: ReportConfig, rate: str | None, today: date) -> Currency:
    if rate is not None:
        return Currency(code=code, rate=rate_of(rate), source="as given on the command line", as_of=today)
    if settings.rate and (settings.currency or code).upper() == code:
        return Currency(
            code=code, rate=rate_of(settings.rate), source=settings.rate_source or "[report] in modicum.toml", as_of=_day(settings)
        )
    raise InputError(
        f"what a dollar is worth in {code} is not known, and nothing is fetched",
        hint=f'--rate N, or [report] currency = "{code}", rate = "N", rate_source and rate_as_of in modicum.toml',
    )


def _day(settings: ReportConfig) -> date | None:
    if not settings.rate_as_of:
        return None
    try:
        return date.fromisoformat(settings.rate_as_of)
    except ValueError:
        raise InputError(f"report.rate_as_of = {settings.rate_as_of!r} is not a day like 2026-11-20") from None
