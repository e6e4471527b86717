"""Hold a model's answer to a form, where its server can: to a JSON schema, or to one of a list of texts.

The request stays what it was; a field more says what may be answered. Fields are those of the servers' references (llama.cpp's README of
its server and of GBNF, vLLM's structured outputs; read 2026-11-22).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

SCHEMAS = frozenset(("openai", "azure", "vllm", "sglang", "llamacpp", "ollama", "mistral", "groq", "together", "fireworks", "xai"))
"""Kinds of providers that hold an answer to a JSON schema in `response_format`."""
CHOICES = frozenset(("llamacpp", "vllm"))
"""Kinds that hold it to a list of texts, in fields of their own."""
_OWN_FORM = frozenset(("response_format", "tools", "functions", "grammar", "json_schema", "structured_outputs"))


def constrained(body: dict[str, Any], kind: str, *, schema: dict[str, Any] | None = None, choices: Sequence[str] = ()) -> dict[str, Any]:
    """The body of a chat with the field that holds its answer to a schema, or to one of `choices`. One that says for itself in which form
    it wants its answer is left in that.
    """
    if _OWN_FORM & body.keys():
        return body
    if schema is not None:
        return body | {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}}
    if choices and kind == "llamacpp":
        return body | {"grammar": grammar(choices)}
    if choices and kind == "vllm":
        return body | {"structured_outputs": {"choice": list(choices)}}
    return body


def grammar(choices: Sequence[str]) -> str:
    """GBNF that allows exactly these texts. They are printable (`can_choose`)."""
    return "root ::= " + " | ".join(json.dumps(one, ensure_ascii=False) for one in choices)


def can_choose(choices: Sequence[str]) -> bool:
    """A grammar can be made of these texts."""
    return bool(choices) and all(one and one.isprintable() for one in choices)
