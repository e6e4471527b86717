"""Which share of an answering route's conversations the coin keeps with the incumbent: little where much is known, more on suspicion.

It follows from what was drawn before alone, so what it draws next is as fair a sample as ever, and the tests hold. What the incumbent takes
for calls that the route would have answered is held below the route's part of `audit_usd_day`, but for the least share, which a promise
that is watched cannot do without.
"""

from __future__ import annotations

import math

from modicum.config import RouteConfig, WatchConfig
from modicum.types import Route, Watch
from modicum.watch.judge import Book

MUCH = 500
"""After so many audits of a step the share is 0.7 of what it began with, and it goes on falling as one over the root of them."""
CALM, ALARMED = 0.5, 0.9
"""A detector rises to about half its bar on the logarithm's scale where nothing is wrong."""
WORTH = 1.25
"""A smaller change is not worth telling every worker."""
PAUSE_S, HASTE_S = 600, 30
DAY_S = 86_400
LEAST_CALLS, LEAST_S = 100, 600


def wanted(watch: Watch, book: Book, settings: WatchConfig, route: RouteConfig, routes: int) -> float:
    """The share that the coin should keep. `routes`: how many answering ones share the money."""
    least, most = settings.least_control, max(settings.most_control, settings.least_control)
    usual = max(route.control_share * math.sqrt(MUCH / (MUCH + watch.audits)), least)
    alarmed = min(max((watch.suspicion - CALM) / (ALARMED - CALM), 0.0), 1.0)
    share = usual + max(most - usual, 0.0) * alarmed
    if (usd := usd_day(watch, book)) is not None and usd > 0:
        share = min(share, settings.audit_usd_day / max(routes, 1) / usd)
    return max(share, least)


def usd_day(watch: Watch, book: Book) -> float | None:
    """What the incumbent would take a day for all that the route would answer; None while too little was seen."""
    seconds = (book.last_us - book.first_us) / 1e6
    if watch.calls < LEAST_CALLS or seconds < LEAST_S or not watch.audits or not book.paid:
        return None
    return watch.calls / seconds * DAY_S * watch.answered / watch.audits * book.paid_usd / book.paid


def due(book: Book, now: float, share: float, wished: float) -> bool:
    """Is the change worth it now? `now`: seconds since 1970."""
    if max(share, wished) < WORTH * min(share, wished):
        return False
    since = abs(now - book.shared_us / 1e6)
    return since >= (HASTE_S if wished > share else PAUSE_S)


def share_of(route: Route, settings: RouteConfig) -> float:
    """The share that holds now."""
    return settings.control_share if route.control_share is None else route.control_share
