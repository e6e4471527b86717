"""The rows as Markdown: medians over rounds, and ratios that were taken within a round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.gateway.load import median

Row = dict[str, Any]
NONE = "–"


def added(rows: Sequence[Row]) -> str:
    """What a gateway adds to a call: its percentile less the direct call's in the same round."""
    lines = []
    for key in _in_order((row["upstream"], row["characters"], row["rate"]) for row in rows):
        these = [row for row in rows if (row["upstream"], row["characters"], row["rate"]) == key]
        bare = {row["round"]: row for row in these if row["side"] == "direct"}
        for side in _in_order(row["side"] for row in these if row["side"] != "direct"):
            own = [row for row in these if row["side"] == side and row["round"] in bare]
            cells = [_span([row[name] - bare[row["round"]][name] for row in own], "{:.2f}") for name in ("p50_ms", "p99_ms")]
            cpu = median([row["cpu_us"] for row in own])
            errors = sum(row["errors"] for row in own)
            lines.append([key[0], f"{key[1]:,}", str(key[2]), side, *cells, _number(cpu, "{:.0f}"), str(errors)])
    return table(
        ["upstream", "characters", "requests/s", "", "added p50 ms (min..max)", "added p99 ms (min..max)", "CPU µs", "errors"], lines
    )


def throughput(rows: Sequence[Row]) -> str:
    """Closed loop; against nginx and LiteLLM within each round."""
    lines = []
    for callers in _in_order(row["callers"] for row in rows):
        these = [row for row in rows if row["callers"] == callers]
        for side in _in_order(row["side"] for row in these):
            own = [row for row in these if row["side"] == side]
            figures = [_number(median([row[name] for row in own]), shape) for name, shape in _BURST.items()]
            ratios = [
                _span(_ratios(own, [row for row in these if row["side"] == other], "requests_s"), "{:.2f}")
                for other in ("nginx", "LiteLLM")
            ]
            cpu = _span(_ratios([row for row in these if row["side"] == "LiteLLM"], own, "cpu_us"), "1/{:.0f}")
            lines.append([str(callers), side, *figures, *ratios, cpu, str(sum(row["errors"] for row in own))])
    heads = [
        "callers",
        "",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "RSS MB",
        "× nginx (min..max)",
        "× LiteLLM",
        "CPU of LiteLLM's",
        "errors",
    ]
    return table(heads, lines)


_BURST = {"requests_s": "{:,.0f}", "p50_ms": "{:.2f}", "p99_ms": "{:.2f}", "cpu_us": "{:.0f}", "rss_mb": "{:.0f}"}


def answers(rows: Sequence[Row]) -> str:
    lines = []
    for callers in _in_order(row["callers"] for row in rows):
        own = [row for row in rows if row["callers"] == callers]
        figures = [_number(median([row[name] for row in own]), shape) for name, shape in _BURST.items()]
        lines.append([str(callers), *figures, str(sum(row["errors"] for row in own))])
    return table(["callers", "answers/s", "p50 ms", "p99 ms", "CPU µs", "RSS MB", "errors"], lines)


def streams(rows: Sequence[Row]) -> str:
    shapes = {"first_p50_ms": "{:.2f}", "first_p99_ms": "{:.2f}", "p50_ms": "{:.1f}", "streams_s": "{:.1f}", "cpu_event_us": "{:.1f}"}
    bare = {row["round"]: row for row in rows if row["side"] == "direct"}
    lines = []
    for side in _in_order(row["side"] for row in rows):
        own = [row for row in rows if row["side"] == side]
        figures = [_number(median([row[name] for row in own]), shape) for name, shape in shapes.items()]
        more = _span([row["first_p50_ms"] - bare[row["round"]]["first_p50_ms"] for row in own if row["round"] in bare], "{:.2f}")
        lines.append([side, *figures, more, str(sum(row["errors"] for row in own))])
    heads = ["", "first event p50 ms", "p99", "whole p50 ms", "streams/s", "CPU µs an event", "added to the first event ms", "errors"]
    return table(heads, lines)


def starts(rows: Sequence[Row]) -> str:
    lines = []
    for side in _in_order(row["side"] for row in rows):
        own = [row for row in rows if row["side"] == side]
        lines.append([side, _span([row["start_s"] for row in own], "{:.2f}"), _span([row["rss_mb"] for row in own], "{:.0f}")])
    return table(["", "start s (min..max)", "RSS MB"], lines)


def soak(row: Row) -> str:
    names = ("minutes", "rate", "answered", "errors", "lost", "doubled", "rss_settled_mb", "rss_end_mb", "growth_percent", "cpu_us")
    shapes = ("{:.0f}", "{:.0f}", "{:,}", "{}", "{}", "{}", "{:.1f}", "{:.1f}", "{:+.1f}", "{:.0f}")
    heads = ["minutes", "requests/s", "answered", "errors", "lost", "doubled", "RSS MB, settled", "at the end", "growth %", "CPU µs"]
    return table(heads, [[shape.format(row[name]) for name, shape in zip(names, shapes, strict=True)]])


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    made = ["| " + " | ".join(line) + " |" for line in (heads, *lines)]
    return "\n".join([made[0], "|" + "---|" * len(heads), *made[1:]])


def _ratios(over: Sequence[Row], under: Sequence[Row], name: str) -> list[float]:
    """Of the same round, where both are known and not nothing."""
    below = {row["round"]: row[name] for row in under}
    return [row[name] / below[row["round"]] for row in over if row[name] and below.get(row["round"])]


def _span(values: Sequence[float], shape: str) -> str:
    """Median, least and most."""
    numbers = [value for value in values if value == value]
    if not numbers:
        return NONE
    one: Callable[[float], str] = shape.format
    return f"{one(median(numbers))} ({one(min(numbers))}..{one(max(numbers))})"


def _number(value: float, shape: str) -> str:
    return shape.format(value) if value == value else NONE


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Each once, in the order of the first."""
    return list(dict.fromkeys(values))
