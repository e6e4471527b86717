"""A gateway with one certified route and a provider that can change its mind, and what may be said of a route's history afterwards."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import cast

from modicum.config import Config, load
from modicum.pipeline.auditing import verify_home
from modicum.pipeline.switching import publish
from modicum.route.steps import AFTER
from modicum.store import beat
from modicum.store import home as store_home
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Certificate, Cover, Route, RouteState, Rule, Saving
from modicum.view import VIEW_VERSION
from tests.faults.client import Answer, ask
from tests.faults.provider import Exchange, completion
from tests.faults.world import World, clean_environment, world
from tests.gateway.routed import SYSTEM, artefact, workload

ROUTE, MODEL = "r1", "gpt-4"
QUICK = """[watch]
run = "{run}"
automatic = true
look_every_s = 0.05
order_s = 0.2
shadow_audits = {audits}
shadow_hours = 0
canary_audits = {audits}
canary_hours = 0
learn_every_h = 0
{more}
[route]
control_share = 0.3
settle_minutes = 0
"""


def prepare(home: Path, state: RouteState = "proposed") -> None:
    """A home with a workload, its certificate and its route in this state."""
    store_home.prepare(home)
    control, now = Control(home), datetime.now(UTC)
    digest = artefact(home)
    control.replace_workloads([workload()])
    certificate = Certificate(
        certificate_id="c1",
        workload_id="w1",
        workload_name="direction",
        scope="default",
        kind="A",
        margin=0.03,
        max_selective=0.05,
        confidence=0.95,
        delta_spent=0.05,
        attempt_number=1,
        groups=1000,
        calls=1000,
        accepted=900,
        errors=3,
        labels_used=0,
        coverage=0.9,
        coverage_calls=0.9,
        rate=0.003,
        rate_calls_interval=(0.0, 0.01),
        p_value=0.001,
        rule=Rule(accept_above=0.9),
        cover=Cover(incumbents=(MODEL,), version_ids=("v1",), view_version=VIEW_VERSION, max_input_chars=500),
        artefact_digest=digest,
        label_table=(),
        self_disagreement=None,
        left_out_groups=0,
        window_from=now - timedelta(days=9),
        window_to=now - timedelta(days=1),
        sentence="of 100 distinct requests at most 3 get an answer that differs",
        saving=Saving(usd_month=None, low_usd_month=None, high_usd_month=None, baseline="", method=""),
        evidence_digest="e",
        created_at=now,
        expires_at=now + timedelta(days=90),
    )
    control.add_certificate(certificate, b"")
    control.put_route(
        Route(
            route_id=ROUTE,
            workload_id="w1",
            scope="default",
            artefact_digest=digest,
            certificate_id="c1",
            state=state,
            changed_at=now,
            changed_by="fit",
            proposed_by="fit",
            share=0.5,
        )
    )
    publish(load(None, flags={"store.home": home}, environ={}))


@dataclass
class Teller:
    """The incumbent: right about gold, until it turns."""

    turned: bool = False

    async def __call__(self, one: Exchange) -> bool:
        rises = "rises" in one.tag
        body = completion(one.model, "up" if rises != self.turned else "down", 5)
        one.billed = 5
        await one.respond(body)
        return True


@dataclass
class Watched:
    """The gateway under load, and the load's answers."""

    made: World
    teller: Teller
    config: Config
    watchers: list[subprocess.Popen[str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _number: int = 0

    @property
    def control(self) -> Control:
        return Control(self.made.home)

    @property
    def route(self) -> Route:
        return self.control.route(ROUTE)

    @contextmanager
    def load(self, rps: float = 60.0) -> Iterator[None]:
        """Callers who ask for a headline each, at a fixed rate, from here to the end."""
        self._stop.clear()
        thread = threading.Thread(target=lambda: asyncio.run(self._ask(rps)))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    async def _ask(self, rps: float) -> None:
        async def one(text: str) -> None:
            messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"Headline: {text}"}]
            self.answers.append(await ask(self.made.port, MODEL, messages=messages, secret=self.made.secret))

        tasks, began, sent = set[asyncio.Task[None]](), time.monotonic(), 0
        while not self._stop.is_set():
            sent += 1
            self._number += 1
            way = "rises" if self._number % 2 else "falls"
            tasks.add(task := asyncio.create_task(one(f"Gold {way} {in_letters(self._number)}")))
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(max(began + sent / rps - time.monotonic(), 0))
        await asyncio.gather(*tasks)

    def reasons(self, since: float) -> Counter[str]:
        """Why who answered, of the calls that began after a moment of the steady clock."""
        return Counter(one.headers.get("x-modicum-reason", "") for one in list(self.answers) if one.status == 200 and one.began > since)

    def until(self, *states: RouteState, within_s: float) -> float:
        """Wait until the route is in one of these states; seconds until then."""
        began = time.monotonic()
        while (state := self.route.state) not in states:
            assert time.monotonic() - began < within_s, (state, self.history(), self.control.watches(), self.made.errors()[-3000:])
            time.sleep(0.05)
        return time.monotonic() - began

    # ------------------------------------------------------------------------------------------------- the watchers

    def watch(self, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `modicum watch`."""
        with (self.made.home / "stderr.txt").open("a") as errors:
            started = subprocess.Popen(
                [sys.executable, "-m", "modicum", "watch", "--config", str(self.made.home / "modicum.toml"), "--home", str(self.made.home)],
                stdout=subprocess.DEVNULL,
                stderr=errors,
                text=True,
                env={**clean_environment(), **self.made.environment, **(environment or {})},
            )
        self.watchers.append(started)
        return started

    def child(self) -> int | None:
        """The watcher that `serve` started."""
        assert self.made.process is not None
        found = subprocess.run(
            ["pgrep", "-P", str(self.made.process.pid), "-f", "modicum watch"], capture_output=True, text=True, check=False
        )
        return int(found.stdout.split()[0]) if found.stdout else None

    def leader(self) -> int | None:
        """The watcher whose heartbeat was the last."""
        try:
            return int(json.loads(beat.path(self.made.home).read_bytes())["pid"])
        except (OSError, ValueError, LookupError):
            return None

    # ------------------------------------------------------------------------------------------------ what is checked

    def history(self) -> list[tuple[str, str]]:
        """(before, after) of each step that the audit log holds, oldest first."""
        lines = [one for one in self.control.audit() if one.subject == ROUTE and one.action.startswith("route.")]
        found = [re.match(r"(\w+) -> (\w+)", one.detail) for one in lines]
        return [(one[1], one[2]) for one in found if one]

    def check(self) -> int:
        """No step was skipped, none was taken that must not be, and every caller got a valid answer; how many steps there were."""
        steps = self.history()
        assert steps[0][0] == "new"
        for (_, before), (found, after) in pairwise(steps):
            assert found == before, ("a step between is missing", steps)
            assert after in AFTER[cast(RouteState, before)], ("no such step", before, after)
        assert steps[-1][1] == self.route.state
        assert verify_home(self.made.home).holds
        assert [one.fault for one in self.answers if one.fault] == []
        return len(steps) - 1

    def draws(self) -> set[str]:
        """Ids of the recorded calls of which both sides are known by chance."""
        calls = Calls(self.made.home).scan()
        decided = ((call.call_id, call.decision) for call in calls if call.status == 200)
        return {i for i, one in decided if one and one.route_id == ROUTE and one.reason in ("shadow", "canary", "control")}


def in_letters(number: int) -> str:
    """A word that no two numbers share and no specialist knows."""
    found = ""
    for _ in range(5):
        number, digit = divmod(number, 20)
        found += "bcdfghjklmnpqrstvwxz"[digit]
    return found


@contextmanager
def watched(
    home: Path,
    *,
    run: str = "off",
    audits: int = 30,
    more: str = "",
    state: RouteState = "proposed",
    workers: int = 1,
    env: Mapping[str, str] | None = None,
) -> Iterator[Watched]:
    """A gateway with a route in this state, before an incumbent that is right."""
    prepare(home, state)
    teller = Teller()
    settings = QUICK.format(run=run, audits=audits, more=more)
    with world(home, models={MODEL: (f"one/{MODEL}",)}, more=settings, env=env, workers=workers, serving=False) as made:
        made.provider.acts[MODEL] = teller
        made.start()
        config = load(home / "modicum.toml", flags={"store.home": home}, environ={})
        found = Watched(made, teller, config)
        try:
            yield found
        finally:
            for one in found.watchers:
                one.kill()
                one.wait(10)
