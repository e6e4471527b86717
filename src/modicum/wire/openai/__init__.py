"""OpenAI's chat completions, as OpenAI and the many who speak alike write them: requests, responses, streams, errors."""

from modicum.wire.openai.dialect import DIALECT
from modicum.wire.openai.suited import suit

__all__ = ["DIALECT", "suit"]
