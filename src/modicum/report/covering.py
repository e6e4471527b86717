"""What of a provider's totals the recorded calls do not cover: the only part of them that may be added to the calls' spend.

Calls go before totals. Where calls and a total tell of the same provider, day and model, only what the total has more is counted; where
there are no calls, all of it. So no dollar is counted twice, whatever logs were brought in beside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.backends.priced import priced
from modicum.catalog import Catalogue, cost, tiers
from modicum.config import Config
from modicum.report import words
from modicum.report.costing import believed
from modicum.report.invoice import ALL, InvoiceLine, lines, plain_name
from modicum.report.recorded import RecordedLine, is_of, recorded
from modicum.store.calls import Calls
from modicum.store.totals import Totals
from modicum.types import Price, ProviderTotal, Usage

if TYPE_CHECKING:
    from modicum.store.calls import SpendRow, UsageRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncovered:
    """What a provider says of one day and model beyond the recorded calls."""

    day: str
    provider: str
    model: str
    usd: Decimal | None
    """None where neither the export nor the list has a price, or what some of the recorded calls cost is unknown."""
    requests: int | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int
    cache_write_tokens: int
    """Of the input; 0 where the export does not say."""
    whole: bool
    """There are no calls of that day and model at all."""


def uncovered(totals: Iterable[ProviderTotal], rows: Iterable[SpendRow], catalogue: Catalogue) -> tuple[Uncovered, ...]:
    """The part of these totals that these calls (of the same scope and period) do not cover, by day, provider and model."""
    invoice = lines(totals)
    named: dict[str, set[str]] = defaultdict(set)
    for line in invoice:
        named[line.provider].add(line.model)
    models = {provider: frozenset(names) for provider, names in named.items()}
    held: dict[tuple[str, str], list[RecordedLine]] = defaultdict(list)
    for one in recorded(rows, catalogue):
        held[one.day, one.model].append(one)
        held[one.day, ALL].append(one)
    found = []
    for line in invoice:
        its = [one for one in held.get((line.day, line.model), ()) if is_of(line.provider, one, models[line.provider])]
        if (rest := _rest(line, its, catalogue)) is not None:
            found.append(rest)
    return tuple(found)


def _rest(line: InvoiceLine, calls: Sequence[RecordedLine], catalogue: Catalogue) -> Uncovered | None:
    usd = told = line.usd if line.usd is not None else list_price(line, catalogue)
    sent, got, read, written = (
        _sum(getattr(tokens.usage, name) for tokens in line.tiers.values())
        for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    )
    requests = line.requests
    if calls:
        held = [tokens for one in calls for tokens in one.tiers.values()]
        if any(one.calls_of_unknown_cost for one in calls):
            usd = None  # what is left of a sum when something unknown is taken away
        elif usd is not None:
            usd = max(Decimal(0), usd - sum((one.usd for one in calls), Decimal(0)))
        requests = None if requests is None else max(0, requests - sum(one.calls for one in calls))
        sent = None if sent is None else max(0, sent - sum(tokens.usage.input_tokens or 0 for tokens in held))
        got = None if got is None else max(0, got - sum(tokens.usage.output_tokens or 0 for tokens in held))
        read, written = (
            max(0, (whole or 0) - sum(getattr(tokens.usage, name) or 0 for tokens in held))
            for name, whole in (("cache_read_tokens", read), ("cache_write_tokens", written))
        )
        counts = [count for count in (requests, sent, got) if count is not None]
        if not any(counts) if counts else usd == 0 or told is None:
            return None  # dollars that differ where calls and tokens are all there are another price
    return Uncovered(
        day=line.day,
        provider=line.provider,
        model=line.spelled,
        usd=usd,
        requests=requests,
        input_tokens=sent,
        output_tokens=got,
        cache_read_tokens=(cached := min(read or 0, sent or 0)),
        cache_write_tokens=min(written or 0, (sent or 0) - cached),
        whole=not calls,
    )


def list_price(line: InvoiceLine, catalogue: Catalogue, *, tiered: bool = True, cached: bool = True) -> Decimal | None:
    """What the tokens on a line cost by the list; None where some have no price there.

    Not `tiered`: as if nothing were a batch. Not `cached`: as if nothing came from a cache.
    """
    total = Decimal(0)
    for (spelled, tier), tokens in line.tiers.items():
        usage, length = tokens.usage, 0
        if tokens.requests:
            length = (usage.input_tokens or 0) // tokens.requests
        if not cached:
            usage = Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        usd = cost(_price(line, spelled, tier if tiered else None, length, catalogue), usage, calls=tokens.requests or 0)
        if usd is None:
            return None
        total += usd
    return total if line.tiers else None


def _price(line: InvoiceLine, spelled: str, tier: str | None, length: int, catalogue: Catalogue) -> Price | None:
    names, day = (spelled, plain_name(spelled)), date.fromisoformat(line.day)
    return tiers.price_of(catalogue, names, day, input_tokens=length, provider=line.provider, service_tier=tier)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What one provider told of one model beyond the recorded calls, over some days."""

    provider: str
    model: str
    days: int
    usd: Decimal | None
    """Of the days whose cost is known; None where none is."""
    requests: int | None
    unknown_days: int = 0
    """Days of which what is left over cannot be told in dollars."""


def left_over(
    config: Config, *, scope: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> tuple[str, tuple[Uncovered, ...]]:
    """(the scope of the totals, what of them no call covers) of a home's whole days from `since` to before `until`. Totals of one scope are
    held against the calls of that scope, totals of all scopes against all calls."""
    first = None if since is None else datetime.combine(since.date() + timedelta(days=since.time() != time()), time(), UTC)
    last = None if until is None else datetime.combine(until.date(), time(), UTC)
    days = {name: at.date().isoformat() for name, at in (("since", first), ("until", last)) if at is not None}
    totals = Totals(config.home).all(scope=scope, **days) if (config.home / "control.db").exists() else []
    if not totals:
        return scope or "default", ()
    catalogue = Catalogue(*priced(config))
    rows = believed((row for row in Calls(config.home).spending(since=first, until=last) if scope in (None, row.scope)), catalogue)
    scopes = {total.scope for total in totals}
    return scopes.pop() if len(scopes) == 1 else "default", uncovered(totals, rows, catalogue)


def beside(left: Iterable[Uncovered]) -> tuple[Beside, ...]:
    """The same by provider and model, dearest first."""
    found: dict[tuple[str, str], list[Uncovered]] = defaultdict(list)
    for one in left:
        found[one.provider, one.model].append(one)
    told = [
        Beside(
            provider=provider,
            model=model,
            days=len({one.day for one in its}),
            usd=sum((one.usd for one in its if one.usd is not None), Decimal(0)) if any(one.usd is not None for one in its) else None,
            requests=_sum(one.requests for one in its),
            unknown_days=len({one.day for one in its if one.usd is None}),
        )
        for (provider, model), its in found.items()
    ]
    return tuple(sorted(told, key=lambda one: (-(one.usd or 0), one.provider, one.model)))


def said(found: Sequence[Beside]) -> tuple[str, ...]:
    """The same in a sentence; nothing where calls cover all."""
    usd = sum((one.usd for one in found if one.usd is not None), Decimal(0))
    unknown = any(one.unknown_days for one in found)
    if not usd and not unknown:
        return ()
    whose = words.listing([f"{words.visible(one.model, 60)} at {one.provider} {_much(one.usd, one.unknown_days)}" for one in found], 5)
    return (
        f"Beside the recorded calls, usage and cost exports tell of {_much(usd or None, unknown)} that no recorded call"
        f" covers: {whose}. It counts towards the spend, and towards no workload; `modicum reconcile` says why.",
    )


def days_told(usage: Iterable[UsageRow]) -> tuple[str, ...]:
    """Where exports tell of days without any call of theirs, what that does to a workload's month, in a sentence. `usage`: calls, and what
    exports tell of beside them."""
    days: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for row in usage:
        days[row.scope][row.told].add(row.day)
    more = [(len(told - calls), len(calls)) for calls, told in days.values() if calls and told - calls]
    if not more:
        return ()
    beyond, with_calls = (sum(counts) for counts in zip(*more, strict=True))
    return (
        f"Usage and cost exports tell of {words.count(beyond, 'day')} of which there are no calls, beside {with_calls:,} of which there"
        " are. The month of a workload is spread over all of these days: what it costs, and what could be saved on it, comes out low."
        " Bring in the calls of the same days, or ask for the days of the calls alone (--since, --until).",
    )


def _much(usd: Decimal | None, unknown: float) -> str:
    """$4.10 · $4.10 and an unknown amount · an unknown amount."""
    return "an unknown amount" if usd is None else words.money(usd) + (" and an unknown amount" if unknown else "")
