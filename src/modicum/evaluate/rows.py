"""The rows of a certificate's evidence: one a certify group, without any text, written from the table that was tested and read back."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from modicum.errors import CertificateError
from modicum.evaluate.facts import Facts
from modicum.evaluate.judged import JudgedRows
from modicum.evaluate.table import UNREAD, Table
from modicum.route.rule import refusal
from modicum.types import Attempt, Prediction, PromiseKind

Array = NDArray[np.float64]

FORMAT = "modicum-certificate/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One certify group, without text."""

    key: str
    """Keyed hash of the call's id: found again by who has the key, by nobody else."""
    score: float
    said: str
    told: str | None
    runner_up: str
    runner_up_probability: float
    calls: int
    cost_usd: Decimal | None
    excess: float | None
    """B: loss(specialist) - loss(incumbent), None where they differ and no label is known. C: 1 wrong, 0 right, None where nobody knows."""
    accepted: bool
    loss: float
    """What the row adds to the certified rate: 1 for an accepted difference (A), the excess loss, 1 if unknown (B), 1 unless right (C)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow(Row):
    """One whose difference a judge labelled: `excess` is what people said of it, `loss` what stands in for that."""

    judged: float | None = None
    """The judge's word."""
    checked: bool = False
    """The coin sent it to people, as it does with this `share` of them."""
    share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands above the rows: what was going to be tested, and what no row can say."""

    format: str
    kind: PromiseKind
    attempt: Attempt
    facts: Facts
    labels: tuple[str, ...]
    """Of the table that was tested: those that nobody said in the window are too thin to certify as well."""


def row_key(key: bytes, call_id: str) -> str:
    """The name under which a call stands in the evidence."""
    return hashlib.blake2b(call_id.encode(), key=key, digest_size=16).hexdigest()


def encoded(record: object) -> bytes:
    """As JSON. Where no contract is stated nothing is said of one: digests of what is older stay as they are."""
    return msgspec.json.encode(record).replace(b',"contract":null', b"", 1)  # a text would have its quotes escaped


def write_rows(
    attempt: Attempt,
    kind: PromiseKind,
    table: Table,
    facts: Facts,
    keys: Sequence[str],
    excess: Array | None,
    accepted: NDArray[np.bool_],
    loss: Array,
    judged: JudgedRows | None,
) -> bytes:
    """The evidence: a head, then one row a certify group in the order in which it was tested."""
    lines = [encoded(Head(format=FORMAT, kind=kind, attempt=attempt, facts=facts, labels=table.labels))]
    for i, (prediction, told) in enumerate(zip(table.predictions, table.told.tolist(), strict=True)):
        row = Row(
            key=keys[i],
            score=prediction.confidence,
            said=prediction.value,
            told=None if told == UNREAD else table.labels[told],
            runner_up=prediction.runner_up,
            runner_up_probability=prediction.runner_up_probability,
            calls=int(table.weights[i]),
            cost_usd=table.costs[i],
            excess=None if excess is None or math.isnan(excess[i]) else float(excess[i]),
            accepted=bool(accepted[i]),
            loss=float(loss[i]),
        )
        if judged is not None:
            word = None if math.isnan(judged.judge[i]) else float(judged.judge[i])
            row = JudgedRow(**dataclasses.asdict(row), judged=word, checked=bool(judged.checked[i]), share=judged.share)
        lines.append(msgspec.json.encode(row))
    return b"\n".join(lines) + b"\n"


def table_of(rows: Sequence[Row], head: Head) -> tuple[Table, Array]:
    """The columns that the rows were written from, in their order."""
    predictions = tuple(
        Prediction(value=row.said, confidence=row.score, runner_up=row.runner_up, runner_up_probability=row.runner_up_probability)
        for row in rows
    )
    known = dict.fromkeys(head.labels)
    known.update(dict.fromkeys(name for row in rows for name in (row.said, row.told) if name is not None))
    labels = tuple(known)
    codes = {label: code for code, label in enumerate(labels)}
    free = dataclasses.replace(head.attempt.rule, accept_above=float("-inf"))
    table = Table(
        labels=labels,
        said=np.array([codes[row.said] for row in rows], dtype=np.int64),
        told=np.array([UNREAD if row.told is None else codes[row.told] for row in rows], dtype=np.int64),
        confidence=np.array([row.score for row in rows], dtype=np.float64),
        open=np.array([refusal(free, prediction) is None for prediction in predictions], dtype=np.bool_),
        weights=np.array([row.calls for row in rows], dtype=np.float64),
        predictions=predictions,
        costs=tuple(row.cost_usd for row in rows),
    )
    return table, np.array([math.nan if row.excess is None else row.excess for row in rows], dtype=np.float64)


def rows_of(data: bytes) -> tuple[Row, ...]:
    """The rows of a certificate file. Raises CertificateError where the bytes are no such file."""
    lines = [line for line in data.split(b"\n")[2:] if line.strip()]
    try:
        return msgspec.json.decode(b"[" + b",".join(lines) + b"]", type=tuple[Row, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CertificateError(f"this is no certificate file: {error}") from None
