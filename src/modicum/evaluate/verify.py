"""Does a certificate follow from its evidence? Recomputed on a machine that has neither store nor calls."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum.errors import CertificateError
from modicum.evaluate.certify import look_a, look_b, look_c
from modicum.evaluate.evidence import assemble, digest, identify
from modicum.evaluate.judged import JudgedRows, look_judged
from modicum.evaluate.rows import FORMAT, Head, JudgedRow, table_of
from modicum.stats.sequence import spending
from modicum.types import Certificate

_BY_LABELS = {"B": look_b, "C": look_c}


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
        head = msgspec.json.decode(head_line, type=Head)
        rows = msgspec.json.Decoder(list[JudgedRow]).decode(b"[" + b",".join(line for line in body.split(b"\n") if line.strip()) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CertificateError(f"this is no certificate file: {error}") from None
    if head.format != FORMAT:
        raise CertificateError(f"certificate format {head.format!r} is not {FORMAT!r}", hint="a newer version of modicum wrote it")

    checks = [_check("evidence_digest", certificate.evidence_digest, digest(rest))]
    table, excess = table_of(rows, head)
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
        found, evidence = assemble(head.attempt, look, table, head.facts, [row.key for row in rows], labels, judged)
    except (CertificateError, ValueError, ArithmeticError) as error:
        checks.append(Check(name="test", stated="passed", found=str(error), holds=False))
        return Verification(certificate=certificate, checks=tuple(checks))
    checks.append(_check("rows", digest(rest), digest(evidence)))
    checks.append(_confidence(certificate, head))
    checks.append(_check("certificate_id", certificate.certificate_id, identify(certificate)))
    for field in dataclasses.fields(Certificate):
        if field.name not in ("evidence_digest", "certificate_id", "confidence"):
            checks.append(_check(field.name, getattr(certificate, field.name), getattr(found, field.name)))
    return Verification(certificate=certificate, checks=tuple(checks))


def _confidence(certificate: Certificate, head: Head) -> Check:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    certificate: Certificate


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
