"""The rung of today's model with its provider's prompt caching: the beginning of every prompt, or what a conversation sent before."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from modicum.report import words
from modicum.report.costing import price_of, usage_of
from modicum.report.ladder.case import Case
from modicum.report.ladder.net import Change
from modicum.report.ladder.same import Answer, asked_otherwise
from modicum.report.rungs import Obstacle
from modicum.types import Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

DAY_MINUTES = 1440
MARKED = ('mark the beginning for the cache; the gateway does with `cache_control = "auto"`',)
"""At a provider that keeps only what it is told to."""


def cached(case: Case) -> Answer:
    """Read from the provider's cache, at its price."""
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
    at = case.bill.at(lambda row: price_of(row, case.catalogue), lambda row: _reading(row, case, share, hit, rest=conversing), ours=True)
    what = "was sent before in the same conversation" if conversing else "is the beginning of every prompt"
    keeps = f"{case.settings.cache_minutes:g} minutes"
    change = Change(cost=at, saved=(0.75, 1.25), says=("how often the beginning is still kept",))
    text = f"the prompt has to begin with what stays the same, and calls to follow within {keeps}"
    rung = asked_otherwise(case, "incumbent_cached", "with prompt caching", change, Obstacle(kind="data", text=text, hard=False))
    if rung is None:
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


def _kept(case: Case) -> float:
    """How often a beginning was read within the minutes before, calls of an hour of the day coming at random (Poisson)."""
    days, minutes = case.month.length, case.settings.cache_minutes
    hours = case.traffic.hours if case.traffic is not None else ()
    if not sum(hours):
        return 1 - math.exp(-case.bill.calls / days / DAY_MINUTES * minutes)
    return sum(calls * (1 - math.exp(-calls / days / 60 * minutes)) for calls in hours) / sum(hours)


def _reading(row: UsageRow, case: Case, share: float, hit: float, *, rest: bool) -> Usage:
    """The row's tokens with `share` of the input looked up in the cache, found `hit` of the time; `rest`: all else is written too."""
    price = price_of(row, case.catalogue)
    if price is None or price.cache_read_usd_mtok is None:
        return usage_of(row)
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
