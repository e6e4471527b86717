"""Feedback as applications send it: one JSON object, or one row of a file, about one call or one conversation.

Strict: a word that is not known is refused, for feedback that is read as something else is worse than none.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, get_args

import msgspec

from modicum.errors import RequestError
from modicum.types import Feedback, FeedbackSource

LONGEST_ID = 256
LONGEST_WORD = 64
LONGEST_NAME = 128
LONGEST_LABEL = 16_384
LONGEST_CORRECTION = 65_536
LONGEST_COMMENT = 4_096
GREATEST_SCORE = 1e9
ALIASES: Mapping[str, str] = MappingProxyType(
    {"response_id": "call_id", "inference_id": "call_id", "id": "call_id", "gold": "label", "value": "score", "user": "by"}
)
"""Other words for the same: of providers' answers, of files of gold labels, of other tools."""
FIELDS = ("call_id", "conversation_id", "label", "correction", "score", "name", "outcome", "comment", "by", "source")
SAYS = ("label", "correction", "score", "outcome", "comment")

_OUTCOME = re.compile(r"[a-z0-9][a-z0-9_.:-]*")
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def read(row: Mapping[str, Any], *, scope: str, at: datetime, key_id: str | None = None) -> Feedback:
    """What one object says. null is the same as nothing. Raises RequestError."""
    told: dict[str, Any] = {}
    for word, value in row.items():
        name = ALIASES.get(word, word)
        if name not in FIELDS:
            near = difflib.get_close_matches(word[:40], FIELDS, 1)
            raise RequestError(f"feedback has no field {word[:40]!r}", hint=f"did you mean '{near[0]}'?" if near else _fields())
        if value is None:
            continue
        if name in told:
            raise RequestError(f"the feedback says '{name}' twice, once as {word[:40]!r}")
        told[name] = value
    call, conversation = (_text(told, name, LONGEST_ID) for name in ("call_id", "conversation_id"))
    if (call is None) == (conversation is None):
        raise RequestError("feedback is about one call or one conversation", hint="send 'call_id' or 'conversation_id', not both")
    if not any(name in told for name in SAYS):
        raise RequestError("the feedback says nothing", hint=f"send at least one of {', '.join(SAYS)}")
    if conversation is not None and ("label" in told or "correction" in told):
        raise RequestError("a label or a correction is about one call", hint="send 'call_id'; a conversation has an outcome or a score")
    source = told.get("source", "person")
    if source not in get_args(FeedbackSource):
        raise RequestError(f"source {str(source)[:40]!r} is none of {', '.join(get_args(FeedbackSource))}")
    if "name" in told and "score" not in told:
        raise RequestError("'name' says what was scored, and there is no score")
    found = Feedback(
        feedback_id="",
        scope=scope,
        at=at,
        call=call or "",
        conversation=conversation or "",
        label=_label(told.get("label")),
        correction=_text(told, "correction", LONGEST_CORRECTION),
        score=_score(told.get("score")),
        name=_text(told, "name", LONGEST_WORD) or "",
        outcome=_outcome(told),
        comment=_text(told, "comment", LONGEST_COMMENT),
        by=_text(told, "by", LONGEST_NAME),
        source=source,
        key_id=key_id,
    )
    return named(found)


def named(found: Feedback) -> Feedback:
    """With the id that its content has."""
    said = {name: getattr(found, name) for name in Feedback.__dataclass_fields__ if name not in ("feedback_id", "at", "key_id")}
    digest = hashlib.blake2b(msgspec.json.encode(said, order="sorted"), digest_size=12).hexdigest()
    return dataclasses.replace(found, feedback_id=f"fb-{digest}")


def _text(told: Mapping[str, Any], name: str, most: int) -> str | None:
    value = told.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise RequestError(f"'{name}' must be text, and not empty")
    if len(value) > most:
        raise RequestError(f"'{name}' is longer than {most:,} characters")
    if _UNSEEN.search(value):
        raise RequestError(f"'{name}' holds characters that are no text")
    return value


def _label(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return _text({"label": value}, "label", LONGEST_LABEL)
    if isinstance(value, float) and not math.isfinite(value):
        raise RequestError("'label' is a number that is none")
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise RequestError("'label' is no JSON") from None
    return _text({"label": text}, "label", LONGEST_LABEL)


def _score(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (bool, int, float)):
        raise RequestError("'score' must be a number, or true or false")
    if not -GREATEST_SCORE <= value <= GREATEST_SCORE:  # NaN is neither
        raise RequestError(f"'score' must lie within {GREATEST_SCORE:.0e} on either side of 0")
    return float(value)


def _outcome(told: Mapping[str, Any]) -> str | None:
    word = _text(told, "outcome", LONGEST_WORD)
    if word is None:
        return None
    word = word.strip().casefold().replace(" ", "_")
    if not _OUTCOME.fullmatch(word):
        raise RequestError("'outcome' must be a word", hint="for example resolved, unresolved, escalated")
    return word


def _fields() -> str:
    return f"there are {', '.join(FIELDS)}"
