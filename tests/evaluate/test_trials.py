"""Another model's answers as predictions, what a pilot may stop, and the figures of the table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from modicum.evaluate import trials
from modicum.evaluate.labels import Label, specialist_is_a
from modicum.evaluate.table import Table, tabulate
from modicum.evaluate.trials import Reply
from modicum.evaluate.tune import Terms
from modicum.stats.sequence import spending
from modicum.types import Rule, Sample

RULE = Rule(accept_above=0.0)
TERMS = Terms(kinds=("A", "B"), margin=0.01, max_selective=0.05, delta=spending(0.05, 1))
START = datetime(2026, 9, 1, tzinfo=UTC)


def sample(number: int, value: str | None = "yes") -> Sample:
    return Sample(
        call_id=f"call-{number}",
        response_id=f"chatcmpl-{number}",
        at=START + timedelta(minutes=number),
        slots=(("user.0", f"text {number}"),),
        value=value,
        version_id="v1",
        incumbent="gpt-4o",
        cost_usd=Decimal("0.01"),
        duration_ms=float(number),
    )


def table(agreeing: int, differing: int, silent: int = 0) -> Table:
    values = ["yes"] * agreeing + ["no"] * differing + [None] * silent
    samples, said = trials.predictions([sample(n) for n in range(len(values))], values, listed=True)
    return tabulate(samples, said, RULE)


def test_what_cannot_be_read_is_left_to_the_incumbent() -> None:
    found = table(3, 1, 2)
    assert found.accepted(0.0).sum() == 4 and (found.accepted(0.0) & found.differs).sum() == 1


def test_answers_that_are_no_list_enter_without_their_text() -> None:
    samples = [sample(0, "one text"), sample(1, "another text"), sample(2, None), sample(3, "more")]
    told, said = trials.predictions(samples, ["one text", "something else", "words", None], listed=False)
    found = tabulate(told, said, RULE)
    assert not any("text" in label or label == "words" for label in found.labels)
    assert (found.accepted(0.0) & found.differs).tolist() == [False, True, True, False]
    assert found.accepted(0.0).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("agreeing", "differing", "groups", "hopeless"),
    [(40, 0, 1000, False), (38, 2, 1000, False), (20, 20, 1000, True), (40, 0, 100, True), (0, 0, 1000, True)],
)
def test_a_pilot_stops_only_what_has_no_chance(agreeing: int, differing: int, groups: int, hopeless: bool) -> None:
    """The fourth has too few groups for any promise at 1 %, whatever they say."""
    assert trials.is_hopeless(table(agreeing, differing), TERMS, groups, texts=False) is hopeless


def test_certainly_differing_needs_evidence() -> None:
    assert trials.certainly_differs(table(20, 20), TERMS)
    assert not trials.certainly_differs(table(39, 1), TERMS)


def test_worse_is_shown_by_labels_alone() -> None:
    found = table(100, 100)
    unknown = np.where(found.differs, np.nan, 0.0)
    assert not trials.is_worse(found, unknown, TERMS)
    assert trials.is_worse(found, np.where(found.differs, 1.0, 0.0), TERMS)
    assert not trials.is_worse(found, np.where(found.differs, -1.0, 0.0), TERMS)


def test_gold_answers_become_verdicts_on_the_side_that_was_drawn() -> None:
    answers = {f"call-{n}": (f"chatcmpl-{n}", "right", "wrong") for n in range(20)}
    gold = {f"chatcmpl-{n}": Label(gold=" RIGHT ") for n in range(20)}
    found = trials.as_verdicts(gold, answers, "try-1")
    assert {found[f"call-{n}"].verdict == ("a" if specialist_is_a("try-1", f"chatcmpl-{n}") else "b") for n in range(20)} == {True}
    assert {label.verdict for label in found.values()} == {"a", "b"}
    both = trials.as_verdicts({"x": Label(gold="same")}, {"call": ("x", "same", "same")}, "try-1")
    assert both["call"].verdict == "both"
    neither = trials.as_verdicts({"call": Label(gold="else")}, {"call": ("x", None, "same")}, "try-1")
    assert neither["call"].verdict == "neither"
    assert trials.as_verdicts({}, answers, "try-1") == {}


def test_a_gold_text_that_neither_said_is_no_label() -> None:
    answers: dict[str, tuple[str, str | None, str | None]] = {"call": ("x", "a fine day", "the day is fine"), "other": ("y", "so", "no")}
    gold = {"x": Label(gold="what a day"), "y": Label(gold="so")}
    assert [*trials.as_verdicts(gold, answers, "try-1", texts=True)] == ["other"], "else every such text would be a draw"


def test_requests_show_the_texts_on_the_sides_of_the_draw() -> None:
    asked: list[dict[str, Any]] = [{"id": f"r{n}", "slots": {}, "a": "?", "b": "?", "verdict": None} for n in range(10)]
    filled = trials.with_texts(asked, {f"r{n}": ("mine", None) for n in range(10)}, "try-2")
    for request in filled:
        side, other = ("a", "b") if specialist_is_a("try-2", request["id"]) else ("b", "a")
        assert request[side] == "mine" and request[other] == "(no readable answer)"


def test_figures() -> None:
    replies = [Reply(value="yes", cost_usd=Decimal("0.001"), duration_ms=float(n)) for n in range(1, 20)]
    replies.append(Reply(value=None, cost_usd=None, duration_ms=999.0, error="context too long"))
    found = trials.measure([sample(n) for n in range(20)], replies, comparable_answers=True)
    assert (found.calls, found.answered, found.agreement) == (20, 0.95, 1.0)
    assert found.agreement_interval is not None and 0.8 < found.agreement_interval[0] < 0.85
    assert (found.p50_ms, found.p95_ms) == (10.0, 19.0), "errors take no time"
    assert found.cost_usd == Decimal("0.001") and found.errors == (("context too long", 1),)
    texts = trials.measure([sample(0)], [Reply(value="a text", cost_usd=None, duration_ms=None)], comparable_answers=False)
    assert (texts.agreement, texts.cost_usd, texts.p50_ms) == (None, None, None), "unknown, not 0"


def test_unreadable_answers_are_paid_by_those_that_help() -> None:
    replies = [
        Reply(value="yes", cost_usd=Decimal("0.002"), duration_ms=1.0),
        Reply(value=None, cost_usd=Decimal("0.002"), duration_ms=1.0),
        Reply(value="yes", cost_usd=None, duration_ms=1.0),
    ]
    net = trials.net_costs([sample(n) for n in range(3)], replies)
    assert net[0] == Decimal("0.006") and net[2] is None
