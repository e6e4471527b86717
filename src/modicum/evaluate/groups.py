"""The unit of every promise: groups of calls that are not independent of each other.

A group is: the same normalised text, or word Jaccard >= 0.8 to the group's *first* member (no chaining), the same conversation, or the
same end user where users are many. Says which calls belong together; knows nothing of answers, so it may look at any call at any time.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modicum.types import Sample
from modicum.workload.sameness import JACCARD, normalise, words

MANY_USERS = 200
MOST_OF_ONE_USER = 0.02
LARGEST_TIED_SHARE = 0.02
LARGEST_TIED_CALLS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Every sample's group, numbered 0, 1, ... by the time of its first call."""

    of: tuple[int, ...]
    """Aligned with the samples."""
    texts: tuple[int, ...]
    """Aligned with the samples: number of the text group, before conversations and users tie them together."""
    repeats: tuple[int, ...]
    """Aligned with the samples: number of the normalised text; equal where it is the same."""
    ties: tuple[int, ...]
    """Aligned with the samples: number of the conversation or user, -1 where there is none."""
    count: int
    by_user: bool
    """Did users tie calls together? Only where they are many."""

    def __len__(self) -> int:
        return self.count


def text_of_slots(sample: Sample) -> str:
    """All slots of the sample, one a line: what is grouped by unless the caller knows which slots matter."""
    return "\n".join(value for _, value in sample.slots)


def group_samples(samples: Sequence[Sample], *, text_of: Callable[[Sample], str] = text_of_slots) -> Groups:
    """Put samples that hang together into one group. The result does not depend on the order of `samples`.

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

    by_user = _users_are_many(samples)
    ties = _ties(samples, order, by_user)
    keys = _joined(texts, ties)
    number: dict[int, int] = {}
    for i in order:
        number.setdefault(keys[i], len(number))
    of = tuple(number[key] for key in keys)
    return Groups(of=of, texts=tuple(texts), repeats=tuple(repeats), ties=tuple(ties), count=len(number), by_user=by_user)


def _users_are_many(samples: Sequence[Sample]) -> bool:
    users = Counter(sample.user_id for sample in samples if sample.user_id is not None)
    return len(users) >= MANY_USERS and max(users.values()) <= MOST_OF_ONE_USER * users.total()


def _ties(samples: Sequence[Sample], order: Sequence[int], by_user: bool) -> list[int]:
    """Conversations, joined by their users where users are many: a number for each call, -1 for none."""
    ids: dict[tuple[str, str], int] = {}
    parent: list[int] = []
    nodes = [-1] * len(samples)
    for i in order:
        for name in (("user", samples[i].user_id if by_user else None), ("conversation", samples[i].conversation_id)):
            if name[1] is None:
                continue
            node = ids.setdefault((name[0], name[1]), len(ids))
            if node == len(parent):
                parent.append(node)
            if nodes[i] >= 0:
                parent[_root(parent, node)] = _root(parent, nodes[i])
            nodes[i] = node
    return [_root(parent, node) if node >= 0 else -1 for node in nodes]


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
