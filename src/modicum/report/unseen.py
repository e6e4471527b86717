"""Calls that nobody saw, handed out among the workloads as those that were seen: rows of usage in, rows out that add up to the same.

A log of usage alone says what a call cost, not what it asked. Within a scope and model (a stratum, as in `seen`) each workload is taken to
have the same share of the calls, of the tokens and of the written cost of the unseen calls as of the seen. What comes out adds up to
what went in, call by call and token by token, so totals stay as they are and every figure of a workload is one of all calls. How far it may
be off: `seen.scaled`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from modicum.report.costing import model_of

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

_TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
_FIGURES = ("calls", *_TOKENS, "cost_usd")


class _Stratum:
    """One scope's calls to one model: what each workload has had, and should have."""

    def __init__(self) -> None:
        self.seen: dict[str | None, dict[str, float]] = {}
        self.given: dict[tuple[str | None, str], float] = defaultdict(float)
        self.total: dict[str, float] = defaultdict(float)
        self.of_seen: dict[str, float] = defaultdict(float)

    def see(self, row: UsageRow) -> None:
        its = self.seen.setdefault(row.workload_id, dict.fromkeys(_FIGURES, 0.0))
        for name in _FIGURES:
            figure = float(getattr(row, name))
            its[name] += figure
            self.of_seen[name] += figure

    def hand_out(self, row: UsageRow) -> list[UsageRow]:
        """The row as one a workload. What is owed by rounding is made good with the rows that come later."""
        calls = self._shares(list(self.seen), "calls", row.calls)
        theirs = [workload_id for workload_id, number in calls.items() if number]
        parts = {name: self._shares(theirs, name, getattr(row, name)) for name in _TOKENS}
        tokens: dict[str | None, dict[str, Any]] = {one: _sound({name: its[one] for name, its in parts.items()}) for one in theirs}
        paid = self._amounts(theirs, row.cost_usd)
        failed = dict(zip(theirs, _split(row.failed, [float(calls[one]) for one in theirs]), strict=True))
        return [
            replace(
                row,
                workload_id=workload_id,
                calls=calls[workload_id],
                failed=failed[workload_id],
                calls_without_usage=calls[workload_id] if row.calls_without_usage else 0,
                calls_without_cost=calls[workload_id] if row.calls_without_cost else 0,
                cost_usd=paid[workload_id],
                **tokens[workload_id],
            )
            for workload_id in theirs
        ]

    def _shares(self, among: Sequence[str | None], name: str, whole: int) -> dict[str | None, int]:
        if not whole:
            return dict.fromkeys(among, 0)
        weights = self._weights(among, name, whole)
        found = dict(zip(among, _split(whole, weights), strict=True))
        for workload_id, part in found.items():
            self.given[workload_id, name] += part
        return found

    def _amounts(self, among: Sequence[str | None], whole: Decimal) -> dict[str | None, Decimal]:
        if not whole:
            return dict.fromkeys(among, whole)
        weights = self._weights(among, "cost_usd", float(whole))
        total = sum(weights)
        found = {one: (whole * Decimal(weight / total)).quantize(Decimal("1e-12")) for one, weight in zip(among, weights, strict=True)}
        found[among[-1]] += whole - sum(found.values(), Decimal(0))
        return found

    def _weights(self, among: Sequence[str | None], name: str, whole: float) -> list[float]:
        """What each still ought to have, so that in the end each has its share."""
        by = name if self.of_seen[name] else "calls"
        total = self.of_seen[by]
        self.total[name] += whole
        owed = [self.seen[one][by] / total * self.total[name] - self.given[one, name] for one in among]
        weights = [max(0.0, one) for one in owed]
        return weights if sum(weights) > 0 else [max(self.seen[one]["calls"], 1e-9) for one in among]


def handed_out(rows: Sequence[UsageRow]) -> list[UsageRow]:
    """The same calls, those that were not seen under the workloads that they are taken to be of.

    Left as they are: calls of a scope and model of which none was seen, those that nobody answered, and those that a gateway of ours
    decided on (it knew the workload).
    """
    strata: dict[tuple[str, str], _Stratum] = defaultdict(_Stratum)
    for row in rows:
        if row.seen and _counts(row):
            strata[row.scope, model_of(row)].see(row)
    found: list[UsageRow] = []
    for row in rows:
        stratum = strata.get((row.scope, model_of(row)))
        if row.seen or stratum is None or not _counts(row) or row.workload_id is not None or row.reasons:
            found.append(row)
        else:
            found += stratum.hand_out(row)
    return found


def _sound(tokens: dict[str, int]) -> dict[str, int]:
    """No more cached or spoken than there is: each kind is handed out for itself."""
    left = tokens["input_tokens"]
    for name in ("audio_input_tokens", "cache_write_tokens", "cache_read_tokens"):
        tokens[name] = min(tokens[name], left)
        left -= tokens[name]
    tokens["cache_write_1h_tokens"] = min(tokens["cache_write_1h_tokens"], tokens["cache_write_tokens"])
    tokens["audio_output_tokens"] = min(tokens["audio_output_tokens"], tokens["output_tokens"])
    return tokens


def _counts(row: UsageRow) -> bool:
    return row.calls > 0 and not row.specialist and not row.refused and not row.told


def _split(whole: int, weights: Iterable[float]) -> list[int]:
    """A whole number by weights, in parts that add up to it: whoever has most of a unit coming gets the unit."""
    listed = list(weights)
    total = sum(listed)
    exact = [whole * weight / total for weight in listed]
    parts = [int(one) for one in exact]
    most = sorted((part - wanted, number) for number, (part, wanted) in enumerate(zip(parts, exact, strict=True)))
    for _, number in most[: whole - sum(parts)]:
        parts[number] += 1
    return parts
