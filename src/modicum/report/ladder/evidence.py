"""What published results say of a model beside another: they count where both have one of the same benchmark and it does not lose."""

from __future__ import annotations

from modicum.catalog.card import Card, Score
from modicum.report.rungs import Evidence
from modicum.types import TaskKind

Told = tuple[Evidence, str, str]
"""(evidence, sentence, address)."""
Pair = tuple[Score, Score]


def published(card: Card, incumbent: Card | None, task: TaskKind, *, near: float, coarser: str = "") -> Told:
    """`near`: of the incumbent's score, how much less still counts as no worse. `coarser`: the precision that it would run in, where that
    is less than its results were found in."""
    mine = [score for score in card.scores if score.task == task]
    if not mine:
        why = "what kind of task this is, is unsure" if task == "unsure" else f"its card has no published result for '{task}'"
        return "none", f"Not measured on these calls; {why}.", ""
    pairs = _pairs(mine, incumbent)
    if not pairs:
        who = f"{incumbent.id} has none there" if incumbent is not None else "the model of today is in no card"
        return "none", f"{_said(mine[0])}, and {who} to hold it against. Not measured on these calls.", ""
    worst = min(pairs, key=lambda pair: pair[0].score / pair[1].score if pair[1].score else 1.0)
    said = f"{_said(worst[0], worst[1], incumbent)}, on others' data, as {worst[0].sources[0].title} has it."
    if not _holds(worst, near):
        return "none", f"It loses: {said} Not measured on these calls.", worst[0].sources[0].url
    full = f"Published for full precision; what {coarser} loses is not known. " if coarser else ""
    return "published", f"{full}{said} Not measured on these calls.", worst[0].sources[0].url


def holds(card: Card, incumbent: Card | None, task: TaskKind, near: float) -> bool:
    """It has results that speak for it."""
    return published(card, incumbent, task, near=near)[0] == "published"


def _pairs(mine: list[Score], incumbent: Card | None) -> list[Pair]:
    theirs = {(score.task, score.benchmark, score.metric): score for score in (incumbent.scores if incumbent is not None else ())}
    return [(score, other) for score in mine if (other := theirs.get((score.task, score.benchmark, score.metric))) is not None]


def _holds(pair: Pair, near: float) -> bool:
    return pair[0].score >= pair[1].score - near * abs(pair[1].score)


def _said(mine: Score, theirs: Score | None = None, incumbent: Card | None = None) -> str:
    beside = f" against {theirs.score:g} of {incumbent.id}" if theirs is not None and incumbent is not None else ""
    return f"{mine.benchmark}: {mine.score:g} ({mine.metric}){beside}"
