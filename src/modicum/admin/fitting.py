"""Fit: build a small model for each workload and prove what it may answer. It proposes; nothing in production changes by it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modicum.admin.operation import Desk, Page, Paged, Ref, Takes, operation, paged
from modicum.config import Config
from modicum.errors import InputError
from modicum.evaluate.labels import Label, read_labels
from modicum.pipeline.find import find
from modicum.pipeline.gold import Matched, match
from modicum.pipeline.label_wants import ready, ready_judged
from modicum.pipeline.night import Foresight, Night
from modicum.pipeline.night import fit as walk
from modicum.pipeline.switching import find_workload
from modicum.pipeline.wish import Wish
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Verdict, Workload

MOST_LABELS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a fit found for one workload."""

    workload: str
    """Its name."""
    verdict: Verdict


class LabelGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody who knows says of one call: the right answer, or which of two answers is right."""

    id: Ref
    gold: str | None = None
    verdict: Literal["a", "b", "both", "neither"] | None = None


class Fit(Takes, frozen=True, kw_only=True):
    """What to fit, and what must hold. What is left out is as the settings have it."""

    workloads: Annotated[tuple[Ref, ...], Meta(max_length=1000, description="Empty: all that are not ignored.")] = ()
    margin: Annotated[float, Meta(gt=0, lt=1, description="Most of the requests that may differ.")] | None = None
    alpha: Annotated[float, Meta(gt=0, lt=1, description="Promise this instead: at most so much of what is answered is wrong.")] | None = (
        None
    )
    confidence: Annotated[float, Meta(ge=0.5, lt=1, description="How sure the promise is.")] | None = None
    min_label_groups: Annotated[int, Meta(ge=0, lt=10**9)] | None = None
    objective: Annotated[Literal["smallest", "cheapest", "fastest"], Meta(description="Which candidate is tested.")] | None = None
    max_latency_ms: Annotated[float, Meta(gt=0, description="Most CPU time of an answer, mean.")] | None = None
    max_size_mb: Annotated[float, Meta(gt=0, description="Largest candidate.")] | None = None
    min_quality: Annotated[float, Meta(ge=0, le=1, description="Least share on which a candidate says what the incumbent said.")] | None = (
        None
    )
    protect: Annotated[tuple[Annotated[str, Meta(max_length=1000)], ...], Meta(max_length=1000)] = ()
    labels: Annotated[tuple[LabelGiven, ...], Meta(max_length=MOST_LABELS)] = ()
    partial: Annotated[bool, Meta(description="Test with the labels there are; missing ones count as the worst case.")] = False


@operation("POST", "/fit", role="admin", changes=True, long=True)
def fit(desk: Desk, asked: Fit) -> tuple[Fitted, ...]:
    """Build a small model for each workload and prove on held-out calls what it may answer."""
    chosen, wish = _chosen(desk, asked)
    verdicts = walk(desk.config, chosen, wish, desk.progress)
    return tuple(Fitted(workload=workload.name, verdict=verdict) for workload, verdict in zip(chosen, verdicts, strict=True))


@operation("POST", "/fit/plan", role="admin", long=True)
def plan(desk: Desk, asked: Fit) -> tuple[Foresight, ...]:
    """Say what a fit would test; open nothing."""
    chosen, wish = _chosen(desk, asked)
    night = Night(desk.config, wish)
    return tuple(night.foresee(workload) for workload in chosen)


class Labels(Takes, frozen=True, kw_only=True):
    """Labels that are to be given with a fit."""

    workloads: Annotated[tuple[Ref, ...], Meta(max_length=1000, description="Empty: all that are not ignored.")] = ()
    labels: Annotated[tuple[LabelGiven, ...], Meta(max_length=MOST_LABELS)] = ()


@operation("POST", "/fit/labels", role="admin", long=True)
def labels(desk: Desk, asked: Labels) -> Matched:
    """Say how many of these labels speak of a call of the workloads, before a fit takes them: it leaves the others out. And which gold
    values are no label of their workload: a fit takes both answers to such a call as wrong."""
    return match(Calls(desk.config.home), _workloads(desk, asked.workloads), {one.id: one.gold for one in asked.labels})


@operation("GET", "/verdicts", role="admin")
def verdicts(desk: Desk, asked: Paged) -> Page[Verdict]:
    """List what the last fit found for each workload."""
    return paged(Control(desk.config.home).verdicts(), asked, lambda one: one.workload_id)


def given(lines: Any) -> tuple[LabelGiven, ...]:
    """The labels of a file (JSON lines) as an operation takes them. Raises LogFormatError."""
    return tuple(LabelGiven(id=name, gold=label.gold, verdict=label.verdict) for name, label in read_labels(lines).items())


def _chosen(desk: Desk, asked: Fit) -> tuple[list[Workload], Wish]:
    config = desk.config
    control, chosen = Control(config.home), _workloads(desk, asked.workloads)
    match(Calls(config.home), chosen, {one.id: one.gold for one in asked.labels})
    wish = Wish(
        fit=_settings(config, asked),
        control_share=config.route.control_share,
        protect=asked.protect,
        judged=ready_judged(config.home, control, chosen, partial=asked.partial),
        labels=ready(config.home, control, chosen, partial=asked.partial)
        | {one.id: Label(gold=one.gold, verdict=one.verdict) for one in asked.labels if one.gold is not None or one.verdict is not None},
        partial=asked.partial,
        alpha=asked.alpha,
        actor=desk.actor,
    )
    for label in wish.protect:
        alone = dataclasses.replace(wish, protect=(label,))
        if not any(alone.protects(workload.contract) for workload in chosen):
            raise InputError(
                f"no workload has the label '{label}'",
                hint="`modicum workloads show WORKLOAD` lists them; of a record VALUE or FIELD=VALUE, where the list is fixed",
            )
    return chosen, wish


def _workloads(desk: Desk, refs: tuple[str, ...]) -> list[Workload]:
    """Those that are named, or all that are not ignored, the largest first."""
    found = find(desk.config, progress=desk.progress, only_if_needed=True)
    control = Control(desk.config.home)
    return [find_workload(control, ref) for ref in refs] or [
        w for w in sorted(found, key=lambda w: (-w.calls, w.workload_id)) if not w.ignored
    ]


def _settings(config: Config, asked: Fit) -> Any:
    given = {
        name: getattr(asked, name) for name in ("margin", "confidence", "min_label_groups", "objective", "max_latency_ms", "min_quality")
    }
    if asked.max_size_mb is not None:
        most = int(asked.max_size_mb * 1_000_000)
        given |= {"max_encoder_bytes": most, "max_size_bytes": min(most, config.fit.max_size_bytes)}
    return dataclasses.replace(config.fit, **{name: value for name, value in given.items() if value is not None})
