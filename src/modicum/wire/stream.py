"""Streams of chat completions under their old names."""

from modicum.wire.hold import LONGEST_LINE, MOST_TEXT
from modicum.wire.openai.errors import error_event
from modicum.wire.openai.passing import ChatPassing as Passing
from modicum.wire.openai.split import DONE, split

__all__ = ["DONE", "LONGEST_LINE", "MOST_TEXT", "Passing", "error_event", "split"]
