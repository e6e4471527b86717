"""What several people say of the same calls: one word on each, and how far they agree.

People are compared by what their words come to: this answer is the better one, that one is, or neither is. A gold answer and a verdict that
come to the same agree. Where words differ the majority counts; without one the call has no label, which is the worst case in a test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modicum.evaluate.labels import Label, comparable

Outcome = Literal["a", "b", "tie"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two people on the calls that both labelled."""

    first: str
    second: str
    both: int
    """Calls that both labelled."""
    agree: int
    kappa: float | None
    """Cohen's kappa (1960) over the three outcomes: 1 is full agreement, 0 what chance would give. None where nothing varies."""


def outcome(label: Label, a: str, b: str) -> Outcome:
    """What a label comes to for the answers `a` and `b`."""
    if label.gold is not None:
        gold = comparable(label.gold)
        right = comparable(a) == gold, comparable(b) == gold
        return "tie" if right[0] == right[1] else "a" if right[0] else "b"
    return label.verdict if label.verdict in ("a", "b") else "tie"


def settle(labels: Sequence[Label], a: str, b: str) -> Label | None:
    """The one label that these come to; None where there is none, or no majority."""
    if not labels:
        return None
    counts = Counter(outcome(label, a, b) for label in labels)
    (found, most), *_ = counts.most_common()
    if 2 * most <= len(labels):
        return None
    golds = {comparable(label.gold): label for label in labels if label.gold is not None and outcome(label, a, b) == found}
    if len(golds) == 1:
        return next(iter(golds.values()))
    return Label(verdict="both" if found == "tie" else found)


def agreement(first: str, ones: Mapping[str, Outcome], second: str, others: Mapping[str, Outcome]) -> Agreement:
    """How far two people agree, by call."""
    common = ones.keys() & others.keys()
    n, agree = len(common), sum(ones[name] == others[name] for name in common)
    counts, counted = Counter(ones[name] for name in common), Counter(others[name] for name in common)
    chance = sum(counts[one] * counted[one] for one in counts) / (n * n) if n else 1.0
    kappa = (agree / n - chance) / (1 - chance) if chance < 1 else None
    return Agreement(first=first, second=second, both=n, agree=agree, kappa=kappa)
