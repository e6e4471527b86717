"""The rungs that keep today's model: batch prices, a shorter prompt, and as it is. What its provider keeps of a prompt: `caching`."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog.card import Retirement
from modicum.report import words
from modicum.report.costing import price_of, usage_of
from modicum.report.ladder.case import Case
from modicum.report.ladder.needs import retiring
from modicum.report.ladder.net import Change, after, cheaper, paces, saved
from modicum.report.ladder.sellers import seller
from modicum.report.month import FEWEST_DAYS, interval
from modicum.report.records import ModelSpend
from modicum.report.rungs import Obstacle, Rung, RungKind
from modicum.report.saving import usd
from modicum.types import Price, Saving, Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

STREAMS = 0.01
"""From this share of streamed calls on, somebody waits."""
FEWEST_TOKENS = 100
"""Less repeated text than this is not worth a thought."""
MOST = 0.5
"""From this share of the calls on, a model that has gone takes the way with it."""
Answer = tuple[Rung | None, str]
"""The rung, or why there is none."""


def gone(case: Case) -> str:
    """Why nothing is offered that keeps today's model: it stopped answering; empty where most calls go to one that answers.

    What the log has answers of goes before what was announced: a model that answered after its last day is kept, and the day said.
    """
    its = [(model, ends) for model, ends in _ends(case) if ends.day <= case.today and _went_on(case, model, ends) is None]
    calls = sum(model.calls for model in case.line.incumbents)
    if not its or sum(model.calls for model, _ in its) < MOST * calls:
        return ""
    return words.listing([retiring(ends.day, case.today, words.visible(model.model, 60)).text for model, ends in its])


def batched(case: Case) -> Answer:
    """The same answers within a day, at what the provider asks for that."""
    if case.bill.known and all(row.service_tier == "batch" for row in case.bill.known):
        return None, "batch prices: all of these calls were batches already"
    fit = [row for row in case.bill.known if _batch(row, case) is not None]
    at = case.bill.at(lambda row: _batch(row, case) or price_of(row, case.catalogue), usage_of, ours=True) if fit else None
    if at is None:
        return None, f"batch prices: none is listed for {words.visible(words.models(case.line), 80)}"
    streamed = case.traffic.streamed_share if case.traffic is not None else None
    stream = streamed is not None and streamed > STREAMS
    text = "answers come within a day: only where nobody waits for one, which no log tells"
    text = f"{words.percent(streamed)} of the calls stream: somebody waits for them" if stream else text
    waits = Obstacle(kind="latency", text=text, hard=stream)
    rung = asked_otherwise(case, "incumbent_batch", "in batches", Change(cost=at), waits)
    if rung is None:
        return None, "batch prices: they would save nothing"
    price = next(price for row in fit if (price := _batch(row, case)) is not None)
    return replace(
        rung,
        share=sum(row.calls for row in fit) / case.bill.known_calls,
        proof=f"The same model at another price ({price.source}); whether these calls can wait was not measured.",
        source=price.source,
        assumptions=("Nobody waits for these answers.", "What was read from the provider's cache is charged as in a batch too."),
    ), ""


def trimmed(case: Case) -> Answer:
    """Half of the text that is sent again and again left out: a hope, until somebody tries it."""
    traffic, tokens = case.traffic, case.tokens
    if traffic is None or tokens is None or (traffic.fixed_share is None and traffic.resent_share is None):
        return None, "a shorter prompt: how much of the prompts is sent again and again is unknown"
    fixed, resent = traffic.fixed_share or 0.0, traffic.resent_share or 0.0
    share = max(fixed, resent)
    if share * tokens[0] < FEWEST_TOKENS:
        return None, f"a shorter prompt: about {share * tokens[0]:,.0f} tokens of it are sent again and again"
    cut = share * case.settings.trim_share
    at = case.bill.at(lambda row: price_of(row, case.catalogue), lambda row: _shorter(row, cut), ours=True)
    what = "stood before in the same conversation" if resent > fixed else "is the prompt's fixed text"
    stands = Obstacle(kind="data", text="what may be left out has to be tried: answers may get worse", hard=False)
    change = Change(cost=at, saved=(0.5, 1.5), says=("how much may be left out",))
    rung = asked_otherwise(case, "incumbent_trimmed", "with a shorter prompt", change, stands, labels=case.settings.trial_labels)
    if rung is None:
        return None, "a shorter prompt: it would save nothing"
    return replace(
        rung,
        proof=f"{words.percent(share)} of the input text {what}; which of it the answers need is not known.",
        assumptions=(f"{words.percent(case.settings.trim_share)} of that text can go, give or take as much as half of it again.",),
    ), ""


def as_it_is(case: Case) -> Rung:
    """The last rung: nothing changes."""
    line, models = case.line, words.visible(words.models(case.line), 80)
    ranges: tuple[str, ...] = ()
    if case.bill.compared and not case.bill.declared:
        low, high = interval(paces(case, case.bill.by_day))
        like = "days" if case.month.days >= FEWEST_DAYS else "calls"
        ranges = (f"With {like} like these a month costs {words.money(usd(low))} to {words.money(usd(high))} (95 %).",)
    stands, first = _ending(case)
    price = line.incumbents[0].price if line.incumbents else None
    zero = Decimal(0)
    return Rung(
        kind="incumbent",
        name=models,
        model=line.incumbents[0].model if line.incumbents else None,
        provider=seller(price.provider) if price is not None else None,
        usd_call=None if case.usd_call is None else case.usd_call.quantize(Decimal("1e-10")),
        usd_month=line.baseline_usd_month,
        one_off_usd=zero,
        saving=None
        if line.baseline_usd_month is None
        else Saving(usd_month=zero, low_usd_month=zero, high_usd_month=zero, baseline=case.bill.sentence, method="as it is"),
        cheaper_share=None if case.usd_call is None else 0.0,
        evidence="measured",
        proof=f"Answers today: {words.count(line.calls, 'call')}{_listed(price)}.",
        obstacles=stands,
        assumptions=ranges,
        retires=first,
    )


def asked_otherwise(case: Case, kind: RungKind, how: str, change: Change, stands: Obstacle, *, labels: int = 0) -> Rung | None:
    """The rung of today's model in another way, without evidence; None where it saves nothing. `labels`: answers to look at before."""
    at, line = change.cost, case.line
    saving = saved(change, case, kind)
    if at is None or (saving is not None and saving.usd_month is not None and saving.usd_month <= 0):
        return None
    price = line.incumbents[0].price if line.incumbents else None
    ends, first = _ending(case)
    return Rung(
        kind=kind,
        name=f"{words.visible(words.models(line), 80)} {how}",
        model=line.incumbents[0].model if line.incumbents else None,
        provider=seller(price.provider) if price is not None else None,
        usd_call=at.usd_call.quantize(Decimal("1e-10")),
        usd_month=after(line.baseline_usd_month, saving),
        one_off_usd=case.settings.one_off_usd(labels=labels, small=not labels),
        saving=saving,
        cheaper_share=cheaper(at.usd_call, case.usd_call),
        obstacles=tuple(sorted((stands, *ends), key=lambda one: not one.hard)),
        retires=first,
    )


def _ends(case: Case) -> list[tuple[ModelSpend, Retirement]]:
    """Which of the incumbents stop answering soon, or have."""
    found = [(model, case.market.cards.retirement(case.kind, model.model)) for model in case.line.incumbents]
    return [(model, ends) for model, ends in found if ends is not None and (ends.day - case.today).days <= case.settings.retiring_days]


def _went_on(case: Case, model: ModelSpend, ends: Retirement) -> date | None:
    """The last day of an answer in the log, where that is after the one on which it was announced to stop."""
    last = case.answered.get(model.model)
    return last if last is not None and last > ends.day else None


def _ending(case: Case) -> tuple[tuple[Obstacle, ...], date | None]:
    """What that stands in the way of, and the first day of it."""
    found = _ends(case)
    stands = [retiring(ends.day, case.today, words.visible(model.model, 60), _went_on(case, model, ends)) for model, ends in found]
    if not gone(case):  # what has gone answered the fewer calls: the others go on
        stands = [replace(one, hard=False) for one in stands]
    return tuple(sorted(stands, key=lambda one: not one.hard)), min((ends.day for _, ends in found), default=None)


def _shorter(row: UsageRow, cut: float) -> Usage:
    """Less input: first what was read from the cache, which costs least."""
    usage = usage_of(row)
    read, audio = usage.cache_read_tokens or 0, usage.audio_input_tokens or 0
    written = usage.cache_write_tokens or 0
    left_out = min(math.floor(row.input_tokens * cut), row.input_tokens - audio - written)
    return replace(usage, input_tokens=row.input_tokens - left_out, cache_read_tokens=max(0, read - left_out))


def _batch(row: UsageRow, case: Case) -> Price | None:
    """The price of the row's model in a batch; None where none is known or it was one."""
    return None if row.service_tier == "batch" else price_of(row, case.catalogue, tier="batch")


def _listed(price: Price | None) -> str:
    if price is None:
        return ", at a price that is not known"
    where = f" at {seller(price.provider)}" if price.provider else ""
    prices = f"{words.unit(price.input_usd_mtok)} dollars a million tokens in, {words.unit(price.output_usd_mtok)} out"
    return f"{where}, {prices} ({price.source})"
