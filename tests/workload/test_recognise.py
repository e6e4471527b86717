"""Requests are recognised by their fixed text; what was never seen is none."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Contract, Pattern, Template, Version, Workload
from modicum.workload import Recogniser
from modicum.workload.prompt import window

NOW = datetime(2026, 10, 1, tzinfo=UTC)


def workload(name: str, *templates: tuple[Template, tuple[tuple[str, str], ...]], calls: int = 10) -> Workload:
    versions = tuple(
        Version(version_id=f"{name}.{number}", template=template, marks=marks, first_seen=NOW, last_seen=NOW)
        for number, (template, marks) in enumerate(templates)
    )
    contract = Contract(kind="text")
    return Workload(
        workload_id=name,
        scope="default",
        name=name,
        task="unsure",
        contract=contract,
        versions=versions,
        calls=calls,
        first_seen=NOW,
        last_seen=NOW,
    )


def whole(text: str) -> Pattern:
    return Pattern(literals=(text,), anchored_start=True, anchored_end=True)


def chat(*messages: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": role, "content": content} for role, content in messages], **more}


SORTER = Template(key="", system=whole("Sort the message into a folder."), user=Pattern())
INLINE = Template(key="", user=Pattern(literals=("Translate into French:\n", "\nTranslation:"), anchored_start=True, anchored_end=True))
SLOTS = Template(key="", system=Pattern(literals=(" of the week. Label the ticket.\nOne word.",), anchored_end=True), user=Pattern())


def recognised(workloads: Sequence[Workload], request: dict[str, Any]) -> tuple[str, str, tuple[tuple[str, str], ...]] | None:
    found = Recogniser(workloads).recognise(request)
    return (found.workload_id, found.version_id, found.slots) if found else None


def test_each_template_is_found_and_its_slots_are_cut() -> None:
    known = [workload("sort", (SORTER, ())), workload("french", (INLINE, ())), workload("slots", (SLOTS, ()))]
    assert recognised(known, chat(("system", "Sort the message into a folder."), ("user", "hi"))) == ("sort", "sort.0", (("user.0", "hi"),))
    assert recognised(known, chat(("user", "Translate into French:\nhello\nTranslation:"))) == (
        "french",
        "french.0",
        (("user.0", "hello"),),
    )
    found = recognised(known, chat(("system", "Day 3 of the week. Label the ticket.\nOne word."), ("user", "x")))
    assert found == ("slots", "slots.0", (("system.0", "Day 3"), ("user.0", "x")))


def test_what_was_never_seen_is_none() -> None:
    known = [workload("sort", (SORTER, ())), workload("french", (INLINE, ()))]
    for request in (
        chat(("system", "Sort the message into a folder"), ("user", "hi")),
        chat(("user", "hi")),
        chat(("system", "Sort the message into a folder."), ("user", "hi"), response_format={"type": "json_object"}),
        chat(("system", "x"), ("user", "Translate into French:\nhello\nTranslation:")),
    ):
        assert recognised(known, request) is None


def test_the_template_with_most_fixed_text_wins() -> None:
    bare = Template(key="", system=whole("You are a helpful assistant."), user=Pattern())
    closer = Template(key="", system=whole("You are a helpful assistant."), user=Pattern(literals=("Is this spam? ",), anchored_start=True))
    known = [workload("open", (bare, ()), calls=1000), workload("spam", (closer, ()))]
    request = chat(("system", "You are a helpful assistant."), ("user", "Is this spam? buy now"))
    assert recognised(known, request) == ("spam", "spam.0", (("user.0", "buy now"),))


def test_versions_are_told_by_their_marks_and_an_unseen_wording_has_none() -> None:
    template = Template(key="", system=Pattern(literals=("Label the call for the desk.",), anchored_start=True), user=Pattern())
    known = [workload("w", (template, (("system.0", ""),)), (template, (("system.0", " Be brief."),)))]
    versions = []
    for ending in ("", " Be brief.", " Be long."):
        found = recognised(known, chat(("system", "Label the call for the desk." + ending), ("user", "x")))
        versions.append(found and found[:2])
    assert versions == [("w", "w.0"), ("w", "w.1"), ("w", "")]


def test_an_edit_in_the_middle_of_a_long_prompt_is_another_version() -> None:
    long = "a" * 3000 + "b" * 500 + "c" * 3000
    middle = window(long)[3000:-3000]
    template = Template(key="", system=Pattern(literals=("a" * 3000, "c" * 3000), anchored_start=True, anchored_end=True), user=Pattern())
    known = [workload("w", (template, (("system.0", middle),)))]
    same = recognised(known, chat(("system", long), ("user", "x")))
    assert same == ("w", "w.0", (("system.0", "b" * 500), ("user.0", "x")))
    other = recognised(known, chat(("system", long.replace("bbb", "bxb", 1)), ("user", "x")))
    assert other is not None and other[1] == ""


def test_instructions_may_stand_in_the_first_user_message() -> None:
    template = Template(key="", user=Pattern(literals=("Goal of the agent: ",), anchored_start=True), user_at="first")
    request = chat(("user", "Goal of the agent: tidy"), ("assistant", "ok"), ("user", "Observation: done"))
    assert recognised([workload("w", (template, ()))], request) == ("w", "w.0", (("user.0", "tidy"), ("user.last", "Observation: done")))


def test_a_template_for_any_tools_needs_tools() -> None:
    template = Template(key="*", system=whole("Choose a tool that is offered."), user=Pattern())
    known = [workload("w", (template, ()))]
    tools = [{"type": "function", "function": {"name": "a"}}]
    messages = (("system", "Choose a tool that is offered."), ("user", "x"))
    assert recognised(known, chat(*messages, tools=tools)) is not None
    assert recognised(known, chat(*messages)) is None


def test_little_fixed_text_gets_no_matcher() -> None:
    assert (
        recognised([workload("w", (Template(key="", system=whole("Hi."), user=Pattern()), ()))], chat(("system", "Hi."), ("user", "x")))
        is None
    )


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_recognised_or_not_without_an_error(system: str, user: str) -> None:
    known = [workload("sort", (SORTER, ())), workload("french", (INLINE, ())), workload("slots", (SLOTS, ()))]
    Recogniser(known).recognise(chat(("system", system), ("user", user)))


def test_look_ups_are_bounded_whatever_the_length() -> None:
    """A text of a hundred thousand lines is windowed before anything is sought in it."""
    assert len(window("\n" * 1_000_000)) < 6_100
