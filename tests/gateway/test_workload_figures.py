"""What is counted of each workload, how routes stand beside it, and who may see it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modicum.config import Config
from modicum.gateway.families import FAMILIES, OWN, TOLD
from modicum.gateway.prometheus import beside
from modicum.gateway.telemetry import Telemetry
from modicum.store import beat, snapshot, watched
from modicum.store.codec import record
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.store.watched import Watched, WatchedRoute
from modicum.types import Contract, Cover, Decision, Route, Rule, Workload
from tests.gateway.test_telemetry import called

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
Found = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@contextmanager
def opened(home: Path) -> Iterator[Telemetry]:
    telemetry = Telemetry.open(Config(), home)
    try:
        yield telemetry
    finally:
        telemetry.close()


def parsed(text: bytes) -> Found:
    samples = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}


def told(telemetry: Telemetry, scope: str | None = None) -> Found:
    return parsed(asyncio.run(telemetry.render(scope)))


def decided(reason: Any, **more: Any) -> Decision:
    return Decision(**{"answered_by": "gpt-4", "reason": reason, "workload_id": "w-1", "route_id": "r-1"} | more)


def at(found: Found, name: str, **labels: str) -> float:
    place = {"scope": "default", "workload": "w-1"} | labels
    return found.get((name, tuple(sorted(place.items()))), 0.0)


def workload(workload_id: str, name: str, scope: str = "default") -> Workload:
    return Workload(
        workload_id=workload_id, scope=scope, name=name, task="classify", contract=Contract(kind="label"), versions=(),
        first_seen=AT, last_seen=AT,
    )  # fmt: skip


def live_route(state: Any, **more: Any) -> LiveRoute:
    about: dict[str, Any] = {
        "route_id": "r-1", "workload_id": "w-1", "scope": "default", "artefact_digest": "d", "certificate_id": "c-1", "state": state,
        "changed_at": AT, "changed_by": "ann",
    }  # fmt: skip
    cover = Cover(incumbents=("gpt-4",), version_ids=("v",), view_version="1", max_input_chars=100)
    return LiveRoute(route=Route(**about | more), rule=Rule(accept_above=0.5), cover=cover, expires_at=AT)


def test_every_outcome_of_an_audit_is_counted_and_a_call_that_was_not_drawn_is_none(tmp_path: Path) -> None:
    with opened(tmp_path) as telemetry:
        for reason, would, agreed, more in (
            ("shadow", True, True, {}), ("control", True, False, {}), ("canary", True, None, {}), ("control", False, None, {}),
            ("shadow", None, None, {"detail": "another model"}), ("shadow", None, None, {"detail": "not compared: late"}),
            ("control", None, None, {"detail": "not compared: ValueError", "stage_failed": True}),
            ("below_threshold", False, True, {}), ("not_covered", None, None, {}), ("shadow", True, True, {"route_id": None}),
        ):  # fmt: skip
            telemetry.observe(record(called(decision=decided(reason, would_answer=would, agreed=agreed, **more))), overhead_ms=0.1)
        broken = called(decision=decided("control", would_answer=True), status=502, error="upstream_failed")
        telemetry.observe(record(broken), overhead_ms=0.1)
        found = told(telemetry)
    outcomes = {dict(labels)["outcome"]: value for (name, labels), value in found.items() if name == "modicum_audits_total"}
    assert outcomes == {"agreed": 1, "differed": 1, "unread": 1, "deferred": 2, "not_compared": 1, "failed": 1}
    assert at(found, "modicum_workload_requests_total", reason="below_threshold") == 1


def test_cost_is_kept_by_arm_so_that_what_the_incumbent_would_have_taken_can_be_told(tmp_path: Path) -> None:
    with opened(tmp_path) as telemetry:
        for _ in range(3):
            telemetry.observe(record(called(decision=decided("control", would_answer=True, agreed=True))), overhead_ms=0.1)
        telemetry.observe(record(called(decision=decided("control", would_answer=False), cost_usd=Decimal(2))), overhead_ms=0.1)
        telemetry.observe(record(called(decision=decided("below_threshold", would_answer=False), cost_usd=None)), overhead_ms=0.1)
        ours = decided("answered", answered_by="modicum/w@1", would_answer=True)
        telemetry.observe(
            record(called(decision=ours, cost_usd=Decimal(0), provider=None, deployments=(), duration_ms=1.2)), overhead_ms=0.1
        )
        asked = decided("below_threshold", would_answer=False, stage_model="upstream/small", stage_cost_usd=Decimal("0.25"))
        telemetry.observe(record(called(decision=asked, cost_usd=Decimal(1))), overhead_ms=0.1)
        found = told(telemetry)
    cost = {arm: at(found, "modicum_workload_cost_usd_total", arm=arm) for arm in ("drawn", "deferred", "stage")}
    calls = {arm: at(found, "modicum_workload_priced_calls_total", arm=arm) for arm in ("drawn", "deferred", "stage")}
    assert cost == {"drawn": 1.5, "deferred": 3.0, "stage": 0.25} and calls == {"drawn": 3, "deferred": 2, "stage": 2}
    assert at(found, "modicum_workload_duration_seconds_count", answered_by="specialist") == 1
    assert at(found, "modicum_workload_duration_seconds_bucket", answered_by="specialist", le="0.0025") == 1
    assert at(found, "modicum_workload_duration_seconds_count", answered_by="provider") == 6


def test_routes_are_told_under_their_names_and_as_the_watcher_saw_them(tmp_path: Path) -> None:
    snapshot.write(
        tmp_path, Snapshot(version="1", workloads=(workload("w-1", 'bank "intent"'),), routes=(live_route("canary", share=0.2),))
    )
    seen = WatchedRoute(
        route_id="r-1", workload_id="w-1", workload="old name", scope="default", state="shadow", changed_at=AT, share=0.0, audits=412,
        lost=3.0, level=0.02, suspicion=0.25, waiting=1, warnings=2, last_audit_at=AT,
    )  # fmt: skip
    gone = WatchedRoute(
        route_id="r-2", workload_id="w-2", workload="tickets", scope="default", state="rolled_back", changed_at=AT, share=0.0
    )
    watched.write(tmp_path, Watched(at=AT, routes=(seen, gone), notices={"alarm": 3}, undelivered={"webhook": 1}))
    with opened(tmp_path) as telemetry:
        telemetry.observe(record(called(decision=decided("no_route"))), overhead_ms=0.1)
        found = told(telemetry)
        label = {"workload": 'bank "intent"', "route": "r-1"}
        assert (
            at(found, "modicum_route_state", state="canary", **label) == 1
            and at(found, "modicum_route_state", state="shadow", **label) == 0
        )
        assert at(found, "modicum_route_state", state="rolled_back", workload="tickets", route="r-2") == 1
        assert at(found, "modicum_route_share", **label) == 0.2 and at(found, "modicum_route_control_share", **label) == 0.05
        assert at(found, "modicum_route_audits", **label) == 412 and at(found, "modicum_route_suspicion", **label) == 0.25
        assert at(found, "modicum_certificate_expires_timestamp_seconds", **label) == AT.timestamp()
        assert at(found, "modicum_workload_requests_total", workload='bank "intent"', reason="no_route") == 1
        assert ("modicum_route_audits", (("route", "r-2"), ("scope", "default"), ("workload", "tickets"))) not in found, "unknown is not 0"
        assert found[("modicum_watch_notices_total", (("kind", "alarm"),))] == 3
        watched.path(tmp_path).write_bytes(b"{")
        snapshot.write(tmp_path, Snapshot(version="2"))
        found = told(telemetry)
    assert (
        not any(name.startswith("modicum_route_") for name, _ in found)
        and at(found, "modicum_workload_requests_total", reason="no_route") == 1
    )


def test_a_key_of_one_scope_sees_nothing_of_another_s_workloads(tmp_path: Path) -> None:
    here, there = workload("w-1", "ours"), workload("w-2", "theirs", scope="else")
    snapshot.write(
        tmp_path,
        Snapshot(version="1", workloads=(here, there), routes=(live_route("on", route_id="r-2", workload_id="w-2", scope="else"),)),
    )
    with opened(tmp_path) as telemetry:
        telemetry.observe(record(called(decision=decided("no_route"))), overhead_ms=0.1)
        telemetry.observe(record(called(scope="else", decision=decided("answered", workload_id="w-2"))), overhead_ms=0.1)
        whole, mine = asyncio.run(telemetry.render()), asyncio.run(telemetry.render("default"))
    assert b"theirs" in whole and b"ours" in whole and b"ours" in mine and b"theirs" not in mine and b"r-2" not in mine


def test_workloads_beyond_those_there_is_room_for_are_counted_together(tmp_path: Path) -> None:
    with opened(tmp_path) as telemetry:
        for number in range(2_000):
            telemetry.observe(
                record(called(decision=decided("control", workload_id=f"w-{number}", would_answer=True, agreed=True))), overhead_ms=0.1
            )
        found = told(telemetry)
    rows = [(dict(labels)["workload"], value) for (name, labels), value in found.items() if name == "modicum_audits_total"]
    assert len(rows) <= 129 and sum(value for _, value in rows) == 2_000 and "other" in dict(rows)


def test_another_process_reads_what_runs_and_nothing_where_nothing_runs(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from modicum.gateway.prometheus import beside; "
        "sys.stdout.buffer.write(beside(Path(sys.argv[1])) or b'')"
    )
    with opened(tmp_path) as telemetry:
        telemetry.observe(record(called(decision=decided("control", would_answer=True, agreed=True))), overhead_ms=0.1)
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=60, check=True)
        found = parsed(done.stdout)
        assert at(found, "modicum_audits_total", outcome="agreed") == 1 and found[("modicum_workers", ())] == 1
        assert ("process_open_fds", (("pid", str(os.getpid())),)) in found
    assert beside(tmp_path) is None and beside(tmp_path / "nowhere") is None


@pytest.mark.parametrize("family", [*FAMILIES, *TOLD, *OWN], ids=lambda family: family.name)
def test_every_family_is_rendered_with_the_labels_it_names(family: Any, tmp_path: Path) -> None:
    found = parsed(everything(tmp_path))
    labels = {tuple(sorted({name for name, _ in place} - {"le"})) for name, place in found if name.removesuffix("_count") == family.name}
    assert labels == {tuple(sorted(family.labels))}


def everything(home: Path) -> bytes:
    """A gateway's text in which every family has a sample."""
    snapshot.write(home, Snapshot(version="1", workloads=(workload("w-1", "bank-intent"),), routes=(live_route("on"),)))
    seen = WatchedRoute(
        route_id="r-1", workload_id="w-1", workload="bank-intent", scope="default", state="on", changed_at=AT, share=1.0, audits=1,
        lost=0.0, level=0.1, suspicion=0.0, waiting=0, warnings=0, last_audit_at=AT,
    )  # fmt: skip
    watched.write(home, Watched(at=AT, routes=(seen,), notices={"alarm": 0, "moved": 1}, undelivered={"webhook": 0}))
    beat.write(home)
    with opened(home) as telemetry:
        telemetry.in_flight(+1)
        audited = decided("control", would_answer=True, agreed=True, stage_ms=0.3)
        telemetry.observe(record(called(streamed=True, time_to_first_chunk_ms=9.0, decision=audited)), overhead_ms=0.1)
        telemetry.observe(record(called(cost_usd=None)), overhead_ms=0.1)
        telemetry.alarm("store")
        telemetry.tapped("otlp", "added", 1)
        telemetry.dropped()
        telemetry._metrics.count("modicum_traces_dropped_total")
        return asyncio.run(telemetry.render())
