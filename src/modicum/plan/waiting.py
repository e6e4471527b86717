"""How many calls stand in a machine at once, and how long each takes, when they come at random.

A serving engine that batches is a server that all its callers share: with n of them at once, n / round(n) calls end a second, and more than
it has room for wait. With arrivals at random, the chance of n at once falls out of balancing what comes against what goes,

    p(n) = p(n - 1) x rate / ending(n)

whatever the calls' lengths are (Cohen's generalised processor sharing: A. and M. Brandt, ZIB-Report 09-25,
https://studylib.net/doc/18844603/zr_09_25.---opus-4, read 2026-11-22), and the mean time of a call is the mean number over the rate
(Little's law). Tested against a simulation of single calls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from modicum.plan.speed import Roofline

FULLEST = 0.999
"""Of what can end at the best batch; nearer to it nothing settles."""
SMALLEST = 40.0
"""Logarithms below the likeliest number at which numbers are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A machine under calls that come at a steady mean rate."""

    busy: float
    """Share of the time in which it has any."""
    mean: float
    """Calls at once, waiting ones included."""
    often: int
    """Calls at once that are exceeded in one per cent of the time."""
    seconds: float
    """From a call's arrival to its end, on the mean."""


def settle(line: Roofline, most: int, input_tokens: float, output_tokens: float, rate: float) -> Settled:
    """Under `rate` calls a second, with room for `most` at once. A rate above what can end is taken as just below it."""
    ending = endings(line, most, input_tokens, output_tokens)
    rate = min(rate, ending[-1] * FULLEST)
    if rate <= 0:
        return Settled(busy=0.0, mean=0.0, often=0, seconds=1 / ending[0])
    logs = [0.0]
    for each in ending:
        logs.append(logs[-1] + math.log(rate / each))
    top = max(logs)
    weights = [math.exp(one - top) if one > top - SMALLEST else 0.0 for one in logs]
    # Those that wait: a geometric tail.
    ratio = rate / ending[-1]
    tail = weights[-1] * ratio / (1 - ratio)
    whole = math.fsum(weights) + tail
    mean = (math.fsum(n * weight for n, weight in enumerate(weights)) + tail * (most + 1 / (1 - ratio))) / whole
    return Settled(busy=1 - weights[0] / whole, mean=mean, often=_often(weights, whole, ratio), seconds=mean / rate)


def _often(weights: list[float], whole: float, ratio: float) -> int:
    left = whole
    for n, weight in enumerate(weights):
        left -= weight
        if left <= 0.01 * whole:
            return n
    return len(weights) - 1 + math.ceil(math.log(0.01 * whole / left) / math.log(ratio))


@lru_cache(maxsize=64)
def endings(line: Roofline, most: int, input_tokens: float, output_tokens: float) -> tuple[float, ...]:
    """Calls that end a second with 1, 2, ... `most` at once."""
    return tuple(line.calls_a_second(n, input_tokens, output_tokens) for n in range(1, most + 1))
