"""Small makers of cards, traffic and ladders: the incumbent `big` costs $1.20 for a hundred calls of 1,000 tokens in and 100 out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from modicum.catalog import Catalogue
from modicum.catalog.card import Abilities, Card, Licence, Limits, Retirement, Score, Source, Weights
from modicum.catalog.cards import Cards
from modicum.report.ladder import LadderSettings, baselines, ladders
from modicum.report.records import Report
from modicum.report.rungs import Baselines, Ladder, Rung, RungKind
from modicum.report.traffic import Traffic, WorkloadTraffic
from modicum.store.usage import UsageRow
from tests.report.records import NOW, PRICES, report

SOURCE = (Source(title="a model card", url="https://example.org/card", read=date(2026, 10, 1)),)
SOLD = {
    **PRICES,
    "big": {**PRICES["big"], "cache_read_usd_mtok": "1", "cache_write_usd_mtok": "12.5"},
    "big@batch": {"input_usd_mtok": "5", "output_usd_mtok": "10", "source": "our contract"},
    "small": {"input_usd_mtok": "1", "output_usd_mtok": "2", "source": "our contract", "read": "2026-10-01"},
    "open-4b": {"input_usd_mtok": "0.1", "output_usd_mtok": "0.2", "source": "our contract", "read": "2026-10-01"},
}
FREE = LadderSettings(work_hours=0, small_work_hours=0, trial_labels=0, training_hours=0)
"""With nothing to pay once, so that the threshold is the spend's alone."""


def card(name: str, **fields: Any) -> Card:
    """A text model of `ours` that calls tools and answers under a schema."""
    defaults: dict[str, Any] = {
        "laboratory": "ours",
        "family": "f",
        "kind": "llm",
        "limits": Limits(context_tokens=8192, sources=SOURCE),
        "abilities": Abilities(inputs=("text",), outputs=("text",), tools=True, structured=True, sources=SOURCE),
    }
    return Card(id=name, **(defaults | fields))


def weights(parameters: int = 4_000_000_000, **fields: Any) -> Weights:
    shape = {"layers": 36, "kv_heads": 8, "head_size": 128} | fields
    return Weights(hub="example/open", parameters=parameters, sources=SOURCE, **shape)


APACHE = Licence(spdx="Apache-2.0", commercial="yes", sources=SOURCE)


def big(**fields: Any) -> Card:
    return card("big", **fields)


def small(**fields: Any) -> Card:
    return card("small", **fields)


def open_4b(**fields: Any) -> Card:
    return card(**({"name": fields.pop("id", "open-4b"), "laboratory": "theirs", "weights": weights(), "licence": APACHE} | fields))


def seeing(*inputs: str) -> Abilities:
    return Abilities(inputs=inputs, outputs=("text",), tools=True, structured=True, sources=SOURCE)  # type: ignore[arg-type]


def score(task: Any, benchmark: str = "Bench", value: float = 80.0) -> Score:
    return Score(task=task, benchmark=benchmark, score=value, metric="accuracy, %", sources=SOURCE)


def ends(name: str, day: date, replacement: str = "") -> Retirement:
    return Retirement(names=(name,), day=day, replacement=replacement, sources=SOURCE)


def traffic(workload_id: str = "w1", **fields: Any) -> Traffic:
    """Nothing but what is said is known."""
    names = [name for name in WorkloadTraffic.__dataclass_fields__ if name not in ("workload_id", "calls", "calls_with_body", "hours")]
    unknown: dict[str, Any] = dict.fromkeys(names) | {"peak_hour_calls": 0}
    told = WorkloadTraffic(workload_id=workload_id, **({"calls": 1000, "calls_with_body": 1000} | unknown | fields))
    return Traffic(
        workloads={workload_id: told},
        conversations=(),
        conversations_seen=0,
        calls_in_conversations=0,
        conversation_spend_usd=None,
        resent_share=None,
        repeated_share=None,
        estimated_usage_calls=0,
    )


def cards(*extra: Card, sold: Mapping[str, Mapping[str, str]] = SOLD) -> Cards:
    """`big`, and what is given."""
    known = extra if any(one.id == "big" for one in extra) else (big(), *extra)
    return _cards(known, tuple((name, tuple(prices.items())) for name, prices in sold.items()))


@lru_cache(maxsize=64)
def _cards(known: tuple[Card, ...], sold: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> Cards:
    """The price list is searched for these names once."""
    return Cards(known, {name: dict(prices) for name, prices in sold})


def built(
    usage: list[UsageRow],
    *extra: Card,
    told: Traffic | None = None,
    settings: LadderSettings | None = None,
    sold: Mapping[str, Mapping[str, str]] = SOLD,
    **fields: Any,
) -> tuple[Report, tuple[Ladder, ...]]:
    """(the report, its ladders)."""
    made = report(usage, **({"catalogue": Catalogue(sold)} | fields))
    found = ladders(
        made.workloads, usage, traffic=told, cards=cards(*extra, sold=sold), catalogue=Catalogue(sold), settings=settings, now=NOW
    )
    return made, found


def one(usage: list[UsageRow], *extra: Card, **fields: Any) -> Ladder:
    (its,) = built(usage, *extra, **fields)[1]
    return its


def simple_rules(usage: list[UsageRow], made: Report, found: Iterable[Ladder] = (), *extra: Card, **given: Any) -> Baselines:
    """The bill under simple rules. `given`: settings."""
    return baselines(
        usage,
        made.models,
        made.workloads,
        tuple(found),
        cards=cards(*extra),
        catalogue=Catalogue(SOLD),
        settings=LadderSettings(**given),
        today=NOW.date(),
    )


def rungs(its: Ladder, kind: RungKind) -> list[Rung]:
    return [rung for rung in its.rungs if rung.kind == kind]


def rung(its: Ladder, kind: RungKind) -> Rung:
    (found,) = rungs(its, kind)
    return found


def every(found: Iterable[Ladder]) -> list[Rung]:
    return [rung for its in found for rung in its.rungs]
