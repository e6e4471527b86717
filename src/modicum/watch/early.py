"""Early signs that a route's calls are others than those it was certified on. No guarantee: nothing is sent back for one.

Every `BLOCK` calls that the stage said something of, or should have, are held against the first `FIRST` blocks of the route: how sure the
stage was and what it said (population stability index), how many calls it would answer, how many lie outside of what is certified or have
another version of the prompt, how long it took, how often it failed. A sign is looked at again with the next block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from modicum.types import Contract, Cover
from modicum.watch.draws import Toss
from modicum.watch.times import Times
from modicum.workload.differing import differing

T = TypeVar("T", int, str)
LOOKED_AT = frozenset(
    ("shadow", "canary", "control", "answered", "degraded", "below_threshold", "protected_label", "not_covered", "failed")
)
"""Reasons of calls that the stage was, or should have been, asked about."""
KINDS = ("confidence", "labels", "coverage", "outside", "versions", "failures", "latency", "contract")
BLOCK = 300
FIRST = 3
BINS = 10
PSI = 0.25
"""By convention a shift from here on; beside it stands what chance alone makes of so few calls."""
MOST_LABELS = 100
LEAST_OF_A_LABEL = 5
"""Calls of a label on average: where it says something else each time, how often it says what means nothing."""
RISE = 0.1
"""A share that moved by less is not told of."""
SURE = 4.0
"""Standard errors that it must have moved by besides."""
SLOWER = 2.0
LEAST_MS = 1.0


class Block(msgspec.Struct):
    """What some calls in a row looked like."""

    calls: int = 0
    said: int = 0
    """Calls that the stage said something of."""
    answers: int = 0
    """That it answered or would have."""
    outside: int = 0
    """That lie outside of what is certified."""
    others: int = 0
    """Of another version of the prompt."""
    failed: int = 0
    sure: dict[int, int] = {}
    """Tenth of the confidence's range -> calls."""
    labels: dict[str, int] = {}
    """Digest of what was said -> calls."""
    times: Times = msgspec.field(default_factory=Times)


class Early(msgspec.Struct):
    """What stands in `Watch.tests` of it."""

    first: Block = msgspec.field(default_factory=Block)
    now: Block = msgspec.field(default_factory=Block)
    warnings: dict[str, str] = {}
    """Of the last whole block: kind -> sentence."""


def see(early: Early, toss: Toss, cover: Cover) -> None:
    """One more call, in order."""
    if toss.reason not in LOOKED_AT:
        return
    _add(early.now, toss, cover)
    if early.now.calls < BLOCK:
        return
    if early.first.calls < FIRST * BLOCK:
        _merge(early.first, early.now)
    else:
        early.warnings = dict(compared(early.first, early.now))
    early.now = Block()


def see_contract(early: Early, certified: Contract | None, found: Contract) -> None:
    """Hold how answers are read and written by the certificate against what was found since."""
    if certified is not None and (parts := differing(certified, found)):
        early.warnings["contract"] = (
            f"answers are not what they were when it was certified ({', '.join(parts)}); it goes on as certified until another is"
        )
    else:
        early.warnings.pop("contract", None)


def compared(first: Block, now: Block) -> Iterator[tuple[str, str]]:
    """What of a block is not as it was at first."""
    if first.said and now.said:
        few = "" not in first.labels and len(first.labels) * LEAST_OF_A_LABEL <= first.said
        if (index := psi(first.sure, now.sure)) is not None:
            yield "confidence", f"how sure the stage is is distributed otherwise than at first (stability index {index:.2f})"
        if few and (index := psi(first.labels, now.labels)) is not None:
            yield "labels", f"what it says is distributed otherwise than at first (stability index {index:.2f})"
    for kind, what, before, after in (
        ("coverage", "would be answered by it", first.answers, now.answers),
        ("outside", "lie outside of what is certified", first.outside, now.outside),
        ("versions", "have another version of the prompt", first.others, now.others),
        ("failures", "it failed at", first.failed, now.failed),
    ):
        n, m, was, found = first.calls, now.calls, before / first.calls, after / now.calls
        spread = math.sqrt(max(was * (1 - was), 1 / n) / n + max(found * (1 - found), 1 / m) / m)
        moved = was - found if kind == "coverage" else found - was
        if moved > max(RISE, SURE * spread):
            yield kind, f"{found:.0%} of the calls {what}, at first {was:.0%}"
    was_ms, now_ms = first.times.quantile(0.95), now.times.quantile(0.95)
    if was_ms is not None and now_ms is not None and now_ms > max(SLOWER * was_ms, was_ms + LEAST_MS):
        yield "latency", f"its answers take {now_ms:.1f} ms (p95), at first {was_ms:.1f} ms"


def psi(was: Mapping[T, int], now: Mapping[T, int]) -> float | None:
    """The population stability index of two histograms where it is beyond `PSI` and what chance makes of so few calls; else None."""
    n, m, bins = sum(was.values()), sum(now.values()), was.keys() | now.keys()
    total = 0.0
    for one in bins:
        a = (was.get(one, 0) + 0.5) / (n + 0.5 * len(bins))
        b = (now.get(one, 0) + 0.5) / (m + 0.5 * len(bins))
        total += (b - a) * math.log(b / a)
    return total if total > PSI + 2 * (len(bins) - 1) * (1 / n + 1 / m) else None


def _add(block: Block, toss: Toss, cover: Cover) -> None:
    block.calls += 1
    block.failed += bool(toss.failed)
    block.outside += toss.outside
    block.others += toss.version_id is not None and toss.version_id not in cover.version_ids
    block.answers += toss.answered or toss.outcome in ("agreed", "differs")
    if toss.confidence is not None:
        block.said += 1
        step = min(max(int(toss.confidence * BINS), 0), BINS - 1)
        block.sure[step] = block.sure.get(step, 0) + 1
        label = toss.label if toss.label in block.labels or len(block.labels) < MOST_LABELS else ""
        block.labels[label] = block.labels.get(label, 0) + 1
    if toss.stage_ms is not None:
        block.times.add(toss.stage_ms)


def _merge(into: Block, block: Block) -> None:
    for name in ("calls", "said", "answers", "outside", "others", "failed"):
        setattr(into, name, getattr(into, name) + getattr(block, name))
    for step, number in block.sure.items():
        into.sure[step] = into.sure.get(step, 0) + number
    for label, number in block.labels.items():
        kept = label if label in into.labels or len(into.labels) < MOST_LABELS else ""
        into.labels[kept] = into.labels.get(kept, 0) + number
    for ms, number in block.times.counts.items():
        into.times.counts[ms] = into.times.counts.get(ms, 0) + number
