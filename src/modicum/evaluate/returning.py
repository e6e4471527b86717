"""The split for a rule that only repeats what was recorded: every distinct request of the newest calls certifies, old ones that return too.

A rule that learns must be tested on requests that it never saw. A rule that repeats says nothing of those; what it is promised for is
that the answer still holds when the request comes back. So groups that reach back over the cut stay in, each still counted once, and what
is tested of a call is what the rule would have said at that time from what was recorded before it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from modicum.errors import NotEnoughDataError
from modicum.evaluate.groups import Groups
from modicum.evaluate.split import Split
from modicum.types import Sample


def split_returning(samples: Sequence[Sample], groups: Groups, *, cut: datetime, tune_cut: datetime, seed: int) -> Split:
    """One control call of each group that was asked at or after `cut`, drawn by the seed among those calls; to plan on, the same of what
    was asked from `tune_cut` up to `cut`.

    Raises NotEnoughDataError where one of the two is empty.
    """
    drawn = _drawn(samples, groups, [i for i, one in enumerate(samples) if one.at >= cut and one.control], seed)
    tune = _drawn(samples, groups, [i for i, one in enumerate(samples) if tune_cut <= one.at < cut and one.control], seed)
    if not drawn or not tune:
        raise NotEnoughDataError(f"a cut at {cut:%Y-%m-%d %H:%M} leaves {len(tune)} requests to plan on and {len(drawn)} to certify with")
    window = sorted(
        (i for i, one in enumerate(samples) if one.at >= cut and one.control), key=lambda i: (samples[i].at, samples[i].call_id)
    )
    return Split(
        train=tuple(i for i, one in enumerate(samples) if one.at < cut),
        tune=tuple(i for i, _ in tune),
        certify=tuple(i for i, _ in drawn),
        certify_calls=tuple(window),
        weights=tuple(size for _, size in drawn),
        left_out_groups=0,
        left_out_train=0,
        cut=cut,
        window_from=samples[window[0]].at,
        window_to=samples[window[-1]].at,
    )


def _drawn(samples: Sequence[Sample], groups: Groups, rows: Sequence[int], seed: int) -> list[tuple[int, int]]:
    """(drawn call, calls) of each group that these calls are of, in time order."""
    members: dict[int, list[int]] = defaultdict(list)
    for i in rows:
        members[groups.units[i]].append(i)

    def place(i: int) -> tuple[bytes, int]:
        return hashlib.blake2b(f"{seed}\0{samples[i].call_id}".encode(), digest_size=16).digest(), i

    drawn = [(min(own, key=place), len(own)) for own in members.values()]
    return sorted(drawn, key=lambda pair: (samples[pair[0]].at, samples[pair[0]].call_id))
