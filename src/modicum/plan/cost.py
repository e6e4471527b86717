"""What tokens cost on a machine of one's own, at the load that it really has: it costs as much at night as at noon.

Every hour of the traffic is laid on as many machines as its busiest minute needs. They are paid for in every hour, silent ones too; power
is drawn while a call is in work (how much of the time that is, `waiting` says) and idle power otherwise; somebody looks after them for so
many hours a month. What all that is for the tokens that came is the price of a million.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from modicum.plan.machines import Machine
from modicum.plan.speed import Roofline
from modicum.plan.traffic import MONTH_HOURS, Traffic
from modicum.plan.waiting import settle
from modicum.types import DAYS_A_MONTH

HEADROOM = 0.7
"""Of its capacity, a machine is not given more: close to it, waiting grows without bound."""
IDLE_SHARE = 0.2
"""Of its most power, what a machine of unknown idle power draws without work."""
CARE_MORE = Decimal("0.25")
MOST_MACHINES = 4096
LEVELS = 24
"""Of how busy an hour is, told apart."""
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What the reader may know better."""

    power_usd_kwh: Decimal = Decimal("0.131")
    """United States, commercial, October 2023 as the EIA gives it: https://shrinkthatfootprint.com/commercial-vs-residential-electricity-rates-across-the-us/
    (read 2026-11-22)."""
    years: float = 3.0
    """After which a bought machine is worth nothing."""
    care_hours_month: float = 2.0
    """Of somebody's time for the first machine; each further one takes a quarter of it."""
    hour_usd: Decimal = Decimal(60)
    headroom: float = HEADROOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A workload on machines of one's own, in a month like the traffic's time."""

    machines: int
    """That the busiest minute needs."""
    machines_if_waiting: int
    """That the busiest hour needs, where calls may wait for minutes."""
    capacity_calls_hour: float
    """Of one machine, at its best batch."""
    most_sequences: int
    utilisation: float
    """Of what they could do, on the mean over all hours, silent ones too."""
    utilisation_peak: float
    """In the busiest hour."""
    sequences_peak: int
    """At once on one machine; exceeded in one per cent of a time that is all like the busiest minute."""
    seconds_a_call: float
    """From arrival to end, waiting included, on the mean over all calls."""
    seconds_a_call_peak: float
    """Of those in a time like the busiest minute."""
    seconds_a_long_call: float | None
    """Of a prompt and an answer as long as the longest twentieth (`lengths`), in such a time, without waiting for a place; None where
    only means are known."""
    machine_usd_month: Decimal
    power_usd_month: Decimal
    care_usd_month: Decimal
    usd_month: Decimal
    usd_mtok: Decimal
    """A million tokens, input and output together."""
    usd_mtok_full: Decimal
    """The same, were all of them busy at all times: the figure that is usually shown."""
    usd_mtok_output: Decimal
    calls_month: float
    busy: float
    """Share of all time in which a machine has work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """Own machines beside a price a token."""

    name: str
    usd_month: Decimal
    """What the same tokens cost there."""
    saving_usd_month: Decimal
    """Below zero: the machines cost more."""
    breakeven_calls_month: float | None
    """With traffic of this shape, from so many calls on the machines cost less. None: at no volume."""
    payback_days: float | None
    """Until what was saved has paid for the machines. None: never, or they are rented."""


def capacity(line: Roofline, most: int, input_tokens: float, output_tokens: float) -> tuple[float, int]:
    """(calls a second, sequences at once) at the best batch that the memory has room for."""
    best, at = 0.0, 1
    for sequences in _batches(most):
        rate = line.calls_a_second(sequences, input_tokens, output_tokens)
        if rate > best * 1.01:
            best, at = rate, sequences
    return best, at


def run(line: Roofline, most: int, traffic: Traffic, given: Assumptions, *, buying: bool) -> Running:
    """Lay the traffic on machines. `most`: sequences that one has room for, at least 1. `buying`: else rented."""
    input_tokens, output_tokens = traffic.mean_input_tokens, traffic.mean_output_tokens
    best, at = capacity(line, most, input_tokens, output_tokens)
    usable = best * given.headroom
    number = _machines(traffic.peak_minute / 60 / usable)
    span = traffic.span_hours
    idle, full = _power(line.machine, line.cards)
    busy_hours = seconds = 0.0
    for calls, hours in _levels(traffic):
        rate = calls / 3600 / number
        settled = settle(line, at, input_tokens, output_tokens, rate)
        busy_hours += settled.busy * hours
        seconds += settled.seconds * calls * hours
    busy = busy_hours / span
    at_peak = settle(line, at, input_tokens, output_tokens, traffic.peak_minute / 60 / number)
    kilowatts = (idle + (full - idle) * busy) / 1000 * number
    power = Decimal(kilowatts * MONTH_HOURS) * given.power_usd_kwh
    machine = _machine_usd_month(line.machine, line.cards, given, buying) * number
    if not buying:
        power = Decimal(0)  # the rent has it in
    care = _care_usd_month(given, number)
    total = machine + power + care
    long = traffic.lengths
    beside = max(1.0, at_peak.mean)
    long_s = line.prefill_s(long.input_tokens) + long.output_tokens * line.step_s(beside, long.input_tokens + long.output_tokens / 2)
    month = 1 / traffic.months
    tokens = (traffic.input_tokens + traffic.output_tokens) * month
    full_power = Decimal(0) if not buying else Decimal(full / 1000 * number * MONTH_HOURS) * given.power_usd_kwh
    full_tokens = best * number * 3600 * MONTH_HOURS * (input_tokens + output_tokens)
    return Running(
        machines=number,
        machines_if_waiting=_machines(traffic.peak_hour / 3600 / usable),
        capacity_calls_hour=best * 3600,
        most_sequences=at,
        utilisation=traffic.calls / (best * number * 3600 * span),
        utilisation_peak=traffic.peak_hour / (best * number * 3600),
        sequences_peak=at_peak.often,
        seconds_a_call=seconds / traffic.calls,
        seconds_a_call_peak=at_peak.seconds,
        seconds_a_long_call=long_s if long.is_p95 else None,
        machine_usd_month=_cents(machine),
        power_usd_month=_cents(power),
        care_usd_month=_cents(care),
        usd_month=_cents(total),
        usd_mtok=_million(total, tokens),
        usd_mtok_full=_million(machine + full_power + care, full_tokens),
        usd_mtok_output=_million(total, traffic.output_tokens * month),
        calls_month=traffic.calls * month,
        busy=busy,
    )


def against(name: str, usd: Decimal, line: Roofline, traffic: Traffic, given: Assumptions, ours: Running, *, buying: bool) -> Against:
    """Beside what the same traffic costs elsewhere: `usd`, for all of it."""
    month = usd / Decimal(traffic.months)
    saving = month - ours.usd_month
    upfront = (line.machine.price_usd or Decimal(0)) * line.cards * ours.machines if buying else None
    spared = saving + ours.machine_usd_month  # what is left of the bill each month for the machine to be paid from
    days = float(upfront / spared) * DAYS_A_MONTH if upfront and spared > 0 else None
    return Against(
        name=name,
        usd_month=month.quantize(Decimal("0.0001")),
        saving_usd_month=saving.quantize(Decimal("0.0001")),
        breakeven_calls_month=_breakeven(month, line, traffic, given, ours, buying=buying),
        payback_days=days,
    )


def _breakeven(usd_month: Decimal, line: Roofline, traffic: Traffic, given: Assumptions, ours: Running, *, buying: bool) -> float | None:
    """Calls a month at which both cost the same: the least multiple of this traffic for which some number of machines is enough and
    cheaper. Between two numbers of machines only power grows with the calls."""
    if usd_month <= 0:
        return None
    most = ours.most_sequences
    peak, best = traffic.peak_minute / 60, ours.capacity_calls_hour / 3600 * given.headroom
    for number in _counts():
        most_of_it = best * number / peak  # the multiple of this traffic that they can serve
        cheap = _cost_of_multiple(0.0, number, line, most, traffic, given, buying=buying)
        dear = _cost_of_multiple(most_of_it, number, line, most, traffic, given, buying=buying)
        slope = (dear - cheap) / most_of_it
        if float(usd_month) > slope:
            multiple = cheap / (float(usd_month) - slope)
            if multiple <= most_of_it:
                return multiple * ours.calls_month
    return None


def _cost_of_multiple(
    multiple: float, number: int, line: Roofline, most: int, traffic: Traffic, given: Assumptions, *, buying: bool
) -> float:
    """Dollars a month of so many machines under a multiple of the traffic."""
    idle, full = _power(line.machine, line.cards)
    busy = 0.0
    if multiple > 0 and buying:
        input_tokens, output_tokens = traffic.mean_input_tokens, traffic.mean_output_tokens
        for calls, hours in _levels(traffic):
            rate = calls * multiple / 3600 / number
            busy += settle(line, most, input_tokens, output_tokens, rate).busy * hours
        busy /= traffic.span_hours
    power = (idle + (full - idle) * busy) / 1000 * number * MONTH_HOURS * float(given.power_usd_kwh) if buying else 0.0
    return float(_machine_usd_month(line.machine, line.cards, given, buying) * number + _care_usd_month(given, number)) + power


def _levels(traffic: Traffic) -> list[tuple[float, int]]:
    """(calls an hour, hours), no more than LEVELS of them: hours that are about as busy are taken together."""
    ordered = sorted(hour.calls for hour in traffic.hours)
    size = max(1, math.ceil(len(ordered) / LEVELS))
    parts = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return [(sum(part) / len(part), len(part)) for part in parts]


def _machine_usd_month(machine: Machine, cards: int, given: Assumptions, buying: bool) -> Decimal:
    if buying:
        price = (machine.buy_usd or Decimal(0)) * cards + machine.host_usd
        return price / Decimal(given.years * 12)
    return (machine.rent_usd_hour or Decimal(0)) * cards * Decimal(MONTH_HOURS)


def _care_usd_month(given: Assumptions, machines: int) -> Decimal:
    return Decimal(given.care_hours_month) * given.hour_usd * (1 + CARE_MORE * (machines - 1))


def _power(machine: Machine, cards: int) -> tuple[float, float]:
    """(idle, most) watts, the computer around the cards included."""
    idle = machine.idle_w if machine.idle_w is not None else machine.power_w * IDLE_SHARE
    return idle * cards + machine.host_w, machine.power_w * cards + machine.host_w


def _machines(needed: float) -> int:
    return min(MOST_MACHINES, max(1, math.ceil(needed - 1e-9)))


def _counts() -> list[int]:
    return sorted({round(1.3**power) for power in range(32)})


def _batches(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, ... and the most."""
    steps = {1, most}
    size = 1
    while size < most:
        steps |= {size, min(most, size * 3 // 2)}
        size *= 2
    return sorted(steps)


def _million(usd: Decimal, tokens: float) -> Decimal:
    return (usd / Decimal(tokens) * MILLION).quantize(Decimal("0.0001"))


def _cents(usd: Decimal) -> Decimal:
    return usd.quantize(Decimal("0.01"))
