"""Conversations that an incumbent holds in its prompt cache, as far as this worker saw. Only for routes whose stage is another model.

Moved, such a conversation is read anew by the other model, at the full price. It stays while what the incumbent takes for the same request
with its cache is no more than what the other model takes without one, and while it goes on: a cache is gone after minutes. Where a price or
what was cached is not known, the route holds. What the other model may itself have cached (a system text, say) is not counted.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modicum.gateway.decide import Choice, conversation
from modicum.types import Usage
from modicum.wire import chat
from modicum.wire.tokens import likely_tokens

if TYPE_CHECKING:
    from modicum.gateway.draft import Draft
    from modicum.gateway.till import Till

CACHED_S = 300.0
"""So long a provider keeps what is not asked for again (OpenAI: 5 to 10 minutes, Anthropic: 5),"""
CACHED_1H_S = 3600.0
"""... or where it was written for an hour."""
MOST = 10_000
"""Conversations that are remembered."""
_WITH_THE_INCUMBENT = frozenset(("shadow", "control", "canary", "unwatched", "under_way"))
"""Reasons of conversations that the incumbent has whole. Of the route's own it sees single requests."""


@dataclass(frozen=True, slots=True)
class _Cached:
    until: float
    usage: Usage
    """Of its last request."""
    provider: str
    told: str | None
    asked: str | None


class Warm:
    """One worker's memory of them."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cached: OrderedDict[bytes, _Cached] = OrderedDict()

    def note(self, draft: Draft) -> None:
        """A call that a provider answered. Kept where it tells of a cache."""
        choice, record = draft.choice, draft.record_kept
        if choice is None or record is None or choice.stage is None or choice.stage.other is None:
            return
        head = record.head
        if choice.reason not in _WITH_THE_INCUMBENT or head.usage is None or head.provider is None or head.status >= 400:
            return
        usage = head.usage
        if not (usage.cache_read_tokens or usage.cache_write_tokens) or (known := _key(draft)) is None:
            return
        lasts_s = CACHED_1H_S if usage.cache_write_1h_tokens else CACHED_S
        self._cached[known] = _Cached(self._clock() + lasts_s, usage, head.provider, head.response_model, head.request_model)
        self._cached.move_to_end(known)
        if len(self._cached) > MOST:
            self._cached.popitem(last=False)

    def keeps(self, draft: Draft, till: Till) -> bool:
        """The request, which another model is to be asked for, costs less where its conversation is cached."""
        choice = draft.choice
        if not self._cached or choice is None or choice.stage is None or choice.stage.other is None or (known := _key(draft)) is None:
            return False
        found = self._cached.get(known)
        if found is None or found.until < self._clock():
            return False
        before, other, now = found.usage, choice.stage.other, datetime.now(UTC)
        sent = max(before.input_tokens or 0, likely_tokens(draft.body or b""))
        held = min((before.cache_read_tokens or 0) + (before.cache_write_tokens or 0), sent)
        got = before.output_tokens or 0
        stays = till.cost(found.provider, found.told, found.asked, Usage(input_tokens=sent, cache_read_tokens=held, output_tokens=got), now)
        moves = till.cost(other.provider, None, other.model, Usage(input_tokens=sent, output_tokens=got), now)
        return stays is not None and moves is not None and stays <= moves


def _key(draft: Draft) -> bytes | None:
    """What the conversation of a request under way is known by, within its route; None where it has no history."""
    choice, question = draft.choice, draft.question
    if choice is None or choice.stage is None or question is None:
        return None
    parts = chat.segments(question.chat)
    talk = conversation(question.chat, parts) if parts.turns > 1 else None
    if talk is None:
        return None
    return hashlib.blake2b(f"{choice.stage.live.route.route_id}\0{talk}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def left(choice: Choice) -> Choice:
    """The choice for a conversation that stays."""
    detail = "it is in the incumbent's prompt cache, which is worth more than the other model saves"
    return Choice(reason="under_way", detail=detail, recognised=choice.recognised, stage=choice.stage, propensity=choice.propensity)
