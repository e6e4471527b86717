"""Small makers of the records that the report's tests read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from modicum.catalog import Catalogue
from modicum.report.figures import summarise
from modicum.report.records import Report
from modicum.store.usage import UsageRow
from modicum.types import (
    Certificate,
    Contract,
    Cover,
    LabelRow,
    Pattern,
    Route,
    RouteState,
    Rule,
    Saving,
    Template,
    Verdict,
    Version,
    Workload,
)

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST = date(2026, 10, 1)
PRICES = {
    "big": {"input_usd_mtok": "10", "output_usd_mtok": "20", "source": "our contract"},
    "middle": {"input_usd_mtok": "1", "output_usd_mtok": "2", "source": "our contract"},
}
LABELS = Contract(kind="label", labels=("up", "down"), reader="whole", read_share=1.0)
TEXT = Contract(kind="text", reader="text", read_share=1.0)


def row(day: int = 0, **fields: Any) -> UsageRow:
    """A hundred calls of 1,000 tokens in and 100 out: $1.20 on `big`."""
    defaults: dict[str, Any] = {
        "scope": "default",
        "workload_id": "w1",
        "request_model": "big",
        "response_model": "big",
        "specialist": False,
        "calls": 100,
        "failed": 0,
        "reasons": (),
        "input_tokens": 100_000,
        "output_tokens": 10_000,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "calls_without_usage": 0,
        "cost_usd": Decimal(0),
        "duration_p50_ms": 700.0,
        "duration_p95_ms": 1500.0,
    }
    values = defaults | {"day": (FIRST + timedelta(days=day)).isoformat()} | fields
    return UsageRow(**({"calls_without_cost": values["calls"]} | values))


def days(count: int, **fields: Any) -> list[UsageRow]:
    return [row(day, **fields) for day in range(count)]


def workload(workload_id: str = "w1", **fields: Any) -> Workload:
    system = Pattern(literals=("Say where gold goes on ", ".\nOne word."), anchored_start=True, anchored_end=True)
    version = Version(
        version_id=f"{workload_id}-v1",
        template=Template(key="k", system=system, user=Pattern(literals=("Headline: ",), anchored_start=True)),
        marks=(("tenant", "SECRET-SLOT-VALUE"),),
        first_seen=NOW,
        last_seen=NOW,
        calls=100,
    )
    defaults: dict[str, Any] = {
        "scope": "default",
        "name": f"name-of-{workload_id}",
        "task": "classify",
        "contract": LABELS,
        "versions": (version,),
        "incumbents": ("big",),
        "calls": 100,
        "first_seen": NOW,
        "last_seen": NOW,
    }
    return Workload(workload_id=workload_id, **(defaults | fields))


def certificate(workload_id: str = "w1", **fields: Any) -> Certificate:
    unknown = Saving(usd_month=None, low_usd_month=None, high_usd_month=None, baseline="", method="")
    defaults: dict[str, Any] = {
        "certificate_id": f"c-{workload_id}",
        "workload_name": f"name-of-{workload_id}",
        "scope": "default",
        "kind": "A",
        "margin": 0.01,
        "max_selective": 0.05,
        "confidence": 0.95,
        "delta_spent": 0.025,
        "attempt_number": 1,
        "groups": 1000,
        "calls": 1300,
        "accepted": 500,
        "errors": 3,
        "labels_used": 0,
        "coverage": 0.5,
        "coverage_calls": 0.5,
        "rate": 0.003,
        "rate_calls_interval": (0.001, 0.008),
        "p_value": 0.01,
        "rule": Rule(accept_above=0.6),
        "cover": Cover(incumbents=("big",), version_ids=(f"{workload_id}-v1",), view_version="1", max_input_chars=2000),
        "artefact_digest": "sha256:ab",
        "label_table": (LabelRow(label="up", groups=500, answered=300, differing=2, upper_bound=0.012),),
        "self_disagreement": None,
        "left_out_groups": 0,
        "window_from": NOW - timedelta(days=9),
        "window_to": NOW - timedelta(days=1),
        "sentence": "of 100 distinct requests at most 1 gets an answer that differs from big's",
        "saving": unknown,
        "evidence_digest": "sha256:cd",
        "created_at": NOW,
        "expires_at": NOW + timedelta(days=90),
    }
    return Certificate(workload_id=workload_id, **(defaults | fields))


def route(workload_id: str = "w1", state: RouteState = "proposed", **fields: Any) -> Route:
    defaults: dict[str, Any] = {"route_id": f"r-{workload_id}", "certificate_id": f"c-{workload_id}", "changed_at": NOW}
    return Route(
        workload_id=workload_id, scope="default", artefact_digest="sha256:ab", state=state, changed_by="somebody", **(defaults | fields)
    )


def certified(workload_id: str = "w1", **fields: Any) -> Verdict:
    proof = certificate(workload_id, **fields)
    return Verdict(workload_id=workload_id, verdict="certified", reason="", code="certified", route=route(workload_id), certificate=proof)


def report(usage: list[UsageRow], **fields: Any) -> Report:
    defaults: dict[str, Any] = {"workloads": [workload()], "catalogue": Catalogue(PRICES), "control_share": 0.05, "now": NOW}
    return summarise(usage, **(defaults | fields))
