"""How an extractor is to be built, from what an incumbent wrote: which head each field gets, where its values stand, which fields can
share a tagger.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modicum.backends.extractor import ABSENT, SPELLINGS, FieldHead, Holder
from modicum.errors import NotEnoughDataError
from modicum.train.marks import Place, Read, cut_all, places_of_number, places_of_text
from modicum.types import Contract, Field, Sample
from modicum.workload import parts, record

COPIED = 0.8
"""Of a field's values, the share that must stand in the request for the field to be copied from there."""
CLOSED = 0.9
"""Of its answers, the share that must be values that come back for it to be chosen from a list."""
OVERLAP = 0.02
SELDOM = 0.01
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """The heads of an extractor and what each sample teaches them."""

    fields: tuple[FieldHead, ...]
    holders: tuple[Holder, ...]
    layers: tuple[tuple[int, ...], ...]
    """Open fields, by number; those of one tagger lie over each other in next to no request."""
    used_slots: tuple[str, ...]
    """Where copied values stand; empty where none are copied."""
    texts: tuple[list[Read], ...]
    """Of each sample, the used slots."""
    closed: dict[int, tuple[str | None, ...]]
    """For each closed field what each sample says, as JSON or ABSENT; None where that is unknown."""
    marks: dict[int, tuple[list[Place] | None, ...]]
    """For each open field where its values stand; None where they stand nowhere, or the answer is unread."""
    outlined: tuple[int, ...]
    """The closed fields that a record's outline shows."""
    outlines: tuple[tuple[str, ...], ...]
    """What these say together, more than once."""
    lost: dict[str, float]
    """By field, the share of its values that stand nowhere in the request."""


def design(samples: Sequence[Sample], contract: Contract) -> Design:
    """Raises NotEnoughDataError where a field is neither copied nor chosen from a list, or a record cannot be taken apart."""
    if not parts.openable(contract):
        raise NotEnoughDataError(f"its answers are {_too_deep(contract)}, which are not taken apart")
    found = [None if sample.value is None else record.parse(sample.value) for sample in samples]
    for path in parts.holders(contract.fields):
        if (share := _otherwise(found, path, is_list=any(field.path == (*path, "[]") for field in contract.fields))) > 1 - CLOSED:
            raise NotEnoughDataError(f"field {'.'.join(path)!r} holds a plain value in {share:.0%} of the answers, and more in others")
    slots = list(dict.fromkeys(name for sample in samples for name, _ in sample.slots))
    texts = [cut_all(sample.slots, slots) for sample in samples]
    fields: list[FieldHead] = []
    closed: dict[int, tuple[str | None, ...]] = {}
    everywhere: dict[int, list[list[list[Place]] | None]] = {}
    lost: dict[str, float] = {}
    for number, field in enumerate(parts.leaves_of(contract)):
        values = [_values(one, field) for one in found]
        places = (
            None
            if field.kind in ("label", "boolean")
            else [None if one is None else _find(field, one, read) for one, read in zip(values, texts, strict=True)]
        )
        share = 0.0 if places is None else _share(values, places)
        if places is not None and share >= COPIED:
            everywhere[number] = places
            lost[".".join(field.path)] = round(1 - share, 4)
            fields.append(_open_head(field, found, values, places, texts))
            continue
        said = tuple(None if one is None else _said(field, one) for one in found)
        if places is not None and _repeated(said) < CLOSED:
            name = ".".join(field.path)
            raise NotEnoughDataError(
                f"{1 - share:.0%} of what field {name!r} holds stands nowhere in the request, and it has no fixed list of values"
            )
        closed[number] = said
        fields.append(FieldHead(path=list(field.path), head="closed"))
    listed = {field.path for field in contract.fields if field.kind in ("label", "boolean") and field.path[-1] != "[]"}
    outlined = tuple(number for number in closed if tuple(fields[number].path) in listed)
    together = Counter(zip(*(closed[number] for number in outlined), strict=True)) if outlined else Counter({(): len(samples)})
    used, marks = _settle(everywhere, slots)
    kept = [slots.index(slot) for slot in used]
    moved = {old: new for new, old in enumerate(kept)}
    return Design(
        fields=tuple(fields),
        holders=tuple(_holders(contract, found)),
        layers=_layers(marks),
        used_slots=tuple(used),
        texts=tuple([read[at] for at in kept] for read in texts),
        closed=closed,
        marks={
            number: tuple(
                None
                if one is None or any(place.text not in moved for place in one)
                else [Place(moved[p.text], p.first, p.last) for p in one]
                for one in places
            )
            for number, places in marks.items()
        },
        outlined=outlined,
        outlines=tuple(sorted(tuple(map(str, one)) for one, times in together.items() if times > 1 and None not in one)),
        lost=lost,
    )


def _too_deep(contract: Contract) -> str:
    """What an extractor does not take apart, in words."""
    if not contract.fields:
        return "records without fields"
    if any(field.path[:1] == ("[]",) or not field.path for field in contract.fields):
        return "lists, not records"
    return "records that hold lists of records or of lists"


def _otherwise(found: Sequence[Any], path: parts.Path, *, is_list: bool) -> float:
    """The share of the answers in which something else than an object, or than a list, stands at a path; empty is neither."""
    texts = [text for one in found if one is not None and (text := parts.value_at(one, path)) not in (None, "null", '""')]
    return sum(not text.startswith("[" if is_list else "{") for text in texts) / len(texts) if texts else 0.0


def _values(found: Any, field: Field) -> list[Any] | None:
    """The plain values of a field in a record, null and empty ones left out; None where there is no record or something else."""
    if found is None:
        return None
    text = parts.value_at(found, parts.home(field.path))
    value = None if text is None else json.loads(text)
    listed = value if isinstance(value, list) and field.path[-1] == "[]" else [] if value is None or value in ("", {}, []) else [value]
    return listed if all(isinstance(one, _SCALARS) for one in listed) else None


def _find(field: Field, values: Sequence[Any], texts: Sequence[Read]) -> list[list[Place]]:
    """For each value every place where it stands."""
    found = []
    for value in values:
        if field.kind == "number":
            found.append(places_of_number(texts, value) if isinstance(value, (int, float)) and not isinstance(value, bool) else [])
        else:
            found.append(places_of_text(texts, value) if isinstance(value, str) else [])
    return found


def _share(values: Sequence[list[Any] | None], places: Sequence[list[list[Place]] | None]) -> float:
    """The share of the values that stand somewhere; 0 where there are none."""
    total = sum(len(one) for one in values if one is not None)
    return sum(bool(place) for one in places if one is not None for place in one) / total if total else 0.0


def _said(field: Field, found: Any) -> str | None:
    """A closed field's value, as its head says it; None for one that the contract does not list."""
    text = parts.value_at(found, parts.home(field.path))
    if text is None:
        return ABSENT
    return text if parts.allows(field, json.loads(text)) else None


def _repeated(said: Sequence[str | None]) -> float:
    known = Counter(one for one in said if one is not None)
    return sum(times for times in known.values() if times > 1) / max(1, len(said)) if len(known) <= max(1, len(said) // 6) else 0.0


def _open_head(
    field: Field,
    found: Sequence[Any],
    values: Sequence[list[Any] | None],
    places: Sequence[list[list[Place]] | None],
    texts: Sequence[list[Read]],
) -> FieldHead:
    empties = Counter(parts.value_at(one, parts.home(field.path)) for one, said in zip(found, values, strict=True) if said == [])
    spelled: Counter[str] = Counter()
    whole = fractions = 0
    for said, where, read in zip(values, places, texts, strict=True):
        for value, options in zip(said or (), where or (), strict=True):
            if isinstance(value, str) and options:
                text = read[options[0].text]
                copied = text.text[text.pieces[options[0].first].start : text.pieces[options[0].last].end]
                spelled.update(name for name, change in SPELLINGS.items() if change(copied) == value)
            elif isinstance(value, (int, float)) and value == int(value):
                whole, fractions = whole + 1, fractions + isinstance(value, float)
    return FieldHead(
        path=list(field.path),
        head="number" if field.kind == "number" else "span",
        empty=empties.most_common(1)[0][0] if empties else None,
        required=not empties and field.path[-1] != "[]",
        spelling=max(SPELLINGS, key=lambda name: spelled[name]),
        fraction=2 * fractions > whole,
    )


def _settle(
    everywhere: dict[int, list[list[list[Place]] | None]], slots: Sequence[str]
) -> tuple[list[str], dict[int, tuple[list[Place] | None, ...]]]:
    """One place for each value: in the slot where the field's values stand most often, and there the first that is free.

    Slots that hold next to no values are not read.
    """
    marks: dict[int, tuple[list[Place] | None, ...]] = {}
    used: Counter[int] = Counter()
    for number, places in everywhere.items():
        holds = Counter(text for one in places if one for options in one for text in {place.text for place in options})
        chosen = tuple(None if one is None else _choose(one, holds) for one in places)
        marks[number] = chosen
        used.update(place.text for one in chosen if one for place in one)
    kept = [slots[text] for text in sorted(used) if used[text] >= SELDOM * used.total()]
    return kept, marks


def _choose(values: Sequence[list[Place]], holds: Counter[int]) -> list[Place] | None:
    """A place for each value, None where one has none."""
    taken: list[Place] = []
    for options in values:
        free = [place for place in options if place not in taken]
        if not free:
            return None
        taken.append(min(free, key=lambda place: -holds[place.text]))
    return taken


def _layers(marks: dict[int, tuple[list[Place] | None, ...]]) -> tuple[tuple[int, ...], ...]:
    """Open fields in as few sets as it takes for those of a set to lie over each other in next to no request."""
    times = {number: sum(len(one) for one in places if one) for number, places in marks.items()}
    clashes: Counter[tuple[int, int]] = Counter()
    for row in zip(*marks.values(), strict=True):
        standing = sorted(
            (place.text, place.first, place.last, number) for number, one in zip(marks, row, strict=True) for place in one or ()
        )
        for at, (text, _, last, number) in enumerate(standing):
            for other_text, first, _, other in standing[at + 1 :]:
                if other_text != text or first > last:
                    break
                clashes[min(number, other), max(number, other)] += number != other
    layers: list[list[int]] = []
    for number in sorted(marks, key=lambda number: (-times[number], number)):
        home = next(
            (
                layer
                for layer in layers
                if all(clashes[min(number, o), max(number, o)] <= OVERLAP * min(times[number], times[o]) for o in layer)
            ),
            None,
        )
        if home is None:
            layers.append([number])
        else:
            home.append(number)
    return tuple(tuple(sorted(layer)) for layer in layers)


def _holders(contract: Contract, found: Sequence[Any]) -> list[Holder]:
    """What an object or list is, mostly, where it holds nothing; those that are then left out are not told."""
    holders = []
    for path in parts.holders(contract.fields):
        empties = Counter(text for one in found if one is not None and (text := parts.value_at(one, path)) in (None, "null", "{}", "[]"))
        most = empties.most_common(1)[0][0] if empties else None
        if most is not None:
            holders.append(Holder(path=list(path), empty=most))
    return holders
