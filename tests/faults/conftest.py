"""How long the suite runs, and the table of what it measured, written down test by test."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.shim import Shim, built

SHORT_S = 2.0
LONG_S = 10.0
_KEY = pytest.StashKey["Results"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=SHORT_S, help=f"length of each fault under load; {LONG_S:g} or more: the long form")
    parser.addoption("--every", type=int, default=1, help="of the long form's changes of files, kills, callers and cases, one in so many")
    parser.addoption("--results", type=Path, default=None, help="write what was measured to this JSON file, after each test")
    parser.addoption("--resume", action="store_true", help="leave out what passed by the file of --results, and add to it")


@dataclass(frozen=True)
class Length:
    """How much of everything."""

    seconds: float
    every: int = 1

    @property
    def long(self) -> bool:
        return self.seconds >= LONG_S

    def of(self, short: int, long: int) -> int:
        return max(short, long // self.every) if self.long else short

    @property
    def rps(self) -> float:
        return 50.0 if self.long else 25.0

    @property
    def streams(self) -> int:
        return 64 if self.long else 12

    @property
    def slices(self) -> int:
        """Into how many turns of quiet and fault a load is cut: what else the machine does then meets both alike."""
        return 6 if self.long else 1


def length_of(config: pytest.Config) -> Length:
    options = config.option
    return Length(float(getattr(options, "seconds", SHORT_S)), max(int(getattr(options, "every", 1)), 1))


@pytest.fixture(scope="session")
def length(request: pytest.FixtureRequest) -> Length:
    return length_of(request.config)


class Results:
    """What was measured and what passed so far, on disk after each test."""

    def __init__(self, path: Path | None, length: Length, *, resume: bool) -> None:
        self._path = path
        self._length = {"seconds": length.seconds, "every": length.every}
        self.measured: dict[str, list[str]] = {}
        self.passed: dict[str, float] = {}
        """Seconds, by node id."""
        self.failed: dict[str, str] = {}
        if path is not None and resume and path.exists():
            found = json.loads(path.read_text())
            if found.pop("length", None) == self._length:  # what a shorter run tried does not count
                self.passed = found.pop("passed", {})
                found.pop("failed", None)
                self.measured = found

    def write(self) -> None:
        if self._path is None:
            return
        found = {**self.measured, "passed": self.passed, "failed": self.failed, "length": self._length}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        part.replace(self._path)


def pytest_configure(config: pytest.Config) -> None:
    options = config.option
    config.stash[_KEY] = Results(getattr(options, "results", None), length_of(config), resume=getattr(options, "resume", False))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    passed = config.stash[_KEY].passed
    if done := [item for item in items if item.nodeid in passed]:
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if item.nodeid not in passed]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    found: pytest.TestReport = yield
    results = item.config.stash[_KEY]
    if found.failed:
        results.passed.pop(item.nodeid, None)
        results.failed[item.nodeid] = str(call.excinfo.value)[:500] if call.excinfo else found.when or ""
    elif found.when == "call" and found.passed:
        results.passed[item.nodeid] = round(found.duration, 1)
    results.write()
    return found


Report = Callable[[str, str], None]


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    """Tell what was measured for an id of the table."""
    results = request.config.stash[_KEY]
    say = progress_of(request.config)

    def tell(name: str, measured: str) -> None:
        results.measured.setdefault(name, []).append(measured)
        results.write()
        say(f"{name} {measured}")

    return tell


def progress_of(config: pytest.Config) -> Callable[[str], None]:
    """Says at once how far it is, in the long form."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or float(getattr(config.option, "seconds", SHORT_S)) < LONG_S:
        return lambda line: None
    return lambda line: terminal.write_line(f"{time.strftime('%H:%M:%S')} {line}")


@pytest.fixture(scope="session")
def progress(request: pytest.FixtureRequest) -> Callable[[str], None]:
    return progress_of(request.config)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Shim:
    """The file layer that fails where it is told; needs a C compiler."""
    found = built(tmp_path_factory.mktemp("shim"))
    if found is None:
        pytest.skip("no C compiler: faults of disk and clock are not injected")
    return found


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash[_KEY].measured
    if not found:
        return
    terminalreporter.section("measured")
    for name in sorted(found, key=lambda one: (one[0], int("".join(c for c in one if c.isdigit()) or 0))):
        for line in found[name]:
            terminalreporter.write_line(f"{name:4} {line}")
