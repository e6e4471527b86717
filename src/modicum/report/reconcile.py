"""Hold recorded spend against a provider's export, day by day and model by model, and say what the difference is made of.

With tokens on both sides the difference is taken apart exactly: D = I - R is the sum of what the volume differs by (at list prices, all
tokens plain), what is cached otherwise, what is asked in batches otherwise, what the provider charges beside its list, and what was
recorded beside it. Each is an amount with a sign; they add up to D to the last digit. A provider's own price counts as explained where it
keeps one proportion to the list (within 1 %) on at least three days; where it jumps about or is seen on fewer days, the rest stays
unexplained. Without tokens on the invoice a difference is explained only where nothing was recorded at all, or one proportion holds.

Explained is not recorded: an invoice of which no call is on record is explained whole by missing calls. Both shares stand side by side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue, tiers
from modicum.errors import NotEnoughDataError
from modicum.report import words
from modicum.report.covering import list_price
from modicum.report.difference import SMALL_USD, Cause, Held, Kind, Reconciled, differs, dollars, percent
from modicum.report.invoice import ALL, InvoiceLine, Tokens, lines, plain_name
from modicum.report.proportion import proportions
from modicum.report.recorded import RecordedLine, is_of, recorded
from modicum.types import ProviderTotal, Usage

if TYPE_CHECKING:
    from modicum.store.calls import SpendRow

SHARE = Decimal("0.000001")
"""What is kept of a share."""


def reconcile(totals: Iterable[ProviderTotal], spend: Sequence[SpendRow], catalogue: Catalogue) -> Reconciled:
    """`totals`: of the export. `spend`: calls of at least its days. Raises NotEnoughDataError where the export holds nothing."""
    invoice = lines(totals)
    if not invoice:
        raise NotEnoughDataError("the invoice holds no day with anything on it")
    days = {(line.provider, line.day) for line in invoice}
    models: dict[str, set[str]] = defaultdict(set)
    for line in invoice:
        models[line.provider].add(line.model)
    calls: dict[tuple[str, str], list[RecordedLine]] = defaultdict(list)
    told = recorded(spend, catalogue)
    for provider in sorted(models):
        named = frozenset(models[provider])
        for one in told:
            if (provider, one.day) in days and is_of(provider, one, named):
                calls[provider, one.day].append(one)
    rows: list[Held] = []
    for line in invoice:
        its = calls[line.provider, line.day]
        mine = [one for one in its if line.model in (one.model, ALL)]
        calls[line.provider, line.day] = [one for one in its if line.model not in (one.model, ALL)]
        rows.append(_held(line, mine, catalogue))
    for (provider, _), left in calls.items():
        rows += [_only_recorded(one, provider) for one in left]
    rows = proportions(rows)
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
        invoice_listed=listed is not None,
        recorded_usd=known,
        invoice_tokens=bool(line.tiers),
        invoice_requests=line.requests,
        recorded_calls=sum(one.calls for one in calls),
        recorded_share=_recorded(line, calls, usd, known, catalogue),
        difference_usd=difference,
        causes=_causes(line, calls, difference, listed, catalogue),
    )


def _recorded(line: InvoiceLine, calls: Sequence[RecordedLine], usd: Decimal | None, known: Decimal, catalogue: Catalogue) -> Decimal:
    if not calls:
        return Decimal(0)
    whole, mine = (list_price(one, catalogue, tiered=False, cached=False) for one in (line, _as_invoice(line, calls)))
    if (not whole or mine is None) and line.requests:
        whole, mine = Decimal(line.requests), Decimal(sum(one.calls for one in calls))
    elif not whole or mine is None:
        whole = usd
        mine = usd if usd is not None and abs(usd - known) < SMALL_USD else known
    if not whole or mine is None or whole <= 0:
        return Decimal(1)
    return max(Decimal(0), min(Decimal(1), mine / whole))


def _causes(
    line: InvoiceLine, calls: Sequence[RecordedLine], difference: Decimal, listed: Decimal | None, catalogue: Catalogue
) -> tuple[Cause, ...]:
    if not calls:
        if line.usd is not None and not line.tiers and line.model != ALL and " " in line.model:
            return _parts(Cause(kind="other charges", usd=difference, detail=line.spelled))
        said = f"{line.requests:,} requests" if line.requests is not None else "no call of it is on record"
        if line.model != ALL and not _is_listed(line, catalogue):
            return _parts(Cause(kind="unknown model", usd=difference, detail=f"on no list of prices, and {said}"))
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


def _is_listed(line: InvoiceLine, catalogue: Catalogue) -> bool:
    """Does the list know the model, whatever it would charge for what is told of it?"""
    names, day = (line.spelled, plain_name(line.spelled)), date.fromisoformat(line.day)
    return tiers.price_of(catalogue, names, day, provider=line.provider) is not None


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
        invoice_listed=False,
        recorded_usd=one.usd,
        invoice_tokens=False,
        invoice_requests=None,
        recorded_calls=one.calls,
        recorded_share=Decimal(1),
        difference_usd=-one.usd,
        causes=_parts(Cause(kind="not on the invoice", usd=-one.usd, detail=f"{one.calls:,} calls")),
    )


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


def _invoiced(rows: Sequence[Held], usd: Decimal) -> str:
    """What the invoice says, or what our own list says of the tokens that it tells of."""
    listed = sum((row.invoice_usd for row in rows if row.invoice_is_list), Decimal(0))
    if not any(row.invoice_is_list for row in rows):
        return f"the invoice says ${usd:,.2f}"
    if all(row.invoice_is_list for row in rows if row.invoice_usd):
        return f"the export's tokens cost ${usd:,.2f} by our list of prices"
    return f"the invoice says ${usd - listed:,.2f} and tokens that cost ${listed:,.2f} by our list of prices"


def _summed(rows: Sequence[Held]) -> Reconciled:
    invoice, known = (sum((getattr(row, name) for row in rows), Decimal(0)) for name in ("invoice_usd", "recorded_usd"))
    open_usd = sum((abs(row.unexplained_usd) for row in rows if abs(row.unexplained_usd) > SMALL_USD), Decimal(0))
    whole = max(invoice, known)
    explained = 1 - min(open_usd, whole) / whole if whole else Decimal(1)
    charged = [(row.invoice_usd, row.recorded_share) for row in rows if row.invoice_usd > 0]
    total = sum((usd for usd, _ in charged), Decimal(0))
    on_record = sum((usd * share for usd, share in charged), Decimal(0)) / total if total else None
    sums: dict[Kind, Decimal] = defaultdict(Decimal)
    for row in rows:
        for cause in row.causes:
            sums[cause.kind] += cause.usd
    causes = tuple(Cause(kind=kind, usd=usd) for kind, usd in sorted(sums.items(), key=lambda pair: -abs(pair[1])) if abs(usd) > SMALL_USD)
    first, last = min(row.day for row in rows), max(row.day for row in rows)
    on = f", {percent(on_record)} recorded" if on_record is not None else ""
    between = f"{_invoiced(rows, invoice)}, the record ${known:,.2f}"
    main = f"; mostly {causes[0].kind} ({dollars(causes[0].usd, sign=True)})" if causes else "; they agree"
    notes = []
    if any(row.invoice_is_list for row in rows):
        notes.append("The export tells of tokens, not of dollars: its side is priced by the list. Give the cost export beside it.")
    if nameless := sorted({row.model for row in rows if row.invoice_is_list and row.invoice_tokens and not row.invoice_listed}):
        notes.append(
            f"No price is known for {words.listing([words.visible(name, 60) for name in nameless], 5)}: what the export tells of it is in"
            ' no sum here. [prices."MODEL"] in modicum.toml sets it, or the cost export beside it.'
        )
    if any(row.model == ALL and row.difference_usd for row in rows):
        notes.append("The cost export names no models: days are compared as a whole. Group it by line item to compare models.")
    if any(not row.invoice_tokens and row.invoice_usd and row.recorded_calls and differs(row) for row in rows):
        notes.append("Dollars without tokens cannot be taken apart: give the usage export of the same days beside the costs.")
    return Reconciled(
        headline=f"{percent(explained)} explained{on}: {between}, {first} to {last}{main}.",
        explained=explained.quantize(SHARE, ROUND_DOWN),
        recorded=None if on_record is None else on_record.quantize(SHARE, ROUND_DOWN),
        from_day=first,
        to_day=last,
        invoice_usd=invoice,
        recorded_usd=known,
        difference_usd=invoice - known,
        causes=causes,
        rows=tuple(rows),
        notes=tuple(notes),
    )
