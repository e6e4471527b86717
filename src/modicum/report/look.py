"""From what the store counted to the facts of traffic: shares, percentiles, conversations. Opens the stores, as `gather` does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.report.costing import believed, day_of, price_of
from modicum.report.spend import Spend, spend
from modicum.report.traffic import Conversation, Traffic, WorkloadTraffic
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.traffic import Lengths, Look, Run, looked_at
from modicum.types import Pattern, Template, Version
from modicum.workload.prompt import MARKER

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

SHOWN = 20
_PRICED = 10 * SHOWN
"""So many of the conversations that seem dearest are priced to the cent."""
_MTOK = Decimal(1_000_000)
NOTHING = Traffic(
    workloads={},
    conversations=(),
    conversations_seen=0,
    calls_in_conversations=0,
    conversation_spend_usd=None,
    resent_share=None,
    repeated_share=None,
    estimated_usage_calls=0,
)


def traffic(
    config: Config,
    *,
    scope: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    usage: Sequence[UsageRow] | None = None,
) -> Traffic:
    """The traffic under the home, or of one scope, with `since <= started_at < until`. `usage`: its rows, where they were read already."""
    catalogue = Catalogue(*priced(config))
    versions = {one.workload_id: {version.version_id: version for version in one.versions} for one in Control(config.home).workloads(scope)}
    names = {workload_id: tuple(its) for workload_id, its in versions.items()}
    with looked_at(config.home, scope=scope, since=since, until=until, workloads=names) as look:
        if look is None:
            return NOTHING
        lengths = look.lengths()
        repeated, resent = look.repeated(), look.resent()
        workloads = _workloads(look, lengths, repeated, resent, versions)
        seen, rows, dearest = _conversations(look, catalogue)
        tokens, again = look.resent_in_runs() if seen else (0.0, 0.0)
    total = spend(rows, catalogue)
    with_body = sum(one.with_body for one in lengths)
    return Traffic(
        workloads=workloads,
        conversations=dearest,
        conversations_seen=seen,
        calls_in_conversations=total.calls,
        conversation_spend_usd=total.known_usd if rows else None,
        resent_share=_share(again, tokens),
        repeated_share=_share(sum(repeated.values()), with_body),
        estimated_usage_calls=sum(one.estimated for one in lengths),
        by_day=_by_day(
            _within(believed(Calls(config.home).usage(), catalogue) if usage is None else usage, scope, since, until), catalogue
        ),
    )


def _workloads(
    look: Look,
    lengths: Iterable[Lengths],
    repeated: dict[str | None, int],
    resent: dict[str | None, tuple[int, int]],
    versions: dict[str, dict[str, Version]],
) -> dict[str, WorkloadTraffic]:
    by_workload: dict[str | None, list[Lengths]] = defaultdict(list)
    for one in lengths:
        by_workload[one.workload_id].append(one)
    inputs, outputs, durations = (look.quantiles(name) for name in ("input_tokens", "output_tokens", "duration_ms"))
    hours = look.hours()
    found: dict[str, WorkloadTraffic] = {}
    for workload_id, its in by_workload.items():
        calls, with_body = sum(one.calls for one in its), sum(one.with_body for one in its)
        chars, again = resent.get(workload_id, (0, 0))
        static, fixed = _fixed(its, versions.get(workload_id or "", {}))
        by_hour, busiest = hours.get(workload_id, ((), 0))
        input_p50, input_p95 = _tokens(inputs.get(workload_id))
        output_p50, output_p95 = _tokens(outputs.get(workload_id))
        duration_p50, duration_p95 = durations.get(workload_id, (None, None))
        found[workload_id or ""] = WorkloadTraffic(
            workload_id=workload_id,
            calls=calls,
            calls_with_body=with_body,
            repeated_share=_share(repeated.get(workload_id, 0), with_body),
            resent_share=_share(again, chars),
            static_share=static,
            fixed_share=fixed,
            input_tokens_p50=input_p50,
            input_tokens_p95=input_p95,
            output_tokens_p50=output_p50,
            output_tokens_p95=output_p95,
            duration_ms_p50=duration_p50,
            duration_ms_p95=duration_p95,
            streamed_share=_share(sum(one.streamed for one in its), calls),
            tool_share=_share(sum(one.tools for one in its), with_body),
            image_share=_share(sum(one.media for one in its), with_body),
            hours=by_hour,
            peak_hour_calls=busiest,
        )
    return found


def _fixed(its: Iterable[Lengths], versions: dict[str, Version]) -> tuple[float | None, float | None]:
    """Shares of the characters that are fixed at the beginning, and anywhere, over the calls whose version is known."""
    chars = leading = anywhere = 0.0
    for one in its:
        version = versions.get(one.version_id or "")
        if version is None or not one.chars:
            continue
        start, all_of_it = fixed_chars(version.template, one.head_chars / one.with_body)
        chars += one.chars
        leading += min(one.chars, start * one.with_body)
        anywhere += min(one.chars, max(start, all_of_it) * one.with_body)
    return (leading / chars, anywhere / chars) if chars else (None, None)


def fixed_chars(template: Template, head_chars: float) -> tuple[float, float]:
    """Characters that are fixed at the beginning of a prompt, and in all of it. `head_chars`: of its system text, on average.

    A long text is known by its two ends: of what lies between, nothing is counted unless the whole text is fixed.
    """
    system, user = template.system, template.user
    whole = system is not None and len(system.literals) == 1 and system.anchored_start and system.anchored_end
    if whole:
        leading = total = head_chars
    else:
        leading, total = (_leading(system), _total(system)) if system is not None else (0.0, 0.0)
    if user is not None:
        # Behind slots of the system's text, or behind the turns between, nothing is at the beginning.
        follows = system is None or whole
        leading += _leading(user) if follows else 0.0
        total += _total(user)
    return leading, total


def _leading(pattern: Pattern) -> float:
    return float(len(pattern.literals[0].partition(MARKER)[0])) if pattern.anchored_start and pattern.literals else 0.0


def _total(pattern: Pattern) -> float:
    return float(sum(len(piece) for literal in pattern.literals for piece in literal.split(MARKER)[::2]))


def _conversations(look: Look, catalogue: Catalogue) -> tuple[int, list[UsageRow], tuple[Conversation, ...]]:
    """How many there are, what their calls used, and the dearest of them."""
    seen, kinds = look.runs()
    rates = []
    for kind, row in kinds:
        price = price_of(row, catalogue)
        if price is not None and price.input_usd_mtok is not None and price.output_usd_mtok is not None:
            rates.append((kind, float(price.input_usd_mtok / _MTOK), float(price.output_usd_mtok / _MTOK)))
    found = [_conversation(run, catalogue) for run in look.dearest(rates, _PRICED)] if seen else []
    found.sort(key=lambda one: (one.spend_usd is None, -(one.spend_usd or 0), -one.calls, one.conversation_id))
    return seen, believed((row for _, row in kinds), catalogue), tuple(found[:SHOWN])


def _conversation(run: Run, catalogue: Catalogue) -> Conversation:
    usage = believed(run.usage, catalogue)
    total = spend(usage, catalogue)
    days = [day_of(row) for row in run.usage]
    return Conversation(
        conversation_id=run.conversation_id,
        scope=run.scope,
        calls=total.calls,
        spend_usd=total.known_usd,
        input_tokens=sum(row.input_tokens for row in usage),
        resent_share=_share(run.resent_chars, run.chars),
        from_day=min(days),
        to_day=max(days),
    )


def _within(rows: Iterable[UsageRow], scope: str | None, since: datetime | None, until: datetime | None) -> Iterable[UsageRow]:
    """The rows of the days that the period touches."""
    first, last = None if since is None else since.date().isoformat(), None if until is None else until.isoformat()
    return (
        row
        for row in rows
        if scope in (None, row.scope) and (first is None or row.day >= first) and (last is None or f"{row.day}T00:00:00" < last)
    )


def _by_day(rows: Iterable[UsageRow], catalogue: Catalogue) -> tuple[tuple[date, int, Decimal | None], ...]:
    days: dict[date, Spend] = defaultdict(Spend)
    for row in rows:
        if not row.specialist:
            days[day_of(row)].add(row, catalogue)
    return tuple((day, days[day].calls, days[day].known_usd) for day in sorted(days))


def _tokens(values: tuple[float, ...] | None) -> tuple[int | None, int | None]:
    return (None, None) if values is None else (round(values[0]), round(values[1]))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
