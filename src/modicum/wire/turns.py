"""Conversations for dialects in which the system speaks once, before the first turn, and nobody has a name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Literal

from modicum.wire.fields import untranslatable
from modicum.wire.talk import Message

Numbered = tuple[int, Message]
"""A message and its place in the request, for errors."""


def parted(messages: tuple[Message, ...]) -> tuple[list[Numbered], Iterator[tuple[Literal["user", "assistant"], list[Numbered]]]]:
    """(what the system says, the turns), neighbours of one role together.

    System messages amid the turns go to the start, as Google's and Anthropic's own doors for OpenAI's clients do it. Where nothing
    else was sent, the last of them is what is asked. An assistant's name says no more than its role; a user's tells users apart:
    raises UntranslatableError.
    """
    numbered = list(enumerate(messages))
    for number, message in numbered:
        if message.name is not None and message.role == "user":
            raise untranslatable(f"messages[{number}].name", "nobody has a name there")
    system = [one for one in numbered if one[1].role in ("system", "developer")]
    turns = [one for one in numbered if one[1].role not in ("system", "developer")]
    if system and not turns:
        turns = [system.pop()]
    return system, ((role, list(group)) for role, group in groupby(turns, key=lambda one: _role(one[1])))


def _role(message: Message) -> Literal["user", "assistant"]:
    return "assistant" if message.role == "assistant" else "user"
