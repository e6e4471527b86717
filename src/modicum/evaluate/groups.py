"""The unit of every promise: groups of calls that are not independent of each other.

A group is: the same normalised text, or word Jaccard >= 0.8 to the group's *first* member (no chaining), the same conversation, or where
users are many one visit: all that a user asks in a day, and where users are mostly new all that he ever asks. Says which calls belong
together; knows nothing of answers, so it may look at any call at any time.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from modicum.types import Sample
from modicum.workload.sameness import JACCARD, normalise, words

MANY_USERS = 200
MOST_OF_ONE_USER = 0.02
RETURNING = 0.9
"""Where so much of what is newer than the cut comes from users who asked before it, these users are the traffic: each visit is a draw of
its own. Where less does, the window's users are themselves a draw, and each counts once (`benchmarks/users.py`)."""
LARGEST_TIED_SHARE = 0.02
LARGEST_TIED_CALLS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Every sample's group, numbered 0, 1, ... by the time of its first call."""

    units: tuple[int, ...]
    """Aligned with the samples. Users and visits tie within each side of the cut, never over it."""
    requests: tuple[int, ...]
    """Aligned with the samples: number of what texts and conversations alone make one, whoever asked."""
    texts: tuple[int, ...]
    """Aligned with the samples: number of the text group, before anything ties them together."""
    repeats: tuple[int, ...]
    """Aligned with the samples: number of the normalised text; equal where it is the same."""
    ties: tuple[int, ...]
    """Aligned with the samples: number of the conversation, -1 where there is none."""
    count: int
    by_user: bool
    """Does each user count once? Only where they are many and mostly new."""
    by_visit: bool
    """Does what a user asks in a day (UTC) count once, and did that tie anything? Only where users are many and come back."""

    def __len__(self) -> int:
        return self.count


def text_of_slots(sample: Sample) -> str:
    """All slots of the sample, one a line: what is grouped by unless the caller knows which slots matter."""
    return "\n".join(value for _, value in sample.slots)


def group_samples(samples: Sequence[Sample], *, text_of: Callable[[Sample], str] = text_of_slots, cut: datetime | None = None) -> Groups:
    """Put samples that hang together into one group. The result does not depend on the order of `samples`. `cut`: where train ends;
    without one all samples are one side, and nobody returns.

    Conversations and users tie text groups together; where such ties would chain through texts that many people send ("hello") into a
    group of more than 50 calls and 2 % of all, shared texts stand alone instead. Linear in practice: 25,000 calls take CPU seconds.
    """
    order = sorted(range(len(samples)), key=lambda i: (samples[i].at, samples[i].call_id))
    normalised = [normalise(text_of(sample)) for sample in samples]
    repeat_of: dict[str, int] = {}
    for i in order:
        repeat_of.setdefault(normalised[i], len(repeat_of))
    leaders = _leaders([words(text) for text in repeat_of])
    repeats = [repeat_of[text] for text in normalised]
    texts = [leaders[repeat] for repeat in repeats]

    ties = _numbered([sample.conversation_id for sample in samples], order)
    requests = _joined(texts, ties)
    many = _users_are_many(samples)
    by_user = many and _returning(samples, cut) < RETURNING
    visits = [None if s.user_id is None else (s.user_id, None if by_user else s.at.astimezone(UTC).date()) for s in samples] if many else []
    keys = _tied_on_each_side(samples, order, requests, visits, cut) if many else requests
    number: dict[int, int] = {}
    for i in order:
        number.setdefault(keys[i], len(number))
    return Groups(
        units=tuple(number[key] for key in keys),
        requests=tuple(requests),
        texts=tuple(texts),
        repeats=tuple(repeats),
        ties=tuple(ties),
        count=len(number),
        by_user=by_user,
        by_visit=many and not by_user and len(number) < len(set(requests)),
    )


def _users_are_many(samples: Sequence[Sample]) -> bool:
    users = Counter(sample.user_id for sample in samples if sample.user_id is not None)
    return len(users) >= MANY_USERS and max(users.values()) <= MOST_OF_ONE_USER * users.total()


def _returning(samples: Sequence[Sample], cut: datetime | None) -> float:
    """Which share of the newer calls whose user is named comes from users who asked before the cut."""
    if cut is None:
        return 0.0
    before = {sample.user_id for sample in samples if sample.at < cut}
    newer = [sample.user_id for sample in samples if sample.at >= cut and sample.control and sample.user_id is not None]
    return sum(user in before for user in newer) / len(newer) if newer else 0.0


def _tied_on_each_side(
    samples: Sequence[Sample], order: Sequence[int], requests: Sequence[int], visits: Sequence[Hashable], cut: datetime | None
) -> list[int]:
    """Requests tied by the visits they are of, on each side of the cut for itself."""
    keys, first = [-1] * len(samples), 0
    old = [i for i in order if cut is not None and samples[i].at < cut]
    for side in (old, [i for i in order if cut is None or samples[i].at >= cut]):
        tied = _joined([requests[i] for i in side], _numbered([visits[i] for i in side], range(len(side))))
        for i, key in zip(side, tied, strict=True):
            keys[i] = first + key
        first = max(keys, default=-1) + 1
    return keys


def _numbered(names: Sequence[Hashable], order: Sequence[int]) -> list[int]:
    """A number for each name, by its first call; -1 for none."""
    ids: dict[Hashable, int] = {}
    for i in order:
        if (name := names[i]) is not None:
            ids.setdefault(name, len(ids))
    return [-1 if name is None else ids[name] for name in names]


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _joined(texts: Sequence[int], ties: Sequence[int]) -> list[int]:
    """Text groups and ties closed under "has a call in common"; too large a closure falls apart at the texts that several ties share."""
    first_tie = max(texts, default=-1) + 1
    parent = list(range(first_tie + max(ties, default=-1) + 1))
    for text, tie in zip(texts, ties, strict=True):
        if tie >= 0:
            parent[_root(parent, first_tie + tie)] = _root(parent, text)
    closed = [_root(parent, text) for text in texts]
    sizes = Counter(closed)
    largest = max(LARGEST_TIED_CALLS, LARGEST_TIED_SHARE * len(texts))
    if all(size <= largest for size in sizes.values()):
        return closed
    ties_of: dict[int, set[int]] = defaultdict(set)
    for text, tie in zip(texts, ties, strict=True):
        ties_of[text].add(tie)  # -1 too: an untied call shares its text with the tied ones
    out = []
    for root, text, tie in zip(closed, texts, ties, strict=True):
        if sizes[root] <= largest:
            out.append(root)
        elif len(ties_of[text]) > 1 or tie < 0:
            out.append(len(parent) + text)
        else:
            out.append(len(parent) + first_tie + tie)
    return out


def _leaders(sets: Sequence[frozenset[str]]) -> list[int]:
    """For each set in turn the number of its group: that of the earliest leader with Jaccard >= 0.8, or a new one that it leads.

    Exact. Prefix filtering (Bayardo et al. 2007; Wang et al. 2012 for prefixes that must share several words): of two sets that similar,
    the |s| - ceil(0.8 |s|) + l rarest words of each have at least l in common, so only leaders found there are compared.
    """
    frequency = Counter(word for members in sets for word in members)
    rank = {word: i for i, word in enumerate(sorted(frequency, key=lambda word: (frequency[word], word)))}
    postings: dict[int, array[int]] = {}  # word -> leaders that have it in their prefix
    led: list[frozenset[int]] = []  # leader's number -> its words
    out: list[int] = []
    for members in sets:
        ranked = sorted(rank[word] for word in members)
        own = frozenset(ranked)
        prefix = ranked[: len(ranked) - math.ceil(JACCARD * len(ranked) - 1e-9) + _shared(len(ranked))]
        candidates = _candidates([postings[word] for word in prefix if word in postings], len(ranked), led)
        found = next((leader for leader in candidates if _similar(own, led[leader])), len(led))
        if found == len(led):
            led.append(own)
            for word in prefix:
                postings.setdefault(word, array("q")).append(found)
        out.append(found)
    return out


def _shared(size: int) -> int:
    """How many words the prefixes of two similar sets must share, for sets of this size: more for long texts, whose prefixes are long."""
    return max(1, size // 20)


def _candidates(found: Sequence[array[int]], size: int, led: Sequence[frozenset[int]]) -> list[int]:
    """Leaders that stand in enough of the postings, earliest first."""
    if sum(map(len, found)) < 500:
        counts = Counter(leader for posting in found for leader in posting)
        return sorted(leader for leader, n in counts.items() if n >= _shared(min(size, len(led[leader]))))
    times = np.bincount(np.concatenate([np.frombuffer(posting, dtype=np.int64) for posting in found]))
    least = _shared(math.ceil(JACCARD * size - 1e-9))
    return [leader for leader in np.nonzero(times >= least)[0].tolist() if times[leader] >= _shared(min(size, len(led[leader])))]


def _similar(one: frozenset[int], other: frozenset[int]) -> bool:
    small, large = sorted((len(one), len(other)))
    if small < JACCARD * large - 1e-9:
        return False
    common = len(one & other)
    return common >= JACCARD * (small + large - common) - 1e-9
