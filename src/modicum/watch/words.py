"""What the watcher says: why a promise is broken, what is missing, what it did. Sentences; nothing of a call is in them."""

from __future__ import annotations

from datetime import datetime

from modicum.route.steps import said
from modicum.types import Notice, NoticeKind, Route, RouteState, Watch
from modicum.watch.promise import Promise

_COUNTED = {"A": "differ from the incumbent's", "B": "are worse than the incumbent's", "C": "are wrong"}


def broken(rang: str, watch: Watch, promise: Promise) -> str:
    """Which test says that the promise is broken."""
    answers = rang == "answered"
    level, certified = (
        (promise.level_answered, promise.certified_answered) if answers or promise.level is None else (promise.level, promise.certified)
    )
    drawn, what = (watch.answered, "answers") if answers else (watch.audits, "audits")
    seen = f"{watch.lost:g} of {drawn} {what} in this step {_COUNTED[promise.kind]}"
    return f"{seen}; {certified:.2%} were certified, and a test that may look at any time says it is more than {level:.2%}"


def notice(
    kind: NoticeKind, route: Route, name: str, now: datetime, text: str, *, was: RouteState | None = None, now_is: RouteState | None = None
) -> Notice:
    """A notice about a route; `name`: of its workload. Its number comes from the store."""
    return Notice(
        number=0,
        at=now,
        kind=kind,
        scope=route.scope,
        workload_id=route.workload_id,
        workload=name,
        route_id=route.route_id,
        text=text,
        was=was,
        now=now_is,
    )


def moved(was: Route, now: Route, name: str, why: str) -> str:
    """What is told of a step."""
    return f"{name}: {said(was.state)} -> {said(now.state)}: {why}"
