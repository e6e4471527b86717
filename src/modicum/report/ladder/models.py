"""The rungs of other models: a smaller one of the same laboratory, an open one at a provider."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal

from modicum.catalog.card import Card
from modicum.catalog.offers import OLD_DAYS, OPERATOR
from modicum.report import words
from modicum.report.ladder.case import Case
from modicum.report.ladder.choice import cheapest_and_strongest, small_and_larger
from modicum.report.ladder.evidence import holds, published
from modicum.report.ladder.market import Pick
from modicum.report.ladder.net import Change, after, cheaper, saved
from modicum.report.ladder.reasons import thinking
from modicum.report.ladder.same import gone
from modicum.report.ladder.sellers import kind_of, seller
from modicum.report.rungs import Obstacle, Rung, RungKind
from modicum.types import Price

LONG_ANSWER = 50
"""Tokens."""
Found = tuple[list[Rung], list[str]]
"""Rungs, and what is left out with why."""


def same_laboratory(case: Case) -> Found:
    """Smaller models of whoever made the incumbent."""
    if case.incumbent is None:
        return [], [f"smaller models of the same laboratory: {_whose(case)} is in no card of the catalogue"]
    if case.tokens is None:
        return [], ["smaller models of the same laboratory: no call says how many tokens it had"]
    picks = case.market.smaller(case.incumbent, case.needs, case.tokens, case.kind)
    if not picks:
        return [], [f"smaller models of {case.incumbent.laboratory}: none that is cheaper, still answers and has a known price"]
    shown = cheapest_and_strongest(picks, case.tokens, case.usd_call, case.today)
    rungs, left = _rungs(case, "same_laboratory", shown)
    return rungs, [*left, *_others(f"model{{s}} of {case.incumbent.laboratory}", picks, shown)]


def open_hosted(case: Case, picks: list[Pick], shown_already: Collection[str] = ()) -> Found:
    """Open models where they are sold. `picks`: all open ones that this kind of task is put to. `shown_already`: names of rungs."""
    if case.tokens is None:
        return [], ["open models: no call says how many tokens it had"]
    taken = {*shown_already, case.incumbent.id if case.incumbent is not None else ""}
    sold = [pick for pick in picks if pick.price is not None and pick.card.id not in taken]
    if not sold:
        return [], ["open models at a provider: none is sold by a provider that can be called from here"]
    near = case.settings.published_margin
    shown = small_and_larger(sold, case.tokens, case.today, lambda card: holds(card, case.incumbent, case.needs.task, near))
    rungs, left = _rungs(case, "open_hosted", shown)
    return rungs, [*left, *_others("open model{s}", sold, shown)]


def unsaid(case: Case) -> tuple[str, ...]:
    """What is supposed of the calls because nothing tells."""
    needs = case.needs
    found = [what for what, told in (("hold no images, sound or files", needs.images), ("want no tools", needs.tools)) if told is None]
    return (f"The calls {' and '.join(found)}: nothing says so.",) if found else ()


def kept(case: Case) -> str:
    """What stays with the incumbent."""
    part = f"{words.percent(case.settings.control_share)} of the calls"
    if gone(case):
        return f"{part} go to what follows the incumbent, taken at its price, so that a drop in quality is seen."
    return f"{part} stay with the incumbent, so that a drop in quality is seen."


def _rungs(case: Case, kind: RungKind, picks: list[Pick]) -> Found:
    rungs, left = [], []
    for pick in picks:
        rung = _rung(case, kind, pick)
        if rung is None:
            left.append(f"{pick.card.id} at {seller(pick.provider)}: these calls cannot be priced there")
        elif rung.saving is not None and rung.saving.usd_month is not None and rung.saving.usd_month <= 0:
            left.append(f"{rung.name} at {rung.provider}: {words.money(rung.usd_month)} a month, no less than today")
        else:
            rungs.append(rung)
    return rungs, left


def _rung(case: Case, kind: RungKind, pick: Pick) -> Rung | None:
    price, card, settings = pick.price, pick.card, case.settings
    if price is None:
        return None
    thinks = thinking(card, case.incumbent, settings.thinking_tokens)
    plain = case.bill.at(lambda _: price)
    thought = case.bill.at(lambda _: price, lambda row: thinks.usage(row, thinks.more)) if thinks.more else plain
    if plain is None or thought is None:
        return None
    at = thought if thinks.tokens else plain
    change = Change(
        cost=at,
        watched=True,
        factor=(1 - settings.token_ratio, 1 + settings.token_ratio),
        more=thought.by_day - plain.by_day if thinks.more else None,
        spread=settings.thinking_spread if thinks.tokens else None,
        says=("the tokens that it counts", *(("what it may write while it reasons",) if thinks.more else ())),
    )
    where = seller(pick.provider)
    saving = saved(change, case, f"{card.id} {pick.provider}")
    evidence, proof, source = published(card, case.incumbent, case.needs.task, near=settings.published_margin)
    ends = case.market.cards.retirement(kind_of(pick.provider, card), price.model)
    stands = (*pick.obstacles, *pick.there)
    return Rung(
        kind=kind,
        name=card.id,
        model=price.model,
        provider=where,
        share=1 - settings.control_share,
        price=price,
        usd_call=at.usd_call.quantize(Decimal("1e-10")),
        usd_month=after(case.line.baseline_usd_month, saving),
        one_off_usd=settings.one_off_usd(labels=settings.trial_labels),
        saving=saving,
        cheaper_share=cheaper(at.usd_call, case.usd_call),
        evidence=evidence,
        proof=_named_next(case, card) + proof,
        source=source,
        needs=(
            f"look at {words.count(settings.trial_labels, 'answer')} of it beside the incumbent's",
            *(("ask it not to reason (`reasoning_effort`, `thinking`)",) if thinks.reasons == "may" else ()),
        ),
        obstacles=tuple(sorted(stands, key=lambda one: not one.hard)),
        assumptions=(
            _price(price, pick.read, case.today),
            *unsaid(case),
            f"It counts as many tokens as the incumbent, give or take {words.percent(settings.token_ratio)}.",
            kept(case),
            *((f"{where[:1].upper()}{where[1:]} serves it in full precision: nothing says so.",) if kind == "open_hosted" else ()),
            *(
                (f"{thinks.says(settings.thinking_spread)} 100 tokens add {words.thousand(_hundred(price))} to 1,000 calls.",)
                if thinks.reasons is not None
                else ()
            ),
            *(("What the incumbent writes while it reasons is paid here as if it were answer.",) if _reasons(case) else ()),
            *(("What of the input comes from the incumbent's cache today is paid in full here.",) if _cached(case) else ()),
        ),
        retires=ends.day if ends is not None else None,
        reasons=thinks.reasons,
        thinking_tokens=thinks.more,
    )


def _price(price: Price, read: date | None, today: date) -> str:
    at = f"{words.unit(price.input_usd_mtok)} dollars a million tokens in, {words.unit(price.output_usd_mtok)} out"
    if read is None:
        return f"{at}: {price.source}, and when that was read nobody says."
    old = f", which is more than {OLD_DAYS} days ago" if (today - read).days > OLD_DAYS else ""
    what = "read" if price.provider == OPERATOR else "last changed"
    return f"{at}: {price.source}, {what} {words.span(read, read)}{old}."


def _hundred(price: Price) -> Decimal:
    return (price.output_usd_mtok or Decimal(0)) / 10_000


def _reasons(case: Case) -> bool:
    """Its answers are long enough that some of it may be reasoning."""
    if case.tokens is None or case.tokens[1] < LONG_ANSWER:
        return False
    return case.incumbent is not None and case.incumbent.abilities is not None and bool(case.incumbent.abilities.reasoning)


def _cached(case: Case) -> bool:
    return any(row.cache_read_tokens for row in case.bill.known)


def _named_next(case: Case, card: Card) -> str:
    """The laboratory's own word on what comes after the incumbent."""
    for model in case.line.incumbents:
        ends = case.market.cards.retirement(case.kind, model.model)
        if ends is not None and ends.replacement and case.market.cards.of(None, ends.replacement) is card:
            return f"Its laboratory names it as what follows {words.visible(model.model, 60)}. "
    return ""


def _whose(case: Case) -> str:
    return words.visible(words.models(case.line), 80) or "the incumbent"


def _others(which: str, looked_at: list[Pick], shown: list[Pick]) -> list[str]:
    """What else was looked at, in a sentence a reason. `which`: "open model{s}"."""
    rest = [pick for pick in looked_at if pick not in shown]
    blocked: dict[str, list[str]] = {}
    for pick in rest:
        if pick.blocked:
            blocked.setdefault(_why((*pick.obstacles, *pick.there)), []).append(pick.card.id)
    free = [pick.card.id for pick in rest if not pick.blocked]
    said = [f"{_number(free, f'more {which}')} could be looked at: {words.listing(free, 6)}"] if free else []
    return said + [f"{_number(ids, which)} left out for {why}: {words.listing(ids, 6)}" for why, ids in blocked.items()]


def _number(ids: list[str], which: str) -> str:
    return words.count(len(ids), which.format(s=""), which.format(s="s"))


def _why(obstacles: tuple[Obstacle, ...]) -> str:
    return words.listing([one.kind.replace("_", " ") for one in obstacles if one.hard], 3)
