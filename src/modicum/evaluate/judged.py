"""A judge model's labels in a test of kind B, each corrected by what people said of a random part.

Every accepted difference has the judge's word J in {-1, 0, 1} (+1: the specialist is the worse one). A coin independent of every label
sends each of them to people with probability `share`; they say D. What enters the test is

    Z = l J + (audited) (D - l J) / share,        E[Z] = E[D] for any l that does not know this row,

so the judge's errors cancel on average, whatever they are: a test of E[Z] <= margin is one of E[D] <= margin, and no assumption about the
judge is made. l is fitted on the earlier rows, which only changes how wide Z spreads. An audited call that nobody labelled counts as D = 1.

Source: prediction-powered inference (Angelopoulos et al. 2023; the weight l, PPI++: Angelopoulos, Duchi & Zrnic 2023; coins: Zrnic & Candès
2024, "Active statistical inference"), tested by betting (Waudby-Smith & Ramdas 2024) and no normal law: exact at any size.
Does not hold where people see what the judge said, or where the coin, its share or the judge are chosen by what labels say.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.errors import CertificateError
from modicum.evaluate.certify import Look, look_b
from modicum.evaluate.labels import Label, drawn, excess_losses
from modicum.evaluate.table import Table
from modicum.types import Attempt

Array = NDArray[np.float64]

TRUST = 2.0
"""So many rows' worth of faith in the judge, before any row was seen."""
LEAST_AUDIT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a judge says of the differences of one attempt, and how many of them people check."""

    model: str
    labels: Mapping[str, Label]
    """Its verdicts, by the name of the call. What it did not say counts as the worst case, which people's labels correct on average."""
    people: Mapping[str, Label]
    """What people say, as verdicts."""
    share: float
    """The chance of each call to be checked, in (0, 1]."""

    def rows(self, table: Table, people: Mapping[str, Label], attempt_id: str) -> JudgedRows:
        """Beside what people said, by the name of the call or its id; only the calls that the coin sent to them are read."""
        return JudgedRows(
            people=excess_losses(table, people, attempt_id),
            judge=excess_losses(table, self.labels, attempt_id),
            checked=np.array([is_audited(attempt_id, name, self.share) for name in table.response_ids], dtype=np.bool_),
            share=self.share,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRows:
    """The losses of a table's rows by two who say them: shapes (n,)."""

    people: Array
    """NaN where nobody said."""
    judge: Array
    checked: NDArray[np.bool_]
    share: float

    @classmethod
    def of(cls, people: Array, words: Sequence[tuple[float | None, bool, float]]) -> JudgedRows | None:
        """From rows of evidence: (judge's word, checked, share). None where no judge was asked. Raises CertificateError."""
        shares = {share for _, _, share in words}
        if shares <= {0.0}:
            return None
        if len(shares) > 1 or not 0 < (share := shares.pop()) <= 1:
            raise CertificateError("the rows were checked by different coins")
        judge = np.array([math.nan if word is None else word for word, _, _ in words], dtype=np.float64)
        return cls(people=people, judge=judge, checked=np.array([checked for _, checked, _ in words], dtype=np.bool_), share=share)

    def stand_ins(self, table: Table) -> Array:
        return stand_ins(table, self.people, self.judge, self.checked, self.share)

    def words(self, table: Table) -> Array:
        """The better word that there is on each row: people's where they checked, else the judge's; NaN where it is missing."""
        out: Array = np.where(table.differs, np.where(self.checked, self.people, self.judge), 0.0)
        return out

    def worse(self, table: Table) -> NDArray[np.bool_]:
        """Rows where by that word the loss grew; unsaid is worse."""
        words = self.words(table)
        return np.isnan(words) | (words > 0)

    def said(self, model: str) -> str:
        """Who labelled, as the certificate's sentence has it."""
        number = int((self.checked & ~np.isnan(self.people) & (self.judge != 0)).sum())
        return f"a judge ({model}) measured against {number:,} label{'' if number == 1 else 's'} of people"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How a judge did on the calls that people checked."""

    checked: int
    agree: int
    """On so many it said what people said: this one, that one, or neither is better."""


def look_judged(attempt: Attempt, table: Table, rows: JudgedRows) -> Look:
    """Test B along the attempt's thresholds by a judge's labels. What is bet on is scaled into [-1, 1], and the bounds with it."""
    scale = reach(rows.share) * (1 + 1e-9)  # never exactly 1, which would be taken for a loss that is right or wrong
    scaled = dataclasses.replace(attempt, margin=attempt.margin / scale, max_selective=attempt.max_selective / scale)
    look = look_b(scaled, table, rows.stand_ins(table) / scale)
    last = attempt.thresholds[len(look.p_values) - 1] if look.p_values else math.inf
    consulted = table.accepted(last) & table.differs & rows.checked & ~np.isnan(rows.people)
    return dataclasses.replace(look, labels_used=int(consulted.sum()))


def estimate(values: Array, weights: Array) -> tuple[float, float]:
    """About where a weighted mean of such values lies, at 95 %: two standard errors, one row a cluster."""
    total, n = float(weights.sum()), len(values)
    if n < 2 or total <= 0:
        return -1.0, 1.0
    mean = float((weights * values).sum()) / total
    residual = weights * (values - mean)
    half = 1.96 * math.sqrt(n / (n - 1) * float((residual * residual).sum())) / total
    return max(mean - half, -1.0), min(mean + half, 1.0)


def share_of(audit: int, wanted: int) -> float:
    """The chance that sends about `audit` of `wanted` calls to people."""
    return min(1.0, audit / wanted) if wanted else 1.0


def is_audited(attempt_id: str, response_id: str, share: float) -> bool:
    """The coin of a call: a keyed draw, fixed by the attempt."""
    return int.from_bytes(drawn(attempt_id, "audit", response_id)[:8], "big") < share * 2**64


def reach(share: float) -> float:
    """The largest value that Z can take: D = 1, J = -1, l = 1, audited."""
    return 2 / share - 1


def stand_ins(table: Table, people: Array, judge: Array, audited: NDArray[np.bool_], share: float) -> Array:
    """Z of each row, in the table's random order; 0 where nothing differs. All shapes (n,).

    `people`, `judge`: excess losses as `excess_losses` gives them, NaN where nobody said anything; read at audited rows, and everywhere.
    """
    differs = table.differs
    said = np.where(differs, np.where(np.isnan(judge), 1.0, judge), 0.0)
    true = np.where(differs, np.where(np.isnan(people), 1.0, people), 0.0)
    checked = audited & differs
    met = np.where(checked, true * said, 0.0)
    square = np.where(checked, said * said, 0.0)
    earlier = (np.cumsum(met) - met + TRUST) / (np.cumsum(square) - square + TRUST)
    weight = np.clip(earlier, 0.0, 1.0)
    out: Array = np.where(differs, weight * said + np.where(checked, (true - weight * said) / share, 0.0), 0.0)
    return out
