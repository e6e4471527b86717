"""The first sentence of a report and its three figures: what the person who signs the bill reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

from modicum.discover.blocks import LEAST_CALLS
from modicum.report import whole, words
from modicum.report.records import IN_FORCE, STOPPED, HeadlineFigure, Totals, WorkloadFigures
from modicum.report.said import doubt

Three = tuple[HeadlineFigure, HeadlineFigure, HeadlineFigure]
SMALLEST_SHARE = Decimal("0.005")
"""A saving below this share of the spend is not worth a change."""


def compose(
    lines: Sequence[WorkloadFigures], totals: Totals, period: str, *, seen_calls: int | None = None, barred: Collection[str] = ()
) -> tuple[str, Three]:
    """The sentence and the figures; `period` in words, `seen_calls` those that came in with what was asked (None: all). `barred`:
    workloads whose certificate counts for nothing, for something hard stands against it; `totals` are without them."""
    spend = HeadlineFigure(
        label="spend a month",
        value=spend_month(totals),
        note=f"{words.count(totals.calls, 'call')}, {period}"
        + _limits(totals)
        + (f"; the cost of {totals.unpriced_calls:,} is unknown" if totals.unpriced_calls else "")
        + (f"; {totals.refused_calls:,} failed before any token and cost nothing" if totals.refused_calls else "")
        + (f"; {words.percent(_told(totals))} of it told by usage and cost exports alone" if totals.told_usd else ""),
    )
    if barred:
        sentence, figures = _found(lines, totals, spend, seen_calls=seen_calls, barred=barred)
        many = "One certificate counts" if len(barred) == 1 else f"{len(barred):,} certificates count"
        return f"{sentence} {many} for nothing: the terms of today's provider forbid learning from its answers.", figures
    return _found(lines, totals, spend, seen_calls=seen_calls)


def _found(
    lines: Sequence[WorkloadFigures], totals: Totals, spend: HeadlineFigure, *, seen_calls: int | None, barred: Collection[str] = ()
) -> tuple[str, Three]:
    in_force = [line for line in lines if line.state in IN_FORCE and line.workload_id not in barred]
    if in_force:
        return _certified(in_force, totals, spend)
    if any(line.state == "not_tried" for line in lines):
        return _untried(lines, totals, spend)
    return _nothing(lines, totals, spend, blind=seen_calls == 0)


def spend_month(totals: Totals) -> str:
    """The month, or where less than a day's hours were recorded from what they brought to as much all day."""
    return words.spend(totals)


def _limits(totals: Totals) -> str:
    if totals.spend_low_usd_month is None or totals.spend_high_usd_month is None:
        return ""
    if totals.hours_recorded < 24:
        hours = words.count(totals.hours_recorded, "hour")
        return f"; {hours} of a day {'is' if totals.hours_recorded == 1 else 'are'} too few: from as many calls a day to this pace all day"
    between = words.between(totals.spend_low_usd_month, totals.spend_high_usd_month)
    return f"; between {between.replace(' to ', ' and ')} (95 %)" if " to " in between else ""


def _told(totals: Totals) -> float | None:
    """The share of the spend of which no call is on record."""
    return float(totals.told_usd / totals.spend_usd) if totals.spend_usd else None


def _certified(in_force: Sequence[WorkloadFigures], totals: Totals, spend: HeadlineFigure) -> tuple[str, Three]:
    on = [line for line in in_force if line.state == "on"]
    answering = [line for line in in_force if line.answering]
    what = totals.saving
    known = what is not None and what.usd_month is not None
    share = words.percent(totals.answerable_share)
    bill = whole.bill(totals)
    if not known:
        could = "answer" if len(on) == len(in_force) else "could answer"
        sentence = f"Small models {could} {share} of these calls. What that saves is unknown: a price is."
    elif what is not None and what.usd_month is not None and what.usd_month < SMALLEST_SHARE * (totals.baseline_usd_month or 0):
        sentence = doubt(totals) or f"Nothing here is worth changing: {words.saving(what)} of {bill} could be saved."
    elif len(on) == len(in_force):
        sentence = f"Small models answer {share} of these calls and save {words.saving(what)} of {bill}."
    elif answering:
        sentence = (
            f"Small models save {words.saving(totals.saving_on)} a month, and could save {words.saving(totals.saving_proposed)} more."
        )
    else:
        sentence = f"Small models could answer {share} of these calls and save {words.saving(what)} of {bill}."
    figures = (
        spend,
        HeadlineFigure(
            label="saving a month, net",
            value=words.saving(what),
            note=("95 % interval" if what is not None and what.low_usd_month is not None else "too few days for an interval")
            + (f"; of {whole.bill(totals)}" if totals.baseline_usd_month else "")
            + (f"; without {words.count(totals.saving_unknown, 'workload')} of unknown price" if totals.saving_unknown else "")
            + (f"; {words.saving(totals.saving_on)} of it is on" if answering and len(on) < len(in_force) else "")
            if known
            else "no price is known",
        ),
        HeadlineFigure(
            label="answered by small models" if len(on) == len(in_force) else "could be answered by small models",
            value=share,
            note=f"of all calls; {len(in_force)} of {words.count(totals.workloads, 'workload')} certified",
        ),
    )
    return sentence, figures


def _untried(lines: Sequence[WorkloadFigures], totals: Totals, spend: HeadlineFigure) -> tuple[str, Three]:
    open_ = [line for line in lines if line.state == "not_tried"]
    known = [line.spend_usd_month for line in open_ if line.spend_usd_month is not None]
    upper = sum(known, Decimal(0)) if known else None
    calls = sum(line.calls for line in open_)
    what = (
        f"{words.money(upper)} of {words.money(totals.spend_usd_month)} a month"
        if upper is not None
        else words.percent(calls / totals.calls)
    )
    goes = "goes to calls with" if upper is not None else "of these calls have"
    sentence = f"{what} {goes} short, fixed answers. Whether small models pass there is not proven yet."
    figures = (
        spend,
        HeadlineFigure(
            label="of it can be tried",
            value=words.money(upper),
            note=f"{words.percent(calls / totals.calls)} of the calls; an upper bound that `modicum fit` makes a saving of, or not",
        ),
        HeadlineFigure(
            label="workloads (kinds of call) found",
            value=f"{totals.workloads:,}",
            note=f"{len(open_)} with answers that a small model could give{_more(lines)}",
        ),
    )
    return sentence, figures


def _nothing(lines: Sequence[WorkloadFigures], totals: Totals, spend: HeadlineFigure, *, blind: bool) -> tuple[str, Three]:
    refused = sum(1 for line in lines if line.state == "refused")
    stopped = sum(1 for line in lines if line.state in STOPPED)
    unread = sum(1 for line in lines if line.state == "needs_reading")
    if totals.calls and totals.refused_calls == totals.calls:
        sentence = doubt(totals)
    elif not lines and blind:
        cost = "cost nobody knows what" if totals.spend_usd_month is None else f"cost {words.money(totals.spend_usd_month)} a month"
        sentence = (
            f"{words.count(totals.calls, 'call') if totals.calls else 'Calls that nobody recorded'} {cost}."
            " What they asked is not in the log, so nobody can say what could take them over."
        )
    elif not lines:
        sentence = (
            f"No workload was found in {'this one call' if totals.calls == 1 else f'these {totals.calls:,} calls'}:"
            f" one needs at least {LEAST_CALLS} calls with the same prompt around what changes."
        )
    elif stopped and not refused:
        what = "A small model that was certified answers" if stopped == 1 else f"{stopped:,} small models that were certified answer"
        sentence = doubt(totals) or f"{what} nothing now: paused, sent back, put away, or past its proof."
    elif unread and not refused:
        it = "answers of one workload say" if unread == 1 else f"answers of {unread:,} workloads say"
        sentence = f"The {it} more than what is read from them: what may be left out is yours to say before it is tried."
    else:
        why = ": no small model could be proven good enough." if refused else " now."
        sentence = doubt(totals) or f"Nothing here is worth changing{why}"
    tried = [f"{number} {how}" for number, how in ((refused, "tried and refused"), (stopped, "certified once and stopped")) if number]
    figures = (
        spend,
        HeadlineFigure(label="saving a month, net", value="none", note="nothing is certified" if lines else "nothing was tried"),
        HeadlineFigure(
            label="workloads (kinds of call) found",
            value=f"{totals.workloads:,}",
            note=(", ".join(tried) or "none tried") + _more(lines),
        ),
    )
    return sentence, figures


def _more(lines: Sequence[WorkloadFigures]) -> str:
    """Those that count as neither tried nor to be tried, so that they are not passed over."""
    unread = sum(1 for line in lines if line.state == "needs_reading")
    return f"; {unread} more once `modicum workloads set` says how to read {'it' if unread == 1 else 'them'}" if unread else ""
