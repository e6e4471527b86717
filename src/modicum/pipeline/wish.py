"""What is asked of a fit: margins, protected labels, labels that people gave."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from modicum.config import FitConfig
from modicum.evaluate.judged import Judged
from modicum.evaluate.labels import Label
from modicum.evaluate.split import RULES
from modicum.evaluate.tune import Terms
from modicum.pipeline.outlines import fits_outline, is_open, named, names_in_outlines
from modicum.stats.sequence import spending
from modicum.types import Attempt, Contract, PromiseKind, Sample, Workload
from modicum.version import __version__
from modicum.workload import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The terms of one `fit`, for all workloads that it is asked for."""

    fit: FitConfig = FitConfig()
    control_share: float = 0.05
    protect: tuple[str, ...] = ()
    labels: Mapping[str, Label] = field(default_factory=dict)
    """Gold answers and verdicts, by response id or call id."""
    feedback: Mapping[str, Label] = field(default_factory=dict)
    """The same that came as feedback on calls of the workload's scope, unasked."""
    judged: Mapping[str, Judged] = field(default_factory=dict)
    """A judge's labels that people have checked, by attempt."""
    partial: bool = False
    """Test with the labels there are; those that are missing count as the worst case."""
    actor: str = "modicum"
    alpha: float | None = None
    """Promise C instead: at most this share of what is answered is wrong, by labels of whatever is answered."""
    encoder: str = ""
    """Digest of the weights of the encoder that may be used."""

    @property
    def known(self) -> Mapping[str, Label]:
        """All labels; what was given for this fit counts before feedback."""
        return {**self.feedback, **self.labels} if self.feedback else self.labels

    def terms(self, kinds: tuple[PromiseKind, ...], number: int) -> Terms:
        """The terms of attempt `number`, with what it may spend of delta."""
        return Terms(
            kinds=kinds,
            margin=self.fit.margin if "C" not in kinds or self.alpha is None else self.alpha,
            max_selective=self.fit.max_selective if "C" not in kinds or self.alpha is None else self.alpha,
            min_coverage=self.fit.min_coverage,
            delta=spending(1 - self.fit.confidence, number),
        )

    def kinds(self, samples: Iterable[Sample]) -> tuple[PromiseKind, ...]:
        """A then B, each with a half of delta; B alone where people's labels speak of these calls already; C where it is asked for."""
        if self.alpha is not None:
            return ("C",)
        labelled = bool(self.labels) and any(s.response_id in self.labels or s.call_id in self.labels for s in samples)
        return ("B",) if labelled else ("A", "B")

    def protects(self, contract: Contract) -> bool:
        """Does a protected label name an answer of this contract: one of its list, or a value that an open answer is known by?"""
        if not is_open(contract):
            return bool(self.protected_among(contract.labels))
        return any(label in names_in_outlines(contract) or fits_outline(contract, label) for label in self.protect)

    def protected_among(self, answers: Iterable[str]) -> tuple[str, ...]:
        """Those of these answers, or outlines of such, that a protected label names."""
        wanted = set(self.protect)
        return tuple(answer for answer in answers if wanted & _names(answer)) if wanted else ()

    def is_that_of(self, attempt: Attempt, workload: Workload) -> bool:
        """Does this wish ask for what an attempt declared?"""
        if ("C" in attempt.kinds) != (self.alpha is not None) or attempt.max_labels not in (0, self.fit.max_labels):
            return False
        terms = self.terms(attempt.kinds, attempt.number)
        declared = (attempt.margin, attempt.max_selective, attempt.min_coverage, attempt.delta, attempt.min_label_groups)
        asked = (terms.margin, terms.max_selective, terms.min_coverage, terms.delta, self.fit.min_label_groups)
        # Of open answers no list says which could be protected: those that were declared.
        answers = workload.contract.labels or attempt.rule.protected_labels
        return declared == asked and attempt.rule.protected_labels == self.protected_among(answers)

    def fingerprint(
        self, workload: Workload, samples: Sequence[Sample], *, view_version: str, gold: Mapping[str, str | None] | None = None
    ) -> str:
        """A digest of all that enters a verdict: with nothing changed, the record answers. `gold`: what feedback says of old calls."""
        ids = {name for s in samples for name in (s.response_id, s.call_id)}
        entered = (
            __version__,
            RULES,
            view_version,
            workload.workload_id,
            workload.contract.labels or workload.contract.fields,
            dataclasses.replace(self.fit, encoder=None),
            self.encoder,
            self.protect,
            sorted((name, label.gold, label.verdict) for name, label in self.labels.items() if name in ids),
            *([sorted(gold.items())] if gold else []),
            *([self.alpha] if self.alpha is not None else []),
            [(s.call_id, s.value, s.control, s.version_id, s.slots, s.user_id, s.conversation_id) for s in samples],
        )
        return hashlib.sha256(msgspec.json.encode(entered)).hexdigest()


def _names(answer: str) -> set[str]:
    """What a person could call an answer: itself, and for a record the values of its fields, with or without the field (`kind=return`)."""
    found = record.parse(answer)
    return {answer} | ({name for path, leaf in record.leaves(found) for name in named(path, leaf)} if isinstance(found, dict) else set())
