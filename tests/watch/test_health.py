"""What is seen of a route beside its promise: silence, failures, damage, money; and which draws count."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modicum.config import Config, RouteConfig, WatchConfig
from modicum.gateway.pace import Pace
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Reason, RouteState, Watch
from modicum.watch import share
from modicum.watch.judge import Book
from modicum.watch.round import Round, Rounds
from modicum.watch.times import Times
from modicum.watch.unit import Seen, counts
from tests.watch.watched_home import QUICK, START, call, made, route


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def looked(config: Config, calls: Sequence[Call], seconds: float) -> tuple[Round, Watch]:
    writer = SegmentWriter(config.home)
    for one in calls:
        writer.append(one)
    writer.close()
    found = Rounds(config).look(at(seconds))
    (watch,) = Control(config.home).watches()
    return found, watch


def failing(seconds: float, number: int, detail: str = "its artefact cannot be loaded", **changes: Any) -> Call:
    made_up = call(at(seconds), f"f{number}", reason="failed", would_answer=None)
    assert made_up.decision is not None
    decision = dataclasses.replace(made_up.decision, detail=detail, **changes)
    return dataclasses.replace(made_up, decision=decision)


def test_a_route_that_nobody_compares_is_told_of_once_a_day(tmp_path: Path) -> None:
    config = made(tmp_path, "shadow", watch=dataclasses.replace(QUICK, silent_calls=50))
    outside = [call(at(number), f"{number}", would_answer=None) for number in range(60)]
    found, watch = looked(config, outside, 100)
    (notice,) = found.notices
    assert notice.text.startswith("direction: nothing was compared in its last 60 calls, so nobody knows whether its promise holds; next: ")
    assert "`modicum top`" in notice.text and "`modicum route show r1`" in notice.text
    assert "nothing was compared in its last 60 calls" in watch.lacking
    assert looked(config, [call(at(101), "more", would_answer=None)], 140)[0].notices == ()


def test_answers_alone_do_not_make_a_route_silent_before_chance_should_have_brought_draws(tmp_path: Path) -> None:
    config = made(tmp_path, "on", watch=dataclasses.replace(QUICK, silent_calls=50))
    answers = [call(at(number), f"{number}", reason="answered") for number in range(100)]
    assert looked(config, answers, 200)[0].notices == ()
    answers = [call(at(200 + number), f"{number}", reason="answered") for number in range(150)]
    assert [one.kind for one in looked(config, answers, 500)[0].notices] == ["alarm"]


def unanswered(seconds: float, number: int, reason: Reason = "shadow", **changes: Any) -> Call:
    made_up = call(at(seconds), f"u{number}", reason=reason, agreed=None, status=503, error="upstream")
    return dataclasses.replace(made_up, **changes)


def unseen(seconds: float, number: int) -> Call:
    """A call that the stage should have been compared on, and said nothing."""
    return call(at(seconds), f"{number}", would_answer=None)


QUIET_50 = dataclasses.replace(QUICK, silent_calls=50)


@pytest.mark.parametrize(
    "gave_nothing", [{}, {"status": 499, "error": "client_left"}, {"status": 200, "error": "stream_broken"}, {"status": 429, "error": None}]
)
def test_an_incumbent_that_answers_nothing_is_told_of_as_what_it_is(tmp_path: Path, gave_nothing: dict[str, Any]) -> None:
    config = made(tmp_path, "shadow", watch=QUIET_50)
    (notice,) = looked(config, [unanswered(number, number, **gave_nothing) for number in range(60)], 100)[0].notices
    assert notice.kind == "alarm"
    assert "its last 60 calls: to 60 of them that chance drew the incumbent gave no answer" in notice.text
    assert "route show" not in notice.text
    assert looked(config, [unanswered(200, 200)], 240)[0].notices == ()


def test_while_a_route_answers_most_calls_an_outage_is_no_silence_of_its_stage(tmp_path: Path) -> None:
    config = made(tmp_path, "on", watch=QUIET_50)
    answers = [call(at(number), f"{number}", reason="answered") for number in range(600)]
    outage = [unanswered(20 * number + 0.5, number, "control") for number in range(30)]  # 5 %, as the coin keeps
    (notice,) = looked(config, answers + outage, 700)[0].notices
    assert "to 30 of them that chance drew the incumbent gave no answer" in notice.text
    assert Control(tmp_path).route("r1").state == "on"


def test_an_outage_hides_no_stage_that_says_nothing(tmp_path: Path) -> None:
    config = made(tmp_path, "shadow", watch=QUIET_50)
    calls = [unanswered(number, number) if number % 2 else unseen(number, number) for number in range(200)]
    found, watch = looked(config, calls, 300)
    (notice,) = found.notices
    assert notice.text.startswith(
        "direction: nothing was compared in its last 200 calls, so nobody knows whether its promise holds; to 100"
    )
    assert "that does not explain it" in notice.text and "`modicum route show r1`" in notice.text
    assert "nothing was compared in its last 200 calls" in watch.lacking


def test_after_an_outage_that_was_told_of_a_silent_stage_is_told_of_on_the_same_day(tmp_path: Path) -> None:
    config = made(tmp_path, "shadow", watch=QUIET_50)
    assert len(looked(config, [unanswered(number, number) for number in range(60)], 100)[0].notices) == 1
    (notice,) = looked(config, [unseen(200 + number, number) for number in range(90)], 400)[0].notices
    assert "so nobody knows whether its promise holds; to 60" in notice.text


def test_an_outage_is_over_with_the_first_comparison_and_is_no_early_sign(tmp_path: Path) -> None:
    config = made(tmp_path, "shadow", watch=QUIET_50)
    early = [call(at(number), f"{number}") for number in range(900)]
    outage = [unanswered(1_000 + number, number) for number in range(320)]
    found, watch = looked(config, early + outage, 2_000)
    assert [one.kind for one in found.notices] == ["alarm"]
    assert watch.warnings == ()  # it would have answered these
    found, watch = looked(config, [call(at(2_100), "again")], 2_200)
    assert (found.notices, watch.audits) == ((), 901)
    assert not [one for one in watch.lacking if "compared" in one]


@pytest.mark.parametrize(("state", "after"), [("on", "rolled_back"), ("canary", "rolled_back"), ("shadow", "shadow")])
def test_a_stage_that_fails_again_and_again_is_damaged(tmp_path: Path, state: RouteState, after: RouteState) -> None:
    config = made(tmp_path, state)
    found, watch = looked(config, [failing(number, number) for number in range(25)], 100)
    assert Control(tmp_path).route("r1").state == after
    assert watch.failed == 25
    assert "failed 25 times in a row: its artefact cannot be loaded" in found.notices[0].text


def test_a_stage_that_rests_because_it_is_slow_or_out_of_reach_is_not_damaged(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    pace = Pace(0.05)
    for _ in range(3):
        pace.took(1.0)
    slow = pace.rests()
    assert slow
    _, watch = looked(config, [failing(number, number, slow) for number in range(60)], 200)
    assert Control(tmp_path).route("r1").state == "on"
    assert watch.failed == 60


def test_what_fails_before_a_stage_is_there_is_its_workload_s(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    looked(config, [failing(number, number, route_id=None) for number in range(25)], 100)
    assert Control(tmp_path).route("r1").state == "rolled_back"


def test_a_stage_that_fails_now_and_then_is_not_damaged_but_comes_no_further(tmp_path: Path) -> None:
    config = made(tmp_path, "canary")
    calls = [failing(n, n) if n % 10 == 0 else call(at(n), f"{n}", reason="canary") for n in range(100)]
    _, watch = looked(config, calls, 200)
    assert Control(tmp_path).route("r1").state == "canary"
    assert "it failed at 10 of 100 requests" in watch.lacking


def test_an_artefact_that_is_not_what_was_certified_sends_its_route_back(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    blob = next((tmp_path / "artefacts" / "blobs").iterdir())
    rounds = Rounds(config)
    rounds.look(at(1))
    assert Control(tmp_path).route("r1").state == "on"
    blob.write_bytes(b"[]")
    found = rounds.look(at(2))
    assert Control(tmp_path).route("r1").state == "rolled_back"
    alarm, step = found.notices
    assert "is damaged" in alarm.text and "`modicum artefact verify" in alarm.text and "`modicum fit direction`" in alarm.text
    assert step.text.startswith("direction: on -> rolled back: ") and "next:" not in step.text and len(step.text) < len(alarm.text)


def test_calls_that_the_incumbent_did_not_answer_are_no_draws(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    broken = [call(at(n), f"{n}", reason="control", agreed=None, status=503, error="upstream") for n in range(50)]
    _, watch = looked(config, broken, 100)
    assert (watch.audits, watch.calls) == (0, 50)
    unread = [call(at(200 + n), f"u{n}", reason="control", agreed=None) for n in range(3)]
    assert looked(config, unread, 300)[1].lost == 3


def test_one_user_among_many_counts_no_more_than_a_tenth() -> None:
    seen = Seen()
    counted = 0
    for number in range(400):
        asked = call(at(number), f"{number}", user_id=f"user {number % 40}" if number % 2 else "flood")
        counted += _counts(seen, asked) and asked.user_id == "flood"
    assert counted <= 50
    alone = Seen()
    assert all(_counts(alone, call(at(number), f"{number}", user_id="one")) for number in range(300))


def test_a_conversation_counts_once_and_again_after_a_day() -> None:
    seen = Seen()
    assert _counts(seen, call(at(0), "first", conversation_id="talk"))
    assert not _counts(seen, call(at(60), "second", conversation_id="talk"))
    assert not _counts(seen, call(at(70), "FIRST!"))
    assert _counts(seen, call(at(90_000), "first"))


def _counts(seen: Seen, one: Call) -> bool:
    from modicum.store import codec
    from modicum.watch.draws import Keys, toss

    found = toss(codec.record(one), lambda workload: None, Keys(b"k"))
    assert found is not None
    return counts(seen, found)


@pytest.mark.parametrize("text", ["a" + "\u0315" * 60_000 + "\u0300" * 60_000, "\u0f73" * 60_000])
def test_marks_without_end_on_one_letter_hold_up_no_watcher(text: str) -> None:
    """Normalised as a whole they take a minute and more; each time that the record is read."""
    began = time.process_time()
    assert _counts(Seen(), call(at(1), text))
    assert time.process_time() - began < 2


def test_a_letter_and_its_mark_are_the_same_text_as_both_in_one() -> None:
    seen = Seen()
    assert _counts(seen, call(at(1), "un cafe\u0301 noir"))
    assert not _counts(seen, call(at(2), "UN  CAFÉ noir"))


@pytest.mark.parametrize("ms", [0.3, 1.0, 47.0, 4_000.0])
def test_durations_are_known_within_a_few_per_cent(ms: float) -> None:
    times = Times()
    for number in range(1, 101):
        times.add(ms * number / 95)
    found = times.quantile(0.95)
    assert found is not None
    assert abs(found / ms - 1) < 0.04
    assert Times().quantile(0.95) is None


SETTINGS, COIN = WatchConfig(), RouteConfig()


def known(audits: int = 0, suspicion: float = 0.3, calls: int = 1000, answered: int | None = None) -> Watch:
    answered = audits if answered is None else answered
    return Watch(route_id="r1", at=START, since=START, audits=audits, answered=answered, calls=calls, suspicion=suspicion)


def test_the_share_that_is_kept_shrinks_as_evidence_grows_and_rises_on_suspicion() -> None:
    shares = [share.wanted(known(audits), Book(), SETTINGS, COIN, 1) for audits in (0, 500, 5_000, 50_000)]
    assert shares[0] == pytest.approx(0.05)
    assert shares[1] == pytest.approx(0.05 / 2**0.5)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == SETTINGS.least_control
    assert share.wanted(known(5_000, suspicion=0.95), Book(), SETTINGS, COIN, 1) == SETTINGS.most_control


def test_the_share_is_held_below_what_may_be_spent_but_never_below_the_least() -> None:
    book = Book(paid=100, paid_usd=1.0, first_us=1, last_us=86_400 * 10**6)
    rich = known(100, suspicion=1.0, calls=100_000)
    assert share.usd_day(rich, book) == pytest.approx(1000, rel=0.01)
    assert share.wanted(rich, book, SETTINGS, COIN, 1) == pytest.approx(0.02, rel=0.01)
    assert share.wanted(rich, book, SETTINGS, COIN, 4) == SETTINGS.least_control


def test_a_new_share_is_written_with_its_reason_and_the_step_stays(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    drawn = [call(at(n), f"{n}", reason="control", cost_usd=Decimal("0.0001")) for n in range(700)]
    looked(config, drawn, 800)
    found = Control(tmp_path).route("r1")
    assert found.control_share == pytest.approx(0.05 * (500 / 1200) ** 0.5, abs=1e-4)
    assert (found.state, found.changed_at, found.changed_by) == ("on", route().changed_at, "ann")
    line = Control(tmp_path).audit()[-1]
    assert (line.actor, line.action) == ("watch", "route.control")
    assert "after 700 audits" in line.detail
