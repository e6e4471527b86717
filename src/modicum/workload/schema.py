"""The JSON schema that a workload's answers follow, for servers that can hold a model to one."""

from __future__ import annotations

from typing import Any

from modicum.types import Contract, Field

ALWAYS = 0.999
"""A field that stands in so many of the answers is required."""
_MOST_LABELS = 500
"""A longer list is no list that a grammar is made of."""


def answer_schema(contract: Contract) -> dict[str, Any] | None:
    """The schema of an object contract; None where the answers are no objects, or their fields are not told apart."""
    if contract.kind != "object" or not contract.fields or any(not field.path or field.path[0] == "[]" for field in contract.fields):
        return None
    root: dict[str, Any] = _object()
    for field in contract.fields:
        _put(root, field)
    return root


def _object() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def _put(root: dict[str, Any], field: Field) -> None:
    here = root
    for depth, step in enumerate(field.path):
        last = depth == len(field.path) - 1
        inner = _leaf(field) if last else {"type": "array"} if field.path[depth + 1] == "[]" else _object()
        if step == "[]":
            here = here.setdefault("items", inner)
            continue
        if here.get("type") != "object":  # a leaf in some answers, an object in others: anything may stand here
            return
        known = here["properties"].setdefault(step, inner)
        if field.presence >= ALWAYS and "[]" not in field.path[:depth] and step not in here["required"]:
            here["required"].append(step)
        here = known


def _leaf(field: Field) -> dict[str, Any]:
    """Null may stand anywhere: a contract does not tell where the incumbent wrote it, and a model must not be made to invent a value."""
    match field.kind:
        case "label" if 0 < len(field.labels) <= _MOST_LABELS:
            return {"enum": [*field.labels, None]}
        case "boolean":
            return {"type": ["boolean", "null"]}
        case "number":
            return {"type": ["number", "null"]}
        case _:
            return {"type": ["string", "null"]}
