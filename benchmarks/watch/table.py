"""The tables of the simulation, from the rows that its replays wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.watch.saved import sentence
from benchmarks.watch.traffic import CHANGES
from modicum.config import WatchConfig
from modicum.stats.binomial import clopper_pearson


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Everything, as Markdown."""
    routes = [{**route, "change": row["change"]} for row in rows for route in row["routes"]]
    rose = [one for one in routes if any(state == "on" for state, _, _ in one["steps"])]
    parts = [
        f"{len(rows)} replays, {sum(one['calls'] for one in routes):,} calls, {len(routes)} routes; {_came_on(routes)}; "
        f"{sum(row['failed'] for row in rows)} calls without an answer",
        "",
        "| planted | routes | promise broken | went back | calls of the workload until then | audits until then | answers meanwhile "
        "| worse than the incumbent's | more than promised | its last answer after the step back |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for change, what in CHANGES.items():
        some = [one for one in rose if one["change"] == change and one["changed"]]
        if some and change != "quiet":
            parts.append(_planted(f"{change}: {what}", some))
    if quiet := [one for one in rose if one["changed"]]:
        parts += ["", _quiet(quiet)]
    if told := sentence(rows):
        parts += ["", told]
    return "\n".join(parts)


def _came_on(routes: Sequence[dict[str, Any]]) -> str:
    after = [calls for one in routes for state, calls, _ in one["steps"] if state == "on"]
    if not after:
        return "none came on"
    return f"{len(after)} came on by themselves, after {np.median(after):,.0f} calls of the workload in the median"


def _planted(what: str, some: Sequence[dict[str, Any]]) -> str:
    """One line of the table."""
    ends = [(one, one["back"] or _end(one)) for one in some if not _early(one)]
    gone = [(one, end) for one, end in ends if one["back"]]

    def since(name: str, of: Sequence[tuple[dict[str, Any], dict[str, Any]]] = ends) -> list[float]:
        return [end[name] - one["changed"][name] for one, end in of]

    lost = zip(ends, since("lost"), since("calls"), strict=True)
    more = [max(0.0, found - one["margin"] * calls) for (one, _), found, calls in lost]
    cells = (
        what,
        f"{len(ends)}",
        f"{sum(map(_broken, ends))}",
        f"{len(gone)}",
        _spread(since("calls", gone)),
        _spread(since("audits", gone)),
        _spread(since("answered")),
        _spread(since("wrong")),
        _spread(more),
        f"{max((one['late_s'] for one, _ in gone), default=0.0):.2f} s",
    )
    return f"| {' | '.join(cells)} |"


def _broken(found: tuple[dict[str, Any], dict[str, Any]]) -> bool:
    """Since the change more was lost than what the tests are held to: the certified bound and its slack."""
    one, end = found
    lost, calls = (end[name] - one["changed"][name] for name in ("lost", "calls"))
    return bool(lost > one["margin"] * (1 + WatchConfig().slack) * calls)


def _early(one: dict[str, Any]) -> bool:
    """It went back before anything had changed."""
    return bool(one["back"]) and (one["change"] == "quiet" or one["back"]["at"] < one["changed"]["at"])


def _end(one: dict[str, Any]) -> dict[str, float]:
    return {name: one[name] for name in ("calls", "answered", "audits", "differing", "wrong", "lost")}


def _spread(values: Iterable[float]) -> str:
    """Median and the largest."""
    found = sorted(values)
    return f"{np.median(found):,.0f} (at most {found[-1]:,.0f})" if found else "none"


def _quiet(some: Sequence[dict[str, Any]]) -> str:
    """What happened while nothing had changed: whole replays, and the others until their change."""
    whole = [one for one in some if one["change"] == "quiet"]
    ends = [(one, one["back"] if _early(one) else _end(one) if one["change"] == "quiet" else one["changed"]) for one in some]
    calls, answered, differing, wrong, audits = (
        sum(end[name] for _, end in ends) for name in ("calls", "answered", "differing", "wrong", "audits")
    )
    false = sum(map(_early, whole))
    low, high = clopper_pearson(false, len(whole), 0.95) if whole else (0.0, 1.0)
    broken = sum(end["lost"] > one["margin"] * end["calls"] for one, end in ends)
    return (
        f"Quiet: {len(whole)} routes followed through whole replays without a change, {false} sent back ({low:.1%} to {high:.1%}, 95 %); "
        f"{sum(map(_early, some)) - false} of {len(some) - len(whole)} more before a planted change. In all {calls:,.0f} calls and "
        f"{audits:,.0f} audits without a change: {answered:,.0f} answered, of all calls {differing / calls:.2%} differed and "
        f"{wrong / calls:.2%} were worse; {broken} of {len(some)} routes were above their margin."
    )
