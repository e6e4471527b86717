"""A wall clock that jumps back, on, by a second, and stands still (F13). The steady clock is nobody's to set."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

from modicum.config import Config, StoreConfig
from modicum.pipeline import keys
from tests.faults.client import Answer, Mix, ask, load
from tests.faults.conftest import Length, Report
from tests.faults.shim import Control, Shim
from tests.faults.world import world

HOUR_NS = 3600 * 10**9
SETTINGS = {
    "an hour back": {"shift_ns": -HOUR_NS},
    "an hour on": {"shift_ns": HOUR_NS},
    "a second on": {"shift_ns": 10**9},
    "a second back": {"shift_ns": -(10**9)},
    "frozen": {"frozen_ns": time.time_ns()},
}


def test_a_clock_that_jumps_changes_no_wait_no_limit_and_no_record(tmp_path: Path, shim: Shim, length: Length, report: Report) -> None:
    control = Control(tmp_path / "control")
    home = tmp_path / "home"
    with world(home, env=shim.environment(control), one="first_byte_timeout_s = 0.5\n", serving=False) as made:
        config = Config(store=StoreConfig(home=home))
        _, few = keys.create(config, "few", actor="a test", requests_minute=5, budget_month_usd=Decimal(1))
        made.start()
        made.settle_in()

        async def of_few() -> list[int]:
            return [(await ask(made.port, "steady", secret=few)).status for _ in range(2)]

        began = time.monotonic()
        allowed = 0
        waits = {}
        for name, setting in SETTINGS.items():
            control.set(shift_ns=0, frozen_ns=0)
            control.set(**setting)
            loud = asyncio.run(
                load(
                    made.port,
                    [Mix("steady"), Mix("steady", True)],
                    seconds=length.seconds / 4,
                    rps=length.rps,
                    streams=2,
                    secret=made.secret,
                )
            )
            made.log += loud
            assert [one for one in loud if not one.done] == [], name
            hung = made.ask(made.fresh(lambda one: one.hang()))
            assert hung.done and 0.4 < hung.took_s < 2.5, (name, hung.took_s)
            waits[name] = hung.took_s
            allowed += asyncio.run(of_few()).count(200)
        control.set(shift_ns=0, frozen_ns=0)
        assert time.monotonic() - began > 60 or allowed == 5, "a limit of five a minute was begun again"
        ids = [one.headers["x-request-id"] for one in made.log if one.status]
        assert len(set(ids)) == len(ids)
        strangers = {call.request for some in made.calls().values() for call in some if call.key_id != made.key_id}
        assert len(strangers) <= 10
        made.log += [_of_few(tag) for tag, some in made.calls().items() if some[0].key_id != made.key_id]
        figures = made.check()
        told = ", ".join(f"{name}: {seconds:.2f} s" for name, seconds in waits.items())
        report(
            "F13",
            f"{figures['calls']} calls under five clocks, all answered; a limit of 5 a minute let {allowed} of "
            f"10 pass; a time-out of 0.5 s took {told}",
        )


def _of_few(tag: str) -> Answer:
    return Answer(tag, "steady", False)
