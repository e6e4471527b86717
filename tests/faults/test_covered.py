"""Every id in scope has tests, and they are there."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.faults.covered import COVERED, SCOPE

ROOT = Path(__file__).parents[2]


def test_every_id_in_scope_is_covered_by_tests_that_exist() -> None:
    assert set(COVERED) == set(SCOPE)
    missing = [f"{name}: {node}" for name, row in COVERED.items() for node in row.tests if not _exists(node)]
    assert not missing, missing
    assert all(row.tests for row in COVERED.values())


def test_the_page_shows_every_id() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    assert [name for name in SCOPE if f"| {name} |" not in page] == []


def _exists(node: str) -> bool:
    path, _, name = node.partition("::")
    if not (ROOT / path).is_file():
        return False
    tree = ast.parse((ROOT / path).read_text())
    return any(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name for one in tree.body)
