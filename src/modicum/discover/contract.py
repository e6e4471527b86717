"""What the answers of a workload have in common: the output contract, inferred from the answers and the instruction.

Kinds in this order: tool call, JSON object, number, one of K labels, else free text. Refusals and failures are set
aside first and never become a label.

What reading discards by itself is white space, case, quotes, fences and a constant affix: one that 99 % of the read
answers carry. Everything else counts into `discarded_share`: reasons before or behind, emphasis, a final stop, "Answer:"
in some of the answers, underscores for spaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from modicum.discover.fields import find_fields
from modicum.discover.labels import Found, Said, common_affix, find_labels
from modicum.discover.prose import is_prose
from modicum.types import Contract, Field
from modicum.wire.chat import Answer
from modicum.workload import record, spoken
from modicum.workload.bare import light, refuses, strip_affix
from modicum.workload.number import is_plain, number
from modicum.workload.read import read

ReadAs = Literal["label", "json", "text"] | None
_CONSTANT = 0.99
_SHARE = 0.9
_MOST_PLACES = 8
_MOST_NUMBERS = 101
"""More distinct numbers than that are an amount, not a scale."""


def infer(said: Sequence[Said], failed: int, literals: Sequence[str], read_as: ReadAs = None) -> Contract:
    """The contract of a workload's answers. `failed` counts calls without any answer."""
    total = sum(one.times for one in said) + failed
    tools = sum(one.times for one in said if one.answer.tool_calls)
    usable = [one for one in said if one.text.strip() and not one.answer.refusal and not one.answer.tool_calls]
    if read_as == "text":
        contract = Contract(kind="text", reader="text")
    elif tools >= 0.1 * max(1, total - failed):
        contract = Contract(kind="tool", reader="tool", fields=_arguments(said))
    else:
        contract = _of_contents(usable, literals, read_as)
        if not any(not refuses(one.text) for one in usable):
            return replace(contract, read_as=read_as, read_share=0.0)  # nothing but refusals and failures says nothing
    return measure(replace(contract, read_as=read_as), said, total)


def _arguments(said: Sequence[Said]) -> tuple[Field, ...]:
    """The arguments of each tool that is called alone; a path begins with the tool's name, and ends there where it takes none."""
    called: dict[str, list[Said]] = {}
    for one in said:
        if len(one.answer.tool_calls) == 1:
            name, arguments = one.answer.tool_calls[0]
            alone = Answer(content=arguments, refusal=None, tool_calls=(), finish_reason=None)
            called.setdefault(name, []).append(replace(one, answer=alone))
    return tuple(replace(field, path=(name, *field.path)) for name, own in sorted(called.items()) for field in find_fields(own).fields)


def _of_contents(usable: Sequence[Said], literals: Sequence[str], read_as: ReadAs) -> Contract:
    plain = [one for one in usable if not refuses(one.text)]
    total = sum(one.times for one in plain)
    if not total:
        return Contract(kind="text", reader="text")
    records = [one for one in plain if record.parse(one.text) is not None]
    if read_as == "json" or (read_as is None and sum(one.times for one in records) >= _SHARE * total):
        found = find_fields(records)
        return Contract(
            kind="object",
            fields=found.fields,
            labels=found.labels,
            reader="json",
            form=found.form,
            json_style=found.style,
            json_ascii=found.ascii,
        )
    prefix, suffix = common_affix(plain)
    affix = prefix + "{}" + suffix
    if read_as is None and is_prose(plain, affix):
        return Contract(kind="text", reader="text")
    numeric = _numbers(plain, affix, total)
    if numeric:
        return numeric
    labels, affix = _labels(plain, literals, affix, forced=read_as == "label")
    if labels is None:
        return Contract(kind="text", reader="text")
    contract = Contract(kind="label", labels=labels.labels, reader=labels.reader, cues=labels.cues, form=affix)
    if labels.labels and all(number(label) is not None for label in labels.labels):
        values = sorted({value for label in labels.labels if (value := number(label)) is not None}, key=float)
        contract = replace(contract, kind="number", labels=tuple(values))
    return _formed(plain, contract)


def _labels(plain: Sequence[Said], literals: Sequence[str], affix: str, *, forced: bool) -> tuple[Found | None, str]:
    """The labels and the affix to take off before reading: first where the affix is all there is, then without it, then beside words."""
    if affix != "{}":
        found = find_labels(plain, literals, affix, forced=forced, readers=("whole",))
        if found:
            return found, affix
    found = find_labels(plain, literals, "{}", forced=forced)
    if found or affix == "{}":
        return found, "{}"
    return find_labels(plain, literals, affix, forced=forced), affix


def _formed(plain: Sequence[Said], contract: Contract) -> Contract:
    """The contract in the majority's form, unless less can be read by that."""
    formed = replace(contract, form=_form(plain, contract))
    counts = [sum(one.times for one in plain if read(each, one.answer, one.slots) is not None) for each in (contract, formed)]
    return formed if counts[1] >= counts[0] else contract


def _numbers(plain: Sequence[Said], affix: str, total: int) -> Contract | None:
    """Numbers that stand alone; few of them that come back are a scale and can be told as labels.

    Beside words only a scale counts: the number at the end of a calculation is a detail of a text.
    """
    for reader, function in (("whole", spoken.whole), ("first", spoken.first), ("last", spoken.last)):
        counts: Counter[str] = Counter()
        for one in plain:
            value = number(function(strip_affix(one.text, affix)) or "")
            if value is not None:
                counts[value] += one.times
        if sum(counts.values()) < _SHARE * total:
            continue
        labels = _scale(counts, total)
        if reader == "whole" or len(labels) > 1:
            contract = Contract(kind="number", labels=labels, reader=reader, form=affix)
            return _formed(plain, contract)
    return None


def _scale(counts: Counter[str], total: int) -> tuple[str, ...]:
    """The numbers where they are few and come back, else none."""
    often = [value for value, times in counts.items() if times >= max(3, round(total / 1000))]
    once = sum(times == 1 for times in counts.values())
    covered = sum(counts[value] for value in often)
    if covered < 0.97 * sum(counts.values()) or once > 0.02 * total or len(often) > min(_MOST_NUMBERS, total / 6):
        return ()
    return tuple(sorted(often, key=float))


def _form(plain: Sequence[Said], contract: Contract) -> str:
    """What stands around the value in most answers; nothing where no form has half of them."""
    counts: Counter[tuple[str, str]] = Counter()
    total = 0
    for one in plain:
        value = read(contract, one.answer, one.slots)
        if value is None:
            continue
        found = places(one.text, value)
        total += one.times if found else 0
        for at in found if contract.reader != "last" else found[::-1]:
            counts[one.text[:at], one.text[at + len(value) :]] += one.times
    if not counts:
        return "{}"
    (prefix, suffix), times = counts.most_common(1)[0]
    if 2 * times < total:
        return "{}"
    return prefix + "{}" + suffix


def places(text: str, value: str) -> list[int]:
    """Where a value stands in a text for itself, at most eight times: "a" is inside of words too in "The answer is a"."""
    low, want = text.casefold(), value.casefold()
    found: list[int] = []
    if not want or len(low) != len(text) or len(want) != len(value):
        return found
    at = low.find(want)
    while at >= 0 and len(found) < _MOST_PLACES:
        if not (_in_word(low[at - 1 : at], want[:1]) or _in_word(want[-1:], low[at + len(want) : at + len(want) + 1])):
            found.append(at)
        at = low.find(want, at + 1)
    return found


def _in_word(a: str, b: str) -> bool:
    return a.isalnum() and b.isalnum() and a.isascii() and b.isascii()


def measure(contract: Contract, said: Sequence[Said], total: int) -> Contract:
    """The contract with the shares of answers that are read, and of those where reading discards too much."""
    values = [(one, read(contract, one.answer, one.slots)) for one in said]
    got = sum(one.times for one, value in values if value is not None)
    if contract.kind in ("tool", "text"):
        return replace(contract, read_share=round(got / max(1, total), 6))
    carried = sum(
        one.times
        for one, value in values
        if value is not None and _same(contract, light(strip_affix(one.text, contract.form)), value) and _affixed(one.text, contract.form)
    )
    constant = contract.form if carried >= _CONSTANT * max(1, got) else "{}"
    lost = sum(one.times for one, value in values if value is not None and not _free(contract, one.text, value, constant))
    return replace(contract, read_share=round(got / max(1, total), 6), discarded_share=round(lost / max(1, total), 6))


def _affixed(text: str, form: str) -> bool:
    return strip_affix(text, form) != text.strip()


def _free(contract: Contract, text: str, value: str, constant: str) -> bool:
    return _same(contract, light(text), value) or (constant != "{}" and _same(contract, light(strip_affix(text, constant)), value))


def _same(contract: Contract, text: str, value: str) -> bool:
    if contract.kind == "number":
        return is_plain(text) and number(text) == value
    if contract.kind == "object":
        return record.parse(text) is not None
    return text.casefold() == value.casefold()
