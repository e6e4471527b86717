"""`modicum models`: what models there are, what is known of each and where it was read, and what the Hugging Face Hub has."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args

import click

from modicum.backends import hub
from modicum.backends.priced import priced
from modicum.catalog.card import Card, Kind
from modicum.catalog.card_names import fold
from modicum.catalog.cards import FIRST_PARTY, Cards
from modicum.catalog.offers import OLD_DAYS, Offer, dollars
from modicum.catalog.terms import NOT_ADVICE, Terms, terms_for
from modicum.cli import model_page
from modicum.cli.keys import dollars as amount
from modicum.cli.options import Config, common, print_json, print_table, printable
from modicum.errors import RequestError
from modicum.report.words import count
from modicum.types import TaskKind

TASKS = tuple(task for task in get_args(TaskKind) if task != "unsure")
SIZES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
SORTS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: line.card.id,
    "size": lambda line: (line.size is None, line.size or 0, line.card.id),
    "price": lambda line: (line.offer is None, dollars(line.offer.price) if line.offer else 0, line.card.id),
    "context": lambda line: (-(line.context or 0), line.card.id),
    "laboratory": lambda line: (line.card.laboratory.lower(), line.card.id),
}
KINDS = {laboratory: kind for kind, laboratory in FIRST_PARTY.items()}
"""Laboratory -> the kind of provider that is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model of a list, as JSON has it too."""

    card: Card
    offer: Offer | None
    """The operator's, else the laboratory's own of a closed model, else the cheapest in the price list."""
    size: int | None
    context: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All of one model."""

    card: Card
    tasks: tuple[str, ...]
    offers: tuple[Offer, ...]
    terms: Terms | None
    smaller: tuple[str, ...]


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """8B, 350M, 128k, 32000."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmbt]?)", value.strip().lower())
    if found is None:
        raise click.BadParameter(f"{value!r} is not a number like 8B, 350M or 128k")
    return int(Decimal(found[1]) * SIZES[found[2]])


def filters(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that narrow a list."""
    for option in reversed(
        (
            click.option("--task", type=click.Choice(TASKS), help="Can be put to this task."),
            click.option("--kind", type=click.Choice(get_args(Kind)), help="Of this kind."),
            click.option("--laboratory", metavar="NAME", help="Of this laboratory, e.g. Mistral."),
            click.option("--open/--closed", "is_open", default=None, help="With open weights, or without."),
            click.option(
                "--licence", "--license", metavar="SPDX", help="Under this licence, e.g. Apache-2.0; * at the end matches the rest."
            ),
            click.option("--commercial", is_flag=True, help="Weights whose licence allows commercial use, also under conditions."),
            click.option("--max-parameters", metavar="SIZE", callback=size, help="At most so many parameters: 8B, 350M."),
            click.option("--max-price", metavar="USD", callback=amount, help="At most so many US dollars a million input tokens."),
            click.option("--min-context", metavar="TOKENS", callback=size, help="Takes inputs of at least so many tokens: 128k."),
            click.option("--sort", type=click.Choice(list(SORTS)), help="[default: laboratory]"),
        )
    ):
        function = option(function)
    return function


@click.group(
    epilog="Examples:\n\n  modicum models list --kind llm --open --commercial --max-parameters 10B --sort price\n\n"
    "  modicum models show gpt-4o-mini\n\n  modicum models search 'multilingual rerank' --hub --licence apache-2.0"
)
def command() -> None:
    """List, show and search models: limits, abilities, weights, licences, retirements and prices, each with its source and day.

    What no source that was opened says stays out: `-` is unknown. Nothing is fetched, but by `search --hub`.
    """


@command.command("list", epilog="Example:  modicum models list --task classify --open --commercial --max-parameters 1B --sort size")
@filters
@common
def list_(config: Config, as_json: bool, sort: str | None, **wanted: Any) -> None:
    """List the models of the catalogue."""
    cards = _cards(config)
    _print(_narrowed(cards, cards.all(), wanted, sort or "laboratory"), as_json)


@command.command(epilog="Example:  modicum models show us.anthropic.claude-haiku-4-5-20251001-v1:0")
@click.argument("model")
@common
def show(model: str, config: Config, as_json: bool) -> None:
    """Show all that is known of MODEL, by any name that a log calls it, with sources and days."""
    cards, today = _cards(config), _today()
    card = cards.get(model)
    shown = Shown(
        card=card,
        tasks=card.tasks,
        offers=cards.offers.of(card, today),
        terms=terms_for(KINDS.get(card.laboratory), card),
        smaller=tuple(other.id for other in cards.smaller(card, today)),
    )
    if as_json:
        print_json(shown)
    else:
        _show(shown, today)


@command.command(epilog="Example:  modicum models search embedding --hub --licence mit --max-parameters 600M --sort downloads")
@click.argument("text")
@click.option("--hub", "on_hub", is_flag=True, help="Ask the Hugging Face Hub; the words of the search go there, and nothing else.")
@click.option("--limit", type=click.IntRange(1, hub.MOST), default=20, show_default=True, help="With --hub: most models.")
@click.option("--any-format", is_flag=True, help="With --hub: also weights that are not safetensors.")
@click.option("--fresh", is_flag=True, help="With --hub: ask again, also where an answer of the last day is kept.")
@filters
@common
def search(
    text: str, on_hub: bool, limit: int, any_format: bool, fresh: bool, config: Config, as_json: bool, sort: str | None, **wanted: Any
) -> None:
    """Search names, families, laboratories and benchmarks for TEXT, here or on the Hugging Face Hub."""
    if not on_hub:
        cards = _cards(config)
        words = [fold(word) for word in text.split()]
        found = [card for card in cards.all() if all(word in _said(card) for word in words)]
        _print(_narrowed(cards, found, wanted, sort or "laboratory"), as_json)
        return
    if unfit := [name for name in ("kind", "laboratory", "is_open", "max_price", "min_context") if wanted[name] is not None]:
        raise RequestError(
            f"--{unfit[0].replace('_', '-').removeprefix('is-')} is not known to the Hub", hint="without --hub it narrows the catalogue"
        )
    if wanted["commercial"] or sort is not None:
        raise RequestError("the Hub knows neither --commercial nor --sort", hint="it answers by downloads; --licence names a licence")
    asked = hub.Asked(
        text=text,
        task=wanted["task"] or "",
        licence=(wanted["licence"] or "").lower(),
        most_parameters=wanted["max_parameters"],
        safetensors=not any_format,
        limit=limit,
    )
    answer = hub.search(asked, config.home / "hub", fresh=fresh)
    if as_json:
        print_json(answer)
        return
    if answer.note:
        click.echo(f"{answer.note} What stands here was found on {answer.at:%Y-%m-%d}.", err=True)
    print_table(
        ("model", "task", "parameters", "licence", "downloads", "gated", "changed"),
        [
            (
                printable(one.id),
                printable(one.task or "-"),
                short(one.parameters),
                printable(one.licence or "-"),
                "-" if one.downloads is None else f"{one.downloads:,}",
                "yes" if one.gated else "",
                one.modified or "-",
            )
            for one in answer.models
        ],
        right=(2, 4),
    )
    click.echo(
        f"{count(len(answer.models), 'model')} of {answer.endpoint}, {answer.at:%Y-%m-%d %H:%M} UTC"
        + (" (kept)." if answer.cached else ".")
    )


def short(number: int | None) -> str:
    """8_030_000_000 -> 8.03B; - where unknown."""
    if number is None:
        return "-"
    for unit, factor in (("T", 10**12), ("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return str(number)


def _cards(config: Config) -> Cards:
    return Cards.open(config.home, priced(config)[0])


def _today() -> date:
    return datetime.now(UTC).date()


def _said(card: Card) -> str:
    """All that a search looks in."""
    words = (card.id, *card.names, card.family, card.laboratory, card.kind, *(score.benchmark for score in card.scores))
    return " ".join(fold(word) for word in words)


def _narrowed(cards: Cards, found: Sequence[Card], wanted: dict[str, Any], sort: str) -> list[Line]:
    laboratory = wanted["laboratory"]
    if laboratory is not None and not any(laboratory.lower() in card.laboratory.lower() for card in cards.all()):
        known = ", ".join(sorted({card.laboratory for card in cards.all()}))
        raise RequestError(f"no laboratory '{laboratory}' in the catalogue", hint=f"known: {known}")
    day = _today()
    return sorted((line for card in found if (line := _line(cards, card, day)) and _fits(line, wanted)), key=SORTS[sort])


def _line(cards: Cards, card: Card, day: date) -> Line:
    return Line(
        card=card,
        offer=cards.offers.usual(card, day),
        size=None if card.weights is None else card.weights.parameters,
        context=None if card.limits is None else card.limits.longest_input_tokens,
    )


def _fits(line: Line, wanted: dict[str, Any]) -> bool:
    """What is not known of a model fits no limit that is asked for."""
    card, licence = line.card, line.card.licence
    price = None if line.offer is None else line.offer.price.input_usd_mtok
    name = (wanted["licence"] or "").lower()
    return (
        (wanted["task"] is None or wanted["task"] in card.tasks)
        and (wanted["kind"] is None or wanted["kind"] == card.kind)
        and (wanted["laboratory"] is None or wanted["laboratory"].lower() in card.laboratory.lower())
        and (wanted["is_open"] is None or wanted["is_open"] == card.is_open)
        and (not name or (licence is not None and _named(licence.spdx.lower(), name)))
        and (not wanted["commercial"] or (licence is not None and licence.commercial != "no"))
        and (wanted["max_parameters"] is None or (line.size is not None and line.size <= wanted["max_parameters"]))
        and (wanted["max_price"] is None or (price is not None and price <= wanted["max_price"]))
        and (wanted["min_context"] is None or (line.context is not None and line.context >= wanted["min_context"]))
    )


def _named(spdx: str, pattern: str) -> bool:
    return spdx.startswith(pattern[:-1]) if pattern.endswith("*") else spdx == pattern


def _print(lines: Sequence[Line], as_json: bool) -> None:
    if as_json:
        print_json(lines)
        return
    if not lines:
        click.echo("No model that is known fits.")
        return
    print_table(
        ("model", "laboratory", "kind", "size", "context", "in / out $ a million", "at", "licence"),
        [
            (
                line.card.id + (" (own)" if line.card.own else ""),
                line.card.laboratory,
                line.card.kind,
                _size(line.card),
                short(line.context),
                "-" if line.offer is None else _price(line.offer),
                "-" if line.offer is None else line.offer.provider,
                "-" if line.card.licence is None else line.card.licence.spdx if line.card.is_open else "",
            )
            for line in lines
        ],
        right=(3, 4, 5),
    )
    known = "Prices: yours, else the laboratory's, for open weights the cheapest in the installed list."
    old = f" Some were read over {OLD_DAYS} days ago." if any(line.offer and line.offer.is_old(_today()) for line in lines) else ""
    click.echo(f"{count(len(lines), 'model')}; - is unknown. {known}{old}")


def _size(card: Card) -> str:
    weights = card.weights
    if weights is None:
        return ""
    return short(weights.parameters) + (f" ({short(weights.active_parameters)} active)" if weights.active_parameters else "")


def _price(offer: Offer) -> str:
    price = offer.price
    if price.input_usd_mtok is None and price.output_usd_mtok is None:
        return f"{price.request_usd:f} a request"
    return " / ".join("-" if one is None else f"{one:f}" for one in (price.input_usd_mtok, price.output_usd_mtok))


def _show(shown: Shown, today: date) -> None:
    for line in model_page.lines(shown.card, shown.offers, shown.terms, shown.smaller, today):
        click.echo(printable(line))
    click.echo(f"Terms and licences: {NOT_ADVICE}.")
