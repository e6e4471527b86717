"""When calls came and how long they were, hour by hour: what a machine of one's own has to stand up to, busy or not.

Records in, records out: who reads the calls opens the store.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from modicum.errors import NotEnoughDataError
from modicum.plan.lengths import Lengths, lengths, percentile
from modicum.types import DAYS_A_MONTH, Call

HOUR = timedelta(hours=1)
WEEK_HOURS = 7 * 24
LONGEST_SILENCE_HOURS = WEEK_HOURS
"""A longer silence is taken as a time when nobody recorded."""
MONTH_HOURS = DAYS_A_MONTH * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One hour in which calls came."""

    start: datetime
    calls: int
    input_tokens: int
    output_tokens: int
    peak_minute: int
    """Calls of its busiest minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What was asked in a time. Calls whose tokens are not known are taken to be as long as the others, and counted."""

    hours: tuple[Hour, ...]
    """Those with calls, in order."""
    silent_hours: int
    """Those without, while somebody recorded."""
    calls: int
    calls_of_unknown_length: int
    usd: Decimal | None = None
    """What was paid for them, where all of it is known."""
    declared: bool = False
    """Nobody recorded it: somebody said so."""
    input_tokens_p95: int | None = None
    """95 of 100 prompts are no longer; None: not known, as of declared traffic."""
    output_tokens_p95: int | None = None
    longest_tokens: int | None = None
    """Prompt and answer of the longest call."""

    @property
    def span_hours(self) -> int:
        return len(self.hours) + self.silent_hours

    @property
    def input_tokens(self) -> float:
        """Of all calls."""
        return sum(hour.input_tokens for hour in self.hours) * self._unseen

    @property
    def output_tokens(self) -> float:
        return sum(hour.output_tokens for hour in self.hours) * self._unseen

    @property
    def mean_input_tokens(self) -> float:
        """Of a mean call."""
        return self.input_tokens / self.calls

    @property
    def mean_output_tokens(self) -> float:
        return self.output_tokens / self.calls

    @property
    def lengths(self) -> Lengths:
        """What memory and speed are sized for."""
        mean = self.mean_input_tokens, self.mean_output_tokens
        return lengths(mean, (self.input_tokens_p95, self.output_tokens_p95), longest_tokens=self.longest_tokens)

    @property
    def peak_minute(self) -> int:
        return max(hour.peak_minute for hour in self.hours)

    @property
    def peak_hour(self) -> int:
        return max(hour.calls for hour in self.hours)

    @property
    def months(self) -> float:
        return self.span_hours / MONTH_HOURS

    @property
    def doubts(self) -> tuple[str, ...]:
        """What these hours do not tell."""
        found = []
        if not self.declared and self.span_hours < WEEK_HOURS:
            found.append(
                f"{self.span_hours} recorded hours are less than a week: without its nights and weekends, own machines look busier"
            )
        if self.calls_of_unknown_length:
            found.append(f"{self.calls_of_unknown_length:,} of {self.calls:,} calls have no known length, taken as long as the others")
        return tuple(found)

    @property
    def _unseen(self) -> float:
        known = self.calls - self.calls_of_unknown_length
        return self.calls / known if known else 1.0


def gather(calls: Iterable[Call]) -> Traffic:
    """Of calls in time order, each looked at once. Failed calls do not count. Raises NotEnoughDataError where no length is known."""
    hours: list[Hour] = []
    inputs, outputs = Counter[int](), Counter[int]()
    silent = unknown = total = longest = 0
    usd: Decimal | None = Decimal(0)
    start: datetime | None = None
    count = input_tokens = output_tokens = peak = minute = in_minute = 0
    for call in calls:
        if call.status is not None and call.status >= 400:
            continue
        at = call.started_at.astimezone(UTC)
        of_hour = at.replace(minute=0, second=0, microsecond=0)
        if start is None or of_hour > start:
            if start is not None:
                hours.append(
                    Hour(start=start, calls=count, input_tokens=input_tokens, output_tokens=output_tokens, peak_minute=max(peak, in_minute))
                )
                gap = round((of_hour - start) / HOUR) - 1
                silent += gap if gap <= LONGEST_SILENCE_HOURS else 0
            start = of_hour
            count = input_tokens = output_tokens = peak = in_minute = 0
            minute = at.minute
        if at.minute != minute:
            peak, minute, in_minute = max(peak, in_minute), at.minute, 0
        total += 1
        count += 1
        in_minute += 1
        usage = call.usage
        if usage.input_tokens is None or usage.output_tokens is None:
            unknown += 1
        else:
            input_tokens += usage.input_tokens
            output_tokens += usage.output_tokens
            inputs[usage.input_tokens] += 1
            outputs[usage.output_tokens] += 1
            longest = max(longest, usage.input_tokens + usage.output_tokens)
        usd = None if usd is None or call.cost_usd is None else usd + call.cost_usd
    if start is None or total == unknown:
        raise NotEnoughDataError("no call whose tokens are known", hint="declare the traffic: --calls-a-day 5000 --tokens 800/120")
    hours.append(Hour(start=start, calls=count, input_tokens=input_tokens, output_tokens=output_tokens, peak_minute=max(peak, in_minute)))
    return Traffic(
        hours=tuple(hours),
        silent_hours=silent,
        calls=total,
        calls_of_unknown_length=unknown,
        usd=usd,
        input_tokens_p95=percentile(inputs),
        output_tokens_p95=percentile(outputs),
        longest_tokens=longest,
    )


def declared(calls_a_day: float, input_tokens: int, output_tokens: int, *, busy_hours: int = 24) -> Traffic:
    """A day as somebody says it is: so many calls, spread over so many hours."""
    calls = max(1, round(calls_a_day))
    peak = busiest_minute(calls / busy_hours)
    start = datetime(2000, 1, 1, tzinfo=UTC)
    shares = [calls * (hour + 1) // busy_hours - calls * hour // busy_hours for hour in range(busy_hours)]
    hours = tuple(
        Hour(
            start=start + hour * HOUR, calls=share, input_tokens=share * input_tokens, output_tokens=share * output_tokens, peak_minute=peak
        )
        for hour, share in enumerate(shares)
        if share
    )
    return Traffic(hours=hours, silent_hours=24 - len(hours), calls=calls, calls_of_unknown_length=0, declared=True)


def busiest_minute(calls_an_hour: float) -> int:
    """Calls of it: three standard deviations of a Poisson count above the mean minute."""
    mean = calls_an_hour / 60
    return max(1, math.ceil(mean + 3 * math.sqrt(mean)))
