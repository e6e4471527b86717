"""Is an answer right at all? What C asks of labels, where B asks which of two answers is better."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.labels import Label, comparable, specialist_is_a
from modicum.evaluate.table import Table


def wrong_answers(table: Table, labels: Mapping[str, Label], attempt_id: str | None) -> NDArray[np.float64]:
    """1 where the specialist's answer is wrong, 0 where it is right, NaN where no label says; shape (n,).

    A gold answer counts as met as in `labels.excess_losses`. A verdict says it too: the specialist's side, or both, is right; of which side
    that is, `attempt_id` decides, and without one such a verdict says nothing.
    """
    names = [comparable(label) for label in table.labels]
    out = np.full(len(table), np.nan)
    for row, ids in enumerate(zip(table.response_ids, table.call_ids, strict=True)):
        label = labels.get(ids[0]) or labels.get(ids[1])
        if label is None:
            continue
        if label.gold is not None:
            out[row] = float(names[int(table.said[row])] != comparable(label.gold))
        elif label.verdict in ("both", "neither"):
            out[row] = float(label.verdict == "neither")
        elif label.verdict is not None and attempt_id is not None:
            out[row] = float((label.verdict == "a") != specialist_is_a(attempt_id, ids[0]))
    return out
