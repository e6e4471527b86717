"""The report as one JSON document: the record as it is, with what page and text work out of it, in both currencies.

Every figure in dollars has `usd` in its name. Shown in another currency, each has a twin beside it with that code in the same place:
`spend_usd_month` and `spend_myr_month`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from modicum.report import lead, whole
from modicum.report.currency import Currency
from modicum.report.proven import by_evidence
from modicum.report.quality import gaps
from modicum.report.records import Report

SCHEMA = 3
"""Goes up where a field goes away or means something else; what is added leaves it."""
_USD = re.compile("(?<![a-z])usd(?![a-z])")
_encode = msgspec.json.Encoder(decimal_format="number").encode


def document(report: Report) -> dict[str, Any]:
    """What is printed as JSON: builtins, decimals, days and times."""
    first, then = lead.headline(report)
    found: dict[str, Any] = {"schema": SCHEMA, **_plain(report), "headline": first}
    if report.traffic is not None:
        found["traffic"]["workloads"] = [_plain(its) for its in report.traffic.workloads.values()]
    found["lead"] = {"then": then, "dearest": [_dearest(one) for one in lead.dearest(report)], "of": _of(report)}
    found["evidence"] = _plain(by_evidence(report))
    found["gaps"] = [_plain(gap) | {"share": gap.share} for gap in gaps(report)]
    if report.comparison is not None:
        found["comparison"]["change_usd"] = report.comparison.change_usd
    if report.budget is not None:
        month = report.totals.spend_usd_month
        found["budget"] |= {
            "usd": report.budget.usd,
            "share": report.budget.share(month),
            "standing": report.budget.standing(month, report.totals.unpriced_calls),
        }
    return found if report.currency.is_dollar else {key: _twinned(value, report.currency) for key, value in found.items()}


def encode(report: Report) -> str:
    """The document as text, indented; money as numbers with all their digits."""
    return msgspec.json.format(_encode(document(report)), indent=2).decode() + "\n"


def _of(report: Report) -> dict[str, Any]:
    """What every share of the spend is of."""
    return {"usd_month": report.totals.baseline_usd_month, "what": whole.said(report.totals)}


def _dearest(one: lead.Dearest) -> dict[str, Any]:
    return {
        "workload_id": one.line.workload_id,
        "name": one.line.name,
        "spend_usd_month": one.line.spend_usd_month,
        "baseline_usd_month": one.line.baseline_usd_month,
        "share": one.share,
        "option": one.rung.name if one.rung else None,
        "provider": one.rung.provider if one.rung else None,
        "evidence": one.rung.evidence if one.rung else None,
        "tried": one.there or None,
        "one_off_usd": one.rung.one_off_usd if one.rung else None,
        "saving": _plain(one.rung.saving) if one.rung else None,
    }


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, builtin_types=(Decimal, datetime, date), enc_hook=_open)


def _open(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {"" if key is None else key: its for key, its in value.items()}
    raise NotImplementedError(f"{type(value).__name__} in a report")


def _twinned(value: Any, currency: Currency) -> Any:
    if isinstance(value, list | tuple):
        return [_twinned(one, currency) for one in value]
    if not isinstance(value, dict):
        return value
    twinned: dict[str, Any] = {}
    for key, its in value.items():
        twinned[key] = _twinned(its, currency)
        if isinstance(key, str) and _USD.search(key):
            twinned[_USD.sub(currency.code.lower(), key)] = _turned(its, currency)
    return twinned


def _turned(value: Any, currency: Currency) -> Any:
    if isinstance(value, Decimal):
        # To a ten-thousandth of a cent: a rate has no more digits to give.
        return currency.of(value).quantize(Decimal("0.000001")).normalize() + 0
    return [_turned(one, currency) for one in value] if isinstance(value, list | tuple) else value
