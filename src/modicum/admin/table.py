"""Every operation there is, and which one a path means."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from modicum.admin import about, audit, calls, certificates, fitting, inventory, keys, money, routes, workloads
from modicum.admin.operation import LONGEST_REF, Operation
from modicum.errors import MethodNotAllowedError, RequestError, UnknownEndpointError

ROOMS = (about, audit, workloads, routes, certificates, inventory, keys, money, calls, fitting)
OPERATIONS: tuple[Operation[Any, Any], ...] = tuple(
    found for room in ROOMS for found in vars(room).values() if isinstance(found, Operation)
)


def find(method: str, raw_path: str) -> tuple[Operation[Any, Any], dict[str, str]]:
    """The operation that a request means, and what its path holds. `raw_path` as it was sent, percent signs and all.

    Raises UnknownEndpointError, MethodNotAllowedError, and RequestError for a path that other readers could take for another.
    """
    steps = [_step(step) for step in raw_path.split("/")]
    allowed = []
    for operation in OPERATIONS:
        pattern = operation.path.split("/")
        if len(pattern) != len(steps) or any(not one.startswith("{") and one != step for one, step in zip(pattern, steps, strict=True)):
            continue
        allowed.append(operation.method)
        if operation.method == method:
            return operation, {one[1:-1]: step for one, step in zip(pattern, steps, strict=True) if one.startswith("{")}
    if allowed:
        raise MethodNotAllowedError(f"{raw_path[:80]} takes {' or '.join(allowed)}, not {method[:16]}")
    raise UnknownEndpointError(f"the admin API has nothing at {raw_path[:80]!r}", hint="GET /admin/openapi.json lists what there is")


def _step(raw: str) -> str:
    """One step of a path, without its percent signs. What could be taken for a step up, or for the end of a name, is refused."""
    try:
        step = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise RequestError("the path is not UTF-8") from None
    if step in (".", "..") or not step.isprintable() or "\\" in step or len(step) > LONGEST_REF:
        raise RequestError("a step of the path is no name", hint=f"up to {LONGEST_REF} printable characters, none of them a backslash")
    return step
