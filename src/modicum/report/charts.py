"""What the page's drawings are made of: figures in, shares of a width and pixels of a height out. The markup is in `html/`.

Widths are per cent, so that a drawing fits a telephone and a sheet of paper without its letters shrinking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from modicum.report import words
from modicum.report.currency import shown
from modicum.report.history import Comparison, Slice, Trend
from modicum.report.records import WorkloadFigures
from modicum.report.trend import APART, REST
from modicum.types import Saving

HEIGHT = 190
"""Pixels of the trend's plot."""
ABOUT_TICKS = 4
OTHERS = APART
"""The number of the colour of all that does not stand apart."""
WIDEST_COLUMN = 6.0
"""Per cent: three days are three columns and not three walls."""
NARROWEST_INTERVAL = 2.0
"""Per cent: a shorter interval would be a blot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A rectangle: `at` and `size` in per cent of the width or pixels of the height, whichever way it grows."""

    at: float
    size: float
    series: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One step of the trend."""

    x: float
    width: float
    pieces: tuple[Piece, ...]
    observed: bool
    label: str
    """Below it; empty for most."""
    rank: int
    """0: the label stands on the narrowest screen too; 1: only where there is room."""
    title: str
    part: bool = False
    """Drawn fainter: only a part of it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    y: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The trend, drawn."""

    height: int
    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    names: tuple[str, ...]
    summary: str
    """The drawing in a sentence, for who cannot see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One workload's bar in per cent: what it costs, how much of that is saved, and the saving's interval."""

    spend: float
    saving: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One part of a change, from the middle outwards."""

    name: str
    note: str
    usd: Decimal
    at: float
    size: float


def columns(trend: Trend) -> Columns:
    """Stacked columns, the dearest workload at the bottom, on an axis of round amounts in the currency in force."""
    rate = float(shown().rate)
    sums = [sum(map(float, one.parts_usd)) * rate for one in trend.slices]
    step, top = round_axis(max(sums, default=0.0))
    n = len(trend.slices)
    pitch = 100 / max(n, 1)
    width = min(pitch * 0.78, WIDEST_COLUMN)
    labels = _labels(trend)
    # What is left has a colour of its own, however few stand apart.
    colours = [OTHERS if name == REST else place for place, name in enumerate(trend.names)]
    drawn = []
    for number, one in enumerate(trend.slices):
        base = 0.0
        pieces = []
        for series, part in enumerate(one.parts_usd):
            size = float(part) * rate / top * HEIGHT if top else 0.0
            if size > 0:
                pieces.append(Piece(at=round(HEIGHT - base - size, 2), size=round(size, 2), series=colours[series]))
            base += size
        label, rank = labels.get(number, ("", 1))
        drawn.append(
            Column(
                x=round(number * pitch + (pitch - width) / 2, 3),
                width=round(width, 3),
                pieces=tuple(pieces),
                observed=one.observed,
                label=label,
                rank=rank,
                title=_said(one),
                part=one.part and one.observed,
            )
        )
    ticks = (
        [Tick(y=round(HEIGHT - k * step / top * HEIGHT, 2), label=axis_label(k * step, step)) for k in range(round(top / step) + 1)]
        if top
        else []
    )
    return Columns(height=HEIGHT, columns=tuple(drawn), ticks=tuple(ticks), names=trend.names, summary=_summary(trend, sums))


def round_axis(most: float) -> tuple[float, float]:
    """(step, top): steps of 1, 2, 2.5 or 5 times a power of ten, about four of them, the top at or above `most`; (1, 0) for nothing."""
    if most <= 0 or not math.isfinite(most):
        return 1.0, 0.0
    raw = most / ABOUT_TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    return step, math.ceil(most / step - 1e-9) * step


def axis_label(amount: float, step: float) -> str:
    """As many digits behind the point as the step has."""
    digits = next((count for count in range(10) if math.isclose(round(step, count), step)), 10)
    if digits == 1:
        digits = 2  # cents come in two
    return f"{shown().symbol}{amount:,.{digits}f}" if amount else "0"


def bar(line: WorkloadFigures, dearest: Decimal) -> Bar:
    """Per cent of the dearest workload's month, on one scale for all."""
    saved = line.saving
    low, high = interval(saved, dearest)
    return Bar(
        spend=width(line.baseline_usd_month, dearest),
        saving=width(saved.usd_month, dearest) if saved else 0.0,
        low=low,
        high=high,
    )


def width(usd: Decimal | None, whole: Decimal) -> float:
    """Per cent; what is unknown or a loss is drawn as nothing."""
    return 0.0 if usd is None or not whole else round(min(100.0, max(0.0, float(usd / whole) * 100)), 2)


def interval(saving: Saving | None, whole: Decimal) -> tuple[float | None, float | None]:
    if saving is None or saving.low_usd_month is None or saving.high_usd_month is None:
        return None, None
    low, high = width(saving.low_usd_month, whole), width(saving.high_usd_month, whole)
    return (low, high) if high - low >= NARROWEST_INTERVAL else (None, None)


def effects(comparison: Comparison) -> tuple[Effect, ...]:
    """What the change is made of, on one scale around a middle line: less to the left, more to the right. What made nothing is left out."""
    found = [
        ("days", "more or fewer days observed", comparison.days_usd),
        ("volume", "more or fewer calls" + (" a day" if comparison.uneven else ""), comparison.volume_usd),
        ("mix", "other workloads and models", comparison.mix_usd),
        ("price", "the same calls cost more or less", comparison.price_usd),
        ("new", "workloads there were none of before", comparison.new_usd),
        ("gone", "workloads there are none of any more", comparison.gone_usd),
    ]
    most = max(abs(usd) for _, _, usd in found)
    drawn = []
    for name, note, usd in found:
        if usd:
            size = round(float(abs(usd) / most) * 49.5, 2)
            drawn.append(Effect(name=name, note=note, usd=usd, at=50.0 if usd > 0 else round(50 - size, 2), size=size))
    return tuple(drawn)


def hours(counts: Sequence[int]) -> tuple[Piece, ...]:
    """Twenty-four columns of at most 48 pixels."""
    most = max(counts, default=0)
    pitch = 100 / max(1, len(counts))
    return tuple(
        Piece(at=round(number * pitch + pitch * 0.1, 3), size=round(count / most * 48, 2) if most else 0.0)
        for number, count in enumerate(counts)
    )


def step_name(one: Slice) -> str:
    """5 Oct · 5–11 Oct · Oct 2026."""
    if one.first == one.last:
        return f"{one.first.day} {one.first:%b}"
    return words.span(one.first, one.last).removesuffix(f" {one.last.year}")


def _said(one: Slice) -> str:
    if not one.observed:
        return f"{step_name(one)}: not observed"
    return f"{step_name(one)}: {words.money(one.spend_usd)}, {words.count(one.calls, 'call')}{', only a part of it' if one.part else ''}"


def _labels(trend: Trend) -> dict[int, tuple[str, int]]:
    """Which columns are named, and which of the names a telephone has room for."""
    n = len(trend.slices)
    if trend.step == "day":
        every = 1 if n <= 10 else 2 if n <= 16 else 7
        start = 0
        if every == 7:  # Mondays, as weeks are what repeats
            start = next((number for number, one in enumerate(trend.slices) if one.first.weekday() == 0), 0)
        marked = list(range(start, n, every))
        names = [f"{trend.slices[number].first.day} {trend.slices[number].first:%b}" for number in marked]
    else:
        every = max(1, math.ceil(n / 10))
        marked = list(range(0, n, every))
        names = [
            f"{one.first:%b %Y}" if trend.step == "month" else f"{one.first.day} {one.first:%b}"
            for one in (trend.slices[number] for number in marked)
        ]
    thin = max(1, math.ceil(len(marked) / 4))
    return {number: (name, 0 if place % thin == 0 else 1) for place, (number, name) in enumerate(zip(marked, names, strict=True))}


def _summary(trend: Trend, sums: Sequence[float]) -> str:
    if not any(sums):
        return f"Spend by {trend.step}: none is known."
    most = max(range(len(sums)), key=sums.__getitem__)
    seen = [number for number, one in enumerate(trend.slices) if one.observed]
    least = min(seen, key=sums.__getitem__)
    rate = Decimal(str(float(shown().rate)))
    top, bottom = (words.money(Decimal(str(sums[number])) / rate) for number in (most, least))
    said = f"Spend by {trend.step}, between {bottom} ({step_name(trend.slices[least])}) and {top} ({step_name(trend.slices[most])})"
    return f"{said}, of {words.listing([words.visible(name, 60) for name in trend.names], 6)}."
