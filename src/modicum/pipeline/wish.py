"""What is asked of a fit: margins, protected labels, labels that people gave. Knows which earlier attempt it goes on with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from modicum import __version__
from modicum.config import FitConfig
from modicum.evaluate.labels import Label, excess_losses
from modicum.evaluate.table import Table
from modicum.evaluate.tune import Array, Terms
from modicum.types import Attempt, PromiseKind, Sample, Verdict, Workload
from modicum.view import VIEW_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The terms of one `fit`, for all workloads that it is asked for."""

    fit: FitConfig = FitConfig()
    control_share: float = 0.05
    protect: tuple[str, ...] = ()
    labels: Mapping[str, Label] = field(default_factory=dict)
    """Gold answers and verdicts, by response id or call id."""
    actor: str = "modicum"

    def terms(self, kinds: tuple[PromiseKind, ...], delta: float) -> Terms:
        return Terms(
            kinds=kinds,
            margin=self.fit.margin,
            max_selective=self.fit.max_selective,
            min_coverage=self.fit.min_coverage,
            delta=delta,
        )

    def labelled(self, samples: Iterable[Sample]) -> bool:
        """Do people's labels speak of any of these calls?"""
        return bool(self.labels) and any(s.response_id in self.labels or s.call_id in self.labels for s in samples)

    def covers(self, table: Table) -> bool:
        return bool(self.labels) and any(i in self.labels for i in (*table.response_ids, *table.call_ids))

    def excess(self, attempt: Attempt, table: Table) -> Array:
        return excess_losses(table, self.labels, attempt.attempt_id)

    def protected(self, workload: Workload) -> tuple[str, ...]:
        """The answers that a protected label names: itself, or the records that hold it."""
        wanted = set(self.protect)
        return tuple(label for label in workload.contract.labels if wanted & _names(label)) if wanted else ()

    def awaited(self, workload: Workload, attempts: Sequence[Attempt], verdicts: Iterable[Verdict]) -> Attempt | None:
        """The declared attempt whose B still waits for labels, where labels have come and nothing else was asked differently.

        A may have passed by then: B, declared beside it with its own part of delta, may answer more.
        """
        if not attempts or not self.labels:
            return None
        last = attempts[-1]
        asked = (last.margin, last.max_selective, last.min_coverage, last.min_label_groups, last.rule.protected_labels)
        now = (self.fit.margin, self.fit.max_selective, self.fit.min_coverage, self.fit.min_label_groups, self.protected(workload))
        found = next((v for v in verdicts if v.attempt_id == last.attempt_id), None)
        waits = found is not None and (found.code == "too_few_labels" or (found.certificate is not None and found.certificate.kind == "A"))
        return last if waits and "B" in last.kinds and asked == now else None

    def fingerprint(self, workload: Workload, samples: Sequence[Sample]) -> str:
        """A digest of everything that enters a verdict: with nothing changed, the record answers."""
        ids = {name for s in samples for name in (s.response_id, s.call_id)}
        entered = (
            __version__,
            VIEW_VERSION,
            workload.workload_id,
            workload.contract.labels,
            self.fit,
            self.protect,
            sorted((name, label.gold, label.verdict) for name, label in self.labels.items() if name in ids),
            [(s.call_id, s.value, s.control) for s in samples],
        )
        return hashlib.sha256(msgspec.json.encode(entered)).hexdigest()


def _names(label: str) -> set[str]:
    """What a person could call an answer: itself, and for a record the values of its fields."""
    try:
        record = msgspec.json.decode(label)
    except msgspec.DecodeError:
        return {label}
    return {label, *(str(value) for value in record.values())} if isinstance(record, dict) else {label}
