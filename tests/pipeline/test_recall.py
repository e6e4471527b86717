"""The exact cache from log to proposed route: what comes back is answered, what is random or stale is not, and scopes are walls."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from modicum.artefact import Artefacts
from modicum.backends.repeats import Repeats
from modicum.backends.specialist import load
from modicum.config import Config, FitConfig, StoreConfig
from modicum.evaluate.evidence import certificate_file
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.deep import replay_evidence
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.recall import recall
from modicum.pipeline.tiers import Wanted
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.types import Verdict
from modicum.workload.parts import outline
from tests.pipeline import traffic
from tests.train.orders import CONTRACT, as_samples, orders

WISH = Wish(fit=FitConfig(margin=0.04, max_selective=0.08), actor="tester")
LABELS = tuple(traffic.SUBJECTS)
STEP = timedelta(minutes=13)

Answer = Callable[[random.Random, int, float], str]
"""(chance, number of the request, share of the log that has passed) -> what the incumbent says."""


def fixed(rng: random.Random, request: int, passed: float) -> str:
    return LABELS[request * 7919 % 4]


def repeated(count: int, answer: Answer, *, distinct: int = 500, ago: timedelta = timedelta(0)) -> list[dict[str, Any]]:
    """Records of requests that come back again and again, the newest of them just now; their words tell nothing of the answer."""
    rng = random.Random(3)
    asked = [" ".join(rng.choices(traffic.FILLER, k=12)) for _ in range(distinct)]
    first = datetime.now(UTC) - ago - count * STEP
    rows = []
    for number in range(count):
        request = rng.randrange(distinct)
        row = traffic.record(number, asked[request], answer(rng, request, number / count))
        rows.append(row | {"timestamp": (first + number * STEP).isoformat()})
    return rows


def home(tmp_path: Path, rows: list[dict[str, Any]], *, scope: str = "default") -> Config:
    config = Config(store=StoreConfig(home=tmp_path / "home"))
    bring_in(config, [traffic.write(tmp_path / f"{scope}.jsonl", rows)], Options(scope=scope))
    find(config)
    return config


def fit(config: Config, scope: str = "default") -> Verdict:
    (workload,) = Control(config.home).workloads(scope)
    return Night(config, WISH).fit(workload)


def test_what_comes_back_is_certified_and_the_evidence_runs_again(tmp_path: Path) -> None:
    config = home(tmp_path, repeated(3000, fixed))
    verdict = fit(config)
    assert [tier.name for tier in verdict.tiers if tier.chosen] == ["repeats"], verdict.reason
    certificate = verdict.certificate
    assert certificate is not None and verdict.route is not None
    assert certificate.coverage > 0.5 and certificate.rate == 0 and certificate.left_out_groups == 0
    data = certificate_file(certificate, Control(config.home).evidence(certificate.certificate_id))
    again = replay_evidence(config, data, certificate)
    assert again.holds and again.found == again.rows == certificate.groups


def test_an_incumbent_that_answers_at_random_is_never_repeated(tmp_path: Path) -> None:
    verdict = fit(home(tmp_path, repeated(3000, lambda rng, request, passed: rng.choice(LABELS))))
    assert verdict.verdict == "refused"


def test_answers_that_changed_within_the_window_fail_the_look(tmp_path: Path) -> None:
    """Old calls agree, so the plan is to answer; then the incumbent's mind changes, and the look finds it."""

    def changing(rng: random.Random, request: int, passed: float) -> str:
        return LABELS[(request * 7919 + (passed > 0.7)) % 4]

    config = home(tmp_path, repeated(3000, changing))
    verdict = fit(config)
    (workload,) = Control(config.home).workloads()
    assert verdict.verdict == "refused" and len(Control(config.home).attempts(workload.workload_id)) == 1


def test_answers_too_old_to_be_given_are_not_chosen(tmp_path: Path) -> None:
    verdict = fit(home(tmp_path, repeated(3000, fixed, ago=timedelta(days=200))))
    assert verdict.verdict == "refused"
    assert "too old" in next(tier.why for tier in verdict.tiers if tier.name == "repeats")


def test_open_answers_that_nobody_gave_of_late_stay_with_the_incumbent() -> None:
    """Requests and records of orders come back; returns were last answered before the calls that the cache is planned on."""
    rng, rows = random.Random(3), orders(120)
    kinds = {kind: [row for row in rows if row[1]["kind"] == kind] for kind in ("order", "return")}
    told = [rng.choice(kinds["return" if number < 300 and number % 2 else "order"]) for number in range(1200)]
    samples = [dataclasses.replace(one, at=traffic.START + number * timedelta(hours=1)) for number, one in enumerate(as_samples(told))]
    found = recall(
        CONTRACT,
        samples,
        cut=samples[800].at,
        terms=WISH.terms(("A",), 1),
        protected=dataclasses.replace(WISH, protect=("return",)).protected_among,
        min_label_groups=1,
        wanted=Wanted(),
        secret=bytes(32),
        seed=1,
    )
    assert found is not None and found.candidate.plan is not None
    rule = found.candidate.plan.rule
    returns = {outline(CONTRACT, sample.value or "") for sample in samples if '"kind":"return"' in (sample.value or "")}
    assert returns and returns <= {*rule.protected_labels} and returns <= {*rule.deferred_labels}


def test_conversations_that_end_alike_are_not_the_same_request(tmp_path: Path) -> None:
    rows = repeated(3000, fixed)
    for number, row in enumerate(rows[::10]):
        row["request"]["messages"][1:1] = [
            {"role": "user", "content": f"Message: number {number}"},
            {"role": "assistant", "content": LABELS[number % 4]},
        ]
    config = home(tmp_path, rows)
    verdict = fit(config)
    assert [tier.name for tier in verdict.tiers if tier.chosen] == ["repeats"], verdict.reason
    certificate = verdict.certificate
    assert certificate is not None and certificate.cover.max_turns == 1, "by day the other calls are not covered"
    cache = load(Artefacts(config.home / "artefacts").read(certificate.artefact_digest))
    assert isinstance(cache, Repeats)
    talks = {row["request"]["messages"][-1]["content"] for row in rows[::10]}
    alone = {row["request"]["messages"][-1]["content"] for row in rows if len(row["request"]["messages"]) == 2}
    assert talks & alone and len(cache.keys) == len(alone)


def test_the_cache_of_one_scope_never_answers_another(tmp_path: Path) -> None:
    """The same requests in two scopes, answered otherwise in each: no key of one stands in the other, and each says its own."""
    rows = repeated(3000, fixed)
    other = repeated(3000, lambda rng, request, passed: LABELS[(request * 7919 + 1) % 4])
    for row in other:
        row["response"] = row["response"] | {"id": "x" + row["response"]["id"]}
    config = home(tmp_path, rows, scope="ours")
    config = dataclasses.replace(config)
    home(tmp_path, other, scope="theirs")
    verdicts = {scope: fit(config, scope) for scope in ("ours", "theirs")}
    routes = {scope: one.route for scope, one in verdicts.items()}
    assert all(route is not None and route.scope == scope for scope, route in routes.items())
    store = Artefacts(config.home / "artefacts")
    caches = {scope: load(store.read(route.artefact_digest)) for scope, route in routes.items() if route is not None}
    ours, theirs = caches["ours"], caches["theirs"]
    assert isinstance(ours, Repeats) and isinstance(theirs, Repeats)
    assert ours.keys and theirs.keys and not ours.keys & theirs.keys
