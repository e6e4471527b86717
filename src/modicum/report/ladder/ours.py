"""The two rungs that need no model of anybody's: an exact cache, and a specialist built from these calls."""

from __future__ import annotations

import math
from decimal import Decimal

from modicum.catalog.terms import NOT_ADVICE, terms_for
from modicum.report import words
from modicum.report.ladder.case import Case
from modicum.report.ladder.net import Change, after, cheaper, less, saved
from modicum.report.month import Coverage
from modicum.report.records import IN_FORCE, STOPPED
from modicum.report.rungs import Evidence, Obstacle, Rung
from modicum.stats.binomial import fewest_draws

TRIED = ("refused", *STOPPED)
"""States in which a small model was measured, and none answers."""
CERTIFY_SHARE = 0.35
"""Of a workload's calls, the newest, that `fit` keeps to prove on."""


def exact_cache(case: Case) -> tuple[Rung | None, str]:
    """(rung, why there is none)."""
    traffic = case.traffic
    if traffic is None or traffic.repeated_share is None or not traffic.calls_with_body:
        return None, "exact cache: how often a request repeats is unknown, for the calls carry no requests"
    share, seen = traffic.repeated_share, traffic.calls_with_body
    if share < case.settings.least_repeats:
        many = f"{words.percent(share)} of {words.count(seen, 'request')}" if share else f"none of {words.count(seen, 'request')}"
        return None, f"exact cache: {many} had been answered within the day before"
    answers = Coverage(share=share, accepted=round(share * seen), groups=seen)
    change = Change(answers=answers, says=("the share of repeats",))
    saving = saved(change, case, "exact cache")
    return Rung(
        kind="exact_cache",
        name="exact cache",
        share=share,
        usd_call=Decimal(0),
        usd_month=after(case.line.baseline_usd_month, saving),
        one_off_usd=case.settings.one_off_usd(small=True),
        saving=saving,
        cheaper_share=cheaper(Decimal(0), case.usd_call),
        evidence="measured",
        proof=f"{words.percent(share)} of {words.count(seen, 'request')} had been answered, word for word, within the day before.",
        needs=("a cache before the provider, within a scope: this release has none of its own",),
        obstacles=(
            Obstacle(kind="data", text="the same answer is given again: not where it should vary, or goes stale within a day", hard=False),
        ),
        assumptions=("A repeated call costs what the calls of its workload cost on average.", "Looking up costs nothing to speak of."),
    ), ""


def specialist(case: Case) -> tuple[Rung | None, str]:
    """(rung, why there is none)."""
    line = case.line
    if line.state in ("unsuited", "ignored"):
        why = line.reason or "left out by the operator"
        return None, f"specialist: {why.rstrip('.')}"
    if line.state in IN_FORCE and line.certificate is not None:
        return _certified(case), ""
    return _uncertified(case), ""


def _certified(case: Case) -> Rung:
    line, settings, certificate, other = case.line, case.settings, case.line.certificate, case.in_force
    assert certificate is not None
    share = certificate.coverage_calls * (1 - settings.control_share)
    saving = less(line.saving, case, answered=case.bill.calls_month * share)
    # What it took to prove it is spent; a person's look at it in shadow is still to come.
    once = Decimal(0) if line.answering else settings.one_off_usd(small=True)
    steps = {
        "proposed": (f"`modicum route on {line.route_id}`, first in shadow",),
        "shadow": ("its answers in shadow looked at, then `modicum route promote`",),
        "canary": (f"audits of the {words.percent(line.answering)} of the conversations that it answers, then `modicum route promote`",),
    }
    takes = None if other is not None else settings.serving_usd_call
    seen = line.live.shadow if line.live is not None else None
    beside = ""
    if seen is not None and seen.compared:
        beside = f" In shadow it agreed on {seen.agreed:,} of {words.count(seen.compared, 'call')}."
    return Rung(
        kind="specialist",
        name="specialist" if other is None else other.name,
        model=None if other is None else other.model,
        share=share,
        usd_call=None if takes is None else takes.quantize(Decimal("1e-10")),
        usd_month=after(line.baseline_usd_month, saving),
        one_off_usd=once,
        saving=saving,
        cheaper_share=None if takes is None else cheaper(takes, case.usd_call),
        evidence="certified",
        proof=words.sentence(certificate.sentence) + beside,
        source=f"certificate {certificate.certificate_id}",
        needs=steps.get(line.state, ()),
        obstacles=_terms(case) if other is None else (),
        assumptions=(
            f"{words.percent(settings.control_share)} of the conversations stay with the incumbent, so that the promise can be checked.",
            _computing(case) if other is None else "What it takes is told from what its answers took.",
            "What building and proving it cost is spent.",
        ),
    )


def _uncertified(case: Case) -> Rung:
    """Tried and refused, or not tried: what it would answer, and so what it would save, nobody knows."""
    line, settings = case.line, case.settings
    verdict = line.verdict
    evidence: Evidence = "measured" if line.state in TRIED else "none"
    stands: list[Obstacle] = []
    least = math.ceil(fewest_draws(settings.margin, (1 - settings.confidence) / 2) / CERTIFY_SHARE)
    needs: tuple[str, ...] = (f"`modicum fit {line.workload_id}`: at least {least:,} calls, there are {line.calls:,}",)
    if line.state == "refused":
        proof = f"Tried, and not proven: {words.sentence(line.reason)}"
        missing = words.missing(line)
        needs = (f"`modicum fit {line.workload_id}` again{f' with {missing} more' if missing else ''}",)
        stands.append(Obstacle(kind="data", text=f"not proven on these calls ({line.code})"))
    elif line.state == "needs_reading":
        proof = "Not tried."
        stands.append(Obstacle(kind="data", text=line.reason))
        needs = (f"`modicum workloads set {line.workload_id} --read label` (or json), then `modicum fit`",)
    elif line.state in TRIED:
        proof = words.why(line)
        stands.append(Obstacle(kind="data", text="nothing certified is in force"))
        needs = ("a person switches it on again",) if line.state == "paused" else (f"`modicum fit {line.workload_id}`",)
    else:
        proof = "Not tried."
        if line.calls < least:
            soon = f", {words.days_in_words((least - line.calls) * case.month.length / line.calls)} more" if line.calls else ""
            stands.append(Obstacle(kind="data", text=f"{line.calls:,} calls are too few to prove it: at least {least:,}{soon}"))
    most = None if line.baseline_usd_month is None else line.baseline_usd_month * Decimal(str(1 - settings.control_share))
    wanted = verdict.needs_labels if verdict is not None and verdict.needs_labels else 0
    return Rung(
        kind="specialist",
        name="specialist",
        share=None,
        usd_call=settings.serving_usd_call.quantize(Decimal("1e-10")),
        one_off_usd=settings.one_off_usd(labels=wanted, training=True),
        cheaper_share=cheaper(settings.serving_usd_call, case.usd_call),
        evidence=evidence,
        proof=proof,
        needs=needs,
        obstacles=(*stands, *_terms(case)),
        assumptions=(
            *((f"What it would answer is not known; were it every call, it would save {words.money(most)} a month.",) if most else ()),
            _computing(case),
        ),
    )


def _computing(case: Case) -> str:
    settings = case.settings
    return f"It computes {settings.serving_ms:g} ms an answer, on a machine at {words.money(settings.computing_usd_hour)} an hour."


def _terms(case: Case) -> tuple[Obstacle, ...]:
    """What the incumbent's provider says about models that learn from its answers."""
    terms = terms_for(case.kind, case.incumbent)
    who = words.visible(words.models(case.line), 80)
    if terms is None:
        return (Obstacle(kind="terms", text=f"whose terms hold for answers of {who} was not read: {NOT_ADVICE}", hard=False),)
    if terms.training == "allowed":
        return ()
    first, _, rest = terms.note.partition(". ")
    before, note = (f" {first.rstrip('.')}", rest) if first.startswith("Customer") else ("", terms.note)
    note = f" ({note.rstrip('.')})" if note else ""
    read = f"{terms.title}, read {terms.read}; {NOT_ADVICE}"
    return (
        Obstacle(
            kind="terms",
            text=f"{terms.provider} on learning from its answers:{before} “{terms.quote}”{note} ({read})",
            hard=terms.training == "forbidden",
        ),
    )
