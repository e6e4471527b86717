"""What a log itself calls its workloads, by the labels of their calls (`labelled.py`).

Such a name is better than words of the prompt where practically all calls of a workload carry it and few other workloads do. One
that stands on everything ("shop") or differs from call to call tells nothing apart, and where a scope has one workload there is nothing
to tell it from: who calls is no name for it then, what is asked for is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from modicum.discover.draft import Draft
from modicum.discover.labelled import WHO, Label

_SHARE = 0.9
_FEW = 1 / 3
"""A label on more than this share of the workloads names none of them."""


def call_drafts(drafts: Sequence[Draft]) -> list[str]:
    """What the log calls each draft; "" where it has no name for it. Two drafts may be called alike."""
    beside = Counter(draft.scope for draft in drafts)
    steady = [[label for label in _steady(draft) if label[0] < WHO or beside[draft.scope] > 1] for draft in drafts]
    often = Counter(name for names in steady for name in {name for _, name in names})
    most = max(1, int(_FEW * len(drafts)))
    return [next((name for _, name in names if often[name] <= most), "") for names in steady]


def _steady(draft: Draft) -> list[Label]:
    """Labels that nine in ten of its calls carry: those of one workload first, then the closer to the prompt."""
    counts: Counter[Label] = Counter()
    for part in draft.parts:
        times = np.bincount(np.frombuffer(part.corpus.labels_of, np.int64)[part.calls], minlength=len(part.corpus.labels))
        for number in np.flatnonzero(times).tolist():
            for label in part.corpus.labels[number]:
                counts[label] += int(times[number])
    return sorted(label for label, times in counts.items() if times >= _SHARE * len(draft))
