"""The rung of an open model on own hardware: the machine that costs least at this workload's hours and holds its long calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from modicum.errors import InputError
from modicum.plan.cost import Assumptions
from modicum.plan.machines import Machine, machines
from modicum.plan.planning import Plan, plan
from modicum.plan.precision import of_name
from modicum.plan.shape import Shape, from_card
from modicum.plan.speed import TESTED
from modicum.plan.traffic import MONTH_HOURS, Hour, Traffic, busiest_minute
from modicum.report import words
from modicum.report.ladder.bill import Priced
from modicum.report.ladder.case import Case
from modicum.report.ladder.choice import recent
from modicum.report.ladder.evidence import published
from modicum.report.ladder.market import Pick
from modicum.report.ladder.models import kept, unsaid
from modicum.report.ladder.net import Change, after, cheaper, saved
from modicum.report.ladder.reasons import Thinking, thinking
from modicum.report.rungs import Obstacle, Rung

TRIED = 3
"""Models that are laid on machines, smallest first."""
DAY_HOURS = 24
WEEK = 7
"""Days that stand for all of them."""
MILLION = 1_000_000
SLOWER = 2.0
FAR = 5
"""Times what a workload costs today: machines that cost more are named, and no rung."""


def own_hardware(case: Case, picks: Sequence[Pick]) -> tuple[Rung | None, str]:
    """(rung, why there is none). `picks`: open models for this kind of task, smallest first."""
    if case.tokens is None or sum(case.tokens) < 1:
        return None, "own hardware: no call says how many tokens it had"
    if picks and all(pick.card.kind != "llm" for pick in picks):
        return None, "own hardware: what it takes is worked out for language models alone"
    traffic, even = _hours(case)
    found: list[tuple[Plan, Pick]] = []
    for pick in recent([pick for pick in picks if not pick.unfit], case.today):
        try:
            shape = from_card(pick.card)
        except InputError:
            continue  # the catalogue does not know its shape
        thinks = thinking(pick.card, case.incumbent, case.settings.thinking_tokens)
        best = cheapest(shape, _longer(traffic, thinks.tokens), case.settings.machines)
        if best is not None:
            found.append((best, pick))
        if len(found) == TRIED:
            break
    if not found:
        return None, (
            "own hardware: no open model for this kind of task whose shape is known fits on a machine of the list"
            f" with calls of {traffic.lengths.together:,} tokens"
        )
    chosen, pick = min(found, key=lambda one: (_month(one[0]), one[1].parameters))
    today = case.line.baseline_usd_month
    if today is not None and today * FAR < _month(chosen):
        return None, (
            f"own hardware: {pick.card.id} on {_of(chosen)}{chosen.machine_name} costs {words.money(_month(chosen))} a month whatever"
            f" comes, and this workload {words.money(today)}{_enough(case, chosen)}; several may share it"
        )
    thinks = thinking(pick.card, case.incumbent, case.settings.thinking_tokens)
    return _rung(case, chosen, pick, _longer(traffic, thinks.tokens), thinks, even=even), ""


def cheapest(shape: Shape, traffic: Traffic, given: Assumptions) -> Plan | None:
    """The machine that costs least in a month among those with room for the long calls; those whose price alone is above the best so far
    are not tried."""
    best: Plan | None = None
    for machine in sorted(machines().values(), key=lambda one: _least_usd_month(one, given)):
        if best is not None and _least_usd_month(machine, given) >= _month(best):
            break
        found = plan(shape, machine, traffic=traffic, given=given)
        if found.running is not None and (best is None or _month(found) < _month(best)):
            best = found
    return best


def _longer(traffic: Traffic, tokens: int) -> Traffic:
    """The same calls, each answer so many tokens longer."""
    if not tokens:
        return traffic
    p95 = traffic.output_tokens_p95
    return replace(
        traffic,
        hours=tuple(replace(hour, output_tokens=hour.output_tokens + tokens * hour.calls) for hour in traffic.hours),
        output_tokens_p95=None if p95 is None else p95 + tokens,
    )


def _rung(case: Case, chosen: Plan, pick: Pick, traffic: Traffic, thinks: Thinking, *, even: bool) -> Rung:
    settings, running = case.settings, chosen.running
    assert running is not None
    month = running.usd_month
    calls, tokens = case.bill.calls_month, sum(case.tokens or (0.0,)) + thinks.tokens
    usd_call = month / Decimal(calls)
    million = usd_call / Decimal(tokens) * MILLION
    change = Change(
        cost=Priced(by_day=case.bill.by_day * 0.0, usd_call=usd_call),
        watched=True,
        machines_usd_month=month,
    )
    name = f"{pick.card.id} on {_of(chosen)}{chosen.machine_name}"
    saving = saved(change, case, "own")
    evidence, proof, source = published(
        pick.card, case.incumbent, case.needs.task, near=settings.published_margin, coarser=_coarser(chosen, pick)
    )
    stands = list(pick.obstacles)
    slow = case.traffic.duration_ms_p95 if case.traffic is not None else None
    if slow is not None and running.seconds_a_call_peak * 1000 > SLOWER * slow:
        text = f"a call takes about {running.seconds_a_call_peak:.2g} s in the busiest minute; today 95 % are done in {slow / 1000:.2g} s"
        stands.append(Obstacle(kind="latency", text=text, hard=False))
    first: tuple[str, ...] = ()
    if saving is not None and (saving.usd_month or 0) <= 0:
        first = (f"costs more than today{_enough(case, chosen)}",)
    bought = f"{words.money(chosen.price_usd)} to buy, over {settings.machines.years:g} years" if chosen.buying else "rented"
    return Rung(
        kind="open_own",
        name=name,
        model=pick.card.id,
        share=1 - settings.control_share,
        usd_call=usd_call.quantize(Decimal("1e-10")),
        usd_month=after(case.line.baseline_usd_month, saving),
        one_off_usd=settings.one_off_usd(labels=settings.trial_labels),
        saving=saving,
        cheaper_share=cheaper(usd_call, case.usd_call),
        evidence=evidence,
        proof=proof,
        source=source,
        needs=(
            *first,
            f"look at {words.count(settings.trial_labels, 'answer')} of it beside the incumbent's",
        ),
        obstacles=tuple(sorted(stands, key=lambda one: not one.hard)),
        reasons=thinks.reasons,
        thinking_tokens=thinks.more,
        assumptions=(
            f"{words.money(month)} a month whatever comes: {bought}, power, {settings.machines.care_hours_month:g} hours of care at"
            f" {words.money(settings.machines.hour_usd)}.",
            f"{words.money(million)} a million tokens at these hours, {words.percent(running.utilisation)} busy;"
            f" {words.money(running.usd_mtok_full)} were it busy at all times. {chosen.precision}, speed by roofline (off by"
            f" {words.percent(TESTED[1])} at the median).",
            _room(chosen, traffic),
            "It answers this workload alone; several may share it.",
            *(("The calls come evenly: when they come is not known.",) if even else ()),
            *unsaid(case),
            *_reasoning(thinks),
            kept(case),
        ),
    )


def _reasoning(thinks: Thinking) -> tuple[str, ...]:
    if thinks.tokens:
        return (f"It always reasons before it answers: {thinks.tokens} tokens of that a call are taken, an assumption.",)
    return ("It is asked not to reason before it answers.",) if thinks.reasons == "may" else ()


def _coarser(chosen: Plan, pick: Pick) -> str:
    """The format that it would run in, where that is coarser than the one its results were found in."""
    released = pick.card.weights.precision if pick.card.weights is not None else None
    return chosen.precision if of_name(chosen.precision).bits < of_name(released or "fp16").bits else ""


def _room(chosen: Plan, traffic: Traffic) -> str:
    """For what length of calls there is memory, and whose figure that is."""
    what = "95 of 100 prompts and answers are no longer" if traffic.lengths.is_p95 else "how long the longest are is not known"
    return f"There is room for calls of {chosen.context:,} tokens: {what}."


def _hours(case: Case) -> tuple[Traffic, bool]:
    """(the workload's hours, no more is known than that they are even): as gathered, else by the hours of the day, else even."""
    if case.hours is not None:
        return case.hours, False
    days, (tokens_in, tokens_out) = min(case.month.days, WEEK), case.tokens or (0.0, 0.0)
    calls = max(1, round(case.bill.calls * days / case.month.length))
    told = case.traffic.hours if case.traffic is not None else ()
    even = not sum(told)
    shape = [1] * DAY_HOURS if even else list(told)
    busiest = case.traffic.peak_hour_calls if case.traffic is not None else 0
    start = datetime(2000, 1, 1, tzinfo=UTC)
    hours, before, seen = [], 0, 0.0
    weight = sum(shape) * days
    for number in range(days * DAY_HOURS):
        seen += shape[number % DAY_HOURS]
        upto = round(calls * seen / weight)
        if upto > before:
            count = upto - before
            hours.append(
                Hour(
                    start=start + timedelta(hours=number),
                    calls=count,
                    input_tokens=round(count * tokens_in),
                    output_tokens=max(count, round(count * tokens_out)),  # no answer has less than a token
                    peak_minute=busiest_minute(max(count, busiest)),
                )
            )
        before = upto
    found = Traffic(
        hours=tuple(hours),
        silent_hours=days * DAY_HOURS - len(hours),
        calls=calls,
        calls_of_unknown_length=0,
        input_tokens_p95=case.traffic.input_tokens_p95 if case.traffic is not None else None,
        output_tokens_p95=case.traffic.output_tokens_p95 if case.traffic is not None else None,
    )
    return found, even


def _month(found: Plan) -> Decimal:
    return found.running.usd_month if found.running is not None else Decimal("Infinity")


def _least_usd_month(machine: Machine, given: Assumptions) -> Decimal:
    """One of it, without power."""
    care = Decimal(str(given.care_hours_month)) * given.hour_usd
    if machine.price_usd is not None:
        return machine.price_usd / Decimal(str(given.years * 12)) + care
    if machine.rent_usd_hour is not None:
        return machine.rent_usd_hour * Decimal(str(MONTH_HOURS)) + care
    return Decimal("Infinity")


def _enough(case: Case, chosen: Plan) -> str:
    """From what volume on it pays."""
    settings, running = case.settings, chosen.running
    answered = (case.usd_call or Decimal(0)) * Decimal(str(1 - settings.control_share))
    if running is None or not answered:
        return ""
    calls = float(running.usd_month / answered)
    if calls > running.capacity_calls_hour * settings.machines.headroom * MONTH_HOURS * running.machines:
        return ": it pays at no volume that these machines could answer"
    return f": it pays from about {calls:,.0f} calls a month on, there are {case.bill.calls_month:,.0f}"


def _of(chosen: Plan) -> str:
    number = chosen.running.machines if chosen.running is not None else 1
    return "" if number == 1 else f"{number} × "
