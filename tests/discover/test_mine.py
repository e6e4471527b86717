"""Mining finds the workloads of a log, and finds them again as it grows."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from modicum.discover import Discovery, mine, split_id
from modicum.types import Call, OperatorDecision, Workload
from modicum.wire import chat
from modicum.workload import Recogniser, read

COLOURS = ["red", "green", "blue", "yellow"]
CITIES = ["paris", "rome", "oslo", "cairo", "lima"]
SORT = "You sort the letters of a mill. Read the letter and answer with one colour only, in lower case."
PLACE = "You sort the letters of a mill. Read the letter and answer with one city only, in lower case."
REPLY = "Write a friendly reply to the customer of our small garden shop. Keep to three sentences and sign as Flora."


def by_workload(found: Discovery, *groups: list[Call]) -> list[Counter[str]]:
    of = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
    return [Counter(of.get(call.call_id, "") for call in group) for group in groups]


def only(counts: Counter[str]) -> str:
    assert len(counts) == 1, counts
    return next(iter(counts))


def decision(kind: Any, workload_id: str, payload: str, calls: list[Call], number: int = 0) -> OperatorDecision:
    at = calls[0].started_at + timedelta(days=400, minutes=number)
    return OperatorDecision(
        decision_id=f"d{number}", scope="default", kind=kind, workload_id=workload_id, payload=payload, at=at, actor="ann"
    )


def test_prompts_one_word_apart_with_other_labels_are_two_workloads(maker: Any) -> None:
    a, b, c = maker.labelled(60, SORT, COLOURS), maker.labelled(60, PLACE, CITIES), maker.prosaic(40, REPLY)
    found = mine(a + b + c)
    ids = [only(counts) for counts in by_workload(found, a, b, c)]
    assert len(set(ids)) == 3 == len(found.workloads)
    kinds = {one.workload_id: one.contract.kind for one in found.workloads}
    assert [kinds[one] for one in ids] == ["label", "label", "text"]
    assert {one.task for one in found.workloads} == {"classify", "generate"}
    assert len({one.name for one in found.workloads}) == 3


def test_a_sentence_inserted_in_half_of_the_calls_makes_two_versions_of_one_workload(maker: Any) -> None:
    calls = [
        call for _ in range(60) for call in (*maker.labelled(1, SORT, COLOURS), *maker.labelled(1, SORT + " Escalate nothing.", COLOURS))
    ]
    found = mine(calls)
    (workload,) = found.workloads
    assert sorted(version.calls for version in workload.versions) == [60, 60]
    assert {value for version in workload.versions for _, value in version.marks} == {"", " Escalate nothing."}
    versions = {call_id: version_id for call_id, _, version_id in found.assignments}
    recogniser = Recogniser(found.workloads)
    for call in calls:
        recognised = recogniser.recognise(chat.loads(call.request or b""))
        assert recognised is not None and recognised.version_id == versions[call.call_id]


def test_dates_names_and_numbers_become_slots(maker: Any) -> None:
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
    calls = []
    for number in range(80):
        system = f"Today is {days[number % 5]}, {number % 28 + 1} October 2026. You sort letters by colour. One colour only."
        calls.append(maker.call(system, f"Letter {maker.rng.randrange(10**6)} for the desk:\n{maker.prose()}", maker.rng.choice(COLOURS)))
    (workload,) = mine(calls).workloads
    template = workload.versions[0].template
    assert len(workload.versions) == 1
    assert template.system is not None and template.system.literals[0] == "Today is "
    assert template.user is not None and template.user.literals[0].startswith("Letter ")
    assert "2026" in template.system.literals[-1]
    later = chat.loads(
        maker.call(
            "Today is Sunday, 9 October 2026. You sort letters by colour. One colour only.", "Letter 7 for the desk:\nx", "red"
        ).request
    )
    assert Recogniser([workload]).recognise(later) is not None


def test_the_order_of_a_log_changes_nothing(maker: Any) -> None:
    calls = maker.labelled(60, SORT, COLOURS) + maker.labelled(60, PLACE, CITIES) + maker.prosaic(40, REPLY)
    first = mine(calls)
    random.Random(3).shuffle(calls)
    second = mine(calls)
    assert {one.workload_id for one in first.workloads} == {one.workload_id for one in second.workloads}
    assert sorted(first.assignments) == sorted(second.assignments)


def test_prompts_without_fixed_text_are_listed_and_never_routed(maker: Any) -> None:
    calls, inline = (
        maker.prosaic(60, None),
        maker.prosaic(40, None, frame="Put the following into plain words for children:\n{}\nPlain words:"),
    )
    found = mine(calls + inline)
    open_, framed = (only(counts) for counts in by_workload(found, calls, inline))
    assert {one.workload_id: one.routable for one in found.workloads} == {open_: False, framed: True}
    assert Recogniser(found.workloads).recognise(chat.loads(calls[0].request)) is None


def test_scopes_are_walls(maker: Any) -> None:
    a, b = maker.labelled(40, SORT, COLOURS, scope="a"), maker.labelled(40, SORT, COLOURS, scope="b")
    found = mine([call for pair in zip(a, b, strict=True) for call in pair])
    assert len({only(counts) for counts in by_workload(found, a, b)}) == 2
    assert {one.scope for one in found.workloads} == {"a", "b"}


def test_groups_under_fifteen_calls_wait(maker: Any) -> None:
    many, few = maker.labelled(40, SORT, COLOURS), maker.prosaic(8, REPLY)
    found = mine(many + few)
    assert len(found.workloads) == 1
    assert by_workload(found, few) == [Counter({"": 8})]


def test_ids_and_names_go_on_while_the_log_grows(maker: Any) -> None:
    calls = []
    for _ in range(200):
        calls += maker.labelled(1, SORT, COLOURS) + maker.labelled(1, PLACE, CITIES) + maker.prosaic(1, REPLY) + maker.prosaic(1, None)
    known: tuple[Workload, ...] = ()
    last: dict[str, str] = {}
    for share in (0.2, 0.5, 1.0):
        found = mine(calls[: int(share * len(calls))], known=known)
        now = {call_id: workload_id for call_id, workload_id, _ in found.assignments}
        assert all(now[call_id] == workload_id for call_id, workload_id in last.items())
        assert {one.workload_id: one.name for one in known}.items() <= {one.workload_id: one.name for one in found.workloads}.items()
        known, last = found.workloads, now
    assert len(known) == 4


def test_a_frozen_date_becomes_a_slot_later_under_the_same_id(maker: Any) -> None:
    system = "You are on duty on {} for the harbour. Name the colour of the flag that fits, one word, lower case."
    first = maker.labelled(60, system.format("Monday"), COLOURS)
    before = mine(first)
    after = mine(
        first + [call for day in ("Tuesday", "Friday", "Sunday") for call in maker.labelled(30, system.format(day), COLOURS)],
        known=before.workloads,
    )
    assert [one.workload_id for one in before.workloads] == [one.workload_id for one in after.workloads]
    assert before.workloads[0].versions[0].version_id != after.workloads[0].versions[0].version_id


def test_a_wording_keeps_its_id_when_another_one_comes_beside_it(maker: Any) -> None:
    """Certificates name versions by id: an edit must not take a live route's own wording from it."""
    first = maker.labelled(60, SORT, COLOURS)
    before = mine(first)
    (old,) = before.workloads[0].versions
    edited = maker.labelled(40, SORT.replace("one colour only", "exactly one of the colours"), COLOURS)
    after = mine(first + edited, known=before.workloads)
    (workload,) = after.workloads
    (new,) = [one for one in workload.versions if one.version_id != old.version_id]
    assert {one.version_id: one.calls for one in workload.versions} == {old.version_id: 60, new.version_id: 40}
    assert {version_id for call_id, _, version_id in after.assignments if call_id in {one.call_id for one in first}} == {old.version_id}
    recogniser = Recogniser(after.workloads)
    for calls, version in ((first, old), (edited, new)):
        recognised = recogniser.recognise(chat.loads(calls[0].request or b""))
        assert recognised is not None and recognised.version_id == version.version_id
    third = mine(first + edited + maker.labelled(40, SORT + " Escalate nothing.", COLOURS), known=after.workloads)
    assert {one.version_id for one in workload.versions} <= {one.version_id for one in third.workloads[0].versions}


def test_a_long_log_is_mined_in_batches(maker: Any) -> None:
    groups: list[list[Call]] = [[], [], []]
    for _ in range(200):
        groups[0] += maker.labelled(1, SORT, COLOURS)
        groups[1] += maker.labelled(1, PLACE, CITIES)
        groups[2] += maker.prosaic(1, REPLY)
    calls = sorted((call for group in groups for call in group), key=lambda call: call.call_id)
    calls += (late := maker.labelled(50, "A new desk: tell which of the cities the parcel goes to. City only.", CITIES))
    found = mine(calls, batch=150)
    ids = [only(counts) for counts in by_workload(found, *groups, late)]
    assert len(set(ids)) == 4
    assert len(found.assignments) == len({call_id for call_id, _, _ in found.assignments}) == len(calls)
    counts = {one.workload_id: one.calls for one in found.workloads}
    assert [counts[one] for one in ids] == [200, 200, 200, 50]


def test_what_operators_decided_survives_the_next_mining(maker: Any) -> None:
    a, b = maker.labelled(60, SORT, COLOURS), maker.labelled(60, PLACE, CITIES)
    wander = [maker.call(REPLY, maker.prose(), f"{maker.rng.choice(COLOURS)}. {maker.prose(3, 6)}") for _ in range(60)]
    calls = a + b + wander
    first = mine(calls)
    ids = [only(counts) for counts in by_workload(first, a, b, wander)]
    decisions = [
        decision("name", ids[0], "flags", calls, 1),
        decision("merge", ids[0], ids[1], calls, 2),
        decision("read", ids[2], "label", calls, 3),
        decision("ignore", ids[2], "", calls, 4),
    ]
    known = first.workloads
    for _ in range(3):
        found = mine(calls, known=known, decisions=decisions)
        merged = {one.workload_id: one for one in found.workloads}
        assert set(merged) == {ids[0], ids[2]}
        assert merged[ids[0]].name == "flags" and merged[ids[0]].calls == 120
        assert set(merged[ids[0]].contract.labels) == {*COLOURS, *CITIES}
        assert merged[ids[2]].ignored and merged[ids[2]].contract.read_as == "label" and merged[ids[2]].contract.can_be_served
        known = found.workloads
    recogniser = Recogniser(known)
    for call in (a[0], b[0]):
        recognised = recogniser.recognise(chat.loads(call.request or b""))
        assert recognised is not None and recognised.workload_id == ids[0]


def test_a_split_by_slot_survives_too(maker: Any) -> None:
    systems = {
        lang: f"You answer for the {lang} desk of the mill. Name one colour that fits the letter, lower case."
        for lang in ("north", "south")
    }
    groups = [maker.labelled(60, system, COLOURS) for system in systems.values()]
    calls = groups[0] + groups[1]
    first = mine(calls)
    (workload,) = first.workloads
    slot, value = "system.0", "south"
    decisions = [decision("split", workload.workload_id, json.dumps({"slot": slot, "value": value}), calls)]
    known = first.workloads
    for _ in range(3):
        found = mine(calls, known=known, decisions=decisions)
        ids = [only(counts) for counts in by_workload(found, *groups)]
        assert ids == [workload.workload_id, split_id(workload.workload_id, slot, value)]
        known = found.workloads
    recogniser = Recogniser(known)
    for group, wanted in zip(groups, ids, strict=True):
        recognised = recogniser.recognise(chat.loads(group[0].request or b""))
        assert recognised is not None and recognised.workload_id == wanted


def test_tool_subsets_are_one_workload(maker: Any) -> None:
    pool = [f"tool_{number}" for number in range(8)]
    calls = []
    for _ in range(60):
        names = maker.rng.sample(pool, 3)
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"type": "function", "function": {"name": names[0], "arguments": "{}"}}],
        }
        calls.append(maker.call("Choose among the tools that are offered to you today.", maker.prose(), message, tools=tools))
    (workload,) = mine(calls).workloads
    assert workload.contract.kind == "tool"
    assert Recogniser([workload]).recognise(chat.loads(calls[0].request)) is not None


def test_damaged_calls_and_bodies_that_are_gone_are_passed_over(maker: Any) -> None:
    calls = maker.labelled(40, SORT, COLOURS)
    odd = [
        Call(call_id="x1", started_at=calls[0].started_at, request=None),
        Call(call_id="x2", started_at=calls[0].started_at, request=b"{}", response=b"[]"),
        Call(call_id="x3", started_at=calls[0].started_at, request=calls[0].request, response=b"nonsense", status=500, error="upstream"),
        Call(call_id="x4", started_at=calls[0].started_at, request=calls[0].request, response=None),
    ]
    found = mine(calls + odd)
    (workload,) = found.workloads
    assert workload.calls == 42
    assert workload.contract.read_share == round(40 / 42, 6)
    assert mine([]).workloads == ()


def test_scripts_without_spaces(maker: Any) -> None:
    parts = ["靴", "鞄", "時計", "本", "机", "傘", "手紙", "電話", "写真", "音楽"]
    calls = []
    for _ in range(60):
        text = "".join(maker.rng.choice(parts) for _ in range(4)) + "はいつ届きますか"
        calls.append(
            maker.call(
                "次の問い合わせを「配送」「返品」「その他」のいずれか一つに分類してください。ラベルだけを答えてください。",
                text,
                maker.rng.choice(["配送", "返品"]),
            )
        )
    (workload,) = mine(calls).workloads
    assert workload.contract.kind == "label"
    assert set(workload.contract.labels) == {"配送", "返品", "その他"}


def test_conversations_of_any_length_are_one_workload(maker: Any) -> None:
    calls = []
    for _ in range(60):
        call = maker.call(SORT, maker.prose(), maker.rng.choice(COLOURS))
        request = json.loads(call.request)
        for _ in range(maker.rng.randrange(4)):
            request["messages"][-1:-1] = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": maker.prose()}]
        calls.append(Call(call_id=call.call_id, started_at=call.started_at, request=json.dumps(request).encode(), response=call.response))
    (workload,) = mine(calls).workloads
    assert workload.calls == 60
    assert all(read(workload.contract, chat.answer(chat.loads(call.response or b""))) in COLOURS for call in calls)


def test_a_workload_that_only_failed_or_refused_is_text_of_which_nothing_is_read(maker: Any) -> None:
    refused = maker.labelled(40, SORT, ["I'm sorry, I can't help with that."])
    failed = [replace(call, response=b'{"error": {"code": "overloaded"}}', status=503) for call in maker.labelled(40, PLACE, CITIES)]
    for calls in (refused, failed):
        (workload,) = mine(calls).workloads
        assert (workload.calls, workload.contract.kind, workload.contract.read_share) == (40, "text", 0)


def test_a_specialist_of_ours_is_no_incumbent(maker: Any) -> None:
    calls = maker.labelled(60, SORT, COLOURS) + maker.labelled(90, SORT, COLOURS, model="modicum/flags@1")
    assert mine(calls).workloads[0].incumbents == mine(calls, batch=40).workloads[0].incumbents == ("gpt",)
