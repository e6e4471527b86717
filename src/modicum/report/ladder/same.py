"""The rungs that keep today's model: its provider's cache, batch prices, a shorter prompt, and as it is."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.report import tiers, words
from modicum.report.ladder.bill import own_usage
from modicum.report.ladder.case import Case, seller
from modicum.report.ladder.needs import retiring
from modicum.report.ladder.net import Change, after, cheaper, saved, usd
from modicum.report.month import interval
from modicum.report.rungs import Obstacle, Rung, RungKind
from modicum.report.spend import day_of, price_of
from modicum.types import Price, Saving, Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

DAY_MINUTES = 1440
STREAMS = 0.01
"""From this share of streamed calls on, somebody waits."""
FEWEST_TOKENS = 100
"""Less repeated text than this is not worth a thought."""
MARKED = ('mark the beginning for the cache; the gateway does with `cache_control = "auto"`',)
"""At a provider that keeps only what it is told to."""
Answer = tuple[Rung | None, str]
"""The rung, or why there is none."""


def cached(case: Case) -> Answer:
    """The beginning that every prompt has, or what a conversation sent before, read from the provider's cache."""
    traffic, tokens = case.traffic, case.tokens
    if traffic is None or tokens is None or (traffic.static_share is None and traffic.resent_share is None):
        return None, "prompt caching: how much of the prompts stays the same is unknown"
    prices = [price for row in case.bill.known if (price := price_of(row, case.catalogue)) is not None]
    if not any(price.cache_read_usd_mtok is not None for price in prices):
        return None, f"prompt caching: no price for it is listed for {words.visible(words.models(case.line), 80)}"
    static, resent = traffic.static_share or 0.0, traffic.resent_share or 0.0
    hit = _kept(case)
    conversing = resent > static * hit
    share, hit = (resent, 1.0) if conversing else (static, hit)
    length = tokens[0] if conversing else static * tokens[0]
    least = case.settings.cache_least_tokens
    if share == 0 or length < least:
        what = "a prompt is" if conversing else "what stays the same at the beginning is"
        return None, f"prompt caching: {what} about {length:,.0f} tokens, and providers keep none below {least:,}"
    at = case.bill.at(lambda row: price_of(row, case.catalogue), lambda row: _reading(row, case, share, hit, rest=conversing))
    what = "was sent before in the same conversation" if conversing else "is the beginning of every prompt"
    keeps = f"{case.settings.cache_minutes:g} minutes"
    change = Change(cost=at, saved=(0.75, 1.25), says=("how often the beginning is still kept",))
    text = f"the prompt has to begin with what stays the same, and calls to follow within {keeps}"
    stands = (Obstacle(kind="data", text=text, hard=False),)
    rung = _rung(case, "incumbent_cached", "with prompt caching", change, stands, small=True)
    if rung is None or not _saves(rung):
        already = case.line.cache_read_share
        read = f"; {words.percent(already)} of the input is read from it already" if already else ""
        return None, f"prompt caching: it would save nothing at the listed prices of reading and writing{read}"
    return replace(
        rung,
        evidence="measured",
        proof=f"{words.percent(share)} of the input text {what}, in {words.count(traffic.calls_with_body, 'call')} that were read.",
        needs=MARKED if case.kind == "anthropic" else (),
        assumptions=(
            f"A beginning is kept for {keeps}, and within an hour calls come at random: it is found {words.percent(hit)} of the time, else"
            " written.",
            "Writing it is paid at the listed price, at that of plain input where none is listed.",
        ),
    ), ""


def batched(case: Case) -> Answer:
    """The same answers within a day, at what the provider asks for that."""
    if case.bill.known and all(row.service_tier == "batch" for row in case.bill.known):
        return None, "batch prices: all of these calls were batches already"
    fit = [row for row in case.bill.known if _batch(row, case) is not None]
    at = case.bill.at(lambda row: _batch(row, case) or price_of(row, case.catalogue), own_usage) if fit else None
    if at is None:
        return None, f"batch prices: none is listed for {words.visible(words.models(case.line), 80)}"
    streamed = case.traffic.streamed_share if case.traffic is not None else None
    stream = streamed is not None and streamed > STREAMS
    text = "answers come within a day: only where nobody waits for one, which no log tells"
    text = f"{words.percent(streamed)} of the calls stream: somebody waits for them" if stream else text
    waits = Obstacle(kind="latency", text=text, hard=stream)
    rung = _rung(case, "incumbent_batch", "in batches", Change(cost=at), (waits,), small=True)
    if rung is None or not _saves(rung):
        return None, "batch prices: they would save nothing"
    calls = sum(row.calls - row.calls_without_usage for row in fit)
    price = next(price for row in fit if (price := _batch(row, case)) is not None)
    return replace(
        rung,
        share=calls / case.bill.known_calls,
        evidence="none",
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
    at = case.bill.at(lambda row: price_of(row, case.catalogue), lambda row: _shorter(row, cut))
    what = "stood before in the same conversation" if resent > fixed else "is the prompt's fixed text"
    stands = (Obstacle(kind="data", text="what may be left out has to be tried: answers may get worse", hard=False),)
    change = Change(cost=at, saved=(0.5, 1.5), says=("how much may be left out",))
    rung = _rung(case, "incumbent_trimmed", "with a shorter prompt", change, stands, small=False)
    if rung is None or not _saves(rung):
        return None, "a shorter prompt: it would save nothing"
    return replace(
        rung,
        evidence="none",
        proof=f"{words.percent(share)} of the input text {what}; which of it the answers need is not known.",
        assumptions=(f"{words.percent(case.settings.trim_share)} of that text can go, give or take as much as half of it again.",),
    ), ""


def as_it_is(case: Case) -> Rung:
    """The last rung: nothing changes."""
    line, models = case.line, words.visible(words.models(case.line), 80)
    bounds = interval(case.month.paces(case.bill.by_day), case.month.days) if case.bill.compared else None
    ranges = (
        (f"With days like these a month costs {words.money(usd(bounds[0]))} to {words.money(usd(bounds[1]))} (95 %).",) if bounds else ()
    )
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


def _rung(case: Case, kind: RungKind, how: str, change: Change, stands: tuple[Obstacle, ...], *, small: bool) -> Rung | None:
    at, line = change.cost, case.line
    if at is None:
        return None
    name = f"{words.visible(words.models(line), 80)} {how}"
    saving = saved(change, case.bill, case.month, key=case.key(kind)) if case.bill.compared else None
    price = line.incumbents[0].price if line.incumbents else None
    ends, first = _ending(case)
    return Rung(
        kind=kind,
        name=name,
        model=line.incumbents[0].model if line.incumbents else None,
        provider=seller(price.provider) if price is not None else None,
        usd_call=at.usd_call.quantize(Decimal("1e-10")),
        usd_month=after(line.baseline_usd_month, saving),
        one_off_usd=case.settings.one_off_usd(labels=0 if small else case.settings.trial_labels, small=small),
        saving=saving,
        cheaper_share=cheaper(at.usd_call, case.usd_call),
        obstacles=tuple(sorted((*stands, *ends), key=lambda one: not one.hard)),
        retires=first,
    )


def _ending(case: Case) -> tuple[tuple[Obstacle, ...], date | None]:
    """Which of the incumbents stop answering soon, and the first day of it."""
    stands, first = [], None
    for model in case.line.incumbents:
        ends = case.market.cards.retirement(case.kind, model.model)
        if ends is not None and (ends.day - case.today).days <= case.settings.retiring_days:
            stands.append(retiring(ends.day, case.today, words.visible(model.model, 60)))
            first = ends.day if first is None else min(first, ends.day)
    return tuple(sorted(stands, key=lambda one: not one.hard)), first


def _saves(rung: Rung) -> bool:
    """Unknown is not nothing."""
    return rung.saving is None or rung.saving.usd_month is None or rung.saving.usd_month > 0


def _kept(case: Case) -> float:
    """How often a beginning was read within the minutes before, calls of an hour of the day coming at random (Poisson)."""
    days, minutes = case.month.days, case.settings.cache_minutes
    hours = case.traffic.hours if case.traffic is not None else ()
    if not sum(hours):
        return 1 - math.exp(-case.bill.calls / days / DAY_MINUTES * minutes)
    return sum(calls * (1 - math.exp(-calls / days / 60 * minutes)) for calls in hours) / sum(hours)


def _reading(row: UsageRow, case: Case, share: float, hit: float, *, rest: bool) -> Usage:
    """The row's tokens with `share` of the input looked up in the cache, found `hit` of the time; `rest`: all else is written too."""
    price = price_of(row, case.catalogue)
    if price is None or price.cache_read_usd_mtok is None:
        return own_usage(row)
    read = math.floor(row.input_tokens * share * hit)
    written = row.input_tokens - read if rest else math.floor(row.input_tokens * share * (1 - hit))
    audio = row.audio_input_tokens
    return Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=max(0, min(read, row.input_tokens - audio)),
        cache_write_tokens=max(0, min(written, row.input_tokens - audio - read)) if price.cache_write_usd_mtok is not None else 0,
        audio_input_tokens=audio,
        audio_output_tokens=row.audio_output_tokens,
    )


def _shorter(row: UsageRow, cut: float) -> Usage:
    """Less input: first what was read from the cache, which costs least."""
    usage = own_usage(row)
    read, audio = usage.cache_read_tokens or 0, usage.audio_input_tokens or 0
    written = usage.cache_write_tokens or 0
    gone = min(math.floor(row.input_tokens * cut), row.input_tokens - audio - written)
    return replace(usage, input_tokens=row.input_tokens - gone, cache_read_tokens=max(0, read - gone))


def _batch(row: UsageRow, case: Case) -> Price | None:
    """The price of the row's model in a batch; None where none is known or it was one."""
    if row.service_tier == "batch":
        return None
    calls = row.calls - row.calls_without_usage
    length = row.input_tokens // calls if calls > 0 else 0
    for model in dict.fromkeys((row.response_model, row.request_model)):
        if model:
            price = tiers.price(case.catalogue, model, day_of(row), input_tokens=length, provider=row.provider, service_tier="batch")
            if price is not None:
                return price
    return None


def _listed(price: Price | None) -> str:
    if price is None:
        return ", at a price that is not known"
    where = f" at {seller(price.provider)}" if price.provider else ""
    prices = f"{words.unit(price.input_usd_mtok)} dollars a million tokens in, {words.unit(price.output_usd_mtok)} out"
    return f"{where}, {prices} ({price.source})"
