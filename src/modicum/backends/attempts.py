"""Which deployment is asked next, when, and when no more: weights, cool-downs, breakers, back-off, the retry budget, deadlines.

Sends nothing. What is known of deployments (how busy, how often they failed) is known to one worker, from its own calls.

What is tried again: no connection, no first byte in time, a reply that breaks off before its head; and the statuses 408, 409,
429, 500, 502, 503, 504 and 529; where the provider says `x-should-retry`, that holds instead. 409 stands there because providers
say so that a lock is held; every other 4xx is the caller's to mend and passes as it came. Nothing is tried after a first byte.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modicum.backends.names import Deployment, Target
from modicum.config import RetryConfig
from modicum.errors import UpstreamUnavailableError

RETRIED = frozenset((408, 409, 429, 500, 502, 503, 504, 529))
NOT_COUNTED = frozenset((409, 429))
"""These say that there is too much at once, not that the deployment is ill: they cool it down, but open no breaker."""
FIRST_WAIT_S = 0.25
LONGEST_BACK_OFF_S = 8.0
PATIENCE_S = 2.0
"""A longer wait is only made where nothing else is left to ask."""
WINDOW_S = 60.0
FLOOR = 5
"""So many retries a window are allowed whatever the share, or the first calls of a quiet service could have none."""
KNOWN = 1024
"""Most deployments whose state is kept: names may come from callers."""

Clock = Callable[[], float]


@dataclass(slots=True)
class State:
    """What this worker knows of one deployment."""

    in_flight: int = 0
    failures: int = 0
    """In a row."""
    open_until: float = 0.0
    """The breaker: left alone until then, and after that for as long as one call tries it."""
    probing_until: float = 0.0
    cooling_until: float = 0.0
    """It said so itself; others are preferred, but it is asked where there are none."""
    current: float = 0.0
    """Of the smooth weighted round."""

    @property
    def is_well(self) -> bool:
        """Nothing speaks against asking it."""
        return self.open_until == 0.0 == self.cooling_until

    def is_open(self, now: float) -> bool:
        return self.open_until > 0 and (now < self.open_until or now < self.probing_until)


class Budget:
    """Retries as a share of the calls of the last minute."""

    def __init__(self, share: float, clock: Clock = time.monotonic) -> None:
        self._share, self._clock = share, clock
        self._seconds: deque[list[float]] = deque()  # [second, calls, retries]
        self._calls = self._retries = 0

    def call(self) -> None:
        self._now()[1] += 1
        self._calls += 1

    def retry(self) -> bool:
        """Take one, where there is one."""
        row = self._now()
        if self._share <= 0 or self._retries + 1 > max(FLOOR, self._share * self._calls):
            return False
        row[2] += 1
        self._retries += 1
        return True

    def _now(self) -> list[float]:
        second = self._clock() // 1
        rows = self._seconds
        while rows and rows[0][0] <= second - WINDOW_S:
            _, calls, retries = rows.popleft()
            self._calls -= int(calls)
            self._retries -= int(retries)
        if not rows or rows[-1][0] != second:
            rows.append([second, 0, 0])
        return rows[-1]


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What all calls of one worker share."""

    retry: RetryConfig
    clock: Clock = time.monotonic
    random: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    budget: Budget = field(init=False)
    _states: OrderedDict[str, State] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.budget = Budget(self.retry.budget_share, self.clock)

    def state(self, one: Deployment) -> State:
        key = one.name
        found = self._states.get(key)
        if found is None:
            found = self._states[key] = State()
            if len(self._states) > KNOWN:
                self._states.popitem(last=False)
        else:
            self._states.move_to_end(key)
        return found

    def order(self, target: Target, deployments: Sequence[Deployment]) -> Sequence[Deployment]:
        """A target's deployments in the order in which this call asks them."""
        if len(deployments) < 2 or target.strategy == "ordered":
            return deployments
        if target.strategy == "least_busy":
            return sorted(deployments, key=lambda one: (self.state(one).in_flight / max(one.weight, 1e-9), self.random()))
        return self._weighted(deployments)

    def _weighted(self, deployments: Sequence[Deployment]) -> list[Deployment]:
        """Smooth weighted round: each gains its weight, the richest goes first and pays for all; the others follow by weight."""
        rows = [(one, self.state(one)) for one in deployments if one.weight > 0]
        ready = [row for row in rows if not row[1].is_open(self.clock())] or rows
        if not ready:
            return list(deployments)
        for one, state in ready:
            state.current += one.weight
        first, state = max(ready, key=lambda row: row[1].current)
        state.current -= sum(one.weight for one, _ in ready)
        return [first, *sorted((one for one in deployments if one is not first), key=lambda one: -self.state(one).current)]


class Attempts:
    """The tries of one call. Ask `next`, tell `failed`, `unable` or `answered`, and `close` it when the call is over."""

    def __init__(
        self, target: Target, rounds: Sequence[tuple[Target, Sequence[Deployment]]], ledger: Ledger, *, tries: int | None = None
    ) -> None:
        self.target = target
        self._ledger = ledger
        self._retry = ledger.retry
        self._waiting = [deployments if len(deployments) < 2 else ledger.order(one, deployments) for one, deployments in rounds]
        self._given: list[Deployment] = []
        self._unable: set[str] = set()
        self._ready_at: dict[str, float] = {}
        self._most = (ledger.retry.tries or 1) if tries is None else tries
        self._busy: State | None = None
        limit = ledger.retry.total_timeout_s
        self.deadline: float | None = ledger.clock() + limit if limit else None
        """On the monotonic clock: until the first byte of the reply; None: no limit."""
        ledger.budget.call()

    @property
    def tried(self) -> tuple[str, ...]:
        """`provider/model` of each try, in order; one that was tried twice stands twice."""
        names = [one.name for one in self._given]
        return tuple([name for name in names if name not in self._unable] if self._unable else names)

    @property
    def tries(self) -> tuple[Deployment, ...]:
        return tuple(self._given)

    def retryable(self, status: int, should_retry: str = "") -> bool:
        """A reply with this status, and this `x-should-retry`, is worth another try."""
        if status < 400:
            return False
        told = should_retry.strip().lower()
        return status in RETRIED if told not in ("true", "false") else told == "true"

    async def next(self) -> Deployment | None:
        """The deployment to ask now, after the wait that is due; None: nothing is left, the budget is spent, or time is up."""
        charged = not self._given
        if charged and self._waiting and self._waiting[0]:
            first = self._waiting[0][0]
            state = self._ledger.state(first)
            if state.is_well and (self.deadline is None or self._ledger.clock() < self.deadline):
                self._take(first, state)
                return first
        while (found := self._pick()) is not None:
            one, ready_at = found
            if not charged and not self._ledger.budget.retry():
                return None
            charged = True
            if (wait := ready_at - self._ledger.clock()) <= 0:
                self._take(one, self._ledger.state(one))
                return one
            await self._ledger.sleep(wait)  # and look again: other calls may have found it ill meanwhile
        return None

    def failed(self, one: Deployment, why: Exception | int, retry_after: str | None = None) -> None:
        """It gave no answer: an error of ours, or the status of its reply. Says when it may be asked again."""
        state, now = self._ledger.state(one), self._ledger.clock()
        self._release()
        state.probing_until = 0.0
        tries = self._times(one) or 1
        asked_for = seconds(retry_after)
        if asked_for is not None:
            state.cooling_until = now + min(asked_for, self._retry.longest_wait_s)
        if not (isinstance(why, int) and why in NOT_COUNTED):
            state.failures += 1
            if state.failures >= self._retry.breaker_failures:
                state.open_until = now + self._retry.cool_down_s
        back_off = min(LONGEST_BACK_OFF_S, FIRST_WAIT_S * 2 ** (tries - 1)) * (0.5 + self._ledger.random())
        if asked_for is not None and asked_for > self._retry.longest_wait_s:
            self._ready_at[one.name] = float("inf")  # asking sooner than it wants is no use, and longer we do not wait
        else:
            self._ready_at[one.name] = now + max(asked_for * (1 + 0.1 * self._ledger.random()) if asked_for else 0.0, back_off)

    def unable(self, one: Deployment) -> None:
        """It cannot be told this request: nothing was sent, and this call does not ask it again."""
        self._release()
        self._ledger.state(one).probing_until = 0.0
        self._ready_at[one.name] = float("inf")
        self._unable.add(one.name)

    def answered(self, one: Deployment) -> None:
        """Its reply has begun and is the caller's, whatever it says."""
        state = self._busy or self._ledger.state(one)
        state.failures = 0
        state.open_until = state.probing_until = 0.0

    def close(self) -> None:
        """The call is over: it keeps no deployment busy any more. May be called twice."""
        if self._busy is not None:
            self._busy.probing_until = 0.0  # it tried an ill deployment and nobody said what came of it
        self._release()

    def unavailable(self) -> UpstreamUnavailableError:
        """What to raise where `next` gave nothing at the first ask: every deployment is left alone for now."""
        now = self._ledger.clock()
        until = [self._ledger.state(one).open_until for deployments in self._waiting for one in deployments]
        wait = max(1, round(min((one - now for one in until if one > now), default=1)))
        return UpstreamUnavailableError(
            f"every deployment of '{self.target.name}' failed and is left alone for now",
            hint=f"try again in {wait} s",
            retry_after_s=float(wait),
        )

    def _pick(self) -> tuple[Deployment, float] | None:
        """The next deployment and when it may be asked. Targets go in order; a long wait lets later ones go first."""
        now = self._ledger.clock()
        late: tuple[Deployment, float] | None = None
        cooling: tuple[Deployment, float] | None = None
        for deployments in self._waiting:
            best: tuple[Deployment, float] | None = None
            for rank in range(self._most):
                for one in deployments:
                    if self._times(one) != rank:
                        continue
                    state = self._ledger.state(one)
                    ready_at = max(now, self._ready_at.get(one.name, 0.0))
                    if state.is_open(now) or ready_at == float("inf") or (self.deadline is not None and ready_at >= self.deadline):
                        continue
                    if rank == 0 and state.cooling_until > now:
                        cooling = cooling or (one, now)
                        continue
                    if best is None or ready_at < best[1]:
                        best = (one, ready_at)
                if best is not None and best[1] <= now:
                    break
            if best is not None:
                if best[1] - now <= PATIENCE_S:
                    return best
                if late is None or best[1] < late[1]:
                    late = best
        return cooling if cooling is not None else late

    def _take(self, one: Deployment, state: State) -> None:
        if state.open_until > 0:
            state.probing_until = self._ledger.clock() + max(
                self._retry.cool_down_s, 1.0
            )  # one call tries it; if that one is never told of, another
        state.in_flight += 1
        self._busy = state
        self._given.append(one)

    def _times(self, one: Deployment) -> int:
        """How often this call has asked it."""
        return [given.name for given in self._given].count(one.name)

    def _release(self) -> None:
        if self._busy is not None:
            self._busy.in_flight -= 1
            self._busy = None


def seconds(retry_after: str | None) -> float | None:
    """A `retry-after` in seconds from now: a number or an HTTP date; what is past or negative is 0, what is neither is None."""
    text = (retry_after or "").strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        number = (at - datetime.now(UTC)).total_seconds()
    return max(0.0, number) if number == number else None
