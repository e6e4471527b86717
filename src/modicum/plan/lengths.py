"""How long the calls are that a machine is sized for: the longest twentieth of prompts and of answers, not the mean ones.

Memory that holds the mean call turns one call in two away. `lengths` is the one place that says which tokens count: `modicum plan` and the
report's rung of own hardware both size for its `together`. Costs stay those of the mean call, for they are paid for the sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from modicum.plan.shape import Shape

SHARE = 0.95
"""Of the calls that are no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """In tokens."""

    input_tokens: int
    """95 of 100 prompts are no longer; of a mean call where only that is known."""
    output_tokens: int
    is_p95: bool
    """False: these are means."""
    longest_tokens: int | None = None
    """Prompt and answer of the longest call; None: not known."""

    @property
    def together(self) -> int:
        """A long prompt and a long answer: what a call needs room for."""
        return self.input_tokens + self.output_tokens


def lengths(mean: tuple[float, float], p95: tuple[int | None, int | None] = (None, None), *, longest_tokens: int | None = None) -> Lengths:
    """Of tokens in and out: their 95th percentiles where both are known, else the means. At least one token each."""
    told = None not in p95
    taken = [round(one or 0) for one in (p95 if told else mean)]
    return Lengths(input_tokens=max(1, taken[0]), output_tokens=max(1, taken[1]), is_p95=told, longest_tokens=longest_tokens)


def percentile(counted: Counter[int], share: float = SHARE) -> int | None:
    """The least value that so large a share of what was counted does not exceed; None of nothing."""
    left = share * counted.total()
    for value in sorted(counted):
        left -= counted[value]
        if left <= 1e-9:
            return value
    return None


def too_long(shape: Shape, asked: Lengths, context: int) -> Iterable[str]:
    """What of these calls a model was not made for, and what of them a context of so many tokens leaves out."""
    usual = "1 call in 20 needs" if asked.is_p95 else "the mean call needs"
    most = shape.context
    if most is not None and asked.together > most:
        yield f"{usual} {asked.together:,} tokens and more, {shape.name} was made for {most:,}: those calls cannot go there"
    elif most is not None and asked.longest_tokens is not None and asked.longest_tokens > most:
        yield f"the longest call has {asked.longest_tokens:,} tokens, {shape.name} was made for {most:,}: a few calls cannot go there"
    if asked.together > context:
        yield f"{usual} {asked.together:,} tokens and more: a context of {context:,} cuts them off"
