"""What a share of the spend is of: the month if the large models of today answered every call. Totals in, words out.

Where small models answer nothing yet that is the spend itself; where they do, more would be spent without them, and whoever reads "a fifth
of the spend" has to be told of which.
"""

from __future__ import annotations

from modicum.report import words
from modicum.report.records import Totals, WorkloadFigures

WITHOUT = "without small models"


def differs(of: Totals | WorkloadFigures) -> bool:
    """Would be read as another amount than what is spent."""
    return of.spend_usd_month is not None and words.money(of.baseline_usd_month) != words.money(of.spend_usd_month)


def without(of: Totals | WorkloadFigures) -> str:
    """`$342 without small models`, beside what is spent; empty where it is as much."""
    if not differs(of):
        return ""
    usd = of.baseline_usd_month
    ranged = words.is_from(of.spend_usd_month, of.spend_low_usd_month)
    return f"{words.between(usd, of.baseline_high_usd_month) if ranged else words.money(usd)} {WITHOUT}"


def beside(line: WorkloadFigures) -> str:
    """What a workload's ladder is held against, as a sentence; empty where that is what it costs."""
    if not differs(line):
        return ""
    return (
        f"All that is said here of a month is of the {words.money(line.baseline_usd_month)} that it would cost {WITHOUT}; as it is, with"
        f" small models answering some of these calls, it costs {words.spend(line)}."
    )


def bill(totals: Totals) -> str:
    """`$11.25 a month` · `the $12.40 a month that all calls would cost without small models`."""
    amount = f"{words.money(totals.baseline_usd_month)} a month"
    return f"the {amount} that all calls would cost {WITHOUT}" if differs(totals) else amount


def said(totals: Totals) -> str:
    """What shares of the spend are of, as a sentence; empty where no cost is known."""
    if not totals.baseline_usd_month:
        return ""
    how = "by the costs that the log states, and list prices where it states none"
    if not differs(totals):
        return f"Shares of the spend are of {bill(totals)}: what a month of these calls costs, {how}."
    return (
        f"Shares of the spend are of {bill(totals)}, {how}: what the large models would take if they answered each. The month as it is,"
        f" with small models answering some, costs {words.money(totals.spend_usd_month)}."
    )
