"""Every benchmark is in the list that `make bench` runs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.__main__ import BENCHMARKS

ROOT = Path(__file__).resolve().parents[2]
NOT_MEASURING = {"__main__", "nasty_log"}


def test_every_benchmark_is_listed() -> None:
    folder = ROOT / "benchmarks"
    files = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__main__.py")}
    assert files - NOT_MEASURING == {benchmark.name for benchmark in BENCHMARKS}
