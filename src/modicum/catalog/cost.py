"""The cost of one call, or of many calls at one price: numbers in, dollars out."""

from __future__ import annotations

from decimal import Decimal

from modicum.types import Price, Usage

MTOK = Decimal(1_000_000)


def cost(price: Price | None, usage: Usage) -> Decimal | None:
    """US dollars for `usage` at `price`, or None where either is not known well enough.

    Input tokens include what was read from and written to the provider's cache; those are taken out and charged at
    their own price, or as ordinary input where the price list has none for them (no discount is listed, so none is
    assumed). Cache counts that a provider does not report are taken as none: providers that discount report them.
    Usage that contradicts itself (more cached than read in all) has no cost. Reasoning tokens are output tokens.
    """
    if price is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    plain = usage.input_tokens - read - write
    if min(plain, read, write, usage.output_tokens) < 0:
        return None
    total = Decimal(0)
    for tokens, usd_mtok in (
        (plain, price.input_usd_mtok),
        (read, price.cache_read_usd_mtok if price.cache_read_usd_mtok is not None else price.input_usd_mtok),
        (write, price.cache_write_usd_mtok if price.cache_write_usd_mtok is not None else price.input_usd_mtok),
        (usage.output_tokens, price.output_usd_mtok),
    ):
        if tokens and usd_mtok is None:
            return None
        total += tokens * (usd_mtok or Decimal(0))
    return total / MTOK
