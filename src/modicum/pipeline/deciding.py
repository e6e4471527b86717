"""What a person may decide about a workload: checked before it is written down, so that no decision is kept that does nothing.

What can be told from the records is checked before the calls are looked at again, the rest by what that look finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from modicum.discover import split_id
from modicum.errors import InputError, NotFoundError
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, OperatorDecision, Workload
from modicum.wire import chat
from modicum.workload import Recogniser
from modicum.workload.pattern import slot_names

LONGEST_NAME = 80
SHOWN = 5
"""Values and answers that a refusal names."""
SHOWN_CHARS = 60


def check(control: Control, workload: Workload, kind: str, payload: str) -> None:
    """Refuse what the records alone show to be wrong. Raises InputError, or NotFoundError for a slot that is not there."""
    if kind == "name":
        _check_name(control, workload, payload)
    elif kind == "merge":
        _check_merge(control, workload, payload)
    elif kind == "split":
        slot, value = slot_and_value(payload)
        slots = slots_of(workload)
        made = split_id(workload.workload_id, slot, value)
        if part := next((one for one in control.workloads(workload.scope) if one.workload_id == made), None):
            raise InputError(f"that is split off already: '{part.name}' ({made})")
        if slot not in slots:
            hint = f"its slots are {', '.join(slots)}" if slots else "its prompt is all fixed text"
            raise NotFoundError(f"'{workload.name}' has no slot '{slot}'", hint=hint)


def check_effect(calls: Calls, views: Views, workload: Workload, decision: OperatorDecision, found: Sequence[Workload]) -> None:
    """Refuse a decision that changed nothing. `found`: the workloads as they would be with it."""
    if decision.kind == "split":
        slot, value = slot_and_value(decision.payload)
        if not any(one.workload_id == split_id(workload.workload_id, slot, value) for one in found):
            _refuse_split(_calls(calls, views, workload), workload, slot, value)
    elif decision.kind == "merge" and any(one.workload_id == decision.payload for one in found):
        raise InputError(
            f"'{decision.payload}' cannot be merged into '{workload.name}'", hint="their calls could not be put together under one id"
        )
    elif decision.kind == "read" and decision.payload in ("label", "json"):
        after = next((one for one in found if one.workload_id == workload.workload_id), None)
        kinds = ("object",) if decision.payload == "json" else ("label", "number")
        if after is not None and (after.contract.kind not in kinds or not after.contract.read_share):
            what = "is JSON" if decision.payload == "json" else "can be told as one of a few labels"
            raise InputError(
                f"no answer of '{workload.name}' {what}", hint=f"they look like this: {_quoted(_answers(_calls(calls, views, workload)))}"
            )


def standing(decisions: Iterable[OperatorDecision]) -> list[OperatorDecision]:
    """The decisions without those splits whose part was merged back later."""
    kept: list[OperatorDecision] = []
    for decision in sorted(decisions, key=lambda one: (one.at, one.decision_id)):
        if decision.kind == "merge":
            kept = [one for one in kept if not (one.kind == "split" and _undoes(decision, one))]
        kept.append(decision)
    return kept


def _undoes(merge: OperatorDecision, split: OperatorDecision) -> bool:
    return (merge.scope, merge.workload_id, merge.payload) == (split.scope, split.workload_id, _made_by(split))


def _made_by(decision: OperatorDecision) -> str:
    """The id of the part that a split makes, "" for any other decision."""
    if decision.kind != "split":
        return ""
    try:
        return split_id(decision.workload_id, *slot_and_value(decision.payload))
    except (msgspec.DecodeError, KeyError):  # erasure may have taken words out of it
        return ""


def slot_and_value(payload: str) -> tuple[str, str]:
    """What a split is made by."""
    fields = msgspec.json.decode(payload, type=dict[str, str])
    return fields["slot"], fields["value"]


def slots_of(workload: Workload) -> list[str]:
    """The names of its slots, in order, over all its versions."""
    return list(dict.fromkeys(name for version in workload.versions for name in slot_names(version.template)))


def slot_reader(workload: Workload) -> Callable[[Call], tuple[tuple[str, str], ...]]:
    """What reads (slot, value) of a call of this workload; nothing where its body is gone or it cannot be recognised."""
    recogniser = Recogniser([workload])

    def read(call: Call) -> tuple[tuple[str, str], ...]:
        try:
            found = recogniser.recognise(chat.loads(call.request or b""))
        except InputError:
            return ()
        return () if found is None else found.slots

    return read


def request_text(call: Call) -> str:
    """What the user said last in a call; "" where there is no body or it is no chat."""
    try:
        return chat.segments(chat.loads(call.request or b"")).last_user
    except InputError:
        return ""


def answer_text(call: Call) -> str:
    """What a call was answered with: content, refusal or tool calls; "" where there is no body or no answer."""
    try:
        answer = chat.answer(chat.loads(call.response or b""))
    except InputError:
        return ""
    return answer.content or answer.refusal or ", ".join(f"{name}({arguments})" for name, arguments in answer.tool_calls)


def brief(text: str, most: int) -> str:
    """On one line, and cut where it is longer."""
    line = " ".join(text[: 20 * most].split())
    return line if len(line) <= most and len(text) <= 20 * most else f"{line[: most - 1]}…"


def _check_name(control: Control, workload: Workload, name: str) -> None:
    if not name.strip():
        raise InputError("a name needs at least one character")
    if len(name) > LONGEST_NAME:
        raise InputError(f"a name has at most {LONGEST_NAME} characters, this one has {len(name):,}")
    if not name.isprintable():
        raise InputError("a name holds no control characters")
    for other in control.workloads(workload.scope):
        if other.workload_id != workload.workload_id and name in (other.name, other.workload_id):
            raise InputError(f"scope '{workload.scope}' has a workload '{name}' already: {other.workload_id}", hint="choose another name")


def _check_merge(control: Control, workload: Workload, other_id: str) -> None:
    if other_id == workload.workload_id:
        raise InputError(f"'{workload.name}' cannot be merged with itself", hint="`modicum workloads list` shows which there are")
    other = next((one for one in control.workloads() if one.workload_id == other_id), None)
    if other is None:
        raise NotFoundError(f"no workload '{other_id}'", hint="`modicum workloads list` shows which there are")
    if other.scope != workload.scope:
        raise InputError(
            f"'{other.name}' is in scope '{other.scope}' and '{workload.name}' in '{workload.scope}'",
            hint="a scope is a wall: workloads are merged within one",
        )
    _check_parts(control, workload, other)


def _check_parts(control: Control, workload: Workload, other: Workload) -> None:
    """A part that was split off is mined among the calls it came from: it can go back there, and nowhere else."""
    whole_of = {made: one.workload_id for one in standing(control.decisions()) if (made := _made_by(one))}
    names = {one.workload_id: one.name for one in control.workloads()}
    if whole_of.get(other.workload_id) == workload.workload_id:
        return
    for part in (one for one in (other, workload) if one.workload_id in whole_of):
        whole = whole_of[part.workload_id]
        raise InputError(
            f"'{part.name}' was split off from '{names.get(whole, whole)}' and can only be merged back into that",
            hint=f"`modicum workloads merge {part.workload_id} {whole}` undoes the split",
        )
    if parts := [part for part, whole in whole_of.items() if whole == other.workload_id and part in names]:
        raise InputError(
            f"'{other.name}' has parts that were split off from it", hint=f"merge those back into it first: {', '.join(parts)}"
        )


def _calls(calls: Calls, views: Views, workload: Workload) -> Iterator[Call]:
    return views.of(calls.scan(scope=workload.scope, workload_id=workload.workload_id))


def _refuse_split(calls: Iterable[Call], workload: Workload, slot: str, value: str) -> None:
    read = slot_reader(workload)
    values: Counter[str] = Counter()
    is_held = False
    for call in calls:
        holds = dict(read(call)).get(slot)
        if holds is not None:
            values[brief(holds, SHOWN_CHARS)] += 1
            is_held |= holds == value
    held = [one for one, _ in values.most_common(SHOWN + 1)]
    if is_held:
        message = f"'{value}' in {slot} parts nothing: every call of '{workload.name}' that has the slot holds it, or a version does"
    else:
        message = f"no call of '{workload.name}' holds '{value}' in {slot}"
    more = " and others" if len(held) > SHOWN else ""
    raise NotFoundError(message, hint=f"it holds {_quoted(held[:SHOWN])}{more}" if held else "")


def _answers(calls: Iterable[Call]) -> list[str]:
    said = Counter(brief(answer_text(call), SHOWN_CHARS) for call in calls)
    return [text for text, _ in said.most_common(SHOWN + 1) if text][:SHOWN]


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f'"{text}"' for text in texts) or "(no answer is kept)"
