"""Do two sets of answers come from different tasks? A look at each answer's shape and what it could be a label of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modicum.discover.blocks import LEAST_CALLS
from modicum.discover.gather import Corpus
from modicum.discover.shingles import I64
from modicum.wire.chat import Answer
from modicum.workload import record, spoken
from modicum.workload.bare import fold, refuses
from modicum.workload.number import number

_FAR = 0.8
_MOST = 3_000
"""Calls of each side that are compared."""
_NONE, _TOOL, _RECORD, _NUMBER, _LABEL, _LINE, _PARAGRAPH, _LINES, _LIST = range(9)
_TEXTS = (_LINE, _PARAGRAPH, _LINES, _LIST)


@dataclass(slots=True)
class Looks:
    """What the answers of a corpus look like, by call."""

    kind: I64
    head: I64
    """Number of the folded first clause, which is the label itself where the answer is one; -1 for none."""
    keys: I64
    """Number of the set of top-level keys or of the tools called; -1 for none."""
    key_sets: list[frozenset[str]]


def look(corpus: Corpus) -> Looks:
    heads: dict[str, int] = {}
    sets: dict[frozenset[str], int] = {}
    kinds, head_ids, key_ids = [], [], []
    for answer in corpus.answers:
        kind, head, keys = _look(answer)
        kinds.append(kind)
        head_ids.append(-1 if not head else heads.setdefault(head, len(heads)))
        key_ids.append(-1 if keys is None else sets.setdefault(keys, len(sets)))
    of = np.frombuffer(corpus.answer_of, np.int64)
    return Looks(np.array(kinds)[of], np.array(head_ids)[of], np.array(key_ids)[of], list(sets))


def _look(answer: Answer | None) -> tuple[int, str, frozenset[str] | None]:
    if answer is None or answer.refusal:
        return _NONE, "", None
    if answer.tool_calls:
        return _TOOL, "", frozenset(name for name, _ in answer.tool_calls)
    text = answer.content or ""
    found = record.parse(text)
    if isinstance(found, dict):
        return _RECORD, "", frozenset(map(str, found))
    if isinstance(found, list):
        return _RECORD, "", frozenset(("[]",))
    label = spoken.whole(text)
    if label and number(label) is not None:
        return _NUMBER, "", None
    head = fold(spoken.first(text) or "")
    if label and not (refuses(text) or _sentence(label)):
        return _LABEL, fold(label), None
    if not text.strip() or refuses(text):
        return _NONE, "", None
    return _shape(text), head, None


def _sentence(label: str) -> bool:
    return label.count(" ") >= 4 or ", " in label


def _shape(text: str) -> int:
    lines = [line for line in text.strip().split("\n") if line.strip()]
    if len(lines) == 1:
        line = lines[0]
        words = line.count(" ") + 1
        if line.count(", ") >= 2 and words <= 4 * (line.count(", ") + 1) and ". " not in line:
            return _LIST
        return _LINE if len(line) <= 300 and line.rstrip(" .!?").count(". ") == 0 else _PARAGRAPH
    bullets = sum(line.lstrip()[:1] in "-*•" or line.lstrip()[:2].rstrip(".)").isdigit() for line in lines)
    return _LIST if 2 * bullets >= len(lines) else _LINES


def disagree(looks: Looks, inside: I64, outside: I64, *, in_system: bool) -> bool:
    """True where the answers of two sets of calls come from different tasks.

    That is: the mix of kinds is far apart; or both are records without a common key; or both are labels (or open with
    them) and use different ones. Where the difference between the sets stands in what users wrote, labels must exclude
    each other, since inputs explain labels; a difference in the instruction needs only distributions far apart.
    """
    a, b = _thin(inside), _thin(outside)
    a, b = a[looks.kind[a] != _NONE], b[looks.kind[b] != _NONE]
    if min(len(a), len(b)) < LEAST_CALLS:
        return False
    kinds_a, kinds_b = (_shares(looks.kind[side], _LIST + 1) for side in (a, b))
    if not in_system:  # the form of free text follows the question
        kinds_a, kinds_b = (np.r_[kinds[: _TEXTS[0]], kinds[_TEXTS[0] :].sum()] for kinds in (kinds_a, kinds_b))
    if _variation(kinds_a, kinds_b) > _FAR:
        return True
    if min(kinds_a[_RECORD], kinds_b[_RECORD]) >= _FAR:
        return not _common(looks, a) & _common(looks, b)
    heads_a, heads_b = (looks.head[side][looks.head[side] >= 0] for side in (a, b))
    if len(heads_a) < _FAR * len(a) or len(heads_b) < _FAR * len(b):
        return False
    return _labels_differ(heads_a, heads_b, in_system)


def _labels_differ(a: I64, b: I64, in_system: bool) -> bool:
    count = int(max(a.max(), b.max())) + 1
    in_a, in_b = np.bincount(a, minlength=count), np.bincount(b, minlength=count)
    for counts in (in_a, in_b):
        # open answers differ always: only values that come back say anything
        often = counts >= (3 if counts.sum() >= 200 else 2)
        if often.sum() < 2 or counts[often].sum() < _FAR * counts.sum():
            return False
    if in_system and _variation(in_a / in_a.sum(), in_b / in_b.sum()) > _FAR:
        return True
    return bool(in_a[in_b == 0].sum() >= _FAR * in_a.sum() and in_b[in_a == 0].sum() >= _FAR * in_b.sum())


def _common(looks: Looks, calls: I64) -> set[str]:
    """Keys that stand in most records."""
    counts: dict[str, int] = {}
    numbers, times = np.unique(looks.keys[calls], return_counts=True)
    for number_, many in zip(numbers.tolist(), times.tolist(), strict=True):
        for key in looks.key_sets[number_] if number_ >= 0 else ():
            counts[key] = counts.get(key, 0) + many
    return {key for key, many in counts.items() if many >= 0.3 * len(calls)}


def _thin(calls: I64) -> I64:
    return calls if len(calls) <= _MOST else calls[:: len(calls) // _MOST + 1]


def _shares(values: I64, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.bincount(values, minlength=count) / max(1, len(values))


def _variation(p: np.ndarray[tuple[int], np.dtype[np.float64]], q: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(np.abs(p - q).sum() / 2)
