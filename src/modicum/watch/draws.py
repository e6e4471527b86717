"""A record of the gateway -> what the watcher makes of it. Nothing of a call's words is kept: only digests, to tell requests apart.

A draw is a call for which chance alone decided that both sides are known: the incumbent answered, and what the stage says was compared.
Its reason is shadow, canary or control. Where the incumbent gave no answer (an error, a caller that left) there is nothing to compare with,
and where the stage failed it said nothing: neither is a draw. A stage that would have deferred, or that the request lies outside of what
is certified, counts as a draw that loses nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from modicum.errors import InputError
from modicum.store.codec import Record, from_us
from modicum.types import Contract, Decision, Reason, quick
from modicum.watch.sketch import sketch
from modicum.wire import canon, chat
from modicum.workload import read
from modicum.workload.sameness import normalise

DRAWN = frozenset(("shadow", "canary", "control"))
NOT_COMPARED = "not compared"
"""How the detail of a record begins where a comparison was wanted and did not come about."""
Outcome = Literal["deferred", "agreed", "differs"]
Contracts = Callable[[str], Contract | None]
"""Workload id -> how its answers are read; None where what was said need not be known."""
Slots = Callable[[str, dict[str, Any]], str | None]
"""Workload id and a request -> what is not fixed text of it; None where the request is not recognised."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Toss:
    """What the watcher takes of one record."""

    started_us: int
    call_id: str
    route_id: str | None
    workload_id: str | None
    reason: Reason
    names: tuple[str, ...] = ()
    """Digests of the call's id and of its response's: what labels name."""
    outcome: Outcome | None = None
    """None: it is no draw."""
    compared: bool = False
    """The stage said something that was to be held against the incumbent's answer."""
    unanswered: bool = False
    """Chance drew it, and the incumbent gave nothing to compare with: an error, or its caller left."""
    answered: bool = False
    """The stage's answer was given to the caller."""
    failed: str = ""
    """Why the stage failed at it; empty where it did not."""
    unsaid: str = ""
    """Why it was not asked, where it did not fail."""
    chance: float = 0.0
    """That a call like it becomes a draw."""
    keys: tuple[str, ...] = ()
    """Digests of what makes it the same request as another one: its conversation; its text, where it is not recognised."""
    sketch: bytes = b""
    """Of what fills its slots; empty where it is not recognised. Two that are alike are one request, as they are to the certificate."""
    user: str = ""
    """Digest of the end user."""
    key: str = ""
    """Digest of the virtual key that the call came under."""
    said: str = ""
    told: str | None = None
    """Digests of what the stage and the incumbent said, where they differ; told is empty where it cannot be read, None where unknown."""
    stage_ms: float | None = None
    cost_usd: float | None = None
    """What the incumbent took."""
    version_id: str | None = None
    confidence: float | None = None
    label: str = ""
    """Digest of what the stage said."""
    outside: bool = False
    """It lies outside of what is certified."""
    seconds: float = 0.0
    """That the call took."""
    challenger_id: str = ""
    """The proposed route that was asked beside the live one,"""
    challenger: Outcome | None = None
    """... and what came of it; None: there was nothing to compare."""

    @property
    def at(self) -> datetime:
        return from_us(self.started_us)


class Keys:
    """Digests under the home's own key: nobody who has not got it can try out what was said."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, text: str) -> str:
        """Eight characters that stand for a text: one in 2^48 stands for another too."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6, key=self._secret)
        return base64.b64encode(digest.digest()).decode()

    def number(self, word: str) -> int:
        """64 bits that stand for a word."""
        return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8, key=self._secret).digest())

    def answer(self, value: str) -> str:
        """The same for an answer, as equality sees it."""
        from modicum.evaluate.labels import comparable  # loads arrays, which only promises about quality need

        return self.of(comparable(value))


def wanted(head: bytes) -> bool:
    """Could the record with this first line be of a route? Cheap: most records are not decoded."""
    return b'"route_id":"' in head or b'"reason":"failed"' in head


def toss(record: Record, contracts: Contracts, keys: Keys, slots: Slots = lambda workload_id, request: None) -> Toss | None:
    """What the record says of a live route; None where it says nothing of one."""
    head, decision = record.head, record.head.decision
    if decision is None or head.origin != "live":
        return None
    if decision.route_id is None and not (decision.reason == "failed" and decision.workload_id is not None):
        return None
    outcome = _outcome(head.status, head.error, decision)
    said, told = "", None
    if outcome == "differs" or (outcome == "agreed" and decision.value is not None):
        contract = contracts(decision.workload_id or "")
        if contract is not None:
            said = keys.answer(decision.value or "")
            told = _told(record, contract, keys) if outcome == "differs" else said
    drawn, chance = outcome is not None, decision.propensity
    challenger = _of_challenger(decision) if drawn else None
    same, nearly = _same(record, decision.workload_id or "", keys, slots) if drawn else ((), b"")
    return Toss(
        started_us=head.started_us,
        call_id=head.call_id,
        route_id=decision.route_id,
        workload_id=decision.workload_id,
        reason=decision.reason,
        names=tuple(keys.of(name) for name in (head.call_id, head.response_id) if name) if said else (),
        outcome=outcome,
        compared=decision.would_answer is not None and decision.reason in DRAWN,
        unanswered=decision.reason in DRAWN and _is_none(head.status, head.error),
        answered=decision.reason in ("answered", "degraded"),
        failed=_failed(decision),
        unsaid=_unsaid(decision),
        chance=0.0 if chance is None else chance if decision.reason in DRAWN else 1.0 - chance,
        keys=same,
        sketch=nearly,
        user=keys.of(head.user_id) if drawn and head.user_id else "",
        key=keys.of(head.key_id) if drawn and head.key_id else "",
        said=said,
        told=told,
        stage_ms=decision.stage_ms,
        cost_usd=float(head.cost_usd) if head.cost_usd is not None and decision.reason not in ("answered", "degraded") else None,
        version_id=decision.version_id,
        confidence=decision.confidence,
        label=keys.of(decision.value) if decision.value is not None and decision.confidence is not None else "",
        outside=decision.reason == "not_covered" or (outcome == "deferred" and decision.would_answer is None),
        seconds=(head.duration_ms or 0.0) / 1000,
        challenger_id=decision.challenger_route_id or "",
        challenger=challenger,
    )


def _outcome(status: int, error: str | None, decision: Decision) -> Outcome | None:
    if decision.reason not in DRAWN or _is_none(status, error):
        return None
    if decision.would_answer is None:
        return None if decision.stage_failed or decision.detail.startswith(NOT_COMPARED) else "deferred"
    if not decision.would_answer:
        return "deferred"
    return "agreed" if decision.agreed else "differs"


def _is_none(status: int, error: str | None) -> bool:
    """Is what the incumbent gave no answer?"""
    return status >= 400 or error is not None


def _of_challenger(decision: Decision) -> Outcome | None:
    if decision.challenger_would_answer is None:
        return None
    if not decision.challenger_would_answer:
        return "deferred"
    return "agreed" if decision.challenger_agreed else "differs"


def _failed(decision: Decision) -> str:
    if decision.reason == "failed" or decision.stage_failed:
        return decision.detail or "it failed"
    return ""


def _unsaid(decision: Decision) -> str:
    if decision.stage_failed or decision.would_answer is not None or decision.reason not in (*DRAWN, "not_covered"):
        return ""
    return decision.detail.removeprefix(f"{NOT_COMPARED}: ")


def _same(record: Record, workload_id: str, keys: Keys, slots: Slots) -> tuple[tuple[str, ...], bytes]:
    """What makes two requests the same one to the promise: what fills the slots, or nearly; the conversation.

    Of a request that is not recognised it is the whole text, whatever its case, spaces and punctuation, and nothing near it: fixed text
    would make all requests alike.
    """
    found, nearly = [], b""
    try:
        request = canon.chat_request(record.head.endpoint, chat.loads(record.request or b"{}"))
        filled = slots(workload_id, request) if request is not None else None
    except InputError:
        request = filled = None
    if filled is not None:
        nearly = sketch(filled, keys.number)
    elif text := _text(request or {}):
        found.append(keys.of(f"text\0{text}"))
    if record.head.conversation_id:
        found.append(keys.of(f"talk\0{record.head.conversation_id}"))
    return tuple(found), nearly


def _text(request: dict[str, Any]) -> str:
    messages = request.get("messages")
    said = [_words(message) for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    return "\n".join(said)


def _words(message: dict[str, Any]) -> str:
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    said = [part.get("text") for part in parts if isinstance(part, dict)]
    return normalise(" ".join(one for one in said if isinstance(one, str)))


def _told(record: Record, contract: Contract, keys: Keys) -> str | None:
    """Digest of what the incumbent said; empty where it cannot be read, None where it was not kept."""
    if record.response is None:
        return None
    try:
        response = canon.chat_response(record.head.endpoint, chat.loads(record.response))
        value = None if response is None else read(contract, chat.answer(response))
    except InputError:
        value = None
    return "" if value is None else keys.answer(value)
