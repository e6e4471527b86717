"""What a fit would take, before anything is done: time, memory, disk and money, from the sizes of a workload.

The shares of the work were measured on one machine; how fast this one is, and what its encoder takes for a text, is measured each time,
in a tenth of a second. How far off it was: docs/benchmarks.md, "What a fit would take". Nothing is trained, opened or written to know it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from modicum.backends.features import HEAD_CHARS, TAIL_CHARS
from modicum.config import FitConfig
from modicum.errors import ConfigError
from modicum.evaluate.split import CERTIFY_SHARE
from modicum.pipeline.outlines import is_open
from modicum.pipeline.tiers import TIMED
from modicum.train import frozen
from modicum.train.drift import COMPARED
from modicum.train.encoder import FOLDS
from modicum.train.encoder_graph import MAX_TOKENS
from modicum.train.encoder_rounds import MOST_FOLDS
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
FIELD_ALONE_S = 0.8
"""A field, however few calls there are; once more where it is joined with what an encoder reads."""
PAIR_S = 2.0e-7
"""Comparing two requests as vectors."""
TEXT_S, TOKEN_S = 0.0014, 6.5e-12
"""An encoder's text in int8, and a token of it and a number of the encoder's that is none of its words'."""
FULL = 2.0
"""Times as long in full precision."""
OPEN_S, LOWER_S = 10.0, 3.5e-7
"""Loading what exports an encoder; exporting one and quantising it, a number of the encoder's."""
HEAD_S = 5e-9
"""One head, a text, a number of its vector, and a label."""
HEADS, MORE_LABELS = 3, 10
"""Heads for each part of the samples: what teaches, what answers, what tells the scope; and what they take whatever the labels."""
CHAIN_S = 2.5e-8
"""A token and a number of its vector, once over: chains learnt over an encoder as it is."""
TAUGHT = 2
"""A specialist that an encoder teaches takes so many times as long to train as one that it does not."""
READERS = 3
"""Candidates with an encoder, which are timed."""
CHARS_A_TOKEN = 4
PACE_S = 0.0004
"""What `pace` counts took on the machine that all of this was measured on."""
PACED = "Please send the second card to my new address, the first one was lost on the way to work. " * 8
BASE_MB = 350
"""What a fit of almost nothing takes."""
CALL_MB, CHAR_MB = 0.012, 6e-5
ENCODER_MB = 400
LABEL_SHARE = 0.10
"""B asks for labels on at most so many of the held-out requests (`Attempt.max_label_share`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an encoder takes to read, in int8 and on one core."""

    text_s: float
    token_s: float
    """Beside that, for each of its tokens."""
    parameters: int
    """Without the table of its words."""
    width: int
    opened: bool
    """It is exported already."""

    @classmethod
    def like(cls, parameters: int, width: int, *, pace: float = 1.0) -> Reading:
        """Of an encoder that was not exported yet, by its size."""
        return cls(text_s=pace * TEXT_S, token_s=pace * TOKEN_S * parameters, parameters=parameters, width=width, opened=False)


UNKNOWN = Reading.like(11_000_000, 384)
"""Of an encoder that is not here yet: a small one."""


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


def pace() -> float:
    """How many times as long as there a piece of work takes here: texts taken apart and counted. The least of some tries."""
    least = math.inf
    for _ in range(9):
        began = time.thread_time()
        counts: dict[str, int] = {}
        for length in range(2, 6):
            for at in range(len(PACED) - length):
                gram = PACED[at : at + length]
                counts[gram] = counts.get(gram, 0) + 1
        least = min(least, time.thread_time() - began)
    return max(least, 1e-6) / PACE_S


def estimate(
    contract: Contract,
    samples: Sequence[Sample],
    fit: FitConfig,
    *,
    label_usd: Decimal,
    judged_whole: bool = False,
    pace: float = 1.0,
    reading: Reading = UNKNOWN,
) -> Effort:
    """What training and testing these would take. Without B there are no labels to ask for; `judged_whole`: C asks for those of all that
    is answered. `pace` as the function of that name says; `reading`: of the encoder, where one is named."""
    count, chars = len(samples), _chars(samples)
    learnt = 1 - CERTIFY_SHARE
    open_ = is_open(contract)
    seconds, fields = CALL_S * count, max(1, len(contract.fields))
    if open_:
        seconds += fields * (FIELD_S * learnt * count + FIELD_ALONE_S) + CHAR_S * chars * learnt
    else:
        labels = max(2, len(contract.labels))
        read = min(chars * learnt, TRAIN_CHARS, TRAIN_WORK / labels)
        trainings = (5 if read * labels <= SMALL_WORK else 3) + 1
        seconds += REFITS * trainings * (CHAR_S * read + WORK_S * read * labels)
        seconds += PAIR_S * learnt * count * min(learnt * count, MOST_ENTRIES)
    seconds *= pace
    encodes = fit.encoder is not None
    if encodes:
        per_text = reading.text_s + reading.token_s * min(chars / CHARS_A_TOKEN / max(1, count), MAX_TOKENS)
        rows = learnt * count
        # To learn from, to be compared in full, and to be tested; for open answers all of it again while they are put together.
        asked = (3 if open_ else 1) * rows + FULL * (2 if open_ else 1) * min(rows, COMPARED) + CERTIFY_SHARE * count
        seconds += 60 * fit.encoder_minutes + per_text * (asked + READERS * TIMED)
        seconds += 0.0 if reading.opened else pace * (OPEN_S + LOWER_S * reading.parameters)
        if open_:
            tokens = min(learnt * chars / CHARS_A_TOKEN, frozen.LEARN_TOKENS)
            seconds += pace * ((frozen.FOLDS + 1) * frozen.EPOCHS * CHAIN_S * tokens * reading.width + FIELD_ALONE_S * fields)
        else:
            heads = (FOLDS + 1) * HEADS * HEAD_S * rows * reading.width * (labels + MORE_LABELS)
            seconds += pace * (heads + TAUGHT * trainings * (CHAR_S * read + WORK_S * read * labels))
        if fit.encoder_minutes > 0:  # one more encoder for each part of the samples, and each reads all of them
            seconds += (MOST_FOLDS + 1) * (per_text * rows + pace * LOWER_S * reading.parameters)
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
