"""How the models are asked, in rows and sentences: a report with its traffic in, what text and page show out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modicum.report import words
from modicum.report.records import Report, WorkloadFigures
from modicum.report.traffic import WorkloadTraffic

LONG_TOKENS = 8_000
"""A median input beyond this is pointed out: most tasks want a passage, and were given the book."""
CACHED_FROM = 1_024
"""Tokens: the least beginning of a prompt that OpenAI, Anthropic and Google keep for most of their models; for some it is longer."""
MOSTLY = 0.5
"""From this share on, a part of the input is most of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One workload's row. `at` and `size`: the stretch from the median to the 95th percentile of its seconds, per cent, logarithmic."""

    line: WorkloadFigures | None
    its: WorkloadTraffic
    cached: float | None
    smell: str
    at: float
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Calls by hour of the day."""

    counts: tuple[int, ...]
    summary: str


def asked(report: Report) -> tuple[Asked, ...]:
    """A row a workload, in the report's order, the calls of none last."""
    if report.traffic is None:
        return ()
    found: list[tuple[WorkloadFigures | None, WorkloadTraffic]] = []
    for line in (*report.workloads, None):
        its = report.traffic.workloads.get(line.workload_id if line else "")
        if its is not None and its.calls:
            found.append((line, its))
    scale = _scale([its for _, its in found])
    rows = []
    for line, its in found:
        at, size = _stretch(its, scale)
        rows.append(Asked(line=line, its=its, cached=line.cache_read_share if line else None, smell=_smell(line, its), at=at, size=size))
    return tuple(rows)


def said(report: Report) -> list[str]:
    """What is worth a sentence: long inputs, what is repeated, what a cache could serve."""
    traffic = report.traffic
    if traffic is None:
        return []
    sentences = []
    if traffic.repeated_share:
        part = words.percent(traffic.repeated_share)
        sentences.append(f"{part[:1].upper()}{part[1:]} of the calls repeat one that was answered within a day before.")
    cacheable = [row.line for row in asked(report) if row.line is not None and could_be_cached(row.line, row.its)]
    if cacheable:
        send = "sends" if len(cacheable) == 1 else "send"
        sentences.append(
            f"At least {CACHED_FROM:,} tokens of what {words.names(cacheable, 4)} {send} are the same text every time, at the beginning:"
            " a provider's cache could serve them and hardly does."
        )
    read = [row for row in asked(report) if row.line is not None and row.line.task not in ("embed", "rerank")]
    long = [row.line for row in read if row.line is not None and (row.its.input_tokens_p50 or 0) >= LONG_TOKENS]
    if long:
        sentences.append(
            f"{words.names(long, 4)}: more than {LONG_TOKENS:,} tokens go in at the median. A long context is worth a look: what is in it,"
            " and does the answer need it?"
        )
    return sentences


def conversations_said(report: Report) -> list[str]:
    """How much of everything conversations are, and how much of what they send had been sent before."""
    traffic = report.traffic
    if traffic is None or not traffic.conversations_seen:
        return []
    part = words.percent(traffic.calls_in_conversations / report.totals.calls) if report.totals.calls else words.UNKNOWN
    paid = f", {words.money(traffic.conversation_spend_usd)} in this period" if traffic.conversation_spend_usd is not None else ""
    seen = words.count(traffic.conversations_seen, "conversation or run of an agent", "conversations and runs of agents")
    sentences = [f"{seen} hold {part} of the calls{paid}."]
    if traffic.resent_share is not None:
        sentences.append(
            f"{words.percent(traffic.resent_share)} of their input tokens stood in an earlier call of the same conversation or run:"
            " each step sends what came before again."
        )
    return sentences


def clock(report: Report) -> Clock | None:
    """The calls of all workloads by hour of the day; None where no row says."""
    counts = [0] * 24
    for its in report.traffic.workloads.values() if report.traffic is not None else ():
        for hour, number in enumerate(its.hours[:24]):
            counts[hour] += number
    if not any(counts):
        return None
    most = max(range(24), key=counts.__getitem__)
    least = min(range(24), key=counts.__getitem__)
    return Clock(
        counts=tuple(counts),
        summary=f"Calls by hour, UTC: most from {most:02d}:00 ({counts[most]:,}), least from {least:02d}:00 ({counts[least]:,}).",
    )


def _smell(line: WorkloadFigures | None, its: WorkloadTraffic) -> str:
    if (its.input_tokens_p50 or 0) >= LONG_TOKENS:
        return "long context"
    if (its.resent_share or 0) >= MOSTLY:
        return "sends its conversation again and again"
    return "could be read from a cache" if line is not None and could_be_cached(line, its) else ""


def could_be_cached(line: WorkloadFigures, its: WorkloadTraffic) -> bool:
    """Its static beginning is long enough for a provider to keep, and less than half of that is read from a cache."""
    static = its.static_share or 0
    return static * (its.input_tokens_p50 or 0) >= CACHED_FROM and (line.cache_read_share or 0) < static / 2


def _scale(rows: Sequence[WorkloadTraffic]) -> tuple[float, float]:
    """The least and the greatest logarithm of the milliseconds."""
    told = [value for its in rows for value in (its.duration_ms_p50, its.duration_ms_p95) if value and value > 0]
    logs = [math.log10(value) for value in told]
    return (min(logs), max(logs)) if logs else (0.0, 0.0)


def _stretch(its: WorkloadTraffic, scale: tuple[float, float]) -> tuple[float, float]:
    low, high = its.duration_ms_p50, its.duration_ms_p95
    if not low or not high or low <= 0 or high < low or scale[1] <= scale[0]:
        return 0.0, 0.0
    start, end = ((math.log10(value) - scale[0]) / (scale[1] - scale[0]) * 98 for value in (low, high))
    return round(start, 2), round(max(end - start, 2.0), 2)
