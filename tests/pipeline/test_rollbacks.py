"""After a rollback: only newer calls certify, the next attempt spends less, and what was rolled back is not proposed again."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modicum.config import Config, FitConfig
from modicum.errors import RouteError
from modicum.evaluate.facts import disagreement_in
from modicum.evaluate.groups import group_samples
from modicum.evaluate.split import AFTER_A_CHANGE, find_cut
from modicum.evaluate.tune import Terms
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.gold import of_old
from modicum.pipeline.night import Night
from modicum.pipeline.refusing import refuse_for_lack
from modicum.pipeline.switching import switch
from modicum.pipeline.wish import Wish
from modicum.stats.binomial import fewest_draws
from modicum.store.control import Control
from modicum.types import Verdict
from modicum.workload.sample import INDEPENDENT
from tests.evaluate.samples import sample
from tests.pipeline import traffic
from tests.pipeline.test_night import home, only
from tests.report.records import workload

WISH = Wish(fit=FitConfig(margin=0.05, max_selective=0.08), actor="tester")
SWAPPED = {"lost": "late", "late": "lost"}


def fit(config: Config) -> Verdict:
    return Night(config, WISH).fit(only(config))


def more(config: Config, file: Path, count: int, *, seed: int, swapped: bool = False) -> None:
    """So many calls from now on, a minute apart; `swapped`: what the incumbent calls lost is late from now on."""
    rows, now = [], datetime.now(UTC)
    for number, (row, gold) in enumerate(traffic.sorted_messages(count, first=10_000, seed=seed)):
        if swapped:
            row["response"]["choices"][0]["message"]["content"] = SWAPPED.get(gold, gold)
        rows.append(row | {"timestamp": (now + timedelta(minutes=number + 1)).isoformat()})
    bring_in(config, [traffic.write(file, rows)], Options())
    find(config)


def go_back(config: Config, verdict: Verdict) -> datetime:
    """When the certified route, switched on, was sent back."""
    assert verdict.route is not None
    switch(config, verdict.route.route_id, "on", actor="ada")
    switch(config, verdict.route.route_id, "rolled_back", actor="modicum watch", note="disagreement 9 %")
    return Control(config.home).audit()[-1].at


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Verdict, datetime]:
    """A home whose certified route was switched on and sent back, with all its calls older than that."""
    config = home(tmp_path_factory.mktemp("back"), [row for row, _ in traffic.sorted_messages(500)])
    verdict = fit(config)
    return config, verdict, go_back(config, verdict)


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
    more(config, tmp_path / "newer.jsonl", 520, seed=2)
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


def test_answers_that_hold_no_more_teach_nothing(tmp_path: Path) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700)])
    at = go_back(config, fit(config))
    more(config, tmp_path / "newer.jsonl", 700, seed=2, swapped=True)
    verdict = fit(config)
    certificate = verdict.certificate
    assert certificate is not None and certificate.window_from > at, verdict.reason
    assert certificate.coverage > 0.8 and certificate.rate < 0.02
    assert any("older ones teach it worse" in note for note in verdict.notes), verdict.notes


def test_the_incumbent_is_held_against_itself_since_the_change_alone() -> None:
    samples = [sample(i, f"request{i % 40}", "yes" if i < 40 else "no") for i in range(120)]
    groups = group_samples(samples)
    assert (disagreement_in(samples, groups) or 0) > 0.5, "over the change nearly all differ"
    assert disagreement_in(samples, groups, since=samples[39].at) == 0
    assert disagreement_in(samples, groups, since=samples[79].at) is None, "nothing came twice since"


def test_labels_of_the_window_after_a_rollback_are_no_reason_for_another_fit() -> None:
    samples = tuple(sample(i, f"text {i}") for i in range(1000))
    since = samples[100].at
    cut = find_cut(samples, certify_share=AFTER_A_CHANGE, since=since)
    gold = {s.call_id: "yes" for s in samples}
    assert of_old(gold, samples, since=since) == {s.call_id: "yes" for s in samples if s.at < cut}
    assert len(of_old(gold, samples)) == 650
    assert of_old(gold, samples, since=samples[-1].at) == gold, "nothing can be tested"


def test_what_is_missing_after_a_rollback_is_to_teach_as_well() -> None:
    terms = Terms(margin=0.05, delta=0.05)
    samples = [sample(i, f"request{i}") for i in range(400)]
    back = samples[299].at
    told = refuse_for_lack(workload(), "too few", terms, samples, back, rolled_back=back)
    least = fewest_draws(terms.margin, terms.level)
    assert told.needs_calls == math.ceil(least / 0.5) - 100
    assert "0 days" not in told.reason and "about" in told.reason
    slow = refuse_for_lack(workload(), "too few", terms, samples, samples[350].at, rolled_back=back)
    assert slow.needs_calls == least - 49, "what is newer than an opened window is for certifying"


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
