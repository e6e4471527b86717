"""Which models write to themselves before they answer, and how much that is taken to be. Reasoning is billed as output.

A model that may reason is asked not to: its estimate holds none of it, its interval some. One that always does cannot be asked not to: its
estimate holds some, its interval less and more of it. How much is an assumption of `LadderSettings` until somebody measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from modicum.catalog.card import Card, Source
from modicum.report import words
from modicum.report.costing import plain_usage
from modicum.report.rungs import Reasons
from modicum.types import Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

_READ = date(2026, 11, 22)
_LEVELS = Source(
    title="Ollama, Thinking: gpt-oss takes low, medium or high, no off",
    url="https://docs.ollama.com/capabilities/thinking",
    read=_READ,
)
_NO_NONE = Source(
    title="Microsoft, ReasoningEffort: models before gpt-5.1 do not support none",
    url="https://learn.microsoft.com/en-us/javascript/api/@azure/ai-projects/reasoningeffort",
    read=_READ,
)
_NO_ZERO = Source(
    title="Google, Gemini thinking: it cannot be turned off for the Pro models of 2.5 and 3",
    url="https://ai.google.dev/gemini-api/docs/thinking",
    read=_READ,
)
ALWAYS: dict[str, Source] = {
    **dict.fromkeys(("gpt-oss-20b", "gpt-oss-120b"), _LEVELS),
    **dict.fromkeys(("o1", "o3", "o3-mini", "o4-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5-pro", "gpt-5-codex"), _NO_NONE),
    **dict.fromkeys(("gemini-2.5-pro", "gemini-3-pro"), _NO_ZERO),
}
"""By the id of a card: those that a source says cannot be asked not to reason. None that no source speaks of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """What is taken of one model beside an incumbent."""

    reasons: Reasons | None
    """None: no source says that it does, or it reasons as the incumbent does, whose tokens are counted already."""
    tokens: int = 0
    """A call, in the estimate."""
    more: int = 0
    """Tokens a call that the interval is drawn with: up to so many where it may reason, about so many where it always does."""

    def usage(self, row: UsageRow, tokens: int) -> Usage:
        """The row's as another provider sees it, with so many more written a call."""
        usage = plain_usage(row)
        return usage if usage.output_tokens is None else replace(usage, output_tokens=usage.output_tokens + tokens * row.calls)

    def says(self, spread: float) -> str:
        """What the figures suppose."""
        if self.reasons == "always":
            less, more = self.tokens / spread, self.tokens * spread
            return (
                f"It always reasons before it answers, which cannot be switched off: {self.tokens} tokens of it a call are taken,"
                f" {less:.0f} to {more:.0f} in the interval. An assumption, measured by nobody on these calls."
            )
        return f"It is asked not to reason before it answers; the interval holds up to {self.more} tokens of that a call."


def always(card: Card | None) -> bool:
    return card is not None and card.id in ALWAYS


def thinking(card: Card, incumbent: Card | None, tokens: int) -> Thinking:
    """`tokens`: a call, of a model that reasons."""
    if always(card):
        if always(incumbent):
            return Thinking(reasons=None)
        return Thinking(reasons="always", tokens=tokens, more=tokens)
    may = card.abilities is not None and bool(card.abilities.reasoning)
    return Thinking(reasons="may", more=tokens) if may else Thinking(reasons=None)


def why_one_sided(names: Sequence[str], reasons: Reasons, tokens: int) -> str:
    """What it does to a saving that is shown, and why an estimate may stand at the end of its interval."""
    who = words.listing([words.visible(name, 60) for name in names], 4)
    if reasons == "always":
        return f"Reasoning: {who} cannot be asked not to; {tokens} tokens of it a call are in the price, an assumption."
    return (
        f"Reasoning: for {who} the estimate supposes that this is switched off, and so stands at or near the upper limit of the saving;"
        f" the lower one holds up to {tokens} tokens of it a call."
    )
