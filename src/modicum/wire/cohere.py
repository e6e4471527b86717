"""Rerank in Cohere's shape, versions 1 and 2, as far as passing it on and counting it needs.

Bodies are not changed. Jina, Voyage, vLLM and others speak the same request and tell tokens as `usage`. Cohere charges search
units (a query with up to 100 documents) and tells tokens beside them. Read in Cohere's reference for v1 and v2, 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modicum.errors import RequestError, UpstreamError
from modicum.types import Usage
from modicum.wire.fieldwise import Fields

MOST_DOCUMENTS = 10_000
"""Cohere's own limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerank:
    """What a request asks."""

    model: str | None
    """Version 1 has a default."""
    query: str
    documents: tuple[str, ...]
    """Their texts; of an object its `text`, else its fields that are text, as Cohere reads it."""
    top_n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    index: int
    """Of the document, in the request."""
    score: float


def read_request(body: Mapping[str, Any], *, version: int = 2) -> Rerank:
    """Raises RequestError where a field that every provider needs is missing or of the wrong kind. Others are not looked at."""
    fields = Fields(body)
    model = fields.need_text("model") if version >= 2 else fields.text("model")
    given = fields.list("documents")
    if not given:
        raise RequestError("'documents' must be a list with at least one document")
    if len(given) > MOST_DOCUMENTS:
        raise RequestError(f"'documents' has {len(given)} documents, more than {MOST_DOCUMENTS}")
    top_n = fields.count("top_n")
    if top_n is not None and top_n < 1:
        raise RequestError("'top_n' must be at least 1")
    documents = tuple(_document(one, number) for number, one in enumerate(given))
    return Rerank(model=model, query=fields.need_text("query"), documents=documents, top_n=top_n)


def _document(one: Any, number: int) -> str:
    if isinstance(one, str):
        return one
    if not isinstance(one, dict) or not one:
        raise RequestError(f"documents[{number}] must be text or an object with texts")
    if isinstance(text := one.get("text"), str):
        return text
    return "\n".join(f"{name}: {value}" for name, value in one.items() if isinstance(value, str))


def read_response(body: Mapping[str, Any], documents: int | None = None) -> tuple[Ranked, ...]:
    """The ranking, best first as it was sent. Raises UpstreamError for what is none; with `documents`, for places that are not there."""
    fields = Fields(body, "", UpstreamError)
    found = []
    for result in fields.each("results"):
        index, score = result.count("index"), result.number("relevance_score")
        if index is None or score is None or index < 0 or (documents is not None and index >= documents):
            raise UpstreamError(f"{result.path} is no result")
        found.append(Ranked(index=index, score=float(score)))
    return tuple(found)


def usage(body: Mapping[str, Any]) -> Usage:
    """Tokens where they are told: `meta.tokens`, else `meta.billed_units`, else OpenAI's `usage`. Else unknown."""
    meta = body.get("meta")
    for counts in (meta.get("tokens"), meta.get("billed_units")) if isinstance(meta, dict) else ():
        if (inputs := _count(counts, "input_tokens")) is not None:
            return Usage(input_tokens=inputs, output_tokens=_count(counts, "output_tokens"))
        if (total := _count(counts, "total_tokens")) is not None:
            return Usage(input_tokens=total)
    counts = body.get("usage")
    inputs = next((n for name in ("input_tokens", "prompt_tokens", "total_tokens") if (n := _count(counts, name)) is not None), None)
    return Usage(input_tokens=inputs)


def search_units(body: Mapping[str, Any]) -> float | None:
    """What Cohere charges for; None where it is not told."""
    meta = body.get("meta")
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    units = billed.get("search_units") if isinstance(billed, dict) else None
    return units if isinstance(units, int | float) and not isinstance(units, bool) and units >= 0 else None


def _count(counts: Any, name: str) -> int | None:
    value = counts.get(name) if isinstance(counts, dict) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # Cohere tells doubles
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None
