"""The night walk over a log made on the spot: what it proves, what it refuses, and that it looks once."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from modicum.catalog import Catalogue
from modicum.config import Config, FitConfig, StoreConfig
from modicum.errors import CertificateError, NotFoundError, RouteError
from modicum.evaluate.evidence import certificate_file
from modicum.evaluate.labels import Label
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.deep import replay_evidence
from modicum.pipeline.find import decide, find
from modicum.pipeline.night import Night
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.switching import switch
from modicum.pipeline.viewed import Views
from modicum.pipeline.wish import Wish
from modicum.store import snapshot
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Attempt, Verdict, Workload
from tests.pipeline import traffic

WISH = Wish(fit=FitConfig(margin=0.04, max_selective=0.08), actor="tester")


def home(tmp_path: Path, records: list[dict[str, object]]) -> Config:
    config = Config(store=StoreConfig(home=tmp_path / "home"))
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", records)], Options())
    find(config)
    return config


def only(config: Config) -> Workload:
    (workload,) = Control(config.home).workloads()
    return workload


def fit(config: Config, wish: Wish = WISH) -> Verdict:
    return Night(config, wish).fit(only(config))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Verdict]:
    """A home with one workload that an incumbent answers without a mistake, fitted."""
    config = home(tmp_path_factory.mktemp("clean"), [row for row, _ in traffic.sorted_messages(700)])
    return config, fit(config)


def test_what_agrees_is_certified_and_proposed(clean: tuple[Config, Verdict]) -> None:
    config, verdict = clean
    certificate = verdict.certificate
    assert verdict.verdict == "certified" and certificate is not None and verdict.route is not None
    assert certificate.kind == "A" and certificate.coverage > 0.5 and certificate.rate <= 0.04
    assert verdict.route.state == "proposed"
    assert certificate.cover.incumbents == ("gpt-4o",)
    (attempt,) = Control(config.home).attempts(verdict.workload_id)
    assert attempt.created_at < certificate.created_at and attempt.number == 1


def test_nothing_changes_before_a_person_switches_on(clean: tuple[Config, Verdict]) -> None:
    told = snapshot.read(clean[0].home)
    assert told is not None and told.routes == () and len(told.workloads) == 1


def test_a_fit_with_nothing_changed_answers_from_the_record(clean: tuple[Config, Verdict]) -> None:
    config, verdict = clean
    assert fit(config) == verdict
    assert len(Control(config.home).attempts(verdict.workload_id)) == 1


def test_another_margin_wants_a_window_that_nobody_has_opened(clean: tuple[Config, Verdict]) -> None:
    verdict = fit(clean[0], dataclasses.replace(WISH, fit=FitConfig(margin=0.05)))
    assert (verdict.verdict, verdict.code) == ("refused", "too_few_calls")
    assert "newer" in verdict.reason


def test_switching_tells_the_day_and_is_recorded(clean: tuple[Config, Verdict]) -> None:
    config, verdict = clean
    for state in ("shadow", "on", "paused"):
        switch(config, only(config).name, state, actor="ann", note="because")
        told = snapshot.read(config.home)
        assert told is not None
        assert [live.route.state for live in told.routes] == ([] if state == "paused" else [state])
    lines = [entry for entry in Control(config.home).audit() if entry.actor == "ann"]
    assert [entry.action for entry in lines] == ["route.shadow", "route.canary", "route.on", "route.paused"]
    assert verdict.route is not None and all(entry.subject == verdict.route.route_id for entry in lines)


def test_an_unknown_name_is_answered_with_a_guess(clean: tuple[Config, Verdict]) -> None:
    with pytest.raises(NotFoundError, match="did you mean"):
        switch(clean[0], only(clean[0]).name + "x", "on", actor="ann")


def test_the_artefact_says_the_same_of_the_calls_that_are_still_here(clean: tuple[Config, Verdict]) -> None:
    config, verdict = clean
    assert verdict.certificate is not None
    data = certificate_file(verdict.certificate, Control(config.home).evidence(verdict.certificate.certificate_id))
    again = replay_evidence(config, data, verdict.certificate)
    assert again.holds and again.found == again.rows == verdict.certificate.groups


def test_what_an_operator_decided_survives_the_next_look(clean: tuple[Config, Verdict]) -> None:
    config, verdict = clean
    named = decide(config, only(config).name, "name", "parcels", actor="ann")
    assert (named.name, named.workload_id) == ("parcels", verdict.workload_id)
    find(config)
    assert only(config).name == "parcels"


def test_free_text_is_refused_by_name(tmp_path: Path) -> None:
    verdict = fit(home(tmp_path, list(traffic.poems(60))))
    assert (verdict.verdict, verdict.code) == ("refused", "free_text")


def test_too_few_calls_say_how_many_more(tmp_path: Path) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(200)])
    verdict = fit(config)
    assert (verdict.verdict, verdict.code) == ("refused", "too_few_calls")
    assert verdict.needs_calls is not None and verdict.needs_calls > 50 and verdict.needs_days is not None
    assert Control(config.home).attempts(verdict.workload_id) == [], "a window that cannot pass stays unopened"


def test_so_few_calls_that_nothing_can_be_tried_say_how_many_more_too(tmp_path: Path) -> None:
    verdict = fit(home(tmp_path, [row for row, _ in traffic.sorted_messages(18)]))
    assert (verdict.verdict, verdict.code) == ("refused", "too_few_calls")
    assert verdict.needs_calls is not None and verdict.needs_calls > 200 and verdict.needs_days is not None
    assert f"at least {verdict.needs_calls:,} more calls" in verdict.reason


def test_labels_complete_the_declared_attempt(tmp_path: Path) -> None:
    rows = list(traffic.sorted_messages(900, wrong=0.2))
    config = home(tmp_path, [row for row, _ in rows])
    first = fit(config)
    assert (first.verdict, first.code) == ("refused", "too_few_labels")
    (asked,) = (config.home / "requests").iterdir()
    requests = [msgspec.json.decode(line) for line in asked.read_bytes().splitlines()]
    assert len(requests) == first.needs_labels
    assert set(requests[0]) == {"id", "slots", "a", "b", "verdict"}, "nothing tells whose answer is whose"

    gold = {row["response"]["id"]: Label(gold=label) for row, label in rows if row["response"]["id"] in {r["id"] for r in requests}}
    second = fit(config, dataclasses.replace(WISH, labels=gold))
    certificate = second.certificate
    assert second.verdict == "certified" and certificate is not None and certificate.kind == "B"
    assert second.attempt_id == first.attempt_id, "the same window, declared at the first fit"
    assert 0 < certificate.labels_used <= len(requests)


def test_a_protected_label_always_goes_to_the_incumbent(tmp_path: Path) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700, seed=3)])
    verdict = fit(config, dataclasses.replace(WISH, protect=("lost",)))
    assert verdict.certificate is not None and verdict.certificate.rule.protected_labels == ("lost",)
    row = next(row for row in verdict.certificate.label_table if row.label == "lost")
    assert row.groups > 0 and row.answered == 0


def test_reasons_behind_a_label_need_the_operators_word(tmp_path: Path) -> None:
    records = [row for row, _ in traffic.sorted_messages(700)]
    for number, row in enumerate(records):
        said = row["response"]["choices"][0]["message"]
        said["content"] += ". " + traffic.FILLER[number % 40].capitalize() + " says so."
    config = home(tmp_path, records)
    verdict = fit(config)
    assert verdict.verdict == "certified", "everything is measured and shown"
    with pytest.raises(RouteError, match="say more"):
        switch(config, only(config).name, "on", actor="ann")
    decide(config, only(config).name, "read", "label", actor="ann")
    assert switch(config, only(config).name, "on", actor="ann").state == "on"


def asked(config: Config, verdict: Verdict) -> set[str]:
    """The ids whose labels the verdict wants."""
    assert verdict.request_file is not None
    return {msgspec.json.decode(line)["id"] for line in Path(verdict.request_file).read_bytes().splitlines()}


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, dict[str, str], Verdict]:
    """A home where an incumbent is often wrong, the truth, and the first fit, which asks for labels.

    Its newest calls repeat old requests: their groups reach back over the cut and can never certify.
    """
    rows = list(traffic.sorted_messages(900, wrong=0.2))
    repeats = [
        (traffic.record(900 + n, row["request"]["messages"][1]["content"][9:], gold), gold) for n, (row, gold) in enumerate(rows[:20])
    ]
    config = home(tmp_path_factory.mktemp("doubtful"), [row for row, _ in rows + repeats])
    return config, {row["response"]["id"]: gold for row, gold in rows + repeats}, fit(config)


def copied(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path) -> Config:
    shutil.copytree(doubtful[0].home, tmp_path / "home")
    return Config(store=StoreConfig(home=tmp_path / "home"))


def labelled(gold: dict[str, str], ids: Iterable[str]) -> Wish:
    return dataclasses.replace(WISH, labels={i: Label(gold=gold[i]) for i in ids})


def test_labels_may_take_their_time(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path) -> None:
    config, gold, first = copied(doubtful, tmp_path), doubtful[1], doubtful[2]
    wanted = asked(config, first)
    newer = [row for row, _ in traffic.sorted_messages(60, seed=9, first=2000)]
    bring_in(config, [traffic.write(tmp_path / "newer.jsonl", newer)], Options())
    find(config)
    assert fit(config).verdict == "refused", "a fit in between"
    verdict = fit(config, labelled(gold, wanted))
    assert verdict.attempt_id == first.attempt_id and verdict.certificate is not None and verdict.certificate.kind == "B"


def test_a_window_is_tested_with_one_set_of_labels(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path) -> None:
    config, gold, first = copied(doubtful, tmp_path), doubtful[1], doubtful[2]
    wanted = asked(config, first)
    spoilt = {**gold, **dict.fromkeys(wanted, "none of them")}
    incumbent = {
        row["response"]["id"]: row["response"]["choices"][0]["message"]["content"] for row, _ in traffic.sorted_messages(900, wrong=0.2)
    }
    against = dataclasses.replace(WISH, labels={i: Label(gold=incumbent[i]) for i in wanted})
    assert fit(config, against).verdict == "refused", "by these labels the incumbent is always right"
    assert fit(config, labelled(gold, wanted)).verdict == "refused", "other labels want newer calls"
    assert fit(config, labelled(spoilt, wanted)).verdict == "refused"


def test_too_few_labels_leave_the_window_waiting(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path) -> None:
    config, gold, first = copied(doubtful, tmp_path), doubtful[1], doubtful[2]
    wanted = sorted(asked(config, first))
    some = labelled(gold, wanted[: len(wanted) // 2])
    assert fit(config, some).verdict == "refused"
    assert fit(config, labelled(gold, wanted)).verdict == "certified", "nothing was spent on the half"


def test_the_promise_keeps_the_confidence_it_was_declared_with(doubtful: tuple[Config, dict[str, str], Verdict], tmp_path: Path) -> None:
    config, gold, first = copied(doubtful, tmp_path), doubtful[1], doubtful[2]
    bold = dataclasses.replace(labelled(gold, asked(config, first)), fit=dataclasses.replace(WISH.fit, confidence=0.999))
    assert fit(config, bold).verdict == "refused"


def test_an_interrupted_look_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700, seed=5)])
    with monkeypatch.context() as broken:

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        broken.setattr("modicum.pipeline.look.certify.look_a", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(config)
    verdict = fit(config)
    assert verdict.certificate is not None and verdict.certificate.attempt_number == 1
    assert len(Control(config.home).attempts(verdict.workload_id)) == 1


def test_what_was_declared_is_tested_though_the_clock_would_choose_another_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700, seed=5)])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("modicum.pipeline.tiers._may_pay", lambda one, wanted: True)
    with monkeypatch.context() as broken:
        broken.setattr("modicum.pipeline.look.certify.look_a", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(config)
    (attempt,) = Control(config.home).attempts(only(config).workload_id)
    monkeypatch.setattr("modicum.pipeline.tiers.choose", lambda found, wanted: found[-1])
    verdict = fit(config)
    assert verdict.certificate is not None and verdict.certificate.artefact_digest == attempt.artefact_digest
    assert [tier.name for tier in verdict.tiers if tier.chosen] == [] and len(verdict.tiers) > 1
    data = certificate_file(verdict.certificate, Control(config.home).evidence(verdict.certificate.certificate_id))
    assert replay_evidence(config, data, verdict.certificate).holds, "its rows are what the declared artefact says"


def interrupted(config: Config, monkeypatch: pytest.MonkeyPatch, rule: str, value: object) -> Attempt:
    """An attempt that was declared, and not tested yet, while that rule was another one."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("modicum.pipeline.night.Looking.first", stop)
        broken.setattr(rule, value)
        with pytest.raises(KeyboardInterrupt):
            fit(config)
    (attempt,) = Control(config.home).attempts(only(config).workload_id)
    return attempt


def test_what_other_rules_declared_is_not_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700, seed=5)])
    lost = interrupted(config, monkeypatch, "modicum.pipeline.wish.RULES", 1)
    verdict = fit(config)
    assert verdict.verdict == "refused" and verdict.attempt_id is None, "its window is spent, and there are no newer calls"
    assert Control(config.home).window(lost.attempt_id) is None


def test_what_was_refused_by_other_rules_is_tried_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700, seed=5)])
    with monkeypatch.context() as older:
        older.setattr("modicum.pipeline.wish.RULES", 1)
        older.setattr("modicum.pipeline.night.is_worth_a_look", lambda plan: False)
        assert fit(config).verdict == "refused"
    assert fit(config).certificate is not None


def test_another_window_than_was_declared_is_neither_tested_nor_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row, _ in traffic.sorted_messages(700, seed=5)]
    for number, row in enumerate(rows):
        row["request"]["user"] = f"user-{number * 7919 % 700 // 2}"
    config = home(tmp_path, rows)
    lost = interrupted(config, monkeypatch, "modicum.evaluate.groups.MANY_USERS", 10_000)
    with pytest.raises(CertificateError, match=f"attempt 1 declared {lost.groups} groups, not ") as error:
        fit(config)
    assert "newer calls" in error.value.hint and Control(config.home).window(lost.attempt_id) is None


def test_an_artefact_that_is_gone_is_made_again_where_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700, seed=5)])
    with monkeypatch.context() as broken:

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        broken.setattr("modicum.pipeline.look.certify.look_a", stop)
        with pytest.raises(KeyboardInterrupt):
            fit(config)
    shutil.rmtree(config.home / "artefacts")
    again = fit(config)
    assert again.certificate is not None and again.certificate.attempt_number == 1 and again.notes == ()


@pytest.mark.parametrize("opened", [False, True])
def test_where_it_cannot_be_made_again_the_next_attempt_is_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool) -> None:
    config = home(tmp_path, [row for row, _ in traffic.sorted_messages(700, seed=5)])

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("modicum.pipeline.look.certify.look_a" if opened else "modicum.pipeline.night.Looking.first", stop)
        broken.setattr("modicum.train.machine.C", 0.4)  # teaches otherwise than what comes later
        with pytest.raises(KeyboardInterrupt):
            fit(config)
    (lost,) = Control(config.home).attempts(only(config).workload_id)
    shutil.rmtree(config.home / "artefacts")
    assert "is spent" in Night(config, WISH).foresee(only(config)).would
    verdict = fit(config)
    assert f"attempt 1 was interrupted, and what it declared ({lost.artefact_digest[:19]}) is gone" in verdict.notes[0]
    if opened:
        assert verdict.verdict == "refused" and "its window" in verdict.notes[0], "calls that were opened prove nothing a second time"
        assert verdict.needs_calls is None or verdict.needs_calls > 0
    else:
        assert verdict.certificate is not None and verdict.certificate.attempt_number == 2
        assert verdict.certificate.delta_spent < lost.delta / 2, "the first attempt's share stays spent"
    assert len(Control(config.home).attempts(verdict.workload_id)) == (1 if opened else 2)
    assert fit(config) == verdict, "with nothing changed the record answers"


def test_answers_of_our_own_never_teach(tmp_path: Path) -> None:
    records = [row for row, _ in traffic.sorted_messages(80)]
    for row in records[:40]:
        row["response"]["model"] = "modicum/parcels@abc123"
    config = home(tmp_path, records)
    workload = only(config)
    assert workload.incumbents == ("gpt-4o",)
    gathered = gather(Calls(config.home), workload, recogniser_of(Control(config.home), "default"), Catalogue(), Views())
    assert (len(gathered.samples), gathered.answered_by_us) == (40, 40)
