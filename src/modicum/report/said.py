"""Sentences on the budget, the rate, what changed, and what savings are held over: records in, words out, the same on page and terminal."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from modicum.report import words
from modicum.report.budget import OLD_RATE_DAYS, Budget
from modicum.report.currency import Currency, shown_in
from modicum.report.history import Comparison
from modicum.report.month import FEWEST_DAYS
from modicum.report.records import Report, Totals
from modicum.report.rungs import Ladder

LEAST = Decimal("1e-9")
"""Dollars, below which a change is none."""


MOST_UNKNOWN = 0.05
"""Of the calls that may have cost something: where the cost of more is unknown, nobody can say that nothing is worth changing."""


def doubt(totals: Totals) -> str:
    """Why nobody can say yet whether anything is worth changing; empty where that can be said."""
    if totals.calls and totals.refused_calls == totals.calls:
        they = "The one call" if totals.calls == 1 else f"All {totals.calls:,} calls"
        return f"{they} failed before any token: nothing was answered or spent, so there is nothing to compare yet."
    if totals.unpriced_share > MOST_UNKNOWN:
        share = words.percent(totals.unpriced_share)
        which = "none of the calls has a" if totals.spend_usd_month is None else f"{share} of the calls have no"
        return f"Whether anything here is worth changing cannot be said yet: {which} known cost."
    return ""


def against_budget(report: Report) -> str:
    """RM 2,310 a month of RM 3,000 allowed: 77 %. Always in the budget's own currency. Empty without a budget."""
    budget, totals = report.budget, report.totals
    if budget is None:
        return ""
    with shown_in(budget.currency):
        limit, spend = words.money(budget.usd), words.money(totals.spend_usd_month)
        standing = budget.standing(totals.spend_usd_month, totals.unpriced_calls)
        if standing == "unknown":
            return f"Whether {limit} a month is kept is unknown: no call has a known cost."
        share = words.percent(budget.share(totals.spend_usd_month))
        if standing == "over":
            over = words.money((totals.spend_usd_month or 0) - budget.usd)
            return f"Over budget: {spend} a month of {limit} allowed, {over} too much."
        missing = f", without {words.count(totals.unpriced_calls, 'call')} of unknown cost" if standing == "under_so_far" else ""
        high = totals.spend_high_usd_month
        more = f" It may come to {words.money(high)}." if high is not None and high > budget.usd else ""
        return f"{spend} a month of {limit} allowed: {share}{missing}.{more}"


def is_over(budget: Budget, report: Report) -> bool:
    """Over, or nobody can tell: what guards a budget must not pass what it cannot see."""
    return budget.standing(report.totals.spend_usd_month, report.totals.unpriced_calls) in ("over", "unknown")


def at_rate(currency: Currency, today: date) -> str:
    """A dollar is MYR 4.70 (Bank Negara, 20 Nov 2026). Empty for dollars."""
    if currency.is_dollar:
        return ""
    day = f", {words.span(currency.as_of, currency.as_of)}" if currency.as_of else ", of a day that nobody wrote down"
    old = " The rate is old." if currency.as_of and (today - currency.as_of).days > OLD_RATE_DAYS else ""
    rate = f"{currency.rate.normalize():f}"
    return f"A dollar is taken as {currency.code}\u00a0{rate} ({words.visible(currency.source, 120)}{day}).{old}"


def changed(comparison: Comparison) -> str:
    """What moved, and what moved it most."""
    before, after = comparison.before, comparison.after
    spans = f"from {words.span(before.first, before.last)} to {words.span(after.first, after.last)}"
    uneven = comparison.uneven
    change = comparison.change_usd_day if uneven else comparison.change_usd
    old, new = (before.usd_day, after.usd_day) if uneven else (before.spend_usd, after.spend_usd)
    what, each = ("Spend a day", " a day") if uneven else ("Spend", "")
    if abs(change) < LEAST:
        return f"{what} stayed at {words.money(new)} {spans}."
    share = f" ({words.percent(abs(float(change / old)))})" if old else ""
    way = "rose" if change > 0 else "fell"
    effects = {
        "the number of calls" + (" a day" if comparison.uneven else ""): comparison.volume_usd,
        "which workloads and models were called": comparison.mix_usd,
        "what the same call costs": comparison.price_usd,
        "new workloads": comparison.new_usd,
        "workloads that are gone": comparison.gone_usd,
    }
    most = max(effects, key=lambda name: abs(effects[name]))
    days = [f"{words.money(side.spend_usd)} in {words.count(side.days, 'day')}" for side in (before, after)]
    whole = f" In all it was {days[0]}, then {days[1]}." if uneven else ""
    return (
        f"{what} {way} by {words.money(abs(change))}{share} {spans}, to {words.money(new)}{each};"
        f" most of all by {most} ({words.signed(effects[most])}{' in all' if uneven else ''}).{whole}"
    )


def over(its: Ladder) -> str:
    """What the savings of a ladder are computed over: n, days, and what a month may bring."""
    if its.calls_month is None or not its.days:
        return (
            f"Savings of {words.count(its.calls, 'declared call')} a month; intervals hold what each way supposes of tokens, and not how"
            " months differ: nobody recorded any."
        )
    low, high = (f"{value:,.0f}" for value in its.calls_month)
    month = f"a month like these brings {low} to {high} calls (95 %)" if low != high else f"a month like these brings {low} calls"
    few = f"; {words.count(its.days, 'day')} are too few to say how days differ" if its.days < FEWEST_DAYS else ""
    return f"Savings over {words.count(its.calls, 'call')} of {words.count(its.days, 'day')}; {month}{few}."
