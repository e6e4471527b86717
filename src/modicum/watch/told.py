"""A notice as others are told it: the JSON of a webhook with its signature, and the shape of Slack's incoming webhooks.

The signature is that of Standard Webhooks (github.com/standard-webhooks): a receiver checks it, and the time against replays, with the
libraries that there are for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

import msgspec

from modicum.types import Notice

SCHEMA = "modicum.notice/1"
"""Fields may be added under it; another meaning of one gets another number."""
MOST_CHARS = 2_000
"""Of a text to Slack."""
_PREFIX = "whsec_"
_WORDS = {"moved": "Step", "alarm": "Alarm", "warning": "Early sign", "learnt": "Learnt"}


def notice_id(notice: Notice) -> str:
    """The same for every delivery of one notice, another for every other, of any home."""
    said = msgspec.json.encode((notice.number, notice.at, notice.kind, notice.scope, notice.workload_id, notice.route_id, notice.text))
    return f"ntc_{hashlib.sha256(said).hexdigest()[:32]}"


def webhook(notice: Notice, *, test: bool = False) -> bytes:
    """What is posted as JSON."""
    return msgspec.json.encode(
        {
            "schema": SCHEMA,
            "id": notice_id(notice),
            "number": notice.number,
            "at": notice.at,
            "kind": notice.kind,
            "scope": notice.scope,
            "workload_id": notice.workload_id,
            "workload": notice.workload,
            "route_id": notice.route_id,
            "was": notice.was,
            "now": notice.now,
            "text": notice.text,
            "test": test,
        }
    )


def signed(body: bytes, *, id: str, at: datetime, secret: str | None) -> list[tuple[str, str]]:
    """The headers that say which delivery it is and who made it. Without a secret nothing is signed."""
    stamp = str(int(at.timestamp()))
    headers = [("content-type", "application/json"), ("webhook-id", id), ("webhook-timestamp", stamp)]
    if secret is not None:
        digest = hmac.new(_key(secret), b"%b.%b.%b" % (id.encode(), stamp.encode(), body), hashlib.sha256).digest()
        headers.append(("webhook-signature", f"v1,{base64.b64encode(digest).decode()}"))
    return headers


def slack(notice: Notice, *, test: bool = False) -> bytes:
    """The same for people: one line, in which nothing is a link, a mention or a command."""
    where = notice.workload if notice.scope == "default" else f"{notice.scope}/{notice.workload}"
    steps = f" ({_state(notice.was)} → {_state(notice.now)})" if notice.was and notice.now else ""
    text = f"{'Test: ' if test else ''}{_WORDS.get(notice.kind, notice.kind)}: {where}{steps}: {_said(notice)}"
    return msgspec.json.encode({"text": _escaped(text), "unfurl_links": False, "unfurl_media": False})


def _escaped(text: str) -> str:
    """Source: docs.slack.dev/messaging/formatting-message-text: only these three are escaped. What looks like a mention gets a gap, for
    those that take Slack's shape and read mentions themselves."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    line = line if len(line) <= MOST_CHARS else line[: MOST_CHARS - 1] + "…"
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")


def _said(notice: Notice) -> str:
    """Without what stands before it already: the workload's name, the step."""
    steps = f"{_state(notice.was)} -> {_state(notice.now)}: " if notice.was and notice.now else ""
    return notice.bare.removeprefix(steps)


def _state(state: str) -> str:
    return state.replace("_", " ")


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
