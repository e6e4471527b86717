"""Hand a provider's reply on: as it came, or in the caller's dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modicum.gateway import through, translate
from modicum.gateway.ask import Answering
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import Reply
from modicum.gateway.plain import plain

if TYPE_CHECKING:
    from modicum.gateway.day import Day


STREAMED = frozenset(("chat_completions", "completions", "messages", "responses"))
"""Endpoints whose streams are read on their way."""


async def hand_on(day: Day, draft: Draft, found: Answering, reply: Reply) -> None:
    """Hand on what a provider says. Its connection is closed, or given back, when this ends."""
    answer = found.answer
    try:
        draft.status, draft.taken = answer.status, answer.status < 400
        events = draft.endpoint in STREAMED and answer.status < 400 and not found.plainly and is_stream(found)
        if found.spoken == draft.endpoint:
            await (through.stream(day, draft, found, reply) if events else plain(day, draft, answer, reply))
        else:
            await (translate.stream(day, draft, found, reply) if events else translate.plain(day, draft, found, reply))
    finally:
        found.close()


def is_stream(found: Answering) -> bool:
    """The reply is a stream of events that can be read on its way."""
    kind = found.answer.header("content-type")
    return kind.startswith(("text/event-stream", "application/vnd.amazon.eventstream")) and not found.answer.header("content-encoding")
