"""Derive a pattern from texts of one template: what stands equally often, in the same order, in nearly all of them.

Static shingles are found by counting (after ExAlg's occurrence classes, Arasu and Garcia-Molina 2003); two that follow
each other at the same distance in nearly all texts belong to one literal, else something is sometimes inserted between
them and the literal is cut there. The pattern is then tried on the texts and weakened until nearly all fit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt

from modicum.discover.framing import cut_slots
from modicum.discover.shingles import I64, RUN
from modicum.types import Pattern
from modicum.workload.letters import UNSPACED
from modicum.workload.pattern import match
from modicum.workload.prompt import MARKER

SAMPLE = 300
"""Texts that a pattern is derived from."""
STRICT, LOOSE = 0.02, 0.1
"""Share of texts that may miss a shingle: by default, and for texts that are often damaged."""
_TOKEN = re.compile(rf"[^\S\n]*(?:\n+|[{UNSPACED}]|{RUN}|[^\s])|[^\S\n]+")
"""Tokens as in shingles.py, each with the spaces before it, so that they add up to the text."""
_DIGIT = re.compile(r"\d")
_BETWEEN = ("-", "/", ".", ":")
"""What stands between the digits of a date or a time."""
_START, _END = 0, 1
Shares = npt.NDArray[np.float64]
_WITHIN = 3
"""Shingles that start at most so many tokens apart touch."""


def derive(texts: Sequence[str], missing: float = STRICT) -> Pattern:
    """The pattern that nearly all texts fit (all but twice `missing`); one gap and no literal where nothing is fixed."""
    counted = Counter(texts)
    distinct = sorted(counted, key=lambda text: (len(text), text))
    weights = np.array([counted[text] for text in distinct], float)
    weights /= weights.sum()
    if len(distinct) == 1:
        return _settle([distinct[0]], True, True, distinct, weights, missing)
    tokens = [_TOKEN.findall(text) for text in distinct]
    literals, start, end = _literals(tokens, weights, missing)
    return cut_slots(_settle(literals, start, end, distinct, weights, missing), distinct)


def _literals(tokens: list[list[str]], weights: Shares, missing: float) -> tuple[list[str], bool, bool]:
    """Literals in order and whether the ends are anchored."""
    rows, static = _static(tokens, weights, missing)
    where = [np.flatnonzero(np.isin(row, static)) for row in rows]
    orders = [tuple(row[at].tolist()) for row, at in zip(rows, where, strict=True)]
    counts: Counter[tuple[int, ...]] = Counter()
    for order, weight in zip(orders, weights, strict=True):
        counts[order] += weight
    if not static.size or not counts:
        return [], False, False
    modal = counts.most_common(1)[0][0]
    kept = _ordered(modal, counts, missing)
    if not kept:
        return [], False, False
    keep = set(kept)
    positions: list[I64] = []
    shares: list[float] = []
    base: int | None = None
    for number, order in enumerate(orders):
        chosen: I64 | None = where[number][list(kept)] if order == modal else _align(order, modal, keep, where[number])
        if chosen is None:
            continue
        base = number if base is None else base
        positions.append(chosen)
        shares.append(float(weights[number]))
    if base is None:
        return [], False, False
    share = np.array(shares)
    return _join(tokens[base], np.stack(positions), share / share.sum(), missing)


def _static(tokens: list[list[str]], weights: Shares, missing: float) -> tuple[list[I64], I64]:
    """Shingle codes of each text, and those that stand equally often in nearly all."""
    ids: dict[str, int] = {}
    rows = []
    for row in tokens:
        numbers = [_START, _START, *[ids.setdefault(token, len(ids) + 2) for token in row], _END, _END]
        rows.append(np.array(numbers, np.int64))
    size = len(ids) + 2
    codes = [(row[:-2] * size + row[1:-1]) * size + row[2:] for row in rows] if size < 2_000_000 else [row[:-2] for row in rows]
    joined = np.concatenate(codes)
    joined = np.unique(joined, return_inverse=True)[1]
    owner = np.repeat(np.arange(len(codes)), [len(row) for row in codes])
    pairs, times = np.unique(joined * len(codes) + owner, return_counts=True)
    code, text = pairs // len(codes), pairs % len(codes)
    most = int(times.max()) + 1
    cells, inverse = np.unique(code * most + times, return_inverse=True)
    held = np.bincount(inverse, weights=weights[text])
    static = np.unique(cells[held >= 1 - missing] // most)
    # a window over the marker of a cut text holds what was cut away
    ends = np.cumsum([len(row) for row in codes])[:-1]
    rows_out = np.split(joined, ends)
    marked = {number for token, number in ids.items() if MARKER in token}
    if marked:
        cut = np.isin(np.concatenate([row[:-2] for row in rows]), list(marked))
        for shift in (1, 2):
            cut |= np.isin(np.concatenate([row[shift : len(row) - 2 + shift] for row in rows]), list(marked))
        static = np.setdiff1d(static, joined[cut])
    return rows_out, static


def _ordered(modal: tuple[int, ...], counts: Counter[tuple[int, ...]], missing: float) -> tuple[int, ...]:
    """Places of the modal order that nearly all other orders agree with."""
    absent = np.zeros(len(modal))
    total = sum(counts.values())
    for order, weight in counts.items():
        if order == modal:
            continue
        agreed = np.zeros(len(modal), bool)
        for start, _, size in SequenceMatcher(None, modal, order, autojunk=False).get_matching_blocks():
            agreed[start : start + size] = True
        absent += weight * ~agreed
    return tuple(np.flatnonzero(absent <= missing * total).tolist())


def _align(order: tuple[int, ...], modal: tuple[int, ...], keep: set[int], where: I64) -> I64 | None:
    """Where a text of another order has the kept shingles, or None where one is missing."""
    found: dict[int, int] = {}
    for start, other, size in SequenceMatcher(None, modal, order, autojunk=False).get_matching_blocks():
        for step in range(size):
            if start + step in keep:
                found[start + step] = int(where[other + step])
    return np.array([found[number] for number in sorted(keep)], np.int64) if len(found) == len(keep) else None


def _join(base: list[str], matrix: I64, share: Shares, missing: float) -> tuple[list[str], bool, bool]:
    """Join neighbouring shingles that keep their distance into literals."""
    steps = np.diff(matrix, axis=1)
    same = (share[:, None] * (steps == steps[0])).sum(axis=0) >= 1 - missing
    joined = same & (steps[0] <= _WITHIN)
    spans = []
    first = int(matrix[0, 0])
    last = first + 3
    for number, together in enumerate(joined, 1):
        at = int(matrix[0, number])
        if not together:
            spans.append((first, last))
            first = max(at, last)  # what both sides share stays on the left
        last = at + 3
    spans.append((first, last))
    size = len(base)
    literals, start, end = [], False, False
    for number, (low, high) in enumerate(spans):
        start = start or (number == 0 and low == 0 and high > 2)
        anchored_end = number == len(spans) - 1 and high == size + 4 and low < size + 2
        part = base[max(0, low - 2) : min(size, high - 2)]
        at_start, at_end = number == 0 and low == 0, anchored_end
        part = _trim(part, left=not at_start, right=not at_end)
        if not part:
            start = start and not at_start
            continue
        if len(part) == 1 and not at_start and not at_end:
            continue
        literals.append("".join(part))
        end = end or anchored_end
    return literals, start and bool(literals), end and bool(literals)


def _trim(part: list[str], *, left: bool, right: bool) -> list[str]:
    """Digits at the edge of a slot belong to the slot: they are a date or a number that has not changed yet."""
    low, high = 0, len(part)
    while left and low < high:
        if _DIGIT.search(part[low]):
            low += 1
        elif part[low].strip() in _BETWEEN and low + 1 < high and _DIGIT.search(part[low + 1]):
            low += 2
        else:
            break
    while right and high > low:
        if _DIGIT.search(part[high - 1]):
            high -= 1
        elif part[high - 1].strip() in _BETWEEN and high - 2 >= low and _DIGIT.search(part[high - 2]):
            high -= 2
        else:
            break
    return part[low:high]


def _settle(literals: list[str], start: bool, end: bool, texts: list[str], weights: Shares, missing: float) -> Pattern:
    """Weaken a pattern until nearly all texts fit, then let spaces that always stand at a gap join the literal."""
    pattern = _without_marker(literals, start, end)
    while pattern.literals:
        blame: dict[int, float] = {}
        for text, share in zip(texts, weights.tolist(), strict=True):
            if match(pattern, text) is None:
                culprit = _culprit(pattern, text)
                blame[culprit] = blame.get(culprit, 0.0) + share
        if sum(blame.values()) <= 2 * missing + 1e-9:
            return _spaced(pattern, texts, weights, missing)
        worst = max(sorted(blame), key=lambda number: blame[number])
        pattern = max(_weaker(pattern, worst), key=lambda one: _fit(one, texts, weights))
    return Pattern()


def _fit(pattern: Pattern, texts: list[str], weights: Shares) -> float:
    return float(sum(share for text, share in zip(texts, weights.tolist(), strict=True) if match(pattern, text) is not None))


def _weaker(pattern: Pattern, worst: int) -> list[Pattern]:
    """A pattern without the literal that fails, or without its anchor."""
    literals, start, end = pattern.literals, pattern.anchored_start, pattern.anchored_end
    if worst == -1:
        return [replace(pattern, anchored_end=False), Pattern(literals=literals[:-1], anchored_start=start and len(literals) > 1)]
    rest = literals[:worst] + literals[worst + 1 :]
    without = Pattern(
        literals=rest,
        anchored_start=start and worst > 0 and bool(rest),
        anchored_end=end and worst < len(literals) - 1 and bool(rest),
    )
    return [replace(pattern, anchored_start=False), without] if worst == 0 and start else [without]


def _culprit(pattern: Pattern, text: str) -> int:
    """The literal at which a text stops fitting; -1 for the anchored last one."""
    literals = pattern.literals
    if pattern.anchored_start and not text.startswith(literals[0]):
        return 0
    if pattern.anchored_end and not text.endswith(literals[-1]):
        return -1
    at = 0
    for number, literal in enumerate(literals):
        found = text.find(literal, at)
        if found < 0:
            return number
        at = found + len(literal)
    return len(literals) - 1


def _without_marker(literals: list[str], start: bool, end: bool) -> Pattern:
    """Cut literals at the marker of a windowed text, whose digest is no text."""
    parts: list[str] = []
    for number, literal in enumerate(literals):
        pieces = literal.split(MARKER)
        if len(pieces) > 1:
            start = start and (number > 0 or bool(pieces[0]))
            end = end and (number < len(literals) - 1 or bool(pieces[-1]))
        parts += [piece for piece in pieces[::2] if piece]
    return Pattern(literals=tuple(parts), anchored_start=start and bool(parts), anchored_end=end and bool(parts))


def _spaced(pattern: Pattern, texts: list[str], weights: Shares, missing: float) -> Pattern:
    """Move white space at the edge of a gap into its literal where every value has it."""
    literals = list(pattern.literals)
    fitting = [values for text in texts if (values := match(pattern, text)) is not None]
    if not fitting:
        return pattern
    for gap in range(len(fitting[0])):
        held = [row[gap] for row in fitting]
        before = gap - 1 + pattern.anchored_start
        after = before + 1
        while before >= 0 and (space := held[0][:1]).isspace() and all(len(value) > 1 and value[0] == space for value in held):
            literals[before] += space
            held = [value[1:] for value in held]
        while after < len(literals) and (space := held[0][-1:]).isspace() and all(len(value) > 1 and value[-1] == space for value in held):
            literals[after] = space + literals[after]
            held = [value[:-1] for value in held]
    widened = Pattern(literals=tuple(literals), anchored_start=pattern.anchored_start, anchored_end=pattern.anchored_end)
    return widened if _fit(widened, texts, weights) >= 1 - 2 * missing - 1e-9 else pattern
