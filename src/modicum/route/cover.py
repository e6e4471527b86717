"""Does the certificate speak of this request? What it did not see goes to the incumbent, by name."""

from __future__ import annotations

from typing import Any

from modicum.types import Cover, Recognised
from modicum.view import VIEW_VERSION
from modicum.wire.chat import Segments


def uncovered(cover: Cover, recognised: Recognised, request: dict[str, Any], parts: Segments) -> str | None:
    """What about the request the certificate did not see, or None where it is covered.

    Tools and the response format are part of the template's key, so a recognised request has those it was certified with.
    """
    model = request.get("model")
    if model not in cover.incumbents:
        return f"model {str(model)[:60]!r} was not certified against"
    if not recognised.version_id or recognised.version_id not in cover.version_ids:
        return "this version of the prompt was not certified"
    if cover.view_version != VIEW_VERSION:
        return f"certified under view {cover.view_version}, not {VIEW_VERSION}"
    if request.get("n") not in (None, 1):
        return "more than one choice is asked for"
    if request.get("logprobs") or request.get("top_logprobs"):
        return "log probabilities are asked for"
    if request.get("tool_choice") not in (None, "auto", "none"):
        return "a tool is demanded"
    if request.get("logit_bias") or request.get("audio") or request.get("modalities") not in (None, ["text"]):
        return "an option is set that a specialist cannot follow"
    if parts.images:
        return "the request holds more than text"
    if parts.turns > cover.max_turns:
        return f"{parts.turns} turns, certified up to {cover.max_turns}"
    if parts.chars > cover.max_input_chars:
        return f"{parts.chars} characters, certified up to {cover.max_input_chars}"
    return None
