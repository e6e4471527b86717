"""After a rollback: only newer calls certify, the next attempt spends less, and what was rolled back is not proposed again."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modicum.config import Config, FitConfig
from modicum.errors import RouteError
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.switching import switch
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.types import Verdict
from modicum.workload.sample import INDEPENDENT
from tests.pipeline import traffic
from tests.pipeline.test_night import home, only

WISH = Wish(fit=FitConfig(margin=0.05, max_selective=0.08), actor="tester")
LATER = int((datetime.now(UTC) - traffic.START) / timedelta(minutes=13)) + 2
"""The number of the first record of the traffic that is later than this test."""


def fit(config: Config) -> Verdict:
    return Night(config, WISH).fit(only(config))


def more(config: Config, file: Path, count: int, *, first: int, seed: int) -> None:
    rows = [row for row, _ in traffic.sorted_messages(count, first=first, seed=seed)]
    bring_in(config, [traffic.write(file, rows)], Options())
    find(config)


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Verdict, datetime]:
    """A home whose certified route was switched on and sent back, with all its calls older than that."""
    config = home(tmp_path_factory.mktemp("back"), [row for row, _ in traffic.sorted_messages(500)])
    verdict = fit(config)
    assert verdict.route is not None
    switch(config, verdict.route.route_id, "on", actor="ada")
    switch(config, verdict.route.route_id, "rolled_back", actor="modicum watch", note="disagreement 9 %")
    return config, verdict, Control(config.home).audit()[-1].at


def test_a_fit_with_nothing_newer_proposes_nothing(rolled_back: tuple[Config, Verdict, datetime]) -> None:
    config, _, at = rolled_back
    assert f"{at:%Y-%m-%d %H:%M}, when its route was rolled back" in Night(config, WISH).foresee(only(config)).would
    again = fit(config)
    assert (again.verdict, again.code, again.route) == ("refused", "too_few_calls", None)
    assert f"{at:%Y-%m-%d %H:%M}, when its route was rolled back" in again.reason and again.needs_calls
    assert len(Control(config.home).attempts(again.workload_id)) == 1, "nothing was opened for that"


def test_newer_calls_carry_another_route(rolled_back: tuple[Config, Verdict, datetime], tmp_path: Path) -> None:
    config, first, at = rolled_back
    control = Control(config.home)
    assert first.route is not None and first.certificate is not None
    more(config, tmp_path / "newer.jsonl", 250, first=LATER, seed=2)
    verdict = fit(config)
    assert verdict.certificate is not None and verdict.route is not None, verdict.reason
    assert verdict.route.route_id != first.route.route_id and verdict.route.state == "proposed"
    assert verdict.certificate.window_from > at, "what was there when the alarm rang certifies nothing"
    assert verdict.certificate.attempt_number == 2
    attempt = control.attempts(verdict.workload_id)[-1]
    assert attempt.number == 2 and attempt.delta == pytest.approx(0.05 * 6 / (math.pi**2 * 4))
    assert [route.state for route in control.routes() if route.route_id == first.route.route_id] == ["rolled_back"]
    with pytest.raises(RouteError, match="is rolled back"):
        switch(config, first.route.route_id, "on", actor="ada")
    assert switch(config, verdict.route.route_id, "on", actor="ada").state == "on"


def test_what_was_put_away_is_not_proposed_again(tmp_path: Path) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(500)])
    verdict = fit(config)
    assert verdict.route is not None
    switch(config, verdict.route.route_id, "retired", actor="ada")
    again = fit(config)
    assert (again.verdict, again.code) == ("refused", "retired") and verdict.route.route_id in again.reason


def test_only_calls_that_the_coin_or_chance_left_with_the_incumbent_certify(rolled_back: tuple[Config, Verdict, datetime]) -> None:
    assert {"shadow", "control", "canary", "unwatched"} <= INDEPENDENT
    assert not {"answered", "below_threshold", "protected_label", "degraded", "cached", "failed"} & INDEPENDENT
