"""What is kept of a call, as `[store] keep_bodies` says: of live calls, of imported ones, and of those that were kept otherwise before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from modicum.errors import InputError
from modicum.types import Call, Feedback, but
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
        call = but(call, request=None, response=None)
    else:
        call, _ = redactor.see_call(call)
    return aliased(call, redactor, key)


def aliased(call: Call, redactor: Redactor, key: bytes) -> Call:
    """The call with aliases for the names in its record that are themselves taken out."""
    changes = {}
    for field in ("user_id", "client_id", "conversation_id"):
        name = getattr(call, field)
        if name is not None and (alias := redactor.alias(name, key)) != name:
            changes[field] = alias
    return but(call, **changes) if changes else call


def kept_feedback(told: Feedback, how: Keep, redactor: Redactor, alias: Callable[[str], str | None]) -> Feedback:
    """Feedback as it is stored: texts as bodies are kept, people and conversations under the names that calls record (`alias`).

    A text that cannot be looked through is not kept.
    """
    if how == "full":
        return told
    told = replace(told, conversation=alias(told.conversation) or "" if told.conversation else "", by=alias(told.by) if told.by else None)
    if how == "none":
        return replace(told, correction=None, comment=None)
    names = redactor.names()

    def seen(text: str | None) -> str | None:
        try:
            return None if text is None else names.redact(text)
        except InputError:
            return None

    return replace(told, label=seen(told.label), correction=seen(told.correction), comment=seen(told.comment))
