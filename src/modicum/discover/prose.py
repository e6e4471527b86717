"""Is it free text, beyond doubt? A quick look at some of many answers, so that not all are searched for labels that are not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modicum.discover.labels import Said
from modicum.workload import spoken
from modicum.workload.bare import fold, strip_affix
from modicum.workload.number import number

_MANY = 6_000
"""Distinct answers under which all are looked at anyway."""
_LOOKED_AT = 2_000
"""A label of one in a thousand comes back among so many with a chance of .59; of labels at the limit of 1,000, most do."""
_SHARE = 0.3


def is_prose(said: Sequence[Said], affix: str) -> bool:
    """True where nothing that any reader finds in the answers comes back or is a number. False says nothing."""
    if len(said) <= _MANY:
        return False
    sample = said[:: len(said) // _LOOKED_AT + 1]
    total = sum(one.times for one in sample)
    closed = 0
    for form in {"{}", affix}:
        texts = [(strip_affix(one.text, form), one.times) for one in sample]
        for reader in (spoken.whole, spoken.first, spoken.last, spoken.emphasis):
            counts: Counter[str] = Counter()
            for text, times in texts:
                piece = reader(text)
                if piece:
                    counts["0" if number(piece) is not None else fold(piece)] += times
            closed += sum(times for times in counts.values() if times > 1)
            if closed >= _SHARE * total:
                return False
    return True
