"""Anthropic's Messages API: requests, responses, streams, errors."""

from modicum.wire.anthropic.dialect import DIALECT
from modicum.wire.anthropic.suited import suit

__all__ = ["DIALECT", "suit"]
