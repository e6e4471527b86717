"""Peel groups of calls off: the block in most calls first, then the same inside and outside of it.

A set of calls that shares 12 shingles of instruction is split further only where the answers disagree, or where one
alternative is longer than all that is shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modicum.discover.answers import Looks, disagree
from modicum.discover.blocks import LEAST_CALLS, Blocks
from modicum.discover.shingles import I64

_STATIC = 0.95
_SHARED = 12
"""Shingles of instruction that make a family."""
_MOST_BLOCKS = 200


@dataclass(frozen=True, slots=True)
class Group:
    """Calls of one template."""

    calls: I64
    static: int
    """Shingles that they share; 0 where nothing is fixed, or they are few and strayed from a group."""


def peel(blocks: Blocks, looks: Looks, calls: int) -> list[Group]:
    """Groups that partition the calls, the largest first."""
    todo = [(np.arange(calls), blocks.call, blocks.block)]
    groups = []
    while todo:
        members, call, block = todo.pop()
        chosen = _choose(blocks, looks, members, call, block)
        if isinstance(chosen, int):
            groups += _leaf(blocks, members, call, block, chosen)
            continue
        inside = np.zeros(calls, bool)
        inside[chosen] = True
        held = inside[call]
        todo.append((members[inside[members]], call[held], block[held]))
        todo.append((members[~inside[members]], call[~held], block[~held]))
    return sorted(groups, key=lambda group: (-len(group.calls), int(group.calls[0]) if len(group.calls) else 0))


def _leaf(blocks: Blocks, members: I64, call: I64, block: I64, shared: int) -> list[Group]:
    """The members as a group; without those that hold less than half of what it shares, where these are few."""
    if not shared:
        return [Group(members, 0)]
    static = np.bincount(block, minlength=len(blocks.size)) >= _STATIC * len(members)
    kept = static[block]
    place = np.searchsorted(members, call[kept])
    held = np.bincount(place, weights=blocks.size[block[kept]], minlength=len(members))
    strays = 2 * held < shared
    if not strays.any():
        return [Group(members, shared)]
    return [Group(members[~strays], shared), Group(members[strays], 0)]


def _choose(blocks: Blocks, looks: Looks, members: I64, call: I64, block: I64) -> I64 | int:
    """The calls to split off, or how many shingles the members share where nothing may split."""
    n = len(members)
    often = np.bincount(block, minlength=len(blocks.size))
    static = often >= _STATIC * n
    shared = int(blocks.size[static].sum())
    in_system = int(blocks.in_system[static].sum())
    able = np.flatnonzero((often >= LEAST_CALLS) & ~static)
    compared = 0
    for candidate in able[np.lexsort((able, -blocks.size[able], -often[able]))]:
        share = often[candidate] / n
        size = int(blocks.size[candidate])
        mostly_system = 2 * int(blocks.in_system[candidate]) >= size
        strays = n - often[candidate] < LEAST_CALLS
        if strays and shared >= _SHARED:
            continue
        if _structural(size, share, shared, mostly_system, in_system):
            inside: I64 = np.asarray(call[block == candidate])
            if shared < _SHARED or not _crossed(blocks, inside, call, block, candidate, often, n):
                return inside
        least = 3 if mostly_system else 6 if in_system else 4
        if share < 0.03 or share > 0.97 or size < least or compared >= _MOST_BLOCKS:
            continue
        compared += 1
        inside = np.asarray(call[block == candidate])
        if disagree(looks, inside, np.setdiff1d(members, inside, assume_unique=True), in_system=mostly_system):
            return inside
    return shared


def _crossed(blocks: Blocks, inside: I64, call: I64, block: I64, candidate: int, often: I64, n: int) -> bool:
    """Does another long block stand in some calls of both sides? Then both are contents of slots: passages, not instructions."""
    held = np.bincount(block[np.isin(call, inside)], minlength=len(often))
    outside = often - held
    among = (blocks.size >= blocks.size[candidate] / 4) & (np.arange(len(often)) != candidate)
    here, there = held / max(1, len(inside)), outside / max(1, n - len(inside))
    return bool((among & (here > 0.1) & (here < 0.9) & (there > 0.1) & (there < 0.9)).any())


def _structural(size: int, share: float, shared: int, mostly_system: bool, in_system: int) -> bool:
    """May a block split for its length alone?"""
    if shared >= _SHARED:
        return size > shared and share > 1 / 8
    if size < 4 or 2 * size <= shared:
        return False
    # words of users: a phrase is no instruction
    return mostly_system or size >= 8 or (size >= 6 and share > 1 / 16)
