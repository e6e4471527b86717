"""What is kept of a call, as `[store] keep_bodies` says: of live calls, of imported ones, and of those that were kept otherwise before."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from modicum.types import Call
from modicum.view.redactor import Redactor

Keep = Literal["redacted", "full", "none"]


def kept(call: Call, how: Keep, redactor: Redactor, key: bytes) -> Call:
    """The call as it is stored.

    redacted: the view of its bodies, and an alias (`Redactor.alias`, by `key`) for a user, client or conversation whose id is itself taken
    out. full: everything as it is. none: no bodies, and the same aliases.
    """
    if how == "full":
        return call
    if how == "none":
        call = replace(call, request=None, response=None)
    else:
        call, _ = redactor.see_call(call)
    return aliased(call, redactor, key)


def aliased(call: Call, redactor: Redactor, key: bytes) -> Call:
    """The call with aliases for the names in its record that are themselves taken out."""
    if call.user_id is None and call.client_id is None and call.conversation_id is None:
        return call
    user, client, conversation = (
        None if name is None else redactor.alias(name, key) for name in (call.user_id, call.client_id, call.conversation_id)
    )
    if (user, client, conversation) == (call.user_id, call.client_id, call.conversation_id):
        return call
    return replace(call, user_id=user, client_id=client, conversation_id=conversation)
