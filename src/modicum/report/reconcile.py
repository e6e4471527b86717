"""Hold recorded spend against a provider's export, day by day and model by model, and say what the difference is made of.

With tokens on both sides the difference is taken apart exactly: D = I - R is the sum of what the volume differs by (at list prices, all
tokens plain), what is cached otherwise, what is asked in batches otherwise, what the provider charges beside its list, and what was
recorded beside it. Each is an amount with a sign; they add up to D to the last digit. A provider's own price counts as explained where it
keeps one proportion to the list over the days (within 1 %); where it jumps about, the rest stays unexplained. Without tokens on the invoice
a difference is explained only where nothing was recorded at all, or one proportion holds.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from modicum.catalog import Catalogue
from modicum.errors import NotEnoughDataError
from modicum.report.covering import list_price
from modicum.report.invoice import ALL, InvoiceLine, Tokens, lines
from modicum.report.recorded import RecordedLine, is_of, recorded
from modicum.types import ProviderTotal, Usage

if TYPE_CHECKING:
    from modicum.store.calls import SpendRow

Kind = Literal[
    "missing calls",  # the provider charged for calls that are not on record
    "extra calls",  # calls on record that the provider did not charge for
    "cached tokens",  # the two count other shares of the input as cached
    "batch discount",  # the two count other calls as batches
    "other price",  # the provider charges otherwise than its list, always in one proportion
    "recorded otherwise",  # calls were recorded with another cost than the list gives
    "unknown model",  # no price is known for what was recorded
    "other charges",  # what the provider charges beside calls: searches, storage
    "not on the invoice",  # recorded, and nowhere on the invoice
    "unexplained",
]
NOT_EXPLAINED: tuple[Kind, ...] = ("not on the invoice", "unexplained")
PROPORTION_WITHIN = 0.01
SMALL_USD = Decimal("0.005")
"""Half a cent: exports round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A part of a difference, with its sign: what the invoice has more."""

    kind: Kind
    usd: Decimal
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One day and model, on the invoice and on record."""

    day: str
    provider: str
    model: str
    invoice_usd: Decimal
    invoice_is_list: bool
    """The export tells of tokens alone: its dollars are the list's."""
    recorded_usd: Decimal
    invoice_requests: int | None
    recorded_calls: int
    difference_usd: Decimal
    causes: tuple[Cause, ...]

    @property
    def unexplained_usd(self) -> Decimal:
        return sum((cause.usd for cause in self.causes if cause.kind in NOT_EXPLAINED), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """All of it."""

    headline: str
    explained: float
    """Share of the larger of both sums, 0..1."""
    from_day: str
    to_day: str
    invoice_usd: Decimal
    recorded_usd: Decimal
    difference_usd: Decimal
    causes: tuple[Cause, ...]
    """Summed, largest first."""
    rows: tuple[Held, ...]
    notes: tuple[str, ...]


def reconcile(totals: Iterable[ProviderTotal], spend: Sequence[SpendRow], catalogue: Catalogue) -> Reconciled:
    """`totals`: of the export. `spend`: calls of at least its days. Raises NotEnoughDataError where the export holds nothing."""
    invoice = lines(totals)
    if not invoice:
        raise NotEnoughDataError("the invoice holds no day with anything on it")
    days = {(line.provider, line.day) for line in invoice}
    models = frozenset(line.model for line in invoice)
    calls: dict[tuple[str, str], list[RecordedLine]] = defaultdict(list)
    for provider in sorted({line.provider for line in invoice}):
        for one in recorded(spend, catalogue):
            if (provider, one.day) in days and is_of(provider, one, models):
                calls[provider, one.day].append(one)
    rows: list[Held] = []
    for line in invoice:
        its = calls[line.provider, line.day]
        mine = [one for one in its if line.model in (one.model, ALL)]
        calls[line.provider, line.day] = [one for one in its if one not in mine]
        rows.append(_held(line, mine, catalogue))
    for (provider, _), left in calls.items():
        rows += [_only_recorded(one, provider) for one in left]
    rows = _proportions(rows)
    rows.sort(key=lambda row: (row.day, row.provider, row.model))
    return _summed(rows)


def _held(line: InvoiceLine, calls: Sequence[RecordedLine], catalogue: Catalogue) -> Held:
    listed = list_price(line, catalogue)
    usd = line.usd if line.usd is not None else listed
    known = sum((one.usd for one in calls), Decimal(0))
    difference = (usd or Decimal(0)) - known
    return Held(
        day=line.day,
        provider=line.provider,
        model=line.spelled,
        invoice_usd=usd or Decimal(0),
        invoice_is_list=line.usd is None,
        recorded_usd=known,
        invoice_requests=line.requests,
        recorded_calls=sum(one.calls for one in calls),
        difference_usd=difference,
        causes=_causes(line, calls, difference, listed, catalogue),
    )


def _causes(
    line: InvoiceLine, calls: Sequence[RecordedLine], difference: Decimal, listed: Decimal | None, catalogue: Catalogue
) -> tuple[Cause, ...]:
    if not calls:
        if line.usd is not None and not line.tiers and line.model != ALL and " " in line.model:
            return _parts(Cause(kind="other charges", usd=difference, detail=line.spelled))
        said = f"{line.requests:,} requests" if line.requests is not None else "no call of it is on record"
        return _parts(Cause(kind="missing calls", usd=difference, detail=said))
    unknown = sum(one.calls_of_unknown_cost for one in calls)
    if listed is None:
        return _without_tokens(line, calls, difference, unknown)
    mine = _as_invoice(line, calls)
    own_list = list_price(mine, catalogue)
    plain, own_plain = (list_price(one, catalogue, tiered=False, cached=False) for one in (line, mine))
    untiered, own_untiered = (list_price(one, catalogue, tiered=False) for one in (line, mine))
    if own_list is None or None in (plain, own_plain, untiered, own_untiered):
        return _without_tokens(line, calls, difference, unknown)
    assert plain is not None and own_plain is not None and untiered is not None and own_untiered is not None
    volume = plain - own_plain
    more = (line.requests or 0) - sum(one.calls for one in calls) if line.requests is not None else None
    said = (
        "" if more is None else f"{abs(more):,} {'more' if more > 0 else 'fewer'} on the invoice" if more else "as many calls, other tokens"
    )
    recorded_usd = sum((one.usd for one in calls), Decimal(0))
    return _parts(
        Cause(kind="missing calls" if volume > 0 else "extra calls", usd=volume, detail=said),
        Cause(kind="cached tokens", usd=(untiered - plain) - (own_untiered - own_plain)),
        Cause(kind="batch discount", usd=(listed - untiered) - (own_list - own_untiered)),
        Cause(kind="other price", usd=(line.usd if line.usd is not None else listed) - listed),
        Cause(kind="recorded otherwise" if not unknown else "unknown model", usd=own_list - recorded_usd),
    )


def _without_tokens(line: InvoiceLine, calls: Sequence[RecordedLine], difference: Decimal, unknown: int) -> tuple[Cause, ...]:
    """Dollars against dollars: proportions are looked at later, over all days."""
    if unknown and unknown == sum(one.calls for one in calls):
        return _parts(Cause(kind="unknown model", usd=difference, detail=f"no price is known for {unknown:,} calls"))
    return _parts(Cause(kind="other price" if line.model != ALL else "unexplained", usd=difference))


def _only_recorded(one: RecordedLine, provider: str) -> Held:
    return Held(
        day=one.day,
        provider=provider,
        model=one.spelled,
        invoice_usd=Decimal(0),
        invoice_is_list=False,
        recorded_usd=one.usd,
        invoice_requests=None,
        recorded_calls=one.calls,
        difference_usd=-one.usd,
        causes=_parts(Cause(kind="not on the invoice", usd=-one.usd, detail=f"{one.calls:,} calls")),
    )


def _proportions(rows: list[Held]) -> list[Held]:
    """Prices that keep no proportion over the days explain nothing."""
    ratios: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        if (base := _base(row)) is not None and base > 0:
            ratios[row.provider, row.model].append(float(1 + _price_usd(row) / base))
    found = []
    for row in rows:
        own = ratios.get((row.provider, row.model), [])
        base = _base(row)
        if base is None or base <= 0 or not own:
            found.append(row)
            continue
        usual, mine = statistics.median(own), float(1 + _price_usd(row) / base)
        about_tokens = any(cause.kind != "other price" for cause in row.causes) or row.invoice_requests is not None
        steady = abs(mine - usual) <= PROPORTION_WITHIN * max(abs(usual), 1e-9) and (len(own) > 1 or about_tokens)
        found.append(_with_price(row, usual, steady))
    return found


def _with_price(row: Held, usual: float, steady: bool) -> Held:
    said = f"{abs(1 - usual):.1%} {'below' if usual < 1 else 'above'} what the tokens cost by the list"
    causes = (
        cause if cause.kind != "other price" else replace(cause, detail=said) if steady else replace(cause, kind="unexplained")
        for cause in row.causes
    )
    return replace(row, causes=tuple(causes))


def _price_usd(row: Held) -> Decimal:
    return sum((cause.usd for cause in row.causes if cause.kind == "other price"), Decimal(0))


def _base(row: Held) -> Decimal | None:
    """What the invoice's dollars would be without a price of the provider's own."""
    return None if not row.invoice_usd or row.invoice_is_list else row.invoice_usd - _price_usd(row)


def _as_invoice(line: InvoiceLine, calls: Sequence[RecordedLine]) -> InvoiceLine:
    """Recorded calls as a line of the same invoice, so that both are priced in one way."""
    mine = InvoiceLine(line.day, line.provider, line.model, line.spelled)
    for one in calls:
        for priced, tokens in one.tiers.items():
            mine.tiers.setdefault(priced, Tokens()).add(tokens.requests, tokens.usage)
    if not mine.tiers:
        mine.tiers[line.spelled, None] = Tokens(requests=0, usage=Usage(input_tokens=0, output_tokens=0))
    return mine


def _parts(*causes: Cause) -> tuple[Cause, ...]:
    return tuple(cause for cause in causes if cause.usd)


def _summed(rows: Sequence[Held]) -> Reconciled:
    invoice, known = (sum((getattr(row, name) for row in rows), Decimal(0)) for name in ("invoice_usd", "recorded_usd"))
    open_usd = sum((abs(row.unexplained_usd) for row in rows if abs(row.unexplained_usd) > SMALL_USD), Decimal(0))
    whole = max(invoice, known)
    explained = float(1 - min(open_usd, whole) / whole) if whole else 1.0
    sums: dict[Kind, Decimal] = defaultdict(Decimal)
    for row in rows:
        for cause in row.causes:
            sums[cause.kind] += cause.usd
    causes = tuple(Cause(kind=kind, usd=usd) for kind, usd in sorted(sums.items(), key=lambda pair: -abs(pair[1])) if abs(usd) > SMALL_USD)
    first, last = min(row.day for row in rows), max(row.day for row in rows)
    share = f"{100 * explained:.1f} %" if explained < 1 else "100 %"
    between = f"the invoice says ${invoice:,.2f}, the record ${known:,.2f}"
    main = f"; mostly {causes[0].kind} (${causes[0].usd:+,.2f})" if causes else "; they agree"
    notes = []
    if any(row.invoice_is_list for row in rows):
        notes.append("The export tells of tokens, not of dollars: its side is priced by the list. Give the cost export beside it.")
    if any(row.model == ALL and row.difference_usd for row in rows):
        notes.append("The cost export names no models: days are compared as a whole. Group it by line item to compare models.")
    if any(not row.invoice_requests and not row.invoice_is_list and row.recorded_calls for row in rows):
        notes.append("Dollars without tokens cannot be taken apart: give the usage export of the same days beside the costs.")
    return Reconciled(
        headline=f"{share} explained: {between}, {first} to {last}{main}.",
        explained=explained,
        from_day=first,
        to_day=last,
        invoice_usd=invoice,
        recorded_usd=known,
        difference_usd=invoice - known,
        causes=causes,
        rows=tuple(rows),
        notes=tuple(notes),
    )
