"""What a report says first: the dearest workload, what could take it over and what that saves, or that nothing is worth changing.

A report in, sentences, figures and the three dearest workloads out; page, terminal and JSON show the same. Where a report has no ladders
(a declared list, a log without texts) its own sentence stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from modicum.report import said, whole, words
from modicum.report.proven import best_rung
from modicum.report.records import IN_FORCE, STOPPED, HeadlineFigure, Report, WorkloadFigures
from modicum.report.rungs import Evidence, Ladder, Rung, RungKind, TriedModel

SHOWN = 3
NAMED = 2
LONGEST_NAME = 60
ALL = 0.995
"""Of the calls: from here on it is all of them."""
NOTHING = "Nothing here is worth changing"
SPEAKS: dict[Evidence, str] = {
    "certified": "That it does the work is certified on these calls.",
    "measured": "That it does the work was measured on these calls.",
    "published": "So far only benchmarks of others say that it does the work.",
    "none": "Whether it does the work nobody has tried on these calls yet.",
}
OTHERS: tuple[RungKind, ...] = ("same_laboratory", "open_hosted", "open_own")
"""Models that the work goes to as a whole, but for what is kept for control: how much of it they can answer is seen when they try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dearest:
    """One of the workloads that cost most, with the best that is known instead."""

    line: WorkloadFigures
    share: float | None
    """Of the whole month's spend without small models."""
    rung: Rung | None
    """None: nothing is known that would do it for less."""
    tried: tuple[TriedModel, ...] = ()
    """Other models that were tried on its calls."""

    @property
    def there(self) -> str:
        """What the team has tried already, where something else is named: `own/team: not proven on 939 requests`; else empty."""
        rest = [one for one in self.tried if self.rung is None or one.name != self.rung.name]
        said = [f"{words.visible(one.name, LONGEST_NAME)}: {words.outcome(one)}" for one in rest]
        own, line = self.rung is None or is_untried(self.rung), self.line
        is_other = line.certificate_id is not None and line.certificate_id in {one.certificate_id for one in self.tried}
        if own and not is_other and line.state in ("refused", *STOPPED):
            said.append(f"a small model of your own: {words.STATES[line.state]}")
        return "; ".join(said[:NAMED]) + (f" and {len(said) - NAMED} more" if len(said) > NAMED else "")

    @property
    def reach(self) -> str:
        return reach(self.rung) if self.rung is not None else ""

    @property
    def where(self) -> str:
        """A model's name and where it is sold."""
        if self.rung is None:
            return ""
        if self.rung.kind == "specialist" and self.rung.model is None:
            return "a small model of your own"
        name = words.visible(self.rung.name, LONGEST_NAME)
        return f"{name} at {words.visible(self.rung.provider, LONGEST_NAME)}" if self.rung.provider else name


def is_untried(rung: Rung) -> bool:
    """Its share is what it would be asked, not what it was seen to answer."""
    return rung.kind in OTHERS and rung.evidence in ("published", "none") and rung.share is not None


def reach(rung: Rung) -> str:
    """How much of the work it answers as was seen, or would be asked; empty where that is all of it, or nobody knows."""
    if rung.share is None or rung.share >= ALL:
        return ""
    if is_untried(rung):
        return f"asked for all but {words.percent(1 - rung.share)}"
    return f"for {words.percent(rung.share)}"


def dearest(report: Report, most: int = SHOWN) -> tuple[Dearest, ...]:
    """Those whose month is known, the dearest first."""
    known = [line for line in report.workloads if line.baseline_usd_month]
    known.sort(key=lambda line: -(line.baseline_usd_month or Decimal(0)))
    ladders = {ladder.workload_id: ladder for ladder in report.ladders}
    bill = report.totals.baseline_usd_month
    return tuple(
        Dearest(
            line=line,
            share=float((line.baseline_usd_month or Decimal(0)) / bill) if bill else None,
            rung=choice(report, ladders.get(line.workload_id)),
            tried=ladders[line.workload_id].tried if line.workload_id in ladders else (),
        )
        for line in known[:most]
    )


def choice(report: Report, ladder: Ladder | None) -> Rung | None:
    """What the report counts on for the workload, else the best that is known of it. A model that is in force comes before others even
    where nobody knows what it saves."""
    if ladder is None:
        return None
    ours = next((rung for rung in ladder.rungs if rung.kind == "specialist" and rung.evidence == "certified" and not rung.blocked), None)
    if ours is not None and ours.model is not None and (ours.saving is None or ours.saving.usd_month is None):
        return ours
    named = dict(report.worth.rungs).get(ladder.workload_id) if report.worth is not None else None
    found = (rung for rung in ladder.rungs if rung.name == named and not rung.blocked and _saves(rung))
    return next(found, None) or best_rung(ladder)


def _saves(rung: Rung) -> bool:
    return rung.saving is not None and (rung.saving.usd_month or 0) > 0


def headline(report: Report) -> tuple[str, str]:
    """(the first sentence or two, the next): whether anything is worth changing comes first where nothing is."""
    worth, top = report.worth, dearest(report, 1)
    if report.declared and top:
        guessed = (_is_dearest(report, top[0]), _could(top[0]), _for_that(top[0]).replace(" on these calls", ""))
        return report.headline, " ".join(part for part in guessed if part)
    if worth is None or not top:
        return report.headline, ""
    one = top[0]
    if worth.sentence.startswith(NOTHING) or worth.sentence == said.doubt(report.totals):
        first, dot, rest = worth.sentence.partition(". ")
        told = [report.headline] if _any_in_force(report) else [_is_dearest(report, one), _could(one), _for_that(one)]
        then = (rest, *told)
        return f"{first}." if dot else first, " ".join(part for part in then if part)
    return f"{_is_dearest(report, one)} {_could(one)}", " ".join(part for part in (_for_that(one), _next(report, one)) if part)


def _is_dearest(report: Report, one: Dearest) -> str:
    name, totals = words.visible(one.line.name, LONGEST_NAME), report.totals
    its, beside = _amount(one), whole.without(one.line)
    would = f"; it would be {beside}" if beside else ""
    known = " that is known" if totals.unpriced_share > said.MOST_UNKNOWN else ""
    if len(report.workloads) == 1 and not totals.calls_without_workload:
        return f"{name} is all of the spend{known}: {its} a month{would}."
    if totals.hours_recorded < 24:
        of = f"what all would cost {whole.WITHOUT}" if whole.differs(totals) else "the spend"
        return f"{name} is the dearest work, {words.percent(one.share)} of {of}{known}: {its} a month{would}."
    of = f"{its} a month as it is, {words.money(one.line.baseline_usd_month)}" if beside else its
    return f"{name} is the dearest work: {of} of {whole.bill(totals)}{known}."


def _amount(one: Dearest) -> str:
    """What the workload costs as it is; with its limits where a saving's reach above it."""
    usd, limits = one.line.baseline_usd_month, words.limits(one.line)
    saves = one.rung.saving.high_usd_month if one.rung is not None and one.rung.saving is not None else None
    above = saves is not None and usd is not None and saves > usd
    return f"{words.spend(one.line)} ({limits})" if above and limits else words.spend(one.line)


def _could(one: Dearest) -> str:
    """What the team has tried comes first where something else is named that it has not."""
    there = f"Tried already: {one.there}. " if one.there and (one.rung is None or is_untried(one.rung)) else ""
    return f"{there}{_named(one)}"


def _named(one: Dearest) -> str:
    rung = one.rung
    if rung is not None and rung.kind == "specialist" and (rung.saving is None or rung.saving.usd_month is None):
        now = "answers" if one.line.state == "on" else "could answer"
        return f"{one.where} {now} {words.percent(one.line.coverage_calls)} of its calls; what that saves is unknown: so is what it takes."
    if rung is None or rung.saving is None:
        return "Nothing is known that would do it for less."
    saved = words.saving(rung.saving)
    saved_of = f"{saved} of these {words.money(one.line.baseline_usd_month)}" if whole.differs(one.line) else saved
    if one.line.state == "on" and rung.kind == "specialist":
        who = "A small model" if rung.model is None else one.where
        return f"{who} answers {words.percent(one.line.coverage_calls)} of its calls and saves {saved} a month."
    if one.line.state == "canary" and rung.kind == "specialist":
        begun = words.percent((one.line.coverage_calls or 0.0) * one.line.answering)
        who = "A small model" if rung.model is None else one.where
        return f"{who} in canary answers {begun} of its calls; on for all it could save {saved} a month."
    name = f"A{one.where[1:]}" if rung.kind == "specialist" and rung.model is None else one.where
    if is_untried(rung):
        return f"{name} would save {saved_of} a month if it does the work well enough."
    takes = "could take it over" if rung.share is None or rung.share >= ALL else f"could take over {words.percent(rung.share)} of it"
    if rung.kind.startswith("incumbent"):
        takes = "could do it"
    return f"{name} {takes} and save {saved_of} a month."


def _for_that(one: Dearest) -> str:
    """What it costs to get there, and how well it is known."""
    if one.rung is None or one.rung.saving is None:
        return ""
    once = f"Getting there costs about {words.money(one.rung.one_off_usd)} once, in work and labels. " if one.rung.one_off_usd else ""
    return " ".join(part for part in (f"{once}{SPEAKS[one.rung.evidence]}", _asked(one.rung)) if part)


def _asked(rung: Rung) -> str:
    """What the share of a model that was not tried is: what it would be asked."""
    if not is_untried(rung):
        return ""
    share = rung.share if rung.share is not None else 1.0
    what = "all of it" if share >= ALL else f"all but the {words.percent(1 - share)} kept for control"
    return f"It would be asked for {what}; how much of that it can answer is not known until it is tried."


def _next(report: Report, one: Dearest) -> str:
    """What all of it together comes to, where that is more than the first sentence says."""
    worth = report.worth
    assert worth is not None
    if _any_in_force(report):
        return report.headline
    more = [workload_id for workload_id, _ in worth.rungs if workload_id != one.line.workload_id]
    return worth.sentence if more or not (worth.changing or worth.trying) else ""


def _any_in_force(report: Report) -> bool:
    return any(line.state in IN_FORCE for line in report.workloads)


def figures(report: Report) -> tuple[HeadlineFigure, HeadlineFigure, HeadlineFigure]:
    """The three under the headline; what could be saved stands second, with what is known of it."""
    spend, second, third = report.figures
    worth = report.worth
    if worth is None or worth.saving is None or _any_in_force(report) or not (worth.changing or worth.trying):
        return spend, second, third
    once = f"; about {words.money(worth.one_off_usd)} once" if worth.one_off_usd else ""
    known = "measured on these calls" if worth.changing else "if what is not proven yet holds here"
    number = words.count(len(worth.rungs), "workload")
    saved = HeadlineFigure(label="could be saved a month, net", value=words.saving(worth.saving), note=f"{known}; {number}{once}")
    return spend, saved, third
