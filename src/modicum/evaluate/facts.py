"""What a certificate states beyond its attempt and its rows: whom it covers, how often the incumbent differs from itself, until when."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modicum.evaluate.groups import Groups
from modicum.evaluate.split import Split
from modicum.types import Contract, Cover, Sample

ENOUGH = 20
"""Calls that must repeat an earlier one before they tell how often an incumbent differs from itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a certificate states beyond its attempt and its rows."""

    workload_name: str
    scope: str
    cover: Cover
    confidence: float
    """What all attempts together keep: 1 - delta of the operator, before any of it was spent."""
    left_out_groups: int
    self_disagreement: float | None
    calls_per_month: float
    control_share: float
    baseline: str
    labels_by: str = "gold labels"
    """B: who labelled, as the sentence says it."""
    created_at: datetime
    expires_at: datetime
    contract: Contract | None = None


def repeat_disagreement(samples: Sequence[Sample], groups: Groups) -> tuple[float | None, int]:
    """How often the incumbent differs from itself, over pairs of calls with the same normalised text (mean over texts); and how many pairs.

    An unread answer differs from everything. (None, 0) where nothing repeats.
    """
    answers: dict[int, list[str | None]] = {}
    for sample, repeat in zip(samples, groups.repeats, strict=True):
        answers.setdefault(repeat, []).append(sample.value)
    shares, pairs = [], 0
    for values in answers.values():
        if (m := len(values)) > 1:
            counts = {value: values.count(value) for value in set(values) if value is not None}
            all_pairs = m * (m - 1) // 2
            shares.append(1 - sum(c * (c - 1) // 2 for c in counts.values()) / all_pairs)
            pairs += all_pairs
    return (sum(shares) / len(shares) if shares else None), pairs


def disagreement_in(samples: Sequence[Sample], groups: Groups, *, since: datetime | None = None) -> float | None:
    """`repeat_disagreement` where at least `ENOUGH` calls repeat an earlier one; None where they are too few to tell a share. Only of calls
    newer than `since`, where a change was seen: what differs over it is the change."""
    if since is not None:
        rows = [i for i, sample in enumerate(samples) if sample.at > since]
        samples, groups = [samples[i] for i in rows], dataclasses.replace(groups, repeats=tuple(groups.repeats[i] for i in rows))
    return repeat_disagreement(samples, groups)[0] if len(groups.repeats) - len(set(groups.repeats)) >= ENOUGH else None


def ceiling(self_disagreement: float | None) -> str:
    """What stands behind every sentence about agreement: nobody agrees with an incumbent more often than it does. Empty where unknown."""
    return "" if self_disagreement is None else f"; asked the same again, the incumbent differs from itself in {self_disagreement:.1%}"


def cover_of(samples: Sequence[Sample], split: Split, *, view_version: str) -> Cover:
    """Which requests the certify window saw: models, versions of the prompt, lengths, turns."""
    seen = [samples[i] for i in split.certify_calls]
    return Cover(
        incumbents=tuple(sorted({sample.incumbent for sample in seen})),
        version_ids=tuple(sorted({sample.version_id for sample in seen})),
        view_version=view_version,
        max_input_chars=max(sample.input_chars for sample in seen),
        max_turns=max(sample.turns for sample in seen),
    )


def expiry(created_at: datetime, expires_days: int) -> datetime:
    return created_at + timedelta(days=expires_days)
