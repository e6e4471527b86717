"""JSON values with their strings redacted, in document order. Names of fields stay; so do images and sound in base64."""

from __future__ import annotations

import re
from typing import Any, Protocol

SHORTEST_PAYLOAD = 100
"""Characters. What is shorter is looked at, whatever it is said to be."""
SHORTEST_NUMBER = 10**11
"""No card number is smaller."""
_HOLDERS = frozenset(("source", "input_audio", "audio", "inlineData", "inline_data", "image", "document", "video"))
_HELD = frozenset(("data", "bytes"))
_SEALED = frozenset(("b64_json", "file_data", "encrypted_content", "thoughtSignature", "thought_signature"))
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_DATA_URL = re.compile(r"data:[^,\s]{0,120};base64,", re.IGNORECASE)


class Redacting(Protocol):
    """What a walk needs of `Names`."""

    def redact(self, text: str) -> str: ...
    def redact_number(self, number: int) -> int | str: ...


def redacted(value: Any, names: Redacting) -> Any:
    """The value without what is taken out; the very same object where that is nothing. Raises RecursionError for absurd nesting.

    Whole numbers count as text where they stand deeper than the body's own fields: there a card number is a card number.
    """
    return _redacted(value, names, "", 0)


def _redacted(value: Any, names: Redacting, holder: str, depth: int) -> Any:
    if isinstance(value, str):
        return names.redact(value) if len(value) > 5 else value
    if isinstance(value, dict):
        changed: dict[str, Any] | None = None
        for key, child in value.items():
            if isinstance(child, str) and _is_payload(value, key, child, holder):
                continue
            new = _redacted(child, names, key, depth + 1)
            if new is not child:
                if changed is None:
                    changed = dict(value)
                changed[key] = new
        return value if changed is None else changed
    if isinstance(value, list):
        listed: list[Any] | None = None
        for number, child in enumerate(value):
            new = _redacted(child, names, holder, depth + 1)
            if new is not child:
                if listed is None:
                    listed = list(value)
                listed[number] = new
        return value if listed is None else listed
    if type(value) is int and depth > 1 and value >= SHORTEST_NUMBER:
        return names.redact_number(value)
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
