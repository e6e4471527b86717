"""How fast a workload's calls come in, told from when they came: times in, a supply out.

For "so many more calls: so many days" alone; what a certificate promises and saves does not rest on it. Three things would make such a
date worth nothing, and are kept out of it: an hour's log is no day's twenty-fourth (a day is the least that is observed), a burst is no
pace (no day counts for more than three usual ones), and in a silence of more than a week nobody was recording.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from modicum.evaluate.refuse import Supply

BURST = 3.0
"""A day counts for at most so many times the median day with calls."""
FEWEST_DAYS = 3
"""With calls: fewer do not say what is usual."""
LONGEST_SILENCE = timedelta(days=7)


def supplied(groups: int, times: Sequence[datetime]) -> Supply:
    """What comes in, from the calls that came at these times: `groups` of them are at hand to test with."""
    if not times:
        return Supply(groups=groups, calls=0, days=0.0)
    length, pace = _days(times), calls_a_day(times)
    return Supply(groups=groups, calls=len(times), days=len(times) / pace, observed_days=max(1, round(length)))


def calls_a_day(times: Sequence[datetime]) -> float:
    """The usual pace of these calls, at least one of which there must be."""
    each = Counter(at.astimezone(UTC).date() for at in times).values()
    most = BURST * statistics.median(each) if len(each) >= FEWEST_DAYS else max(each)
    return sum(min(calls, most) for calls in each) / _days(times)


def _days(times: Sequence[datetime]) -> float:
    """From the first call to the last without long silences, at least one."""
    ordered = sorted(times)
    gaps = (later - earlier for earlier, later in pairwise(ordered))
    return max(sum((gap for gap in gaps if gap <= LONGEST_SILENCE), timedelta()) / timedelta(days=1), 1.0)
