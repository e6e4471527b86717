"""What a fit would take, before anything is done: time, memory, disk and money, from the sizes of a workload.

A model of the machine that it was measured on (how far off it was: docs/benchmarks.md, "Caches"): good for telling a minute from an hour.
Nothing is trained, opened or written to know it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from modicum.backends.features import HEAD_CHARS, TAIL_CHARS
from modicum.config import FitConfig
from modicum.errors import ConfigError
from modicum.pipeline.outlines import is_open
from modicum.pipeline.prepare import CERTIFY_SHARE
from modicum.train.linear import SMALL_WORK, TRAIN_CHARS, TRAIN_WORK
from modicum.train.neighbours import MOST_ENTRIES
from modicum.types import Contract, Sample

CALL_S = 0.0006
"""Grouping, caching and predicting one call."""
CHAR_S = 1.7e-6
"""Reading one character of training text, once a training."""
WORK_S = 9e-8
"""One training, a character of text and a label."""
REFITS = 2
"""A classifier is fitted anew where labels look wrong."""
FIELD_S = 0.0003
"""One call and one field of a record: its reading and its tagging, all trainings together."""
PAIR_S = 2.0e-7
"""Comparing two requests as vectors."""
TEXT_S, TOKEN_S = 0.0015, 0.00009
"""An encoder's text, and a token of it."""
CHARS_A_TOKEN = 4
BASE_MB = 350
"""What a fit of almost nothing takes."""
CALL_MB, CHAR_MB = 0.012, 6e-5
ENCODER_MB = 400
LABEL_SHARE = 0.10
"""B asks for labels on at most so many of the held-out requests (`Attempt.max_label_share`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a fit would take, about. Most, where it stops as soon as nothing more is to be gained."""

    cpu_s: float
    """On one core."""
    ram_mb: int
    vram_mb: int
    """Of a graphics card: nothing here uses one."""
    disk_mb: float
    labels: int
    """That people may be asked for, at most."""
    labels_usd: Decimal
    """What these would cost, at most."""
    calls_usd: Decimal
    """For asking models: a fit asks none."""


def estimate(contract: Contract, samples: Sequence[Sample], fit: FitConfig, *, label_usd: Decimal, judged_whole: bool = False) -> Effort:
    """What training and testing these would take. Without B there are no labels to ask for; `judged_whole`: C asks for those of all that
    is answered."""
    count, chars = len(samples), _chars(samples)
    learnt = 1 - CERTIFY_SHARE
    open_ = is_open(contract)
    seconds = CALL_S * count
    if open_:
        seconds += FIELD_S * learnt * count * max(1, len(contract.fields)) + CHAR_S * chars * learnt
    else:
        labels = max(2, len(contract.labels))
        read = min(chars * learnt, TRAIN_CHARS, TRAIN_WORK / labels)
        trainings = (5 if read * labels <= SMALL_WORK else 3) + 1
        seconds += REFITS * trainings * (CHAR_S * read + WORK_S * read * labels)
        seconds += PAIR_S * learnt * count * min(learnt * count, MOST_ENTRIES)
    encodes = fit.encoder is not None
    if encodes:
        seconds += 60 * fit.encoder_minutes + learnt * count * TEXT_S + TOKEN_S * learnt * chars / CHARS_A_TOKEN
    most = max(fit.max_encoder_bytes if encodes else 0, fit.max_size_bytes)
    wanted = 0 if open_ else math.ceil((1 if judged_whole else LABEL_SHARE) * CERTIFY_SHARE * count)
    return Effort(
        cpu_s=round(seconds, 1),
        ram_mb=round(BASE_MB + CALL_MB * count + CHAR_MB * chars + (ENCODER_MB if encodes else 0)),
        vram_mb=0,
        disk_mb=round(most / 1e6, 1),
        labels=wanted,
        labels_usd=(wanted * label_usd).quantize(Decimal("0.01")),
        calls_usd=Decimal(0),
    )


def dollars(name: str, said: str) -> Decimal:
    """A price of `[report]`. Raises ConfigError."""
    try:
        found = Decimal(said)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0:
        raise ConfigError(f"[report] {name} = '{said}' is no price", hint=f'{name} = "0.05"')
    return found


def _chars(samples: Sequence[Sample]) -> int:
    """Characters of what varies, as far as a specialist reads."""
    first = dict(samples[0].slots) if samples else {}
    varying = {name for sample in samples for name, text in sample.slots if first.get(name) != text}
    return sum(min(len(text), HEAD_CHARS + TAIL_CHARS) for sample in samples for name, text in sample.slots if name in varying)
