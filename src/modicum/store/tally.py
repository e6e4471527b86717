"""What the rows of the ledger add up to: per key the dollars of each day and month, the running minute, the calls in flight.

Numbers in, a verdict out: no file, no clock. Money is in pico-dollars (10^-12 US dollars), so that the cheapest token's price is a whole
number and sums are exact. Days are counted from 1970, UTC; the minute runs on a clock that is never set.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from modicum.errors import BudgetError, LimitError
from modicum.types import Key

PICO = 10**12
DAY_US = 86_400_000_000
SECOND_US = 1_000_000
WINDOW_S = 60
_EPOCH = date(1970, 1, 1).toordinal()


@lru_cache(maxsize=64)
def month_of(day: int) -> int:
    """Months since the year 0 of a day since 1970."""
    found = date.fromordinal(day + _EPOCH)
    return found.year * 12 + found.month - 1


def pico(usd: Decimal) -> int:
    return round(usd * PICO)


@dataclass(slots=True)
class Open:
    """A call in flight."""

    key_id: str
    writer: int
    day: int
    second: int
    pico: int
    tokens: int


@dataclass(slots=True)
class Account:
    """One key's sums. What is held for calls in flight counts as spent until they are settled."""

    days: dict[int, int] = field(default_factory=dict)
    months: dict[int, int] = field(default_factory=dict)
    held: int = 0
    in_flight: int = 0
    seconds: deque[list[int]] = field(default_factory=deque)
    """[second, requests, tokens] of the last minute, oldest first."""
    requests: int = 0
    tokens: int = 0
    key: Key | None = None
    """As it was when it was asked for last,"""
    a_day: int | None = None
    a_month: int | None = None
    """... and its budgets in pico-dollars."""

    def spend(self, day: int, amount: int) -> None:
        if amount:
            month = month_of(day)
            self.days[day] = self.days.get(day, 0) + amount
            self.months[month] = self.months.get(month, 0) + amount

    def count(self, second: int, requests: int, tokens: int) -> None:
        """Add to a second of the running minute."""
        seconds = self.seconds
        if seconds and (last := seconds[-1])[0] == second:
            last[1] += requests
            last[2] += tokens
            self.requests += requests
            self.tokens += tokens
            return
        for entry in reversed(self.seconds):
            if entry[0] == second:
                entry[1] += requests
                entry[2] += tokens
                break
            if entry[0] < second:
                if not requests:
                    return  # a correction of a second that has left
                self.seconds.append([second, requests, tokens])
                break
        else:
            if not requests:
                return
            self.seconds.append([second, requests, tokens])
        self.requests += requests
        self.tokens += tokens

    def advance(self, now: int) -> None:
        """Forget what is more than a minute old. A second counts until a whole minute after its end: never too little."""
        seconds = self.seconds
        while seconds and now - seconds[0][0] > WINDOW_S:
            _, requests, tokens = seconds.popleft()
            self.requests -= requests
            self.tokens -= tokens

    def wait_s(self, now: int, column: int, excess: int) -> float:
        """Seconds until at least `excess` of a column have left the minute."""
        for entry in self.seconds:
            excess -= entry[column]
            if excess <= 0:
                return float(max(entry[0] + WINDOW_S + 1 - now, 1))
        return float(WINDOW_S)


class Tally:
    """All accounts, and the calls in flight."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.open: dict[bytes, Open] = {}

    def account(self, key_id: str) -> Account:
        found = self.accounts.get(key_id)
        if found is None:
            found = self.accounts[key_id] = Account()
        return found

    def reserve(self, call: bytes, one: Open, *, counts: bool) -> None:
        """A call begins. `counts`: in the running minute too."""
        if call in self.open:
            return
        self.open[call] = one
        account = self.account(one.key_id)
        account.spend(one.day, one.pico)
        account.held += one.pico
        account.in_flight += 1
        if counts:
            account.count(one.second, 1, one.tokens)

    def settle(self, call: bytes, amount: int, tokens: int) -> None:
        """A call ended and cost so much."""
        one = self.open.pop(call, None)
        if one is None:
            return
        account = self.accounts[one.key_id]
        account.spend(one.day, amount - one.pico)
        account.held -= one.pico
        account.in_flight -= 1
        if tokens != one.tokens:
            account.count(one.second, 0, tokens - one.tokens)

    def check(self, key: Key, amount: int, tokens: int, *, day: int, now: int) -> None:
        """Raise LimitError or BudgetError where a call for so much would be one too many. `now` in whole seconds."""
        account = self.account(key.key_id)
        account.advance(now)
        if key.concurrency is not None and account.in_flight >= key.concurrency:
            raise LimitError(f"key '{key.name}' may have {key.concurrency} calls in flight and has", retry_after_s=1.0)
        if key.requests_minute is not None and account.requests >= key.requests_minute:
            wait = account.wait_s(now, 1, account.requests - key.requests_minute + 1) if key.requests_minute else None
            raise LimitError(f"key '{key.name}' may ask {key.requests_minute:,} times a minute and has", retry_after_s=wait)
        if key.tokens_minute is not None and account.tokens + tokens > key.tokens_minute:
            said = f"key '{key.name}' may use {key.tokens_minute:,} tokens a minute, and {account.tokens:,} are used or held"
            if tokens > key.tokens_minute:
                raise LimitError(f"{said}; this request alone may take {tokens:,}", hint="send less, or set a lower max_tokens")
            wait = account.wait_s(now, 2, account.tokens + tokens - key.tokens_minute)
            raise LimitError(f"{said}; this request may take {tokens:,}", retry_after_s=wait)
        if account.key is not key:
            account.key, by_day, by_month = key, key.budget_day_usd, key.budget_month_usd
            account.a_day, account.a_month = None if by_day is None else pico(by_day), None if by_month is None else pico(by_month)
        a_day, a_month = account.a_day, account.a_month
        if a_day is not None and (spent := account.days.get(day, 0)) + amount > a_day:
            raise _exceeded(key, "a day", key.budget_day_usd, spent, amount, a_day)
        if a_month is not None and (spent := account.months.get(month_of(day), 0)) + amount > a_month:
            raise _exceeded(key, "a month", key.budget_month_usd, spent, amount, a_month)


def _exceeded(key: Key, word: str, budget: Decimal | None, spent: int, amount: int, most: int) -> BudgetError:
    return BudgetError(
        f"key '{key.name}' has ${budget:f} {word}: ${_usd(spent)} are spent or held, this call may cost ${_usd(amount)}",
        hint="a lower max_tokens holds less" if spent < most else "a key's limits are set when it is made",
    )


def _usd(amount: int) -> str:
    return f"{Decimal(amount) / PICO:.6f}".rstrip("0").rstrip(".")
