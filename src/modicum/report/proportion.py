"""Is what a provider charges beside its list a price, one proportion over the days, or anything at all?"""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from modicum.report.difference import Held

PROPORTION_WITHIN = Decimal("0.01")
FEWEST_DAYS = 3
"""So many days of one proportion make a price."""


def proportions(rows: list[Held]) -> list[Held]:
    """Prices that keep no proportion over the days, or are seen on too few of them, explain nothing."""
    ratios: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for row in rows:
        if (ratio := _ratio(row)) is not None:
            ratios[row.provider, row.model].append(ratio)
    found = []
    for row in rows:
        mine = _ratio(row)
        if mine is None:
            found.append(row)
            continue
        own = ratios[row.provider, row.model]
        usual = statistics.median(own)
        days = sum(_is_near(one, usual) for one in own)
        found.append(_with_price(row, usual if _is_near(mine, usual) else mine, days if _is_near(mine, usual) else 1))
    return found


def _ratio(row: Held) -> Decimal | None:
    """What is charged over what the list says; None where nothing can be held against anything."""
    base = _base(row)
    return None if base is None or base <= 0 else 1 + _price_usd(row) / base


def _is_near(one: Decimal, usual: Decimal) -> bool:
    return abs(one - usual) <= PROPORTION_WITHIN * abs(usual)


def _with_price(row: Held, ratio: Decimal, days: int) -> Held:
    said = f"{abs(1 - ratio):.1%} {'below' if ratio < 1 else 'above'} the list"
    steady = days >= FEWEST_DAYS
    said += f" on {days:,} days" if steady else f", on {'one day' if days == 1 else f'{days} days'} alone"
    causes = (
        cause if cause.kind != "other price" else replace(cause, detail=said, kind="other price" if steady else "unexplained")
        for cause in row.causes
    )
    return replace(row, causes=tuple(causes))


def _price_usd(row: Held) -> Decimal:
    return sum((cause.usd for cause in row.causes if cause.kind == "other price"), Decimal(0))


def _base(row: Held) -> Decimal | None:
    """What the invoice's dollars would be without a price of the provider's own."""
    return None if not row.invoice_usd or row.invoice_is_list else row.invoice_usd - _price_usd(row)
