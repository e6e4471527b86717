"""Who is asked next, and when no more."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.attempts import FLOOR, KNOWN, Attempts, Budget, Ledger, seconds
from modicum.backends.facts import facts
from modicum.backends.names import Deployment, Target
from modicum.config import RetryConfig
from modicum.errors import UpstreamError


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds


def one(name: str, weight: float = 1.0) -> Deployment:
    return Deployment(provider=name, kind="openai", model="m", weight=weight, facts=facts("openai"))


def target(*deployments: Deployment, strategy: Any = "ordered", fallbacks: tuple[Target, ...] = ()) -> Target:
    return Target(name="t", deployments=deployments, strategy=strategy, fallbacks=fallbacks)


def ledger(clock: Clock | None = None, **retry: Any) -> Ledger:
    clock = clock or Clock()
    return Ledger(retry=RetryConfig(**({"budget_share": 100.0} | retry)), clock=clock, random=lambda: 0.0, sleep=clock.sleep)


def begin(where: Ledger, wanted: Target) -> Attempts:
    return Attempts(wanted, [(each, each.deployments) for each in (wanted, *wanted.fallbacks)], where)


async def walk(attempts: Attempts, why: Exception | int = 503, after: str | None = None) -> list[str]:
    """Fail until nothing is left."""
    asked: list[str] = []
    while (found := await attempts.next()) is not None:
        asked.append(found.provider)
        attempts.failed(found, why, after)
    attempts.close()
    return asked


async def test_each_deployment_is_tried_then_each_again_then_the_fallbacks() -> None:
    clock = Clock()
    wanted = target(one("a"), one("b"), fallbacks=(target(one("c")),))
    asked = await walk(begin(ledger(clock), wanted))
    assert asked == ["a", "b", "a", "b", "c", "c"]


async def test_never_more_tries_than_allowed_and_the_tried_ones_are_told() -> None:
    clock = Clock()
    attempts = begin(ledger(clock, tries=1), target(one("a"), one("b")))
    assert await walk(attempts) == ["a", "b"]
    assert attempts.tried == ("a/m", "b/m")


async def test_a_long_wait_lets_a_fallback_go_first_and_an_absurd_one_is_not_waited_for() -> None:
    clock = Clock()
    wanted = target(one("a"), fallbacks=(target(one("b")),))
    assert (await walk(begin(ledger(clock), wanted), 429, "20"))[:2] == ["a", "b"]
    began = clock.now
    assert await walk(begin(ledger(clock), target(one("x"))), 429, "1000000000") == ["x"]
    assert clock.now - began < 1


async def test_a_wait_that_is_asked_for_is_kept() -> None:
    clock = Clock()
    attempts = begin(ledger(clock), target(one("a")))
    found = await attempts.next()
    assert found is not None
    attempts.failed(found, 429, "0.5")
    began = clock.now
    assert await attempts.next() is not None
    assert 0.4 <= clock.now - began < 1.5


async def test_a_deployment_that_cools_down_is_passed_over_but_asked_where_it_is_the_only_one() -> None:
    clock = Clock()
    where = ledger(clock)
    pair = target(one("a"), one("b"))
    first = begin(where, pair)
    found = await first.next()
    assert found is not None and found.provider == "a"
    first.failed(found, 429, "10")
    first.close()
    second = await begin(where, pair).next()
    assert second is not None and second.provider == "b"
    alone = await begin(where, target(one("a"))).next()
    assert alone is not None and alone.provider == "a"
    clock.now += 11
    again = await begin(where, pair).next()
    assert again is not None and again.provider == "a"


async def test_a_breaker_opens_after_five_failures_and_one_call_tries_it_again() -> None:
    clock = Clock()
    where = ledger(clock, tries=1, breaker_failures=5, cool_down_s=30.0)
    alone = target(one("a"))
    for _ in range(5):
        assert await walk(begin(where, alone)) == ["a"]
    shut = begin(where, alone)
    assert await shut.next() is None and shut.tried == ()
    refused = shut.unavailable()
    assert refused.status == 503 and refused.retry_after_s is not None and 29 <= refused.retry_after_s <= 30
    clock.now += 30
    probe, other = begin(where, alone), begin(where, alone)
    found = await probe.next()
    assert found is not None
    assert await other.next() is None
    probe.failed(found, UpstreamError("still ill"))
    assert await begin(where, alone).next() is None
    clock.now += 30
    probe = begin(where, alone)
    found = await probe.next()
    assert found is not None
    probe.answered(found)
    probe.close()
    assert await begin(where, alone).next() is not None


async def test_a_probe_whose_caller_left_lets_another_try() -> None:
    clock = Clock()
    where = ledger(clock, tries=1, breaker_failures=1)
    alone = target(one("a"))
    await walk(begin(where, alone))
    clock.now += 30
    probe = begin(where, alone)
    assert await probe.next() is not None
    probe.close()
    assert await begin(where, alone).next() is not None


async def test_too_many_requests_open_no_breaker_but_an_open_one_sends_calls_elsewhere() -> None:
    clock = Clock()
    where = ledger(clock, tries=1, breaker_failures=2)
    for _ in range(20):
        assert await walk(begin(where, target(one("a"))), 429) == ["a"]
    for _ in range(2):
        await walk(begin(where, target(one("b"))), 500)
    found = await begin(where, target(one("b"), one("c"))).next()
    assert found is not None and found.provider == "c"


async def test_weights_are_kept_exactly() -> None:
    where = ledger()
    pair = target(one("a", 3), one("b", 1), one("spare", 0), strategy="weighted")
    asked: Counter[str] = Counter()
    runs: list[str] = []
    for _ in range(400):
        attempts = begin(where, pair)
        found = await attempts.next()
        assert found is not None
        attempts.close()
        asked[found.provider] += 1
        runs.append(found.provider)
    assert asked == {"a": 300, "b": 100}
    assert "b" in runs[:4] and "b" in runs[4:8]


async def test_the_least_busy_is_asked_and_a_closed_call_keeps_nobody_busy() -> None:
    where = ledger()
    pair = target(one("a"), one("b", 2), strategy="least_busy")
    calls = [begin(where, pair) for _ in range(3)]
    asked = []
    for call in calls:
        found = await call.next()
        assert found is not None
        asked.append(found.provider)
        call.answered(found)
        where.state(found)
        calls_order = begin(where, pair)
        calls_order.close()
    assert {where.state(one("a")).in_flight, where.state(one("b")).in_flight} <= {0, 1, 2, 3}
    assert where.state(one("a")).in_flight + where.state(one("b")).in_flight == 3
    for call in calls:
        call.close()
        call.close()
    assert where.state(one("a")).in_flight == where.state(one("b")).in_flight == 0
    where.state(one("a")).in_flight = 1
    found = await begin(where, pair).next()
    assert found is not None and found.provider == "b"


async def test_retries_stay_within_their_share_of_the_calls() -> None:
    clock = Clock()
    where = ledger(clock, budget_share=0.2, breaker_failures=10**9)
    tries = 0
    for _ in range(1000):
        tries += len(await walk(begin(where, target(one("a"), one("b")))))
        clock.now += 0.01
    assert 1000 + 0.2 * 1000 - FLOOR <= tries <= 1000 + 0.2 * 1000 + FLOOR


def test_a_quiet_service_may_retry_a_little_and_the_window_slides() -> None:
    clock = Clock()
    budget = Budget(0.2, clock)
    budget.call()
    assert [budget.retry() for _ in range(FLOOR + 1)] == [True] * FLOOR + [False]
    clock.now += 61
    assert budget.retry()
    assert not Budget(0.0, clock).retry()


async def test_the_total_deadline_ends_the_waiting() -> None:
    clock = Clock()
    attempts = begin(ledger(clock, total_timeout_s=1.0), target(one("a")))
    found = await attempts.next()
    assert found is not None and attempts.deadline == clock.now + 1.0
    attempts.failed(found, 429, "5")
    assert await attempts.next() is None


async def test_fallbacks_in_a_circle_end() -> None:
    clock = Clock()
    wanted = target(one("a"), fallbacks=(target(one("b")), target(one("a"))))
    assert await walk(begin(ledger(clock), wanted)) == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("status", "told", "again"),
    [(200, "", False), (400, "", False), (401, "", False), (404, "", False), (408, "", True), (409, "", True), (422, "", False)]
    + [(429, "", True), (500, "", True), (501, "", False), (502, "", True), (503, "", True), (504, "", True), (529, "", True)]
    + [(503, "false", False), (503, " False ", False), (400, "true", True), (200, "true", False), (503, "perhaps", True)],
)
def test_what_is_tried_again(status: int, told: str, again: bool) -> None:
    assert begin(ledger(), target(one("a"))).retryable(status, told) is again


def test_retry_after_in_all_its_forms() -> None:
    assert seconds("7") == 7 and seconds(" 0.5 ") == 0.5
    assert seconds("-5") == 0 and seconds("1e9") == 1e9
    assert seconds(None) is None and seconds("") is None and seconds("soon") is None and seconds("nan") is None
    later = seconds(email.utils.formatdate(time.time() + 60, usegmt=True))
    assert later is not None and 58 <= later <= 60
    assert seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@given(st.text(max_size=60))
def test_any_retry_after_is_none_or_a_wait(text: str) -> None:
    found = seconds(text)
    assert found is None or found >= 0


def test_the_number_of_deployments_that_are_known_is_bounded() -> None:
    where = ledger()
    for number in range(3 * KNOWN):
        where.state(one(str(number)))
    assert len(where._states) == KNOWN
