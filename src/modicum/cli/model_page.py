"""One model as `modicum models show` prints it: each group of facts on its lines, each with its source and day."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import date

from modicum.catalog.card import Card, Source, Weights
from modicum.catalog.offers import OLD_DAYS, Offer
from modicum.catalog.terms import Terms

MOST_OFFERS = 12
WIDE = 24


def lines(card: Card, offers: Sequence[Offer], terms: Terms | None, smaller: Sequence[str], today: date) -> Iterator[str]:
    """The page; sources stand as numbers, and below in full."""
    sources: list[Source] = []

    def cited(found: tuple[Source, ...]) -> str:
        for source in found:
            if source not in sources:
                sources.append(source)
        return "".join(f" [{sources.index(source) + 1}]" for source in found)

    yield f"{card.id}  {card.family}, {card.laboratory} ({card.kind}, {'open weights' if card.is_open else 'no open weights'})"
    if card.names:
        yield _row("also called", ", ".join(card.names))
    yield _row("can be put to", ", ".join(card.tasks))
    if (released := card.released) is not None:
        yield _row("released", f"{released.day}{cited(released.sources)}")
    if (limits := card.limits) is not None:
        named = (("context", limits.context_tokens), ("input", limits.input_tokens), ("output", limits.output_tokens))
        yield _row("limits", ", ".join(f"{name} {tokens:,} tokens" for name, tokens in named if tokens) + cited(limits.sources))
    if (can := card.abilities) is not None:
        said = [f"{', '.join(can.inputs)} in, {', '.join(can.outputs)} out"]
        named_abilities = (("tools", can.tools), ("JSON schema", can.structured), ("reasoning", can.reasoning))
        said += [name if able else f"no {name}" for name, able in named_abilities if able is not None]
        yield _row("abilities", "; ".join(said) + cited(can.sources))
    if (weights := card.weights) is not None:
        yield _row("weights", "; ".join(_weights(weights)) + cited(weights.sources))
        kept = weights.kv_bytes(32_768)
        if kept is not None:
            yield _row("cache", f"{kept / 1e9:.2f} GB for 32,768 tokens in fp16, worked out from these")
    if (licence := card.licence) is not None:
        commercial = {"yes": "commercial use", "conditions": "commercial use under conditions", "no": "no commercial use"}[
            licence.commercial
        ]
        yield _row("licence", f"{licence.spdx}: {commercial}. {licence.condition}".rstrip() + cited(licence.sources))
    if (languages := card.languages) is not None:
        yield _row("languages", ", ".join(languages.codes) + cited(languages.sources))
    for retirement in card.retires:
        where = retirement.provider or "the laboratory"
        when = "stopped answering on" if retirement.day <= today else f"in {(retirement.day - today).days} days, on"
        instead = f"; instead: {retirement.replacement}" if retirement.replacement else ""
        yield _row("retires", f"{', '.join(retirement.names)} at {where}: {when} {retirement.day}{instead}{cited(retirement.sources)}")
    for score in card.scores:
        yield _row("published", f"{score.benchmark}: {score.score:g} ({score.metric}; {score.task}){cited(score.sources)}")
    yield from _offers(offers, today)
    if smaller:
        yield _row("smaller or cheaper", ", ".join(smaller))
    if terms is not None:
        yield _row("training on answers", f'{terms.training}: "{terms.quote}" {terms.note}'.rstrip())
        yield _row("", f"{terms.title}, read {_age(terms.read, today)}: {terms.url}")
    yield ""
    for number, source in enumerate(sources, 1):
        yield f"[{number}] {source.title}, read {_age(source.read, today)}: {source.url}"


def wrapped(line: str, width: int) -> list[str]:
    """A line of the page in lines of a terminal; what follows stands under the text of its row. An address is never broken."""
    under = " " * (WIDE + 4 if line.startswith("  ") else 4)
    return textwrap.wrap(line, max(width, 60), subsequent_indent=under, break_long_words=False, break_on_hyphens=False) or [""]


def _row(name: str, text: str) -> str:
    return f"  {name:<{WIDE}}  {text}"


def _weights(weights: Weights) -> Iterator[str]:
    yield weights.hub
    if weights.parameters is not None:
        active = f", {weights.active_parameters / 1e9:g}B active" if weights.active_parameters else ""
        yield f"{weights.parameters / 1e9:g}B parameters{active}{' (mixture of experts)' if weights.experts else ''}"
    if weights.layers is not None:
        yield f"{weights.layers} layers" + (f", {weights.kv_layers} with a cache" if weights.kv_layers else "")
    if weights.kv_heads is not None:
        yield f"{weights.kv_heads} KV heads of {weights.head_size}"
    if weights.latent_size is not None:
        yield f"latent attention of {weights.latent_size} + {weights.rope_size}" + (
            f" + {weights.index_size}" if weights.index_size else ""
        )
    if weights.window_layers is not None:
        yield f"{weights.window_layers} layers see {weights.window_tokens:,} tokens"
    if weights.dimensions is not None:
        yield f"vectors of {weights.dimensions}"
    if weights.precision is not None:
        yield f"released in {weights.precision}"


def _offers(offers: Sequence[Offer], today: date) -> Iterator[str]:
    for offer in offers[:MOST_OFFERS]:
        price = offer.price
        if price.input_usd_mtok is None and price.output_usd_mtok is None:
            what = f"${price.request_usd:f} a request"
        else:
            named = (("in", price.input_usd_mtok), ("out", price.output_usd_mtok), ("cached", price.cache_read_usd_mtok))
            what = ", ".join(f"${usd:f} {name}" for name, usd in named if usd is not None) + " a million tokens"
        yield _row(f"at {offer.provider}", f"{offer.name}: {what}. {price.source}, as of {_age(offer.read, today)}")
    if len(offers) > MOST_OFFERS:
        yield _row("", f"and {len(offers) - MOST_OFFERS} more in the price list")


def _age(read: date | None, today: date) -> str:
    if read is None:
        return "a day that nobody wrote down"
    days = (today - read).days
    return f"{read}" + (f", {days} days ago: over {OLD_DAYS}" if days > OLD_DAYS else "")
