"""Secrets in every place of a request and of a reply: none is left in what is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from modicum.types import Call, Endpoint, new_call_id
from modicum.view import Redactor
from modicum.view.keeping import kept

REDACTOR = Redactor.open()
PLANTED = (
    "4111111111111111",
    "jane@canary.example",
    "sk-proj-CANARYcanaryCANARYcanary0123",
    "+60123456789",
    "S1234567D",
    "DE89370400440532013000",
)
ALL = " and ".join(PLANTED)
ARGUMENTS = msgspec.json.encode({"to": PLANTED[1], "note": ALL}).decode()

CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": ALL},
        {
            "role": "user",
            "name": "jane",
            "content": [{"type": "text", "text": ALL}, {"type": "image_url", "image_url": {"url": f"https://x/{PLANTED[2]}"}}],
        },
        {"role": "assistant", "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": ARGUMENTS}}]},
        {"role": "tool", "tool_call_id": "t", "content": f"line\n{ALL}\tend"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": ALL, "parameters": {"enum": list(PLANTED)}}}],
    "metadata": {"key": ALL, "deep": [[{"x": ALL}]]},
    "user": PLANTED[1],
    "stop": [PLANTED[0]],
}
MESSAGES: dict[str, Any] = {
    "model": "m",
    "system": [{"type": "text", "text": ALL}],
    "messages": [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": ALL}]}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"card": 4111111111111111, "x": ALL}}]},
    ],
    "metadata": {"user_id": PLANTED[1]},
}
GEMINI: dict[str, Any] = {"contents": [{"parts": [{"text": ALL}, {"functionCall": {"name": "f", "args": {"a": [ALL]}}}]}]}
REPLIES = (
    msgspec.json.encode(
        {"id": "r", "choices": [{"message": {"content": ALL, "tool_calls": [{"function": {"name": "f", "arguments": ARGUMENTS}}]}}]}
    ),
    msgspec.json.encode({"error": {"message": f"Incorrect API key provided: {PLANTED[2]}. {ALL}", "code": "invalid_api_key"}}),
    f"<html><body>Bad gateway for {ALL}</body></html>".encode(),
    f'{{"broken": "{ALL}'.encode(),
    b"",
)


@pytest.mark.parametrize("reply", REPLIES, ids=("answer", "error", "html", "broken", "empty"))
@pytest.mark.parametrize(("endpoint", "request_"), [("chat_completions", CHAT), ("messages", MESSAGES), ("generate_content", GEMINI)])
def test_nothing_planted_is_left(endpoint: Endpoint, request_: dict[str, Any], reply: bytes) -> None:
    call = Call(
        call_id=new_call_id(),
        endpoint=endpoint,
        started_at=datetime(2026, 10, 1, tzinfo=UTC),
        request=msgspec.json.encode(request_),
        response=reply,
        user_id=PLANTED[1],
        conversation_id=f"chat with {PLANTED[3]}",
        client_id=PLANTED[2],
    )
    for stored in (kept(call, "redacted", REDACTOR, b"key"), kept(call, "none", REDACTOR, b"key")):
        written = msgspec.json.encode(stored) + (stored.request or b"") + (stored.response or b"")
        assert [canary for canary in PLANTED if canary.encode() in written] == []
    assert kept(call, "full", REDACTOR, b"key") is call


def test_escapes_hide_nothing() -> None:
    """As encoders write that escape all but letters."""
    text = "".join(f"\\u{ord(character):04x}" for character in ALL)
    seen, _ = REDACTOR.see_call(
        Call(call_id=new_call_id(), started_at=datetime(2026, 10, 1, tzinfo=UTC), request=f'{{"m":"{text}"}}'.encode())
    )
    assert seen.request == b'{"m":"<CARD_1> and <EMAIL_1> and <SECRET_1> and <PHONE_1> and <NRIC_1> and <IBAN_1>"}'
