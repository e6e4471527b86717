"""A JSON record in parts: the value at a field's path, and a record put together from such values.

A value is canonical JSON text; None stands for a field that is not there. A path that ends in `[]` is a list of plain values. Lists of
objects are not taken apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from modicum.types import Contract, Field
from modicum.workload import record

Path = tuple[str, ...]
OTHER = "(other)"


def openable(contract: Contract) -> bool:
    """True where every field of an object contract can be taken out and put back: no lists of objects, no list at the top."""
    return bool(contract.fields) and all(field.path and "[]" not in field.path[:-1] and field.path != ("[]",) for field in contract.fields)


def extractable(contract: Contract) -> bool:
    """True where an extractor can serve the contract: a record without free text whose fields can be taken apart, or one tool at least
    whose arguments are such a record, or none.
    """
    if contract.kind == "tool":
        return any(not of_tool(contract, name).fields or extractable(of_tool(contract, name)) for name in tools(contract))
    return contract.kind == "object" and openable(contract) and all(field.kind != "text" for field in leaves_of(contract))


def tools(contract: Contract) -> list[str]:
    """The tools that a contract names: the first step of its fields' paths."""
    return list(dict.fromkeys(field.path[0] for field in contract.fields if field.path))


def of_tool(contract: Contract, name: str) -> Contract:
    """The arguments of one tool as a record of its own."""
    fields = [field for field in contract.fields if field.path[:1] == (name,) and len(field.path) > 1]
    return Contract(kind="object", reader="json", fields=tuple(replace(field, path=field.path[1:]) for field in fields))


def holders(fields: Iterable[Field]) -> list[Path]:
    """Paths of the objects and lists that hold fields, outermost first; the record itself is not among them."""
    fields = list(fields)
    return sorted({field.path[:end] for field in fields for end in range(1, len(field.path))}, key=lambda path: (len(path), path))


def leaves_of(contract: Contract) -> list[Field]:
    """The fields that hold values: those that are the holder of others stand only for its being empty."""
    inner = set(holders(contract.fields))
    return [field for field in contract.fields if field.path not in inner]


def home(path: Path) -> Path:
    """Where the value of a field stands: a list's at the list."""
    return path[:-1] if path[-1] == "[]" else path


def value_at(found: Any, path: Path) -> str | None:
    """The canonical JSON of what stands at a path without `[]`, None where nothing does."""
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return record.canonical(found)


def build(values: Mapping[Path, str | None], empty: Mapping[Path, str]) -> str:
    """The canonical record that has these values; `empty` says what a holder is in which nothing stands."""
    whole: dict[str, Any] = {}
    for path, value in values.items():
        if value is not None:
            _put(whole, path, json.loads(value))
    for path in sorted(empty, key=lambda path: (-len(path), path)):
        if value_at(whole, path) is None:
            _put(whole, path, json.loads(empty[path]))
    return record.canonical(whole)


def _put(whole: dict[str, Any], path: Path, value: Any) -> None:
    at = whole
    for key in path[:-1]:
        inner = at.get(key)
        if not isinstance(inner, dict):  # a holder that was null or empty before something stood in it
            inner = at[key] = {}
        at = inner
    at[path[-1]] = value


def fits(contract: Contract, value: str) -> bool:
    """Is this text a record that the contract allows: known fields only, each of its kind, labels of its list?"""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return False
    fields = {field.path: field for field in contract.fields}
    if not isinstance(found, dict):
        return False
    inner = set(holders(contract.fields))
    for path, leaf in record.leaves(found):
        if not path or (path in inner and leaf is None):
            continue
        field = fields.get(path)
        if field is None or not _is(field, leaf):
            return False
    return True


def allows(field: Field, value: Any) -> bool:
    """May the field hold this value, as it stands at its home? A list's elements are looked at one by one."""
    if isinstance(value, list):
        return field.path[-1] == "[]" and all(not isinstance(one, (dict, list)) and _is(field, one) for one in value)
    return not isinstance(value, dict) and (value is None or (field.path[-1] != "[]" and _is(field, value)))


def _is(field: Field, leaf: record.Leaf) -> bool:
    if leaf is None:
        return True
    if isinstance(leaf, bool):
        return field.kind == "boolean"
    if isinstance(leaf, (int, float)):
        return field.kind == "number"
    return field.kind in ("span", "text") or (field.kind == "label" and leaf in field.labels)


def outline(contract: Contract, value: str) -> str:
    """What a rule and a certificate know an open answer by: of a record the fields that have a fixed list of values, without any text;
    of a tool call its name. Where the contract lists its values, the value itself.
    """
    if contract.labels or contract.kind not in ("object", "tool"):
        return value
    found = record.parse(value)
    if contract.kind == "tool":
        named = found.get("name") if isinstance(found, dict) else None
        return named if isinstance(named, str) else OTHER
    told: dict[str, Any] = {}
    for field in contract.fields:
        if field.kind in ("label", "boolean") and field.path[-1:] != ("[]",) and (at := value_at(found, field.path)) is not None:
            leaf = json.loads(at)
            if not isinstance(leaf, (dict, list)):
                told[".".join(field.path)] = leaf if _is(field, leaf) else OTHER
    return record.canonical(told)
