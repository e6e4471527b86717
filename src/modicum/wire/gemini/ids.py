"""Ids of Gemini's function calls, which older models give none, and the thought signatures that must come back with them.

From version 3 on Gemini refuses a conversation whose function calls came back without the signature it gave them, and few
callers' dialects have a place for one. So it travels in the id of the call: `gemini-<o|n><length>-<id><signature>`, `o` for
Gemini's own id and `n` for one made here, the signature in base64url. All of it is letters, digits, `-` and `_`.
Read in Google's pages on thought signatures and function calling, 2026-11-22.
"""

from __future__ import annotations

import base64
import binascii
import os
import re

_SEALED = re.compile(r"gemini-([on])(\d{1,3})-(.*)\Z", re.DOTALL)
_VERSION = re.compile(r"gemini-(\d+)")
MARK = "gemini-"
"""Begins the signatures of thoughts that Gemini will know again; another provider's are not sent to it."""
UNSIGNED = "skip_thought_signature_validator"
"""What Google documents for calls that another model made."""


def seal(own: str | None, signature: str | None) -> str:
    """The id that the caller gets."""
    kind, name = ("o", own) if own else ("n", os.urandom(6).hex())
    return f"{MARK}{kind}{len(name)}-{name}{_urlsafe(signature) if signature else ''}"


def unseal(call_id: str) -> tuple[str | None, str | None]:
    """(Gemini's own id, its signature) of an id; neither for ids of other providers."""
    match = _SEALED.match(call_id)
    if not match:
        return None, None
    length, rest = int(match[2]), match[3]
    own, signature = rest[:length], rest[length:]
    return (own if match[1] == "o" else None), (_standard(signature) if signature else None)


def strict_about_signatures(model: str) -> bool:
    """The model is of a version that refuses calls without one."""
    match = _VERSION.search(model)
    return bool(match) and int(match[1]) >= 3 if match else False


def _urlsafe(signature: str) -> str:
    """Base64 of either alphabet without its padding; what is no base64 is packed once more, behind a mark of its own."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if raw and base64.b64encode(raw).decode() == signature:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return "_-_" + base64.urlsafe_b64encode(signature.encode()).decode().rstrip("=")


def _standard(packed: str) -> str | None:
    verbatim = packed.startswith("_-_")
    body = packed[3:] if verbatim else packed
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return raw.decode() if verbatim else base64.b64encode(raw).decode()
    except (binascii.Error, ValueError):
        return None
