"""A prompt is edited while its route answers: from calls that nobody recognises to a proposal that is compared with the live route.

The gateway is the real one, and so is the process that learns; an incumbent that sorts parcels stands behind it.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modicum.config import Config, FitConfig, RouteConfig, StoreConfig, WatchConfig
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.newcomers import newcomers
from modicum.pipeline.night import Night
from modicum.pipeline.switching import switch
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.watch.learner import Learner
from modicum.watch.round import Rounds
from tests.gateway.rig import Gateway, gateway
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer, sorts

EDITED = "You sort messages for a parcel service. Be brief and answer with one of: lost, late, damaged, praise."
FIT = FitConfig(margin=0.05, max_selective=0.08)


class Asking:
    """Whoever calls: messages of customers, each another one."""

    def __init__(self, served: Gateway) -> None:
        self.served, self._rng = served, random.Random(11)

    def ask(self, count: int, system: str) -> None:
        for _ in range(count):
            text = traffic.message(self._rng.choice(list(traffic.SUBJECTS)), self._rng)
            messages = [{"role": "system", "content": system}, {"role": "user", "content": f"Message: {text}"}]
            response, _ = self.served.post({"model": "gpt-4o", "messages": messages})
            assert response.status == 200


def learns(learner: Learner, *, now: datetime) -> None:
    """Let it begin and end."""
    learner.tick(now)
    assert learner.pid is not None, "there was a reason"
    until = time.monotonic() + 120
    while learner.pid is not None:
        assert time.monotonic() < until
        time.sleep(0.1)
        now += timedelta(seconds=6)
        learner.tick(now)


def test_an_edited_prompt_is_found_compared_and_certified_anew(tmp_path: Path) -> None:
    config = Config(
        store=StoreConfig(home=tmp_path / "home"),
        fit=FIT,
        route=RouteConfig(control_share=0.5),
        watch=WatchConfig(automatic=True, shadow_audits=60, shadow_hours=0.0, order_s=0.0),
    )
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", [row for row, _ in traffic.sorted_messages(700)])], Options())
    (workload,) = find(config)
    verdict = Night(config, Wish(fit=FIT, actor="ann", control_share=0.5)).fit(workload)
    assert verdict.route is not None
    switch(config, verdict.route.route_id, "on", actor="ann")
    control, told = Control(config.home), list[tuple[str, str]]()
    learner = Learner(config, control, lambda what, text: told.append((what, text)), pause_s=0.0)
    now = datetime.now(UTC)
    with ModelServer() as incumbent:
        incumbent.answers["gpt-4o"] = sorts
        with gateway(
            config.home, incumbent.url.removesuffix("/v1"), env={"MODICUM_ROUTE__CONTROL_SHARE": "0.5", "MODICUM_WATCH__RUN": "off"}
        ) as served:
            asking = Asking(served)
            learner.tick(now)
            asking.ask(110, traffic.SYSTEM)
            learner.tick(now + timedelta(seconds=10))
            assert learner.pid is None and told == [], "nothing new"

            asking.ask(110, EDITED)
            assert {call.decision.reason for call in served.calls().values() if call.decision is not None} >= {"answered", "not_recognised"}
            learns(learner, now=now + timedelta(seconds=20))
            assert "of the calls are not recognised" in told[0][1]
            assert "a new version of its prompt, which no certificate knows yet" in control.notices()[-1].text
            (workload,) = control.workloads()
            assert len(workload.versions) == 2

            served.wait_for_snapshot(1)
            asking.ask(480, EDITED)
            (new,) = newcomers(config, control)
            assert new.route_id == verdict.route.route_id and new.compared >= 400 and new.needed is not None
            assert new.agreed / new.compared > 0.9, "the old stage does well"
            assert new.lost_calls_month > 0

            learns(learner, now=now + timedelta(hours=1))
            (challenger,) = [one for one in control.routes() if one.state == "proposed"]
            covers = control.certificate(challenger.certificate_id).cover.version_ids
            assert new.version_id in covers and control.route(verdict.route.route_id).state == "on"
            assert any("a version that is not certified" in one.text for one in control.notices())

            rounds = Rounds(config)
            rounds.look(datetime.now(UTC))
            rounds.look(datetime.now(UTC))
            served.wait_for_snapshot(1)
            asking.ask(260, EDITED)
            for seconds in (31, 32):  # a look that sets the champion's control share takes no other step of it
                rounds.look(datetime.now(UTC) + timedelta(seconds=seconds))
            states = {one.route_id: one.state for one in control.routes()}
            assert states == {verdict.route.route_id: "retired", challenger.route_id: "canary"}, "it answers what the other one cannot"
            rounds.close()
    learner.close()
