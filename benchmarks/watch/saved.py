"""What the report says that routes saved, beside what they did save: the simulation knows what each answer would have cost elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modicum.config import load
from modicum.report.measured import measured
from modicum.stats.binomial import clopper_pearson


def saved(home: Path, truth: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
    """By route id. `truth`: route id -> dollars that its answers would have cost from the incumbent.

    What the report takes off for computing and labels is taken off the truth too: nobody but the report counts those.
    """
    config = load(home / "modicum.toml", flags={"store.home": home}, environ={})
    found: dict[str, dict[str, float | None]] = {}
    for line in measured(config).routes:
        if line.route_id in truth:
            beside = line.compared_usd + line.compute_usd + line.labels_usd
            found[line.route_id] = {
                "assumed": _number(line.assumed_usd),
                "measured": _number(line.net_usd),
                "low": _number(line.low_usd),
                "high": _number(line.high_usd),
                "true": truth[line.route_id] - float(beside),
                "kept": line.conversations,
            }
    return found


def sentence(rows: Sequence[dict[str, Any]]) -> str:
    """How often the interval held the truth, over the routes of all replays."""
    found = [one["saving"] for row in rows for one in row["routes"] if one.get("saving")]
    some = [one for one in found if one["low"] is not None and one["high"] is not None]
    if not some:
        return ""
    held = sum(one["low"] <= one["true"] <= one["high"] for one in some)
    low, high = clopper_pearson(held, len(some), 0.95)
    told, true, assumed = (sum(one[name] or 0.0 for one in some) for name in ("measured", "true", "assumed"))
    return (
        f"Saving: the report's 95 % interval held the truth for {held} of {len(some)} routes ({held / len(some):.0%}; {low:.0%} to "
        f"{high:.0%}). All together it measured ${told:.3f}, true is ${true:.3f} ({told / true - 1:+.1%}); assumed by the certificates "
        f"${assumed:.3f} ({assumed / true - 1:+.1%}). {len(found) - len(some)} routes had too few kept calls for an interval."
    )


def _number(usd: object) -> float | None:
    return None if usd is None else float(str(usd))
