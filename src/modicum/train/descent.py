"""The steps that every fine-tuning here takes: AdamW with a warm-up and a linear decay, over batches of texts of like length.

What is learnt and how wrong it is are the caller's. Needs torch, imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modicum.train.counts import Ints

WARM_UP = 0.1
"""The share of all steps in which the rates rise."""
LONGEST_STEP = 1.0
"""Gradients of the encoder are cut to this norm."""


def descend(
    model: Any,
    parts: Sequence[dict[str, Any]],
    lengths: Sequence[int],
    loss_of: Callable[[Ints, np.random.Generator], Any],
    *,
    size: int,
    epochs: int,
    seed: int,
    progress: Callable[[float], None],
) -> None:
    """Go over texts of these `lengths` (tokens) `epochs` times in batches of `size`, and lower `loss_of` the rows of each batch.

    `parts`: the parameters with their rates, as AdamW takes them; `model` is the encoder among them. `loss_of` may draw from the generator
    that draws the batches: the same seed gives the same steps.
    """
    import torch

    steps = max(1, epochs * -(-len(lengths) // size))
    optimiser = torch.optim.AdamW(list(parts), fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / (WARM_UP * steps + 1), (steps - step) / (steps * (1 - WARM_UP) + 1))
    )
    random = np.random.default_rng(seed)
    done = 0
    for _ in range(epochs):
        for rows in batches(lengths, size, random):
            loss_of(rows, random).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), LONGEST_STEP)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            done += 1
            progress(done / steps)


def batches(lengths: Sequence[int], size: int, random: np.random.Generator) -> list[Ints]:
    """Rows of each batch: drawn anew each time, texts of like length together."""
    order = random.permutation(len(lengths))
    pools = [order[at : at + 50 * size] for at in range(0, len(order), 50 * size)]
    sorted_rows = [pool[np.argsort([lengths[row] for row in pool], kind="stable")] for pool in pools]
    found = [rows[at : at + size] for rows in sorted_rows for at in range(0, len(rows), size)]
    return [found[place] for place in random.permutation(len(found))]


def padded(ids: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Tokens and the mask of those that there are, each (texts, longest)."""
    longest = max(map(len, ids))
    tokens, mask = np.zeros((len(ids), longest), np.int64), np.zeros((len(ids), longest), np.int64)
    for row, one in enumerate(ids):
        tokens[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return tokens, mask
