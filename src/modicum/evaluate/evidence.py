"""The certificate, its evidence without any text, and verification on a machine that has neither store nor calls.

A certificate file is JSON lines: the certificate; the attempt with the facts that no row carries; one row a certify group in the order
in which it was tested. `verify` builds the certificate anew from the last two and compares every figure; the digest in the certificate
covers their bytes, and the certificate's id is a digest of all the rest of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from modicum.errors import CertificateError
from modicum.evaluate.certify import Look, look_a, look_b, look_c, sampled_rows
from modicum.evaluate.facts import Facts
from modicum.evaluate.judged import JudgedRows, estimate, look_judged
from modicum.evaluate.saving import estimate_saving
from modicum.evaluate.sentence import promise
from modicum.evaluate.table import UNREAD, Table
from modicum.route.rule import refusal
from modicum.stats.binomial import upper_limit
from modicum.stats.clusters import mean_interval, rate_interval, weighted_mean
from modicum.stats.sequence import spending
from modicum.types import Attempt, Certificate, LabelRow, Prediction, PromiseKind

Array = NDArray[np.float64]
T = TypeVar("T")

FORMAT = "modicum-certificate/1"
_BY_LABELS = {"B": look_b, "C": look_c}
UNREADABLE = "(unreadable)"
"""How the table by label names the answers of the incumbent that could not be read."""


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
class _Head:
    format: str
    kind: PromiseKind
    attempt: Attempt
    facts: Facts
    labels: tuple[str, ...]
    """Of the table that was tested: those that nobody said in the window are too thin to certify as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure of a certificate, as stated and as recomputed."""

    name: str
    stated: str
    found: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Does a certificate follow from its evidence?"""

    certificate: Certificate
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.holds)


def write_certificate(
    attempt: Attempt, look: Look, table: Table, facts: Facts, *, key: bytes, excess: Array | None = None, judged: JudgedRows | None = None
) -> tuple[Certificate, bytes]:
    """The certificate of a look that passed, and its evidence. `key` hides call ids (up to 64 bytes).

    `excess`: what `look_b` or `look_c` was given; `judged` instead: what `look_judged` was.

    Raises CertificateError where the look passed nothing.
    """
    keys = [row_key(key, call_id) for call_id in table.call_ids]
    # Through JSON and back, so that what is digested here is what a reader of the file will digest (3080 is 3080.0).
    attempt, facts = _decoded(attempt, Attempt), _decoded(facts, Facts)
    return _assemble(attempt, look, table, facts, keys, excess, judged)


def row_key(key: bytes, call_id: str) -> str:
    """The name under which a call stands in the evidence."""
    return hashlib.blake2b(call_id.encode(), key=key, digest_size=16).hexdigest()


def certificate_file(certificate: Certificate, evidence: bytes) -> bytes:
    """What travels: the certificate, then its evidence."""
    return msgspec.json.encode({"certificate": certificate}) + b"\n" + evidence


def verify(data: bytes, certificate: Certificate | None = None) -> Verification:
    """Recompute every figure of a certificate file, or of bare evidence with the `certificate` beside it.

    Raises CertificateError where the bytes are no such file.
    """
    first, _, rest = data.partition(b"\n")
    try:
        if certificate is None:
            certificate = msgspec.json.decode(first, type=_File).certificate
        else:
            rest = rest if b'"certificate"' in first[:16] else data
        head_line, _, body = rest.partition(b"\n")
        head = msgspec.json.decode(head_line, type=_Head)
        rows = msgspec.json.Decoder(list[JudgedRow]).decode(b"[" + b",".join(line for line in body.split(b"\n") if line.strip()) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CertificateError(f"this is no certificate file: {error}") from None
    if head.format != FORMAT:
        raise CertificateError(f"certificate format {head.format!r} is not {FORMAT!r}", hint="a newer version of modicum wrote it")

    checks = [_check("evidence_digest", certificate.evidence_digest, _digest(rest))]
    table, excess = _table_of(rows, head)
    try:
        if not rows or any(row.calls < 1 for row in rows):
            raise CertificateError("a row speaks of no call" if rows else "no rows")
        if len(rows) != head.attempt.groups:
            raise CertificateError(f"{len(rows)} rows for {head.attempt.groups} groups")
        judged = JudgedRows.of(excess, [(row.judged, row.checked, row.share) for row in rows])
        if judged is not None:
            look = look_judged(head.attempt, table, judged)
        else:
            look = look_a(head.attempt, table) if head.kind == "A" else _BY_LABELS[head.kind](head.attempt, table, excess)
        labels = None if head.kind == "A" else excess
        found, evidence = _assemble(head.attempt, look, table, head.facts, [row.key for row in rows], labels, judged)
    except (CertificateError, ValueError, ArithmeticError) as error:
        checks.append(Check(name="test", stated="passed", found=str(error), holds=False))
        return Verification(certificate=certificate, checks=tuple(checks))
    checks.append(_check("rows", _digest(rest), _digest(evidence)))
    checks.append(_confidence(certificate, head))
    checks.append(_check("certificate_id", certificate.certificate_id, _identify(certificate)))
    for field in dataclasses.fields(Certificate):
        if field.name not in ("evidence_digest", "certificate_id", "confidence"):
            checks.append(_check(field.name, getattr(certificate, field.name), getattr(found, field.name)))
    return Verification(certificate=certificate, checks=tuple(checks))


def _confidence(certificate: Certificate, head: _Head) -> Check:
    """The confidence must be the evidence's, and what the attempt spends must be what its number may spend at that confidence."""
    stated = f"{certificate.confidence!r}, attempt {head.attempt.number} spends {head.attempt.delta!r}"
    try:
        allowed = spending(1 - head.facts.confidence, head.attempt.number)
    except ValueError as error:
        return Check(name="confidence", stated=stated, found=str(error), holds=False)
    return Check(
        name="confidence",
        stated=stated,
        found=f"{head.facts.confidence!r}, attempt {head.attempt.number} may spend {allowed!r}",
        holds=_same(certificate.confidence, head.facts.confidence) and abs(head.attempt.delta - allowed) <= 1e-12,
    )


def rows_of(data: bytes) -> tuple[Row, ...]:
    """The rows of a certificate file. Raises CertificateError where the bytes are no such file."""
    lines = [line for line in data.split(b"\n")[2:] if line.strip()]
    try:
        return msgspec.json.decode(b"[" + b",".join(lines) + b"]", type=tuple[Row, ...])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CertificateError(f"this is no certificate file: {error}") from None


def label_table(table: Table, accepted: NDArray[np.bool_], worse: NDArray[np.bool_], confidence: float = 0.95) -> tuple[LabelRow, ...]:
    """By what the incumbent told: groups, answered, answered and differing (`worse`), and a limit on the latter's share of the groups.

    The limits are one-sided Clopper-Pearson, each for itself, not all at once.
    """
    rows = []
    size = len(table.labels)
    told = np.where(table.told == UNREAD, size, table.told)
    groups, answered, bad = (
        np.bincount(told[mask], minlength=size + 1) for mask in (np.ones(len(table), bool), accepted, accepted & worse)
    )
    for code, label in enumerate((*table.labels, UNREADABLE)):
        if code < size or groups[code]:
            n, k = int(groups[code]), int(bad[code])
            rows.append(
                LabelRow(label=label, groups=n, answered=int(answered[code]), differing=k, upper_bound=upper_limit(k, n, confidence))
            )
    return tuple(sorted(rows, key=lambda row: (-row.groups, row.label)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    certificate: Certificate


def _assemble(
    attempt: Attempt, look: Look, table: Table, facts: Facts, keys: Sequence[str], excess: Array | None, judged: JudgedRows | None = None
) -> tuple[Certificate, bytes]:
    if look.rule is None:
        raise CertificateError("no threshold passed: there is nothing to certify")
    rule = look.rule
    accepted = np.array([refusal(rule, prediction) is None for prediction in table.predictions], dtype=np.bool_)
    seen = accepted & table.differs
    if look.kind == "A":
        loss = np.where(seen, 1.0, 0.0)
        interval = rate_interval(loss, table.weights, 0.95)
    elif look.kind == "C":
        assert excess is not None, "C is certified with the labels that it was tested with"
        loss = np.where(accepted & (excess != 0), 1.0, 0.0)  # NaN, unknown, is not 0
        interval = rate_interval(loss[accepted], table.weights[accepted], 0.95)
    else:
        if judged is None:
            assert excess is not None, "B is certified with the losses that it was tested with"
            said = np.where(np.isnan(excess), 1.0, excess)
        else:
            said = judged.stand_ins(table)
        if attempt.max_labels:  # those that were drawn speak for the others
            everyone, seen = int(seen.sum()), seen & np.isin(np.arange(len(table)), sampled_rows(attempt, table))
            said = said * (everyone / max(int(seen.sum()), 1))
        loss = np.where(seen, said, 0.0)
        interval = mean_interval(loss, table.weights, 0.95) if judged is None else estimate(loss, table.weights)
    grew = loss > 0 if judged is None else seen & judged.worse(table)
    evidence = _evidence(attempt, look.kind, table, facts, keys, excess if judged is None else judged.people, accepted, loss, judged)
    certificate = Certificate(
        certificate_id="",
        workload_id=attempt.workload_id,
        workload_name=facts.workload_name,
        scope=facts.scope,
        kind=look.kind,
        margin=attempt.margin,
        max_selective=attempt.max_selective,
        confidence=facts.confidence,
        delta_spent=attempt.delta / len(attempt.kinds),
        attempt_number=attempt.number,
        groups=len(table),
        calls=int(table.weights.sum()),
        accepted=int(accepted.sum()),
        errors=int(grew.sum()),
        labels_used=look.labels_used,
        coverage=float(accepted.mean()),
        coverage_calls=weighted_mean(accepted.astype(np.float64), table.weights),
        rate=float(loss[accepted].mean() if look.kind == "C" else loss.mean()),
        rate_calls_interval=interval,
        p_value=look.p_value,
        rule=rule,
        cover=facts.cover,
        artefact_digest=attempt.artefact_digest,
        label_table=label_table(table, accepted, table.differs if look.kind == "A" else grew),
        self_disagreement=facts.self_disagreement,
        left_out_groups=facts.left_out_groups,
        window_from=attempt.window_from,
        window_to=attempt.window_to,
        sentence=promise(
            look.kind,
            margin=attempt.margin,
            max_selective=attempt.max_selective,
            confidence=facts.confidence,
            incumbents=facts.cover.incumbents,
            window=(attempt.window_from, attempt.window_to),
            labels_by=facts.labels_by,
        ),
        saving=estimate_saving(
            table,
            accepted,
            calls_per_month=facts.calls_per_month,
            control_share=facts.control_share,
            baseline=facts.baseline,
            seed=attempt.seed % 2**32,
        ),
        evidence_digest=_digest(evidence),
        created_at=facts.created_at,
        expires_at=facts.expires_at,
    )
    return dataclasses.replace(certificate, certificate_id=_identify(certificate)), evidence


def _identify(certificate: Certificate) -> str:
    """The id: a digest of everything else that the certificate states."""
    return f"cert-{hashlib.sha256(msgspec.json.encode(dataclasses.replace(certificate, certificate_id=''))).hexdigest()[:32]}"


def _evidence(
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
    lines = [msgspec.json.encode(_Head(format=FORMAT, kind=kind, attempt=attempt, facts=facts, labels=table.labels))]
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


def _table_of(rows: Sequence[Row], head: _Head) -> tuple[Table, Array]:
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


def _decoded(record: T, kind: type[T]) -> T:
    return msgspec.json.decode(msgspec.json.encode(record), type=kind)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _check(name: str, stated: Any, found: Any) -> Check:
    return Check(name=name, stated=_short(stated), found=_short(found), holds=_same(stated, found))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else f"{text[:197]}…"


def _same(one: Any, other: Any) -> bool:
    """Equal; floats to the last digits, where two machines' logarithms may part."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-15)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if dataclasses.is_dataclass(one) and type(one) is type(other):
        return all(_same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return bool(one == other)
