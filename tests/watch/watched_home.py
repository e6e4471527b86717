"""A home with one certified route, and records of calls as a gateway would write them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from modicum.artefact import Artefacts
from modicum.config import Config, StoreConfig, WatchConfig
from modicum.store.control import Control
from modicum.types import (
    Call,
    Certificate,
    Contract,
    Cover,
    Decision,
    Pattern,
    PromiseKind,
    Reason,
    Route,
    RouteState,
    Rule,
    Saving,
    Template,
    Version,
    Workload,
    new_call_id,
)

START = datetime.now(UTC).replace(microsecond=0)
"""Certificates are held against the clock too, so they begin now."""
QUICK = WatchConfig(look_every_s=0.01, order_s=30.0, shadow_audits=60, shadow_hours=1.0, canary_audits=60, canary_hours=2.0)


def certificate(kind: PromiseKind = "A", digest: str = "sha256:" + "0" * 64, **changes: Any) -> Certificate:
    found = Certificate(
        certificate_id="c1",
        workload_id="w1",
        workload_name="direction",
        scope="default",
        kind=kind,
        margin=0.02,
        max_selective=0.05,
        confidence=0.95,
        delta_spent=0.05,
        attempt_number=1,
        groups=1000,
        calls=1000,
        accepted=600,
        errors=3,
        labels_used=0,
        coverage=0.6,
        coverage_calls=0.6,
        rate=0.003,
        rate_calls_interval=(0.0, 0.01),
        p_value=0.001,
        rule=Rule(accept_above=0.9),
        cover=Cover(incumbents=("gpt-4",), version_ids=("v1",), view_version="1", max_input_chars=500),
        artefact_digest=digest,
        label_table=(),
        self_disagreement=None,
        left_out_groups=0,
        window_from=START - timedelta(days=9),
        window_to=START - timedelta(days=1),
        sentence="of 100 distinct requests at most 2 get an answer that differs",
        saving=Saving(usd_month=None, low_usd_month=None, high_usd_month=None, baseline="", method=""),
        evidence_digest="e",
        created_at=START,
        expires_at=START + timedelta(days=90),
    )
    return dataclasses.replace(found, **changes)


def route(state: RouteState = "shadow", **changes: Any) -> Route:
    found = Route(
        route_id="r1",
        workload_id="w1",
        scope="default",
        artefact_digest="sha256:" + "0" * 64,
        certificate_id="c1",
        state=state,
        changed_at=START,
        changed_by="ann",
        proposed_by="fit",
    )
    return dataclasses.replace(found, **changes)


def workload() -> Workload:
    return Workload(
        workload_id="w1",
        scope="default",
        name="direction",
        task="classify",
        contract=Contract(kind="label", labels=("down", "up"), read_share=1.0),
        versions=(
            Version(
                version_id="v1", template=Template(key="", system=Pattern(literals=("Say up or down.",))), first_seen=START, last_seen=START
            ),
        ),
        incumbents=("gpt-4",),
        first_seen=START,
        last_seen=START,
    )


def made(home: Path, state: RouteState = "shadow", kind: PromiseKind = "A", watch: WatchConfig = QUICK, **changes: Any) -> Config:
    """A home with a workload, its certificate and its route in this state."""
    control = Control(home)
    digest = Artefacts(home / "artefacts").write({"specialist.json": b"{}"}, {"made_by": "a test"})
    control.replace_workloads([workload()])
    control.add_certificate(certificate(kind, digest), b"")
    control.put_route(route(state, artefact_digest=digest, **changes))
    return Config(store=StoreConfig(home=home), watch=watch)


def call(
    at: datetime,
    text: str,
    *,
    reason: Reason = "shadow",
    would_answer: bool | None = True,
    agreed: bool | None = True,
    said: str = "up",
    told: str | None = None,
    seconds: float = 0.5,
    **changes: Any,
) -> Call:
    """One call; `told`: what the incumbent said, where it is not what follows from `agreed`."""
    answered = reason == "answered"
    told = told or (said if agreed or answered else {"up": "down", "down": "up"}[said])
    decision = Decision(
        answered_by="modicum/direction" if answered else "gpt-4",
        reason=reason,
        workload_id="w1",
        version_id="v1",
        route_id="r1",
        certificate_id="c1",
        confidence=0.95,
        value=said if would_answer is not None else None,
        would_answer=would_answer,
        agreed=None if answered or would_answer is None else agreed,
        propensity={"shadow": 1.0, "control": 0.05, "canary": 0.85}.get(reason, 0.95),
        stage_ms=1.5 if would_answer is not None else None,
    )
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": told}, "finish_reason": "stop"}]}
    return dataclasses.replace(
        Call(
            call_id=new_call_id(),
            response_id=f"chatcmpl-{new_call_id()}",
            started_at=at,
            duration_ms=seconds * 1000,
            origin="live",
            request_model="gpt-4",
            request=msgspec.json.encode({"model": "gpt-4", "messages": [{"role": "user", "content": text}]}),
            response=msgspec.json.encode(body),
            decision=decision,
        ),
        **changes,
    )
