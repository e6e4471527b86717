"""The simulation's short form: a route comes on by itself, the world changes, it goes back by itself (`python -m benchmarks.watch`)."""

from __future__ import annotations

from pathlib import Path

from benchmarks.watch import __main__ as watch
from tests.faults.conftest import Report


def test_a_certified_route_can_be_left_alone(tmp_path: Path, report: Report) -> None:
    (row,) = watch.short(tmp_path)
    (route,) = row["routes"]
    assert [state for state, _, _ in route["steps"]] == ["proposed", "shadow", "canary", "on", "rolled_back"]
    assert row["failed"] == row["unknown"] == 0
    assert route["changed"]["differing"] <= route["margin"] * route["changed"]["calls"], "it keeps its promise until the world changes"
    assert route["back"]["at"] > route["changed"]["at"] and route["late_s"] < 2
    assert [one["kind"] for one in row["notices"]].count("alarm") == 1
    saving = route["saving"]
    width = saving["high"] - saving["low"]
    assert saving["low"] - width <= saving["true"] <= saving["high"] + width, "one interval in twenty misses, and none by as much again"
    calls, worse = (route["back"][name] - route["changed"][name] for name in ("calls", "wrong"))
    report("F25", f"two labels exchange their meaning: sent back {calls:.0f} calls later, {worse:.0f} answers were worse meanwhile")
