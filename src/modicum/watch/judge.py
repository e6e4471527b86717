"""What a route's new records make of what is known of it: Watch and tosses in, Watch out. Pure.

Draws that count are held to the promise (`promise`); all records count for the stage's health: how often it failed, how long it took,
whether it is compared at all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from modicum.config import WatchConfig
from modicum.route.steps import ANSWERING
from modicum.store.codec import from_us, to_us
from modicum.types import Cover, Route, Watch
from modicum.watch import callers, early, evidence, mute, waiting, words
from modicum.watch import promise as _promise
from modicum.watch.callers import Callers
from modicum.watch.draws import Toss
from modicum.watch.early import Early
from modicum.watch.evidence import Evidence
from modicum.watch.mute import Mute
from modicum.watch.promise import Promise, Tests
from modicum.watch.times import Times
from modicum.watch.unit import Seen, counts
from modicum.watch.waiting import Labels, Open, Run

HEARD_S = 5.0
"""Workers hear of a step within this; what comes later on the arm of the step before is a conversation that was held back."""
FAILURES_IN_A_ROW = 20
"""A stage that fails so often, one after the other, and for so long, is damaged."""
FAILING_S = 15.0
SILENT_DRAWS = 10.0
"""Draws that chance should have brought before a route without one is called silent."""
SURE = 4.0
"""Standard errors by which these draws must be more than those that the incumbent left unanswered, before the stage is at fault."""


class Book(msgspec.Struct):
    """What stands in `Watch.tests`."""

    tests: Tests = msgspec.field(default_factory=Tests)
    seen: Seen = msgspec.field(default_factory=Seen)
    callers: Callers = msgspec.field(default_factory=Callers)
    queue: list[Run | Open] = []
    times: Times = msgspec.field(default_factory=Times)
    early: Early = msgspec.field(default_factory=Early)
    mute: Mute = msgspec.field(default_factory=Mute)
    evidence: Evidence = msgspec.field(default_factory=Evidence)
    state: str = ""
    """The step that `tests` is in."""
    quiet: int = 0
    """Calls since the stage was last compared."""
    expected: float = 0.0
    """Draws that chance should have brought among them,"""
    unanswered: int = 0
    """... and those that it brought and the incumbent gave nothing for."""
    failing: int = 0
    """Failures since the stage last said something."""
    failing_since_us: int = 0
    failing_why: str = ""
    paid: int = 0
    """Calls whose cost is known, and what they cost: newer ones weigh more."""
    paid_usd: float = 0.0
    first_us: int = 0
    """The first call of the step."""
    last_us: int = 0
    skew_s: float = 0.0
    """How far the clock was set forward in this step."""
    shared_us: int = 0
    """When the share kept as control was last set."""
    told: dict[str, int] = {}
    """What was told when, so that it is not told again and again."""


def opened(watch: Watch | None, route: Route, promise: Promise, now: datetime) -> tuple[Watch, Book]:
    """What is known of a route, in its present step."""
    book = Book() if watch is None else _read(watch)
    if watch is None or watch.since != route.changed_at or book.state != route.state:
        watch = Watch(route_id=route.route_id, at=now, since=route.changed_at, broken=watch.broken if watch is not None else "")
        book.state, book.times, book.first_us, book.last_us, book.skew_s = route.state, Times(), 0, 0, 0.0
        book.quiet, book.expected, book.unanswered = 0, 0.0, 0
        book.failing, book.failing_since_us, book.failing_why, book.mute = 0, 0, "", Mute()
        _promise.enter(book.tests, promise)
    elif not _promise.fits(book.tests, promise):
        _promise.enter(book.tests, promise)
    return watch, book


def see(
    watch: Watch,
    book: Book,
    route: Route,
    tosses: Iterable[Toss],
    promise: Promise,
    settings: WatchConfig,
    labels: Labels,
    cover: Cover,
    now: datetime,
) -> Watch:
    """The watch after these records, in order; `book` is changed. Labels: digest of a call's name -> of the right value."""
    if since(book, route) > now:  # whoever took the step had a clock that was set back since
        book.skew_s = (now - route.changed_at).total_seconds()
    since_us = to_us(min(since(book, route), route.changed_at))
    calls, failed, drawn_at = watch.calls, watch.failed, watch.last_audit_at
    for toss in tosses:
        if not toss.unanswered:  # it says nothing of what the stage would have done
            early.see(book.early, toss, cover)
        if toss.started_us >= since_us:
            calls += 1
            failed += bool(toss.failed)
            book.first_us = book.first_us or toss.started_us
            book.last_us = max(book.last_us, toss.started_us)
            if toss.stage_ms is not None:
                book.times.add(toss.stage_ms)
            _hear(book, toss)
        if toss.outcome is None or _held_back(toss, route, since_us) or not counts(book.seen, toss):
            continue
        drawn_at = toss.at
        callers.hear(book.callers, toss)
        if promise.kind == "A":
            lost, answered = float(toss.outcome == "differs"), toss.outcome != "deferred"
            settled = waiting.Settled(toss.started_us, lost, answered, key=toss.key, user=toss.user, call_id=toss.call_id)
            watch = _count(watch, book, promise, settings, settled, since_us, now)
            continue
        waits = toss.outcome == "differs"
        if promise.kind == "C" and toss.outcome == "agreed" and toss.said and labels:
            waits = waiting.room(book.queue) or bool(waiting.loss(promise.kind, labels, toss.names, toss.said, toss.told))
        waiting.wait(book.queue, toss, None if waits else 0.0, since_us)
    late_us = to_us(now - timedelta(hours=settings.judged_within_h))
    for settled in waiting.settle(book.queue, promise.kind, labels, late_us):
        watch = _count(watch, book, promise, settings, settled, since_us, now)
    return dataclasses.replace(
        watch,
        at=now,
        calls=calls,
        failed=failed,
        last_audit_at=drawn_at,
        waiting=sum(isinstance(one, Open) for one in book.queue),
        p95_ms=book.times.quantile(0.95),
        level=promise.level if promise.level is not None else promise.level_answered,
        level_answered=promise.level_answered,
        p_value=_promise.p_value(book.tests, promise, settings),
        suspicion=_promise.suspicion(book.tests),
        lost_calls=evidence.calls(book.evidence),
        warnings=tuple(book.early.warnings.values()),
    )


def silent(book: Book, settings: WatchConfig) -> bool:
    """Calls come, and the stage is not compared with anybody."""
    return book.quiet >= settings.silent_calls and book.expected >= SILENT_DRAWS


def explained(book: Book) -> bool:
    """Is it the incumbent's silence? Where chance drew about as many as it should have, and none got an answer."""
    return book.expected - book.unanswered < max(SILENT_DRAWS, SURE * math.sqrt(book.unanswered))


def see_callers(book: Book, route: Route, now: datetime, named: Callable[[str], str]) -> None:
    """Keep the warning of who alone is served badly, while it stands. `named`: what a key with this digest is called."""
    if found := callers.standing(book.callers, int(now.timestamp())):
        book.early.warnings[callers.KIND] = words.alone(route, found, named)
    else:
        book.early.warnings.pop(callers.KIND, None)


def see_mute(book: Book, route: Route) -> None:
    """Keep the warning of a stage that says nothing, while it stands. What is damage is told of as such."""
    if mute.stands(book.mute) and not damaged(book):
        book.early.warnings[mute.KIND] = words.mute(route, book.mute.calls, mute.since(book.mute), book.mute.why)
    else:
        book.early.warnings.pop(mute.KIND, None)


def damaged(book: Book) -> str:
    """Why the stage cannot answer at all, where it fails again and again; empty where it does not."""
    if book.failing < FAILURES_IN_A_ROW or book.last_us - book.failing_since_us < FAILING_S * 1e6:
        return ""
    return f"its stage failed {book.failing} times in a row: {book.failing_why}"[:300]


def since(book: Book, route: Route) -> datetime:
    """When the step was entered, by a clock that nobody set meanwhile."""
    return route.changed_at + timedelta(seconds=book.skew_s)


def last(book: Book) -> datetime | None:
    """When the route's newest call began."""
    return from_us(book.last_us) if book.last_us else None


def forget(book: Book) -> None:
    """What only a live route needs goes: its tests stay."""
    book.seen, book.callers, book.early, book.queue = Seen(), Callers(), Early(), []


def kept(watch: Watch, book: Book) -> Watch:
    """The watch as it is written."""
    return dataclasses.replace(watch, tests=msgspec.to_builtins(book, str_keys=True))


def _read(watch: Watch) -> Book:
    try:
        return msgspec.convert(watch.tests, Book, str_keys=True, strict=False)
    except msgspec.ValidationError:
        return Book()  # another version wrote it: the tests begin anew


def _count(
    watch: Watch, book: Book, promise: Promise, settings: WatchConfig, settled: waiting.Settled, since_us: int, now: datetime
) -> Watch:
    lost = settled.lost
    counted = lost <= 0 or callers.takes(book.callers, book.tests.draws + 1, settled.key, settled.user)
    if settled.answered or promise.level is not None:
        callers.weigh(
            book.callers,
            _who(settled, promise),
            lost,
            int(now.timestamp()),
            counted=counted,
            level=promise.level if promise.level is not None else promise.level_answered,
            low=promise.low,
            run_length=settings.run_length,
        )
    lost = lost if counted else 0.0
    for _ in range(settled.times):
        _promise.see(book.tests, promise, settings, lost, answered=settled.answered)
    evidence.hear(book.evidence, settled, lost)
    if settled.at_us >= since_us:
        watch = dataclasses.replace(
            watch,
            audits=watch.audits + settled.times,
            answered=watch.answered + settled.times * settled.answered,
            lost=watch.lost + settled.times * lost,
        )
    if book.tests.rang and not watch.broken:
        watch = dataclasses.replace(watch, broken=_broken(watch, book, promise))
    return watch


def _broken(watch: Watch, book: Book, promise: Promise) -> str:
    """Which test rang, and what it saw."""
    answers = book.tests.rang == "answered" or promise.level is None
    level = promise.level_answered if answers or promise.level is None else promise.level
    seen = evidence.stretch(book.evidence, level, promise.low, answers=book.tests.rang == "answered")
    return words.broken(book.tests.rang, watch, promise, seen)


def _who(settled: waiting.Settled, promise: Promise) -> dict[str, int]:
    """Whose audits these are. Users only where each draw counts at once: else nobody keeps whose those were that lost nothing."""
    found = {f"key {key}": times for key, times in settled.of.items()}
    if settled.key:
        found[f"key {settled.key}"] = 1
    if settled.user and promise.kind == "A":
        found[f"user {settled.user}"] = 1
    return found


def _hear(book: Book, toss: Toss) -> None:
    """What the record says of the stage's health, and of what a call costs."""
    mute.hear(book.mute, toss)
    if toss.compared and not toss.unanswered:
        book.quiet, book.expected, book.unanswered = 0, 0.0, 0
    else:
        book.quiet += 1
        book.expected += toss.chance
        book.unanswered += toss.unanswered
    if toss.failed and mute.rests(toss.failed):
        book.failing, book.failing_why = 0, ""  # what failed before led to this rest, or was a try whether it is over
    elif toss.failed:
        if not book.failing:
            book.failing_since_us, book.failing_why = toss.started_us, toss.failed
        book.failing += 1
    elif toss.compared or toss.answered:
        book.failing, book.failing_why = 0, ""
    if toss.cost_usd is not None:
        book.paid, book.paid_usd = book.paid + 1, book.paid_usd + toss.cost_usd
        if book.paid >= 2 * LATELY:
            book.paid, book.paid_usd = book.paid // 2, book.paid_usd / 2


LATELY = 1_000


def _held_back(toss: Toss, route: Route, since_us: int) -> bool:
    """Is it a conversation that stays on the arm of the step before? Which ones do is not left to chance: they are the longer ones."""
    if route.state not in ANSWERING or toss.started_us < since_us + HEARD_S * 1e6:
        return False
    return toss.reason == "shadow" or (toss.reason == "canary" and route.state == "on")
