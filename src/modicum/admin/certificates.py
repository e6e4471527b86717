"""Certificates: what was promised, on which evidence, and whether it follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from modicum.admin.operation import Desk, One, Page, Paged, operation, paged
from modicum.config import Config
from modicum.evaluate import evidence
from modicum.evaluate import verify as verifying
from modicum.evaluate.verify import Check
from modicum.pipeline.deep import Replayed, replay_evidence
from modicum.store.control import Control
from modicum.types import Certificate

MIN_PREFIX = len("cert-") + 4
"""Fewer digits of an id name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Whether a certificate follows from its evidence."""

    certificate_id: str
    holds: bool
    checks: tuple[Check, ...]
    deep: Replayed | None = None
    """What running the specialist again showed, where that was asked for."""


class Verify(One, frozen=True, kw_only=True):
    deep: Annotated[bool, Meta(description="Run the specialist again on the calls, where they still are.")] = False


@operation("GET", "/certificates", role="admin")
def list_(desk: Desk, asked: Paged) -> Page[Certificate]:
    """List all certificates, oldest first."""
    return paged(Control(desk.config.home).certificates(), asked, lambda one: one.certificate_id)


@operation("GET", "/certificates/{ref}", role="admin")
def show(desk: Desk, asked: One) -> Certificate:
    """Show a certificate: its sentence, its figures, its table by label."""
    return _find(Control(desk.config.home), asked.ref)


@operation("GET", "/certificates/{ref}/file", role="admin", media="application/octet-stream")
def file(desk: Desk, asked: One) -> Iterator[bytes]:
    """Download the certificate with its evidence, to be verified on any machine."""
    return iter((read_file(desk.config, asked.ref),))


@operation("GET", "/certificates/{ref}/verify", role="admin")
def verify(desk: Desk, asked: Verify) -> Verified:
    """Recompute every figure of a certificate from its evidence."""
    return verify_file(desk.config, read_file(desk.config, asked.ref), deep=asked.deep)


def _find(control: Control, ref: str) -> Certificate:
    """By its id or the first digits of it, else the newest of the workload that `ref` names. Raises NotFoundError."""
    found = control.certificates()
    begun = [one for one in found if one.certificate_id.startswith(ref)] if len(ref) >= MIN_PREFIX else []
    if len(begun) == 1:
        return begun[0]
    named = [] if begun else [one for one in found if ref in (one.workload_id, one.workload_name)]
    return named[-1] if len({one.workload_id for one in named}) == 1 else control.certificate(ref)


def read_file(config: Config, certificate_id: str) -> bytes:
    """A certificate with its evidence, found as by `show`. Raises NotFoundError."""
    control = Control(config.home)
    certificate = _find(control, certificate_id)
    return evidence.certificate_file(certificate, control.evidence(certificate.certificate_id))


def verify_file(config: Config, data: bytes, *, deep: bool) -> Verified:
    """Verify what `read_file` gives; without `deep` no store is touched. Raises CertificateError."""
    verification = verifying.verify(data)
    again = replay_evidence(config, data, verification.certificate) if deep else None
    return Verified(
        certificate_id=verification.certificate.certificate_id,
        holds=verification.holds and (again is None or again.holds),
        checks=verification.checks,
        deep=again,
    )
