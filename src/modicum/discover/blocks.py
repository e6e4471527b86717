"""Blocks: shingles that stand in the same calls.

Shingles of one instruction live and die together; those of natural text do not. Two shingles are taken to stand in the
same calls when the minima of three random numbers over their calls agree (MinHash, Broder 1997) and their counts are
within 8 %. No similarity between calls is ever computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modicum.discover.gather import Corpus
from modicum.discover.shingles import I64, U64, draws, shingle

LEAST_CALLS = 15
"""A group of fewer calls is not told from chance."""
_LEAST_SHINGLES = 3
_TOLERANCE = 0.08
_BUCKETS = 22
_SYSTEM, _USER = 0x1234567, 0x89ABCDE


@dataclass(slots=True)
class Blocks:
    """Blocks of a corpus and which calls hold them: parallel arrays `call`, `block`, sorted by call."""

    size: I64
    """Shingles of each block."""
    in_system: I64
    """Of these, how many stand in the system text."""
    call: I64
    block: I64


def find_blocks(corpus: Corpus) -> Blocks:
    """The blocks of a corpus. A call holds a block when it has at least half of its shingles."""
    calls = len(corpus)
    system_of, user_of = (np.frombuffer(column, np.int64) for column in (corpus.system_of, corpus.user_of))
    units = len(corpus.systems) + len(corpus.users)
    many = np.bincount(system_of, minlength=len(corpus.systems)), np.bincount(user_of, minlength=len(corpus.users))
    times = np.concatenate(many)
    system_hash, system_unit = shingle(corpus.systems, _SYSTEM)
    user_hash, user_unit = shingle(corpus.users, _USER)
    hashes, unit = np.concatenate([system_hash, user_hash]), np.concatenate([system_unit, user_unit + len(corpus.systems)])
    in_system = np.zeros(len(hashes), bool)
    in_system[: len(system_hash)] = True
    del system_hash, user_hash, system_unit, user_unit
    hashes, unit, in_system = _frequent(hashes, unit, in_system, times)
    if not len(hashes):
        return _none()
    minima = np.full((units, 3), np.iinfo(np.uint64).max, np.uint64)
    random = np.frombuffer(b"".join(draws(corpus.call_ids)), "<u8").reshape(calls, 3)
    np.minimum.at(minima, system_of, random)
    np.minimum.at(minima, user_of + len(corpus.systems), random)
    order = np.argsort(hashes, kind="stable")
    hashes, unit, in_system = hashes[order], unit[order], in_system[order]
    starts = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])
    counts = np.add.reduceat(times[unit], starts)
    triple = np.stack([np.minimum.reduceat(minima[unit, k], starts) for k in range(3)], axis=1)
    keep = counts >= LEAST_CALLS
    block_of = np.full(len(starts), -1, np.int64)
    block_of[keep] = _same_calls(triple[keep], counts[keep])
    kept = block_of >= 0
    if not kept.any():
        return _none()
    size = np.bincount(block_of[kept])
    system_size = np.bincount(block_of[kept], weights=in_system[starts][kept], minlength=len(size)).astype(np.int64)
    pair_block = np.repeat(block_of, np.diff(np.r_[starts, len(hashes)]))
    held = pair_block >= 0
    call, block = _holders(unit[held], pair_block[held], size, system_of, user_of + len(corpus.systems), units)
    return Blocks(size, system_size, call, block)


def _frequent(hashes: U64, unit: I64, in_system: npt.NDArray[np.bool_], times: I64) -> tuple[U64, I64, npt.NDArray[np.bool_]]:
    """Without the shingles that a table of 4 million counters already shows to be rare."""
    bucket = (hashes >> np.uint64(32 - _BUCKETS)).astype(np.int64)
    counts = np.bincount(bucket, weights=times[unit], minlength=1 << _BUCKETS)
    keep = counts[bucket] >= LEAST_CALLS
    return hashes[keep], unit[keep], in_system[keep]


def _same_calls(triple: U64, counts: I64) -> I64:
    """Block number of each shingle, -1 for none."""
    order = np.lexsort((counts, triple[:, 2], triple[:, 1], triple[:, 0]))
    triple, counts = triple[order], counts[order]
    starts = np.flatnonzero(np.r_[True, (triple[1:] != triple[:-1]).any(axis=1)])
    ends = np.r_[starts[1:], len(triple)]
    found = np.full(len(order), -1, np.int64)
    number = 0
    for start, end in zip(starts[ends - starts >= _LEAST_SHINGLES], ends[ends - starts >= _LEAST_SHINGLES], strict=True):
        median = counts[(start + end) // 2]
        near = np.abs(counts[start:end] - median) <= _TOLERANCE * median
        if near.sum() >= _LEAST_SHINGLES:
            found[order[start:end][near]] = number
            number += 1
    return found


def _holders(unit: I64, block: I64, size: I64, system_of: I64, user_of: I64, units: int) -> tuple[I64, I64]:
    blocks = len(size)
    pairs, counts = np.unique(unit * blocks + block, return_counts=True)
    pair_unit, pair_block = pairs // blocks, pairs % blocks
    starts = np.searchsorted(pair_unit, np.arange(units + 1))
    calls = len(system_of)
    keys, sums = [], []
    for of in (system_of, user_of):
        many = starts[of + 1] - starts[of]
        call = np.repeat(np.arange(calls), many)
        within = np.arange(len(call)) - np.repeat(np.cumsum(many) - many, many)
        place = np.repeat(starts[of], many) + within
        keys.append(call * blocks + pair_block[place])
        sums.append(counts[place])
    joined, weights = np.concatenate(keys), np.concatenate(sums)
    distinct, inverse = np.unique(joined, return_inverse=True)
    total = np.bincount(inverse, weights=weights, minlength=len(distinct))
    held = distinct[2 * total >= size[distinct % blocks]]
    return held // blocks, held % blocks


def _none() -> Blocks:
    empty = np.empty(0, np.int64)
    return Blocks(empty, empty, empty, empty)
