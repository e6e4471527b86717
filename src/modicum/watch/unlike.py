"""Are requests unlike those of before? A classifier that is to tell them apart, their words, and their scripts; told in numbers alone.

Half of the requests teach: what a classifier learns, which words are known, which script grew. The other half is tested, so the p-values
are exact where both sides are drawn alike (`stats.two_samples`). Texts go in; nothing of a text comes out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modicum.backends.features import clip
from modicum.backends.linear import Linear
from modicum.evaluate.groups import group_samples
from modicum.stats.two_samples import Apart, apart, higher_p_value
from modicum.train.counts import Ints, count
from modicum.train.drift import script_of
from modicum.train.export import export, in_memory
from modicum.train.folds import assign
from modicum.train.machine import train
from modicum.types import Sample
from modicum.workload.sameness import normalise, words

MOST = 2_000
"""Distinct requests of a side."""
LEAST = 100
CHARS = 2_000_000
"""Read of both sides: some CPU seconds. Where texts are long, fewer of them."""
SHARE = 0.05
"""Told of where so many of the requests at least are of another kind: what a promise with a usual margin would not bear, were they all
answered wrong. `python -m benchmarks.signs` says what is seen of that, and what is missed."""
SLOT = "text"
SIGNS = 3
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlike:
    """What tells newer requests from those of before."""

    then: int
    """Distinct requests of a side,"""
    now: int
    classifier: Apart
    """Of the halves that were tested."""
    words: Apart
    """The same of the share of a request's words that were not seen before:"""
    unseen_then: float
    unseen_now: float
    script: str
    """That grew most,"""
    script_then: float
    """... its share of the requests that were tested,"""
    script_now: float
    script_p_value: float

    def said(self, level: float) -> Iterator[str]:
        """Sentences about what is beyond chance at the level, which the three share, and large enough to matter."""
        told = self.classifier
        each = level / SIGNS
        if told.p_value <= each and told.share >= SHARE:
            yield (
                f"a classifier tells {self.now:,} newer requests from {self.then:,} of then (AUC {told.auc:.2f}, chance is 0.50, "
                f"p = {told.p_value:.1g}): {told.share:.0%} or more are of another kind"
            )
        if self.words.p_value <= each and self.words.share >= SHARE:
            yield f"{self.unseen_now:.0%} of their words were not seen then, {self.unseen_then:.0%} are usual"
        if self.script_p_value <= each and self.script_now - self.script_then >= SHARE:
            yield f"{self.script_now:.0%} are written in {self.script}, {self.script_then:.0%} were"


def compare(then: Sequence[Sample], now: Sequence[Sample], *, text_of: Callable[[Sample], str], seed: int) -> Unlike | None:
    """What is unlike; None where a side has fewer than `LEAST` distinct requests.

    Near-duplicates and conversations count once a side, and stand on one side of the halves. As many calls of each side should go in, for
    what is distinct among many calls is rarer than among few.
    """
    samples = [*then, *now]
    groups = group_samples(samples, text_of=text_of).units
    kept, seen = list[int](), set[tuple[bool, int]]()
    for row in np.random.default_rng(seed).permutation(len(samples)).tolist():
        key = (row >= len(then), groups[row])
        if key not in seen:
            seen.add(key)
            kept.append(row)
    old, new = [row for row in kept if row < len(then)], [row for row in kept if row >= len(then)]
    texts = {row: _DIGIT.sub("0", clip(text_of(samples[row]))) for row in kept}
    old, new = old[: _within(texts, old)], new[: _within(texts, new)]
    if min(len(old), len(new)) < LEAST:
        return None
    rows = [*old, *new]
    half = assign([groups[row] for row in rows], 2, seed)
    labels = np.array([0] * len(old) + [1] * len(new))
    read = [texts[row] for row in rows]
    learnt, tested = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
    if min(np.bincount(labels[learnt], minlength=2).min(), np.bincount(labels[tested], minlength=2).min()) < LEAST // 4:
        return None  # a few groups hold nearly all
    was, found = [read[i] for i in tested if not labels[i]], [read[i] for i in tested if labels[i]]
    scores = _discern([read[i] for i in learnt], labels[learnt], np.array([groups[rows[i]] for i in learnt]), seed)
    known = frozenset[str]().union(*(_words(read[i]) for i in learnt if not labels[i]))
    unseen_then, unseen_now = [_unseen(text, known) for text in was], [_unseen(text, known) for text in found]
    script = _grown([script_of(read[i]) for i in learnt], labels[learnt])
    in_then, in_now = sum(script_of(text) == script for text in was), sum(script_of(text) == script for text in found)
    return Unlike(
        then=len(old),
        now=len(new),
        classifier=apart([scores(text) for text in was], [scores(text) for text in found], seed=seed),
        words=apart(unseen_then, unseen_now, seed=seed),
        unseen_then=float(np.mean(unseen_then)),
        unseen_now=float(np.mean(unseen_now)),
        script=script,
        script_then=in_then / len(was),
        script_now=in_now / len(found),
        script_p_value=higher_p_value(in_now, len(found), in_then, len(was)),
    )


def _discern(texts: Sequence[str], labels: Ints, groups: Ints, seed: int) -> Callable[[str], float]:
    """The linear tier, taught to tell then (0) from now (1): how far a text looks like now. Raises MissingExtraError."""
    blocks = count(texts, SLOT, ("words", "grams"))
    machine = train(blocks, labels, 2, groups=groups, budget_bytes=1 << 40, seed=seed)
    files = export(
        labels=("then", "now"),
        used_slots=(SLOT,),
        blocks=machine.blocks,
        rarities=machine.rarities,
        weights=machine.weights,
        bias=machine.bias,
        temperature=1.0,
        bits=16,
    )
    linear = Linear(in_memory(files))

    def score(text: str) -> float:
        then, now = linear.logits([(SLOT, text)])
        return float(now - then)

    return score


def _within(texts: dict[int, str], rows: Sequence[int]) -> int:
    """How many of these, in order, a side may have, and its characters."""
    return min(MOST, int(np.searchsorted(np.cumsum([len(texts[row]) for row in rows]), CHARS // 2, "right")))


def _words(text: str) -> frozenset[str]:
    """Without numbers: most are new, and say nothing."""
    return frozenset(word for word in words(normalise(text)) if not word.isdigit())


def _unseen(text: str, known: frozenset[str]) -> float:
    own = _words(text)
    return len(own - known) / len(own) if own else 0.0


def _grown(scripts: Sequence[str], labels: Ints) -> str:
    """The script whose share grew most."""
    then, now = (Counter(one for one, label in zip(scripts, labels, strict=True) if label == side) for side in (0, 1))
    return max(sorted(now), key=lambda one: now[one] / now.total() - then[one] / then.total())
