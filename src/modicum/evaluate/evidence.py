"""The certificate and the file in which it travels, its evidence behind it.

A certificate file is JSON lines: the certificate; the attempt with the facts that no row carries; one row a certify group in the order
in which it was tested (`rows`). `verify` builds the certificate anew from the last two and compares every figure; the digest in the
certificate covers their bytes, and the certificate's id is a digest of all the rest of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from modicum.errors import CertificateError
from modicum.evaluate.certify import Look, sampled_rows
from modicum.evaluate.facts import Facts
from modicum.evaluate.judged import JudgedRows, estimate
from modicum.evaluate.rows import encoded, row_key, write_rows
from modicum.evaluate.saving import estimate_saving
from modicum.evaluate.sentence import promise
from modicum.evaluate.table import UNREAD, Table
from modicum.route.rule import refusal
from modicum.stats.binomial import upper_limit
from modicum.stats.clusters import mean_interval, rate_interval, weighted_mean
from modicum.types import Attempt, Certificate, LabelRow

Array = NDArray[np.float64]
T = TypeVar("T")

UNREADABLE = "(unreadable)"
"""How the table by label names the answers of the incumbent that could not be read."""


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
    return assemble(attempt, look, table, facts, keys, excess, judged)


def certificate_file(certificate: Certificate, evidence: bytes) -> bytes:
    """What travels: the certificate, then its evidence."""
    return encoded({"certificate": certificate}) + b"\n" + evidence


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


def assemble(
    attempt: Attempt, look: Look, table: Table, facts: Facts, keys: Sequence[str], excess: Array | None, judged: JudgedRows | None = None
) -> tuple[Certificate, bytes]:
    """`write_certificate` under row keys that are known: what its maker and who verifies it both do. Raises CertificateError."""
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
    evidence = write_rows(attempt, look.kind, table, facts, keys, excess if judged is None else judged.people, accepted, loss, judged)
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
        evidence_digest=digest(evidence),
        created_at=facts.created_at,
        expires_at=facts.expires_at,
        contract=facts.contract,
    )
    return dataclasses.replace(certificate, certificate_id=identify(certificate)), evidence


def identify(certificate: Certificate) -> str:
    """The id: a digest of everything else that the certificate states."""
    return f"cert-{hashlib.sha256(encoded(dataclasses.replace(certificate, certificate_id=''))).hexdigest()[:32]}"


def digest(data: bytes) -> str:
    """As a certificate states it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _decoded(record: T, kind: type[T]) -> T:
    return msgspec.json.decode(msgspec.json.encode(record), type=kind)
