"""Find the closed set of labels that answers choose from, and the reader that gets at them.

The simplest reader that explains nine in ten answers wins; if none does, labels are sought in all of them. A set that
keeps growing with the log is no set: where over 5 % of the answers are values seen once (the Good-Turing estimate of
what is still unseen, Good 1953) the answers are open.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from modicum.discover.listing import Item, items, listed, shape
from modicum.types import Contract
from modicum.wire.chat import Answer
from modicum.workload import spoken
from modicum.workload.bare import QUOTES, fold, light, refuses, strip_affix
from modicum.workload.read import named, read

_DIGITS = re.compile(r"\d+")
_COVERED = 0.9
_FEW = 200
"""Under so many answers, labels that stand alone need be seen only twice, and a tenth of the answers may be seen once."""
_UNSEEN = 0.05
_SAMPLE = 600
_TAIL = 0.015
"""Share of the answers at either end of the alphabet that a common affix may pass over."""
_INNER = "_-*`" + "".join(QUOTES) + "".join(QUOTES.values())
READERS = ("whole", "first", "last", "emphasis")
_OF_MARKS = ("whole", "first")
"""The readers for which a sign such as "+" or "👍" may be a label; elsewhere in an answer one is more likely decoration."""
_OPENINGS = (
    "sure,certainly,of course,absolutely,yes,no,okay,ok,great,hello,hi,hey,thanks,thank you,here you go,no problem,"
    "i think,i see,claro,por supuesto,natürlich,bien sûr"
)
_OPENERS = frozenset(_OPENINGS.split(","))
"""How chats open; no labels unless the instruction lists them."""


@dataclass(frozen=True, slots=True)
class Said:
    """A distinct answer, how often it was given, and the slots of a call that got it."""

    answer: Answer
    times: int
    slots: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        return self.answer.content or ""


@dataclass(frozen=True, slots=True)
class Found:
    """What one reader makes of the answers."""

    reader: str
    labels: tuple[str, ...]
    covered: float
    cues: tuple[str, ...] = ()


def find_labels(
    said: Sequence[Said], literals: Sequence[str], form: str, *, forced: bool = False, readers: Sequence[str] = READERS
) -> Found | None:
    """The reader and the labels, or None where the answers are open. `forced` is the operator's word that there are labels."""
    total = sum(one.times for one in said)
    if not total:
        return None
    pieces = items(literals)
    tried = {}
    winners = []
    for reader in readers:
        values = _values(said, _function(reader), form, marks=reader in _OF_MARKS)
        found = _closed(values, pieces, total, reader, forced)
        tried[reader] = values
        if found:
            winners.append(found)
            if found.covered >= 0.98:
                break
    if winners:
        best = max(winners, key=lambda one: one.covered)
        return next(one for one in winners if one.covered >= best.covered - 0.02)
    return _search(said, tried, pieces, form, total, forced) if len(readers) > 1 else None


def _function(reader: str) -> Callable[[str, tuple[tuple[str, str], ...]], str | None]:
    if reader == "emphasis":
        return spoken.emphasis
    function = {"whole": spoken.whole, "first": spoken.first, "last": spoken.last}[reader]
    return lambda text, _: function(text)


@dataclass(slots=True)
class _Values:
    counts: Counter[str]
    spelled: dict[str, Counter[str]]

    def spelling(self, value: str) -> str:
        return min(self.spelled[value].items(), key=lambda item: (-item[1], item[0]))[0]


def _values(said: Sequence[Said], function: Callable[[str, tuple[tuple[str, str], ...]], str | None], form: str, *, marks: bool) -> _Values:
    counts: Counter[str] = Counter()
    spelled: dict[str, Counter[str]] = {}
    for one in said:
        value = function(strip_affix(one.text, form), one.slots)
        folded = fold(value or "")
        if value and folded and (marks or any(char.isalnum() for char in folded)):
            counts[folded] += one.times
            spelled.setdefault(folded, Counter())[value] += one.times
    return _Values(counts, spelled)


def _closed(values: _Values, pieces: Sequence[Item], total: int, reader: str, forced: bool) -> Found | None:
    few = reader == "whole" and total < _FEW
    least = 2 if few else max(3, round(total / 1000))
    counts = values.counts
    often = {value for value, times in counts.items() if times >= least}
    in_list = listed(pieces, often | {value for value, times in counts.items() if times >= 2} if total < 500 else often)
    often -= {value for value in often - in_list.keys() if _framed(values.spelling(value), in_list)}
    kept = _without_cut_offs(often, counts) | {value for value in counts if value in in_list}
    if few and kept and len({shape(values.spelling(value)) for value in kept} | {"word"}) == 2:
        like = {shape(values.spelling(value)) for value in kept}
        kept |= {value for value in counts if {shape(values.spelling(value))} == like}
    covered = sum(counts[value] for value in kept) / total
    once = sum(times == 1 and value not in kept for value, times in counts.items()) / total
    enough = len(kept - in_list.keys()) <= total / (2.5 if few or forced else 6) or len(kept) == 1
    if not kept or covered < (0.5 if forced else _COVERED) or (once > (0.1 if few else _UNSEEN) and not forced) or not enough:
        return None
    if reader != "whole":
        chatter = sum(counts[value] for value in kept & _OPENERS if value not in in_list)
        wordy = sum(counts[value] for value in kept if value.count(" ") > 4)
        if len(kept) < 2 or chatter > 0.5 * covered * total or wordy > 0.5 * covered * total:
            return None
    labels = {value: values.spelling(value) for value in kept}
    if _numbered(labels) and not forced:
        return None
    if not _numeric(labels):
        labels |= {value: spelling for value, spelling in in_list.items() if value not in labels}
    return Found(reader, tuple(sorted(labels.values(), key=lambda label: (label.casefold(), label))), covered)


def _framed(value: str, in_list: Mapping[str, str]) -> bool:
    """A listed label with more said around it: no label of its own, however often it is said."""
    return any(fold(piece or "") in in_list for piece in (spoken.first(value), spoken.emphasis(value)))


def _numbered(labels: Collection[str]) -> bool:
    """One phrase around a number: "run 17"."""
    return len(labels) > 20 and 4 * len({_DIGITS.sub("0", value) for value in labels}) <= len(labels) and not _numeric(labels)


def _without_cut_offs(often: set[str], counts: Counter[str]) -> set[str]:
    """Without values that are the rare beginning of a frequent one: answers that broke off."""
    ordered = sorted(often)
    dropped = set()
    for number, value in enumerate(ordered):
        for longer in ordered[number + 1 :]:
            if not longer.startswith(value):
                break
            at_word = longer[len(value)] == " "
            if counts[value] <= (0.01 if at_word else 0.05) * counts[longer]:
                dropped.add(value)
                break
    return often - dropped


def _numeric(labels: Collection[str]) -> bool:
    return all(value.replace(".", "").replace("-", "").isdigit() for value in labels)


def _search(said: Sequence[Said], tried: dict[str, _Values], pieces: Sequence[Item], form: str, total: int, forced: bool) -> Found | None:
    """Labels given by any reader, without what is said in passing more than given."""
    least = max(3, round(total / 1000))
    given: Counter[str] = Counter()
    spelled: dict[str, Counter[str]] = {}
    for values in tried.values():
        for value, times in values.counts.items():
            given[value] = max(given[value], times)
            spelled.setdefault(value, Counter()).update(values.spelled[value])
    often = [value for value, times in given.items() if times >= least and value.count(" ") < 5 and any(map(str.isalnum, value))]
    in_list = listed(pieces, often)
    kept = [value for value in often if value in in_list] if len(in_list) >= 2 else often
    if not 2 <= len(kept) <= max(2, total // 6) or len(kept) > 1_000 or (_numbered(kept) and not forced):
        return None
    sample = _thin(said)
    while True:
        passing: Counter[str] = Counter()
        for one in sample:
            for value in set(named(tuple(kept), one.text)):
                passing[value] += one.times
        weight = total / sum(one.times for one in sample)
        stubs = {value for value in kept if sum(value != other and value.endswith(" " + other) for other in kept) and value not in in_list}
        # what is said in passing more than given is no label, nor is what every answer says
        most = 0.9 * total
        left = [
            value
            for value in kept
            if value in in_list
            or (0.3 * passing[value] * weight <= given[value] and passing[value] * weight <= most and value not in stubs)
        ]
        if left == kept:
            break
        kept = left
        if len(kept) < 2:
            return None
    labels = {value: min(spelled[value].items(), key=lambda item: (-item[1], item[0]))[0] for value in kept}
    labels |= {value: spelling for value, spelling in in_list.items() if value not in labels}
    contract = Contract(
        kind="label", labels=tuple(sorted(labels.values(), key=lambda label: (label.casefold(), label))), reader="search", form=form
    )
    cues = _cues(sample, contract.labels)
    contract = Contract(kind="label", labels=contract.labels, reader="search", form=form, cues=cues)
    got = sum(one.times for one in sample if read(contract, one.answer, one.slots) is not None) / sum(one.times for one in sample)
    stated = sum(given[value] for value in kept) / total
    if got < 0.7 or (stated < 0.6 and not forced):
        return None
    return Found("search", contract.labels, got, cues)


def _cues(said: Sequence[Said], labels: tuple[str, ...]) -> tuple[str, ...]:
    """Up to three words that stand before the label in answers that name only one."""
    counts: Counter[str] = Counter()
    total = 0
    for one in said:
        found = named(labels, one.text)
        if len(set(found)) != 1:
            continue
        total += one.times
        before = fold(one.text).partition(found[0])[0].rstrip(" \"'*`:“‘「").split(" ")
        for words in (3, 2):
            if len(before) >= words:
                counts[" ".join(before[-words:])] += one.times
    often = [(cue, times) for cue, times in counts.items() if cue.strip() and times >= max(3, 0.02 * total)]
    return tuple(cue for cue, _ in sorted(often, key=lambda item: (-item[0].count(" "), -item[1], item[0]))[:20])


def _thin(said: Sequence[Said]) -> Sequence[Said]:
    return said if len(said) <= _SAMPLE else said[:: len(said) // _SAMPLE + 1]


def common_affix(said: Sequence[Said]) -> tuple[str, str]:
    """What at least 97 % of the answers begin and end with, cut back to a word's edge, with something left between."""
    texts: Counter[str] = Counter()
    for one in said:
        if one.text.strip() and not refuses(one.text):
            texts[light(one.text)] += one.times
            if len(texts) >= _SAMPLE:
                break
    if len(texts) < 3:
        return "", ""
    prefix = _common(texts)
    suffix = _common(Counter({text[::-1]: times for text, times in texts.items()}))[::-1]
    # quotes stay with what they enclose
    while prefix and (prefix[-1].isalnum() or prefix[-1] in _INNER):
        prefix = prefix[:-1]
    while suffix and (suffix[0].isalnum() or suffix[0] in _INNER):
        suffix = suffix[1:]
    if prefix.endswith("<") and any("<" in text[len(prefix) :] for text in texts):
        prefix, suffix = prefix[:-1], suffix.removeprefix(">")  # one tag opens and another closes: "<b>bold</b>"
    size = len(prefix) + len(suffix)
    left = sum(times for text, times in texts.items() if len(text) > size and text.startswith(prefix) and text.endswith(suffix))
    return (prefix, suffix) if left >= (1 - 2 * _TAIL) * texts.total() else ("", "")


def _common(texts: Counter[str]) -> str:
    """The beginning that all texts share but for the 1.5 % of the answers that sort first, and as many that sort last."""
    ordered = sorted(texts)
    low, high = (_behind_tail(side, texts) for side in (ordered, ordered[::-1]))
    size = 0
    for a, b in zip(low[:200], high[:200], strict=False):
        if a != b:
            break
        size += 1
    return low[:size]


def _behind_tail(ordered: Sequence[str], texts: Counter[str]) -> str:
    passed = 0
    for text in ordered:
        passed += texts[text]
        if passed > _TAIL * texts.total():
            return text
    return ordered[-1]
