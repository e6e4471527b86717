"""Cut samples by time: the oldest train, the newest certify, and no text and no conversation stands on two sides.

A user may: a promise about the calls of people who come back is tested on calls of people who come back (docs/statistics.md).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from modicum.errors import NotEnoughDataError
from modicum.evaluate.groups import Groups
from modicum.types import Sample

RULES = 2
"""Of how calls are grouped and cut; one more with every change of them. An attempt that was declared by other rules is not taken up
again, and what was refused by them is tried anew."""
CERTIFY_SHARE = 0.35
"""Of the calls, the newest: what a certificate is tested on."""
AFTER_A_CHANGE = 0.5
"""The same of those since a change. What teaches must be of them too, and older ones may help to teach."""


def share_that_certifies(since: datetime | None) -> float:
    """Of the calls after a change, or of all where none was seen."""
    return CERTIFY_SHARE if since is None else AFTER_A_CHANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Which samples do what; every number is an index into the samples that were split."""

    train: tuple[int, ...]
    """All calls before the cut that share no text and no conversation with a certify group, in time order: what a specialist is fitted
    on."""
    tune: tuple[int, ...]
    """One call of each train group, drawn by the seed: what thresholds are planned on, with out-of-fold predictions. After a change only
    calls since then."""
    certify: tuple[int, ...]
    """One call of each certify group, drawn by the seed, in time order. Their count is n."""
    certify_calls: tuple[int, ...]
    """All control calls of the certify groups: what calls-weighted figures speak of."""
    weights: tuple[int, ...]
    """Aligned with `certify`: control calls of the group inside the window."""
    left_out_groups: int
    """Texts and conversations with calls on both sides of the cut: in train as far as they are old, never in certify."""
    left_out_train: int
    """Old calls that share a conversation or a text with a certify group: used nowhere."""
    cut: datetime
    """Train < cut <= certify."""
    window_from: datetime
    window_to: datetime


def split_by_time(
    samples: Sequence[Sample],
    groups: Groups,
    *,
    seed: int,
    certify_share: float = 0.35,
    not_before: datetime | None = None,
    since: datetime | None = None,
) -> Split:
    """Cut where `certify_share` of the control calls are newer, but never before `not_before` (the end of the newest opened window).
    `since`: when a change was seen; the share is of the calls after it, and what is planned on is of them.

    Only control calls certify: those that the incumbent answered whatever they said. Which call speaks for its group is drawn by a hash
    of seed and call id, so the order of `samples` does not matter. Raises NotEnoughDataError where one side would be empty.
    """
    order = sorted(range(len(samples)), key=lambda i: (samples[i].at, samples[i].call_id))
    cut = find_cut(samples, certify_share=certify_share, not_before=not_before, since=since)
    first_new = bisect_left([samples[i].at for i in order], cut)
    old, new = order[:first_new], order[first_new:]

    reaching_back = {groups.requests[i] for i in old}
    members: dict[int, list[int]] = defaultdict(list)
    for i in new:
        if samples[i].control and groups.requests[i] not in reaching_back:
            members[groups.units[i]].append(i)
    drawn = sorted((_draw(samples, rows, seed), len(rows)) for rows in members.values())
    drawn.sort(key=lambda row: (samples[row[0]].at, samples[row[0]].call_id))
    certify = tuple(i for i, _ in drawn)

    # A closure that fell apart (groups.py) may leave a conversation or a text on both sides: the old side gives way.
    certify_calls = tuple(sorted((i for rows in members.values() for i in rows), key=lambda i: (samples[i].at, samples[i].call_id)))
    texts, ties = {groups.texts[i] for i in certify_calls}, {groups.ties[i] for i in certify_calls} - {-1}
    train = tuple(i for i in old if groups.texts[i] not in texts and groups.ties[i] not in ties)
    left_out = len({groups.requests[i] for i in new if samples[i].control} & reaching_back)
    if not certify or not train:
        why = f"; {left_out:,} that came after it were asked before, or their conversations began before it" if left_out else ""
        raise NotEnoughDataError(
            f"a cut at {cut:%Y-%m-%d %H:%M} leaves {len(train):,} calls to train on and {len(certify):,} distinct requests to certify "
            f"with{why}"
        )
    train_members: dict[int, list[int]] = defaultdict(list)
    for i in train:
        train_members[groups.units[i]].append(i)
    for group, rows in train_members.items():
        train_members[group] = [i for i in rows if samples[i].control] or rows
    if since is not None:
        recent = {group: [i for i in rows if samples[i].at > since] for group, rows in train_members.items()}
        train_members = defaultdict(list, {group: rows for group, rows in recent.items() if rows})
        if not train_members:
            raise NotEnoughDataError(f"no call since {since:%Y-%m-%d %H:%M} is left to plan on")
    return Split(
        train=train,
        tune=tuple(sorted(_draw(samples, rows, seed) for rows in train_members.values())),
        certify=certify,
        certify_calls=certify_calls,
        weights=tuple(size for _, size in drawn),
        left_out_groups=left_out,
        left_out_train=len(old) - len(train),
        cut=cut,
        window_from=samples[certify_calls[0]].at,
        window_to=samples[certify_calls[-1]].at,
    )


def find_cut(
    samples: Sequence[Sample], *, certify_share: float = 0.35, not_before: datetime | None = None, since: datetime | None = None
) -> datetime:
    """Where `split_by_time` cuts, by times alone: what is older can never certify, so anything may be chosen on it."""
    control = sorted(sample.at for sample in samples if sample.control)
    if since is not None:
        not_before = since if not_before is None else max(since, not_before)
        control = [at for at in control if at > since] or control
    if not control:
        raise NotEnoughDataError("no call that the incumbent answered for reasons of its own: nothing can certify")
    cut = control[min(int(len(control) * (1 - certify_share)), len(control) - 1)]
    if not_before is not None:
        # Strictly newer than what was opened: the cut is the first call after it.
        later = next((at for at in control if at > not_before), None)
        if later is None:
            raise NotEnoughDataError(f"no call is newer than {not_before:%Y-%m-%d %H:%M}, the end of the newest opened window")
        cut = max(cut, later)
    return cut


def _draw(samples: Sequence[Sample], rows: Sequence[int], seed: int) -> int:
    return min(rows, key=lambda i: (hashlib.blake2b(f"{seed}\0{samples[i].call_id}".encode(), digest_size=16).digest(), i))
