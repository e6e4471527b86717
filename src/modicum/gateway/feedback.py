"""`POST /v1/feedback`: what became of a call, said by whoever called. On the disk before the reply says so.

The scope is the key's: feedback that names another scope's call is kept, and speaks of no call. Whether the call is on record is not
looked up, for a call may be told of after its feedback.
"""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime

import msgspec

from modicum.errors import RequestTooLargeError, StoreError, StoreUnavailableError
from modicum.gateway import admit, limits
from modicum.gateway.day import Day
from modicum.gateway.draft import PLAIN_ID
from modicum.gateway.exchange import JSON, Asked, Reply
from modicum.gateway.setting import Setting
from modicum.store import feedback as store
from modicum.types import Feedback, Key, new_call_id
from modicum.view.keeping import kept_feedback
from modicum.wire import feedback as wire

MOST_BYTES = 128 * 1024


async def feedback(day: Day, asked: Asked, reply: Reply, *, key: Key | None = None) -> None:
    """Keep one object of feedback. Raises ModicumError."""
    setting = day.setting
    serve = setting.config.serve
    admit.check_form(asked, serve)
    body = await admit.read_body(asked, serve)
    if len(body) > MOST_BYTES:
        raise RequestTooLargeError(f"the feedback is longer than {MOST_BYTES:,} bytes")
    row = limits.read(body, serve, "completions")  # strict JSON; nothing of it is a request to a model
    told = wire.read(
        row, scope=key.scope if key is not None else serve.scope, at=datetime.now(UTC), key_id=key.key_id if key is not None else None
    )
    told = kept(told, setting)
    try:
        if _kept(told):
            await asyncio.to_thread(store.add, setting.config.home, [told])
    except StoreError as error:
        day.alarm.ring("feedback", error.message)
        raise StoreUnavailableError("the feedback could not be kept", hint="send it again") from None
    about = {"id": told.feedback_id, "object": "feedback", "created": int(told.at.timestamp()), "kept": _kept(told)}
    about |= {"call_id": told.call} if told.call else {"conversation_id": told.conversation}
    await reply.whole(200, msgspec.json.encode(about), (JSON, (b"x-request-id", new_call_id().encode())))


def kept(told: Feedback, setting: Setting) -> Feedback:
    """The feedback as it is stored: its call's name as calls record it, the rest as `[store] keep_bodies` says."""
    call = told.call if not told.call or PLAIN_ID.fullmatch(told.call) else setting.words[told.call] or ""
    told = dataclasses.replace(told, call=call)
    return wire.named(kept_feedback(told, setting.keep_bodies, setting.redactor, setting.pseudonym))


def _kept(told: Feedback) -> list[str]:
    """Which of what was said is on record."""
    return [name for name in wire.SAYS if getattr(told, name) is not None]
