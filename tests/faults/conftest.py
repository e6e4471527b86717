"""How long the suite runs, and the table of what it measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.shim import Shim, built

SHORT_S = 2.0
LONG_S = 30.0
_KEY = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=SHORT_S, help=f"length of each fault under load; {LONG_S:g} or more: the long form")
    parser.addoption("--results", type=Path, default=None, help="write what was measured to this JSON file")


@dataclass(frozen=True)
class Length:
    """How much of everything."""

    seconds: float

    @property
    def long(self) -> bool:
        return self.seconds >= LONG_S

    def of(self, short: int, long: int) -> int:
        return long if self.long else short

    @property
    def rps(self) -> float:
        return 50.0 if self.long else 25.0

    @property
    def streams(self) -> int:
        return self.of(12, 64)


@pytest.fixture(scope="session")
def length(request: pytest.FixtureRequest) -> Length:
    return Length(float(request.config.getoption("--seconds", SHORT_S)))


Report = Callable[[str, str], None]


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Tell what was measured for an id of the table."""
    found = request.config.stash.setdefault(_KEY, {})

    def tell(name: str, measured: str) -> None:
        found.setdefault(name, []).append(measured)

    return tell


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Shim:
    """The file layer that fails where it is told; needs a C compiler."""
    found = built(tmp_path_factory.mktemp("shim"))
    if found is None:
        pytest.skip("no C compiler: faults of disk and clock are not injected")
    return found


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash.get(_KEY, {})
    if not found:
        return
    terminalreporter.section("measured")
    for name in sorted(found, key=lambda one: (one[0], int("".join(c for c in one if c.isdigit()) or 0))):
        for line in found[name]:
            terminalreporter.write_line(f"{name:4} {line}")
    path = config.getoption("--results", None)
    if path is not None:
        path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
