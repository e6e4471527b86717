"""Which short prompts may be routed, and which are anybody's."""

from __future__ import annotations

from typing import Any

import pytest

from modicum.discover import mine
from modicum.types import Workload
from modicum.wire import chat
from modicum.workload import Recogniser

MAIL = "You sort mail into urgent or later."


def routable(calls: list[Any]) -> dict[str, bool]:
    """By the number of fixed characters around the user's text, and the kind of answer."""
    return {f"{one.contract.kind}{'' if opens(one) else ', framed'}": one.routable for one in mine(calls).workloads}


def opens(workload: Workload) -> bool:
    user = workload.versions[0].template.user
    return user is None or not user.literals


@pytest.mark.parametrize(
    ("system", "labels"),
    [
        (MAIL, ["urgent", "later"]),
        ("Spam or ham?", ["spam", "ham"]),
        ("Is this spam?", ["yes", "no"]),
        ("Classify the sentiment.", ["positive", "negative"]),
        ("Rate the essay from 1 to 5.", ["1", "2", "3", "4", "5"]),
        ("Give the city.", ['{"city": "Rome"}', '{"city": "Oslo"}']),
        ("Antworte mit dringend oder später.", ["dringend", "später"]),
        ("请判断情感：正面或负面。", ["正面", "负面"]),
        ("Answer with 👍 or 👎", ["👍", "👎"]),
    ],
)
def test_a_short_system_text_that_is_exact_and_says_the_task_is_routable(maker: Any, system: str, labels: list[str]) -> None:
    calls = maker.labelled(120, system, labels)
    (workload,) = mine(calls).workloads
    assert workload.routable and opens(workload)
    recogniser = Recogniser([workload])
    assert recogniser.recognise(chat.loads(maker.call(system, "what was never said", "").request)) is not None
    for other in (system + " Be brief.", "Hello. " + system, system.upper() + "!"):
        assert recogniser.recognise(chat.loads(maker.call(other, "x", "").request)) is None


@pytest.mark.parametrize(
    "system",
    [
        "You are a helpful assistant.",
        "You are a friendly AI chatbot.",
        "You are Flora.",
        "You are a classifier.",
        "Tu es un assistant utile.",
        "あなたは親切なアシスタントです。",
        "How can I help you?",
        "Reply with yes or no.",
        "Answer the question.",
    ],
)
def test_a_persona_or_a_form_alone_is_anybody_s(maker: Any, system: str) -> None:
    assert [one.routable for one in mine(maker.labelled(120, system, ["yes", "no"])).workloads] == [False]


def test_a_label_that_a_greeting_holds_by_chance_names_no_task(maker: Any) -> None:
    assert routable(maker.labelled(120, "You are a helpful assistant.", ["helpful", "unhelpful"])) == {"label": False}


def test_free_text_behind_a_short_system_text_stays_out(maker: Any) -> None:
    assert routable(maker.prosaic(60, "Select a poem on the theme.")) == {"text": False}


def test_a_short_system_text_with_a_slot_in_it_is_no_whole_one(maker: Any) -> None:
    towns = ["Rome", "Oslo", "Cairo", "Lima", "Paris", "Bern"]
    calls = [maker.call(f"Mail of {maker.rng.choice(towns)}: urgent or later?", maker.prose(), "urgent") for _ in range(90)]
    calls += [maker.call(f"Mail of {maker.rng.choice(towns)}: urgent or later?", maker.prose(), "later") for _ in range(90)]
    assert set(routable(calls).values()) == {False}


def test_a_text_that_other_groups_stand_behind_tells_nothing(maker: Any) -> None:
    frame = "Write a friendly reply to the following letter and sign it as Flora of the garden shop:\n{}"
    calls = [call for _ in range(100) for call in (*maker.labelled(1, MAIL, ["urgent", "later"]), *maker.prosaic(1, MAIL, frame))]
    assert routable(calls) == {"label": False, "text, framed": True}
    apart = [call for _ in range(100) for call in (*maker.labelled(1, MAIL, ["urgent", "later"]), *maker.prosaic(1, "Be kind.", frame))]
    assert routable(apart) == {"label": True, "text, framed": True}


def test_a_workload_of_another_scope_is_no_other_group(maker: Any) -> None:
    calls = maker.labelled(100, MAIL, ["urgent", "later"], scope="a") + maker.labelled(100, MAIL, ["urgent", "later"], scope="b")
    assert [one.routable for one in mine(calls).workloads] == [True, True]
