"""A fit that had too few calls is made again when those came that it lacked, by the real process behind the real gateway."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modicum.config import Config, FitConfig, StoreConfig, WatchConfig
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.watch import learn
from modicum.watch.learner import CAME_S, Learner
from tests.gateway.rig import Gateway, gateway
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer, sorts

FIT = FitConfig(margin=0.05, max_selective=0.08)


def ask(served: Gateway, count: int, rng: random.Random) -> None:
    for _ in range(count):
        text = traffic.message(rng.choice(list(traffic.SUBJECTS)), rng)
        messages = [{"role": "system", "content": traffic.SYSTEM}, {"role": "user", "content": f"Message: {text}"}]
        assert served.post({"model": "gpt-4o", "messages": messages})[0].status == 200


def runs(learner: Learner, now: datetime) -> None:
    """Let it begin and end."""
    learner.tick(now)
    assert learner.pid is not None, "there was a reason"
    until = time.monotonic() + 120
    while learner.pid is not None:
        assert time.monotonic() < until
        time.sleep(0.1)
        now += timedelta(seconds=6)
        learner.tick(now)


def test_the_calls_that_a_fit_lacked_are_fitted_when_they_came_and_not_the_next_day(tmp_path: Path) -> None:
    config = Config(store=StoreConfig(home=tmp_path / "home"), fit=FIT, watch=WatchConfig(order_s=0.0))
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", [row for row, _ in traffic.sorted_messages(60)])], Options())
    (workload,) = find(config)
    verdict = Night(config, Wish(fit=FIT, actor="ann")).fit(workload)
    assert (verdict.code, verdict.route) == ("too_few_calls", None) and verdict.needs_calls is not None
    control, told = Control(config.home), list[tuple[str, str]]()
    assert learn.Learning(config).run(["somebody asked"])
    state, _ = learn.read(control)
    assert state.missing == {workload.workload_id: verdict.needs_calls}
    learner = Learner(config, control, lambda what, text: told.append((what, text)))
    now, rng = datetime.now(UTC) + timedelta(seconds=CAME_S), random.Random(7)
    with ModelServer() as incumbent:
        incumbent.answers["gpt-4o"] = sorts
        with gateway(config.home, incumbent.url.removesuffix("/v1"), env={"MODICUM_WATCH__RUN": "off"}) as served:
            ask(served, verdict.needs_calls - 1, rng)
            learner.tick(now)
            assert learner.pid is None, "one is missing still"
            ask(served, 1, rng)
            runs(learner, now + timedelta(seconds=6))
    learner.close()
    assert told[0] == ("learns", f"{workload.name}: the {verdict.needs_calls:,} calls came that were missing")
    assert told[-1][0] == "learnt"
    fit = learn.read(control)[0].workloads[workload.workload_id]
    assert fit.calls == 60 + verdict.needs_calls
    assert state.ended is not None and fit.at > state.ended
