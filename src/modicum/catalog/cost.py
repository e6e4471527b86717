"""The cost of one call, or of many calls at one price: numbers in, dollars out."""

from __future__ import annotations

from decimal import Decimal

from modicum.types import Price, Usage

MTOK = Decimal(1_000_000)
PICO = 10**12
"""Pico-dollars of a dollar: the cheapest listed token costs whole ones."""
Rates = tuple[int, int, int]
"""Pico-dollars for an input token, for an output token and for the call."""
_NOTHING = Decimal(0)


def cost(price: Price | None, usage: Usage, *, calls: int = 1) -> Decimal | None:
    """US dollars for `usage`, the sum over so many calls, at `price`; None where either is not known well enough.

    Input tokens include what was read from and written to the provider's cache and what was audio; those are taken out and charged at
    their own price, or as ordinary input where the price list has none for them (no other price is listed, so none is
    assumed). What is kept in the cache for an hour has no price where the list names one for five minutes alone. Counts that a provider
    does not report are taken as none: providers that charge for them report them. Usage that contradicts itself (more cached
    than read in all) has no cost. Reasoning tokens are output tokens. Where requests alone have a price, tokens have none.
    """
    if price is None:
        return None
    plain_in, plain_out = price.input_usd_mtok, price.output_usd_mtok
    if plain_in is None and plain_out is None and price.request_usd is not None:
        return price.request_usd * calls
    sent, got = usage.input_tokens, usage.output_tokens
    if sent is None or got is None:
        return None
    if not (
        usage.cache_read_tokens
        or usage.cache_write_tokens
        or usage.cache_write_1h_tokens
        or usage.audio_input_tokens
        or usage.audio_output_tokens
        or plain_in is None
        or plain_out is None
        or sent < 0
        or got < 0
    ):
        total = (sent * plain_in + got * plain_out) / MTOK
        return total if price.request_usd is None else total + price.request_usd * calls
    read, write, hour = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0, usage.cache_write_1h_tokens or 0
    heard, spoken = usage.audio_input_tokens or 0, usage.audio_output_tokens or 0
    write -= hour
    inputs, outputs = sent - read - write - hour - heard, got - spoken
    if min(inputs, read, write, hour, heard, outputs, spoken) < 0:
        return None
    for_an_hour = (
        price.cache_write_1h_usd_mtok if price.cache_write_usd_mtok is not None else _either(price.cache_write_1h_usd_mtok, plain_in)
    )
    total = _NOTHING
    for tokens, usd_mtok in (
        (inputs, plain_in),
        (read, _either(price.cache_read_usd_mtok, plain_in)),
        (write, _either(price.cache_write_usd_mtok, plain_in)),
        (hour, for_an_hour),
        (heard, _either(price.audio_input_usd_mtok, plain_in)),
        (outputs, plain_out),
        (spoken, _either(price.audio_output_usd_mtok, plain_out)),
    ):
        if tokens:
            if usd_mtok is None:
                return None
            total += tokens * usd_mtok
    return total / MTOK + (price.request_usd or _NOTHING) * calls


def rates(price: Price) -> Rates | None:
    """What plain tokens cost, in whole numbers; None where they have no price in each direction, or one that is no whole number."""
    if price.input_usd_mtok is None or price.output_usd_mtok is None:
        return None
    sent, got, call = price.input_usd_mtok * PICO / MTOK, price.output_usd_mtok * PICO / MTOK, (price.request_usd or _NOTHING) * PICO
    return (int(sent), int(got), int(call)) if sent % 1 == got % 1 == call % 1 == 0 else None


def _either(own: Decimal | None, plain: Decimal | None) -> Decimal | None:
    return plain if own is None else own
