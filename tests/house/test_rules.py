"""The rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
BANNED = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "core",
    "manager",
    "handler",
    "handlers",
    "service",
    "services",
    "processor",
    "misc",
}
LONGEST = 400
NOUNS = ("types.py",)
"""One file by design, however long it gets."""
SLOW = {"asyncio", "importlib.metadata", "multiprocessing", "sqlite3"}
PLACES = ("cli/", "gateway/", "pipeline/", "report/", "__main__")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT / "src" / "modicum"))


def used(module: ast.Module) -> Iterator[str]:
    """Dotted names that a module reads: `os.environ`, `os.getenv`, ..."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_module_says_what_it_does_and_is_not_too_long() -> None:
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert not text.strip() or ast.get_docstring(tree(path)), f"{named(path)} does not begin by saying what it does"
        assert text.count("\n") <= LONGEST or named(path) in NOUNS, (
            f"{named(path)}: over {LONGEST} lines, which room does the tail want to become?"
        )


def test_no_room_is_named_for_nothing() -> None:
    names = {part for path in SOURCES for part in (*path.relative_to(ROOT).parts[:-1], path.stem.strip("_"))}
    assert not names & BANNED


def test_only_config_reads_the_environment() -> None:
    found = {named(path) for path in SOURCES if {"os.environ", "os.getenv", "os.environb", "environ"} & set(used(tree(path)))}
    assert found == {"config/environment.py", "config/load.py"}


def test_only_places_print_or_exit() -> None:
    found = {named(path) for path in SOURCES if {"print", "click.echo", "sys.exit", "sys.stdout", "sys.stderr"} & set(used(tree(path)))}
    assert not {name for name in found if not name.startswith(PLACES)}


def test_imports_stand_at_the_top_but_for_what_is_slow_to_load() -> None:
    for path in SOURCES:
        within = [
            node
            for scope in ast.walk(tree(path))
            if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(scope)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        found = {name for node in within for name in imported(node)}
        assert not {name for name in found if name.split(".")[0] in sys.stdlib_module_names} - SLOW, named(path)


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def test_versions_agree() -> None:
    from modicum import __version__

    top = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert top is not None and top[1] == __version__
