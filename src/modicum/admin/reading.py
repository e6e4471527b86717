"""A request -> what an operation takes. Nothing that the operation does not name is let through."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from modicum.admin.operation import Operation, Takes
from modicum.errors import RequestError, UnsupportedMediaError

MOST_QUERY_FIELDS = 100


def read(operation: Operation[Any, Any], places: Mapping[str, str], query: bytes, kind: str, body: bytes) -> Takes:
    """The record that an operation takes. Raises RequestError, UnsupportedMediaError."""
    if operation.method == "GET":
        if body:
            raise RequestError("GET takes no body")
        return _convert(operation, {**_query(operation, query), **places}, strict=False)
    if query:
        raise RequestError("this takes a JSON body and no query")
    fields: Any = {}
    if body:
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaError("the body must be JSON", hint="content-type: application/json")
        try:
            fields = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise RequestError("the body must be a JSON object")
    if named := set(fields) & set(places):
        raise RequestError(f"{sorted(named)[0]!r} stands in the path, not in the body")
    return _convert(operation, {**fields, **places}, strict=True)


def _convert(operation: Operation[Any, Any], fields: dict[str, Any], *, strict: bool) -> Takes:
    try:
        taken: Takes = msgspec.convert(fields, operation.takes, strict=strict)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise RequestError(str(error)) from None
    return taken


def _query(operation: Operation[Any, Any], query: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict", max_num_fields=MOST_QUERY_FIELDS
        )
    except ValueError:
        raise RequestError("the query cannot be read") from None
    several = {field.name for field in msgspec.structs.fields(operation.takes) if _is_list(field.type)}
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in several:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise RequestError(f"{name[:80]!r} stands twice in the query")
        elif name in operation.places:
            raise RequestError(f"{name!r} stands in the path, not in the query")
        else:
            found[name] = value
    return found


def _is_list(kind: Any) -> bool:
    bare = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    return typing.get_origin(bare) is tuple
