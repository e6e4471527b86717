"""The API does what its OpenAPI document says: generated requests, good and bad, get documented answers, and never a 500."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import content_type_conformance, not_a_server_error, response_schema_conformance, status_code_conformance
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection

from modicum.admin.openapi import document
from modicum.store.calls import Calls
from modicum.store.control import Control
from tests.admin.conftest import Served

EXAMPLES = 10
"""Of each operation and of each kind, valid and not."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS: dict[str, Any] = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}


def hammer(served: Served, operation: Any, mode: GenerationMode, examples: int) -> None:
    """Send so many generated requests, and check every answer."""
    with requests.Session() as session:

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(
            case=operation.as_strategy(generation_mode=mode) if mode is GenerationMode.POSITIVE else _negative(operation),
            is_there=st.booleans(),
        )
        def run(case: Any, is_there: bool) -> None:
            if mode is GenerationMode.POSITIVE and is_there and (ref := there(served, operation)):
                case.path_parameters["ref"] = ref
            headers = {"authorization": f"Bearer {served.admin}"}
            response = case.call(base_url=served.url, session=session, headers=headers, timeout=60)
            # What has no value is not sent, so such a query is not as wrong as it was meant to be.
            wrong = mode is GenerationMode.NEGATIVE and not any(value in (None, [], {}) for value in (case.query or {}).values())
            case.validate_response(response, checks=[*CHECKS, negative_data_rejection] if wrong else CHECKS, headers=headers)

        run()


def there(served: Served, operation: Any) -> str | None:
    """The id of something that is there, where the operation only reads it or is cheap."""
    control = Control(served.home)
    kind = operation.path.split("/")[3]
    if "{ref}" not in operation.path or (operation.method.upper() == "POST" and kind != "routes"):
        return None
    if kind == "calls":
        return next(Calls(served.home).scan(bodies=False)).call_id
    found: dict[str, Any] = {"workloads": control.workloads, "routes": control.routes, "certificates": control.certificates}
    return str(getattr(found[kind]()[0], f"{kind[:-1]}_id")) if kind in found else None


def _negative(operation: Any) -> Any:
    try:
        return operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    except Exception:
        return st.nothing()


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_is_documented_is_what_happens(served: Served, label: str) -> None:
    hammer(served, OPERATIONS[label], GenerationMode.POSITIVE, EXAMPLES)
    hammer(served, OPERATIONS[label], GenerationMode.NEGATIVE, EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_fifty_thousand_requests(served: Served, label: str) -> None:
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        hammer(served, OPERATIONS[label], mode, 50_000 // (2 * len(OPERATIONS)))
