"""Sentences on the budget, the rate, what changed, and what savings are held over: records in, words out, the same on page and terminal."""

from __future__ import annotations

from datetime import date

from modicum.report import words
from modicum.report.budget import OLD_RATE_DAYS, Budget
from modicum.report.currency import Currency, shown_in
from modicum.report.history import Comparison
from modicum.report.month import FEWEST_DAYS
from modicum.report.records import Report
from modicum.report.rungs import Ladder


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
        return f"{spend} a month of {limit} allowed: {share}{missing}."


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
    change = comparison.change_usd
    if not change:
        return f"Spend stayed at {words.money(after.spend_usd)} {spans}."
    share = f" ({words.percent(abs(float(change / before.spend_usd)))})" if before.spend_usd else ""
    way = "rose" if change > 0 else "fell"
    effects = {
        "the number of calls": comparison.volume_usd,
        "which workloads and models were called": comparison.mix_usd,
        "what the same call costs": comparison.price_usd,
        "new workloads": comparison.new_usd,
        "workloads that are gone": comparison.gone_usd,
    }
    most = max(effects, key=lambda name: abs(effects[name]))
    return (
        f"Spend {way} by {words.money(abs(change))}{share} {spans}, to {words.money(after.spend_usd)};"
        f" most of all by {most} ({words.signed(effects[most])})."
    )


def over(its: Ladder) -> str:
    """What the savings of a ladder are computed over: n, days, and what a month may bring."""
    if its.calls_month is None or not its.days:
        return f"Savings of {words.count(its.calls, 'declared call')} a month, with no interval: nobody recorded any."
    low, high = (f"{value:,.0f}" for value in its.calls_month)
    month = f"a month like these brings {low} to {high} calls (95 %)" if low != high else f"a month like these brings {low} calls"
    few = f"; {words.count(its.days, 'day')} are too few to say how days differ" if its.days < FEWEST_DAYS else ""
    return f"Savings over {words.count(its.calls, 'call')} of {words.count(its.days, 'day')}; {month}{few}."
