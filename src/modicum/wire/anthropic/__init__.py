"""Anthropic's Messages API: requests, responses, streams, errors."""

from modicum.wire.anthropic.dialect import DIALECT

__all__ = ["DIALECT"]
