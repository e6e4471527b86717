"""The table as an OpenAPI document (3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from modicum import __version__
from modicum.admin.jobs import Job
from modicum.admin.operation import Operation
from modicum.admin.table import OPERATIONS

PATH = "/admin/openapi.json"
REFUSALS = {
    400: "The request does not fit.",
    401: "No admin key, or one that is unknown, expired or revoked.",
    403: "The key is not for this.",
    404: "There is no such thing.",
    405: "The path takes another method.",
    408: "The body did not arrive in time.",
    409: "What is there does not allow this.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    429: "Too many requests wait already.",
    501: "An optional part is not installed.",
    502: "The gateway could not reach its own admin process.",
    503: "The store is busy or cannot be used; try again.",
}
"""What any operation may answer instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTold:
    """Why something was refused."""

    message: str
    type: str
    param: str | None
    code: str
    """Stable; programs may match it."""
    hint: str = ""
    """What to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """The body of every refusal."""

    error: ErrorTold


def document() -> dict[str, Any]:
    """The whole API. The same for the same version: it holds no time and no address."""
    types: list[Any] = [ErrorBody, Job]
    for operation in OPERATIONS:
        types += [field.type for field in msgspec.structs.fields(operation.takes)]
        if not isinstance(operation.gives, str):
            types.append(operation.gives)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    drawn = iter(schemas)
    error, job = next(drawn), next(drawn)
    refusals = {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in REFUSALS}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        fields = {field.name: next(drawn) for field in msgspec.structs.fields(operation.takes)}
        gives = None if isinstance(operation.gives, str) else next(drawn)
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, fields, gives, job, refusals)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Modicum admin API",
            "version": __version__,
            "description": "What `modicum` commands with --server call. Every change is recorded with the key that asked for it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"adminKey": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {
                _name(status): {"description": words, "content": {"application/json": {"schema": error}}}
                for status, words in REFUSALS.items()
            },
            "securitySchemes": {
                "adminKey": {"type": "http", "scheme": "bearer", "description": "A key of `modicum keys create NAME --admin`."}
            },
        },
    }


def _operation(operation: Operation[Any, Any], fields: dict[str, Any], gives: Any, job: Any, refusals: dict[str, Any]) -> dict[str, Any]:
    required = {field.name for field in msgspec.structs.fields(operation.takes) if field.required}
    defaults = {
        field.name: msgspec.to_builtins(field.default)
        for field in msgspec.structs.fields(operation.takes)
        if field.default is not msgspec.NODEFAULT and field.default not in (None, ())
    }
    fields = {name: {**schema, "default": defaults[name]} if name in defaults else schema for name, schema in fields.items()}
    content: dict[str, Any] = {operation.gives: {}} if gives is None else {"application/json": {"schema": job if operation.long else gives}}
    said: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.name.partition(".")[0]],
        "summary": operation.summary.rstrip("."),
        "x-modicum-role": operation.role,
        "x-modicum-changes": operation.changes,
        "parameters": [
            {"name": name, "in": "path" if name in operation.places else "query", "required": name in required, "schema": _once(schema)}
            for name, schema in fields.items()
            if name in operation.places or operation.method == "GET"
        ],
        "responses": {
            "202" if operation.long else "200": {
                "description": "Begun: ask for the job by its id." if operation.long else "Done.",
                "content": content,
            },
            **refusals,
        },
    }
    if operation.long:
        said["x-modicum-result"] = gives
    body = {name: schema for name, schema in fields.items() if name not in operation.places}
    if operation.method == "POST":
        needed = sorted(required & set(body))
        schema: dict[str, Any] = {"type": "object", "properties": body, "additionalProperties": False}
        said["requestBody"] = {
            "required": bool(needed),
            "content": {"application/json": {"schema": {**schema, **({"required": needed} if needed else {})}}},
        }
    return said


def _name(status: int) -> str:
    return f"Refused{status}"


def _once(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: null cannot be written in a query or a path, a field that may be left out is left out."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        return {**{key: value for key, value in schema.items() if key != "anyOf"}, **choices[0]}
    return schema
