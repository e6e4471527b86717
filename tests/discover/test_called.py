"""Workloads bear the names that the log has for them, where these tell them apart."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.discover import mine
from modicum.discover.labelled import slug
from modicum.types import Call

from .conftest import Maker

SORT = "Sort the mail of the museum into one of: ticket, lost property, school visit. Say the word alone."
SHORT = "Bring the visitor's letter down to one plain sentence for the morning round."
TALK = "You talk with visitors about the paintings in the old wing, kindly and at length."


def names(calls: list[Call]) -> dict[str, str]:
    """First words of the instruction -> name."""
    found = {}
    for one in mine(calls).workloads:
        system = one.versions[0].template.system
        assert system is not None
        found[system.literals[0].split(" ")[0]] = one.name
    return found


def three(maker: Maker) -> list[list[Call]]:
    return [maker.labelled(40, SORT, ["ticket", "school visit"]), maker.prosaic(40, SHORT), maker.prosaic(40, TALK)]


def test_a_tag_or_the_application_names_its_workload(maker: Maker) -> None:
    sort, short, talk = three(maker)
    sort = [replace(call, tags=("production", "User-Agent: python", "feature=Mail_Sorting"), client_id="museum") for call in sort]
    short = [replace(call, client_id="MorningRound") for call in short]
    found = names(sort + short + talk)
    assert (found["Sort"], found["Bring"]) == ("mail-sorting", "morning-round") and "visitors" in found["You"]


def test_metadata_of_a_request_goes_before_tags(maker: Maker) -> None:
    sort = maker.labelled(40, SORT, ["ticket", "school visit"], metadata={"prompt_name": "பிரிப்பான் v2", "conversation_id": "c-1"})
    _, short, _ = three(maker)
    assert names([replace(call, tags=("letters",)) for call in sort] + short)["Sort"] == "பிரிப்பான்"


def test_what_stands_on_everything_or_differs_from_call_to_call_names_nothing(maker: Maker) -> None:
    calls = [replace(call, client_id="gallery", tags=(f"job{number}",)) for part in three(maker) for number, call in enumerate(part)]
    found = names(calls)
    assert not any("gallery" in name or "job" in name for name in found.values())
    assert found["Sort"].count("-") == 2


def test_who_calls_is_no_name_for_the_only_workload(maker: Maker) -> None:
    calls = [replace(call, client_id="museum", tags=("gallery", "app=visitors", "end_user:u17")) for call in three(maker)[0]]
    (alone,) = names(calls).values()
    assert alone == "sort-mail-museum", "words of what is asked for: there is no other to tell it from"
    (told,) = names([replace(call, tags=(*call.tags, "feature=Mail_Sorting")) for call in calls]).values()
    assert told == "mail-sorting", "what is asked for is a name"
    each = [replace(call, scope=scope, client_id=scope) for scope in ("museum", "harbour") for call in maker.labelled(40, SORT, ["ticket"])]
    assert all(one.name.startswith("sort-mail") for one in mine(each).workloads), "a scope is no name for its workload"
    two = names([*calls, *(replace(call, client_id="morning") for call in maker.prosaic(40, SHORT))])
    assert two["Bring"] == "morning", "where there is another, it tells them apart"


def test_workloads_called_alike_are_told_apart_by_a_word_each(maker: Maker) -> None:
    sort, short, talk = three(maker)
    other = maker.prosaic(40, "Give the price of a guided tour for the group that is described, with tax.")
    more = [maker.prosaic(40, text) for text in ("Name the painter of the picture below.", "Rewrite the label in easy words.")]
    desk = [replace(call, client_id="front desk") for call in sort + short]
    found = names(desk + talk + other + more[0] + more[1])
    ours = [found["Sort"], found["Bring"]]
    assert all(name.startswith("front-desk-") for name in ours) and len(set(ours)) == 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Invoice Extractor (v3)", "invoice-extractor"),
        ("supportTriage/step:classify", "support-triage-step-classify"),
        ("客服分流", "客服分流"),
        ("تصنيف الشكاوى", "تصنيف-الشكاوى"),
        ("prod", ""),
        ("ann@example.org", ""),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", ""),
        ("2026-11-03", ""),
        ("LiteLLM-acompletion", ""),
        ("", ""),
    ],
)
def test_a_label_becomes_a_short_name_or_none(text: str, name: str) -> None:
    assert slug(text) == name


@given(st.text(max_size=200))
def test_any_label_gives_a_name_that_is_safe_to_show(text: str) -> None:
    name = slug(text)
    assert len(name) <= 120 and name == name.lower().strip("-") and "--" not in name
    assert not any(unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp", "Cs") for char in name)
