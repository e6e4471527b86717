"""Whose thought is it? What one provider signed or sealed another refuses, with the whole request that holds it."""

from __future__ import annotations

from modicum.wire.talk import Reasoning

OTHERS = ("gemini-", "rs_", "modicum.")
"""How signatures and sealed thoughts begin that came from Gemini, from OpenAI's Responses, or through one of our own marks."""


def of_claude(thought: Reasoning) -> bool:
    """Claude signed or sealed it, so it can be sent back to it; what nobody signed cannot."""
    seal = thought.sealed if thought.sealed is not None else thought.signature
    return bool(seal) and not str(seal).startswith(OTHERS)
