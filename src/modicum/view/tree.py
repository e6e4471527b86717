"""JSON values with their strings redacted, in document order. Names of fields stay; so do images and sound in base64."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

SHORTEST = 6
"""Characters. Nothing shorter is taken out: a@b.co."""
SHORTEST_PAYLOAD = 100
"""Characters. What is shorter is looked at, whatever it is said to be."""
SHORTEST_NUMBER = 10**11
"""No card number is smaller."""
_HOLDERS = frozenset(("source", "input_audio", "audio", "inlineData", "inline_data", "image", "document", "video"))
_HELD = frozenset(("data", "bytes"))
_SEALED = frozenset(("b64_json", "file_data", "encrypted_content", "thoughtSignature", "thought_signature"))
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_DATA_URL = re.compile(r"data:[^,\s]{0,120};base64,", re.IGNORECASE)


Text = Callable[[str], str]
Number = Callable[[int], int | str]


def redacted(value: Any, of_text: Text, of_number: Number) -> Any:
    """The value with its strings through `of_text`; the very same object where that changes none. Raises RecursionError for absurd nesting.

    Whole numbers go through `of_number` where they stand deeper than the body's own fields: there a card number is a card number.
    """
    return _redacted(value, of_text, of_number, "", 0)


def _redacted(value: Any, of_text: Text, of_number: Number, holder: str, depth: int) -> Any:
    if isinstance(value, str):
        return of_text(value) if len(value) >= SHORTEST else value
    if isinstance(value, dict):
        changed: dict[str, Any] | None = None
        for key, child in value.items():
            if isinstance(child, str) and (len(child) < SHORTEST or _is_payload(value, key, child, holder)):
                continue
            new = _redacted(child, of_text, of_number, key, depth + 1)
            if new is not child:
                if changed is None:
                    changed = dict(value)
                changed[key] = new
        return value if changed is None else changed
    if isinstance(value, list):
        listed: list[Any] | None = None
        for number, child in enumerate(value):
            new = _redacted(child, of_text, of_number, holder, depth + 1)
            if new is not child:
                if listed is None:
                    listed = list(value)
                listed[number] = new
        return value if listed is None else listed
    if type(value) is int and depth > 1 and value >= SHORTEST_NUMBER:
        return of_number(value)
    return value


def _is_payload(parent: dict[str, Any], key: str, text: str, holder: str) -> bool:
    """Is this string an image, sound, a file or a seal: by where it stands, and by what it is made of?"""
    if len(text) < SHORTEST_PAYLOAD:
        return False
    if text[:5].lower() == "data:" and (head := _DATA_URL.match(text)):
        return _BASE64.fullmatch(text, head.end()) is not None
    if key in _HELD:
        placed = holder in _HOLDERS or parent.get("type") == "redacted_thinking"
    else:
        placed = key in _SEALED or (key == "signature" and parent.get("type") == "thinking")
    return placed and _BASE64.fullmatch(text) is not None
