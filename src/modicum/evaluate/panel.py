"""What several people say of the same calls: one word on each, and how far they agree.

People are compared by what their words come to: the first answer is right, the second, both, neither. A gold answer and a verdict that come
to the same agree. Where a certificate asks which answer is better (kind B), both and neither are the same word. Where words differ the
majority counts; without one the call has no label, which is the worst case in a test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum.evaluate.labels import Choice, Label, comparable


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two people on the calls that both labelled."""

    first: str
    second: str
    both: int
    """Calls that both labelled."""
    agree: int
    kappa: float | None
    """Cohen's kappa (1960) over what the labels come to: 1 is full agreement, 0 what chance would give. None where nothing varies."""


def outcome(label: Label, a: str, b: str, *, better: bool = False) -> Choice:
    """What a label comes to for the answers `a` and `b`. `better`: all that matters is which is better, and both is as good as neither."""
    if label.gold is not None:
        gold = comparable(label.gold)
        right = comparable(a) == gold, comparable(b) == gold
        found: Choice = ("both" if right[1] else "a") if right[0] else ("b" if right[1] else "neither")
    else:
        found = label.verdict or "neither"
    return "neither" if better and found == "both" else found


def settle(labels: Sequence[Label], a: str, b: str, *, better: bool = False) -> Label | None:
    """The one label that these come to; None where there is none, or no majority."""
    if not labels:
        return None
    counts = Counter(outcome(label, a, b, better=better) for label in labels)
    (found, most), *_ = counts.most_common()
    if 2 * most <= len(labels):
        return None
    golds = {comparable(label.gold): label for label in labels if label.gold is not None and outcome(label, a, b, better=better) == found}
    if len(golds) == 1:
        return next(iter(golds.values()))
    words = {label.verdict for label in labels if label.gold is None and outcome(label, a, b, better=better) == found}
    return Label(verdict="both") if words == {"both"} and not golds else Label(verdict=found)


def agreement(first: str, ones: Mapping[str, Choice], second: str, others: Mapping[str, Choice]) -> Agreement:
    """How far two people agree, by call."""
    common = ones.keys() & others.keys()
    n, agree = len(common), sum(ones[name] == others[name] for name in common)
    counts, counted = Counter(ones[name] for name in common), Counter(others[name] for name in common)
    chance = sum(counts[one] * counted[one] for one in counts) / (n * n) if n else 1.0
    kappa = (agree / n - chance) / (1 - chance) if chance < 1 else None
    return Agreement(first=first, second=second, both=n, agree=agree, kappa=kappa)
