"""Embeddings and reranking are workloads too: one for each model of a scope, though there is no prompt to find."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from modicum.discover import mine
from modicum.types import Call, Endpoint, OperatorDecision

from .conftest import Maker


def formless(maker: Maker, count: int, endpoint: Endpoint, model: str, scope: str = "default") -> list[Call]:
    calls = maker.prosaic(count, None, scope=scope, model=model)
    return [replace(call, endpoint=endpoint, request=None, response=None) for call in calls]


def test_each_model_and_endpoint_of_a_scope_is_a_workload(maker: Maker) -> None:
    calls = (
        formless(maker, 30, "embeddings", "text-embedding-3-small")
        + formless(maker, 3, "rerank", "rerank-v3.5")
        + formless(maker, 5, "embeddings", "text-embedding-3-small", scope="other")
        + maker.labelled(40, "Say whether the parcel is wet or dry.", ["wet", "dry"])
    )
    found = mine(calls)
    seen = [(one.scope, one.name, one.task, one.calls, one.incumbents, one.routable) for one in found.workloads if not one.versions]
    assert seen == [
        ("default", "embed-text-embedding-3-small", "embed", 30, ("text-embedding-3-small",), False),
        ("default", "rerank-rerank-v3-5", "rerank", 3, ("rerank-v3.5",), False),
        ("other", "embed-text-embedding-3-small", "embed", 5, ("text-embedding-3-small",), False),
    ]
    assert len({one.workload_id for one in found.workloads}) == 4
    assert Counter(call_id for call_id, _, _ in found.assignments).most_common(1)[0][1] == 1
    assert len(found.assignments) == len(calls)
    small = next(one for one in found.workloads if one.task == "embed")
    assert (small.first_seen, small.last_seen) == (calls[0].started_at, calls[29].started_at)
    assert (small.task_sure, small.task_why) == (1.0, "it is asked at the endpoint for embeddings")


def test_ids_and_names_stay_and_a_person_has_the_last_word(maker: Maker) -> None:
    calls = formless(maker, 20, "embeddings", "bge-m3")
    first = mine(calls[:10]).workloads[0]
    named = OperatorDecision(
        decision_id="d",
        scope="default",
        kind="name",
        workload_id=first.workload_id,
        payload="help search",
        at=datetime.now(UTC),
        actor="me",
    )
    again = mine(calls, known=[first], decisions=[named]).workloads[0]
    assert (again.workload_id, again.name, again.calls) == (first.workload_id, "help search", 20)
    assert mine(calls, known=[again]).workloads[0].name == "help search"
    hidden = replace(named, kind="ignore", payload="")
    assert mine(calls, decisions=[hidden]).workloads[0].ignored
