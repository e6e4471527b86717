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
from modicum.cli.options import Config, Subcommands, common, console, print_json, print_table, printable
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
SMALLEST = 1_000_000
"""Parameters: no model of use has fewer, so that 8 is 8B without its letter."""
GROUP_EXAMPLES = """\b
Examples:
  modicum models list --kind llm --open --commercial --max-parameters 10B --sort price
  modicum models show gpt-4o-mini
  modicum models search 'multilingual rerank' --hub --licence apache-2.0"""
LIST_EXAMPLES = """\b
Examples:
  modicum models list --task classify --open --commercial --max-parameters 1B --sort size
  modicum models list --closed --task extract --max-price 0.20 --min-context 128k --sort price
  modicum models list --kind embedder --licence apache-2.0"""
SEARCH_EXAMPLES = """\b
Examples:
  modicum models search 'qwen rerank' --sort size
  modicum models search embedding --hub --licence mit --max-parameters 600M"""
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


def parameters(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A size that a model can have."""
    found = size(ctx, param, value)
    if found is not None and found < SMALLEST:
        raise click.BadParameter(f"no model has {found:,} parameters or fewer; 8B is eight billion, 350M 350 million")
    return found


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
            click.option("--max-parameters", metavar="SIZE", callback=parameters, help="At most so many parameters: 8B, 350M."),
            click.option("--max-price", metavar="USD", callback=amount, help="At most so many US dollars a million input tokens."),
            click.option("--min-context", metavar="TOKENS", callback=size, help="Takes inputs of at least so many tokens: 128k."),
            click.option("--sort", type=click.Choice(list(SORTS)), help="[default: laboratory]"),
        )
    ):
        function = option(function)
    return function


@click.group(cls=Subcommands, epilog=GROUP_EXAMPLES)
def command() -> None:
    """List, show and search models: limits, abilities, weights, licences, retirements and prices, each with its source and day.

    What no source that was opened says stays out: `-` is unknown. Nothing is fetched, but by `search --hub`.
    """


@command.command("list", epilog=LIST_EXAMPLES)
@filters
@common
def list_(config: Config, as_json: bool, sort: str | None, **wanted: Any) -> None:
    """List the models of the catalogue."""
    cards = _cards(config)
    _print(*_narrowed(cards, cards.all(), wanted, sort or "laboratory"), as_json)


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


@command.command(epilog=SEARCH_EXAMPLES)
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
        _print(*_narrowed(cards, found, wanted, sort or "laboratory"), as_json, found_none=None if found else text)
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


def _narrowed(cards: Cards, found: Sequence[Card], wanted: dict[str, Any], sort: str) -> tuple[list[Line], int]:
    """The lines that fit, in order, and how many models were left out only because something asked for is not known of them."""
    laboratory = wanted["laboratory"]
    if laboratory is not None and not any(laboratory.lower() in card.laboratory.lower() for card in cards.all()):
        known = ", ".join(sorted({card.laboratory for card in cards.all()}))
        raise RequestError(f"no laboratory '{laboratory}' in the catalogue", hint=f"known: {known}")
    day = _today()
    judged = [(line, _fits(line, wanted)) for line in (_line(cards, card, day) for card in found)]
    fitting = sorted((line for line, fits in judged if fits), key=SORTS[sort])
    return fitting, sum(fits is None for _, fits in judged)


def _line(cards: Cards, card: Card, day: date) -> Line:
    return Line(
        card=card,
        offer=cards.offers.usual(card, day),
        size=None if card.weights is None else card.weights.parameters,
        context=None if card.limits is None else card.limits.longest_input_tokens,
    )


def _fits(line: Line, wanted: dict[str, Any]) -> bool | None:
    """None: nothing that is known speaks against it, and something that was asked for is not known."""
    card, licence = line.card, line.card.licence
    price = None if line.offer is None else line.offer.price.input_usd_mtok
    name = (wanted["licence"] or "").lower()
    opened, most, dearest, least = wanted["is_open"], wanted["max_parameters"], wanted["max_price"], wanted["min_context"]
    found: list[bool | None] = [
        wanted["task"] is None or wanted["task"] in card.tasks,
        wanted["kind"] is None or wanted["kind"] == card.kind,
        wanted["laboratory"] is None or wanted["laboratory"].lower() in card.laboratory.lower(),
        opened is None or opened == card.is_open,
        not (name or wanted["commercial"] or most is not None) or card.is_open,
        not name or (None if licence is None else _named(licence.spdx.lower(), name)),
        not wanted["commercial"] or (None if licence is None else licence.commercial != "no"),
        most is None or (None if line.size is None else line.size <= most),
        dearest is None or (None if price is None else price <= dearest),
        least is None or (None if line.context is None else line.context >= least),
    ]
    return False if False in found else None if None in found else True


def _named(spdx: str, pattern: str) -> bool:
    return spdx.startswith(pattern[:-1]) if pattern.endswith("*") else spdx == pattern


def _print(lines: Sequence[Line], unknown: int, as_json: bool, *, found_none: str | None = None) -> None:
    if as_json:
        print_json(lines)
        return
    left_out = f" Left out: {count(unknown, 'model')} of which something asked for is not known." if unknown else ""
    if found_none is not None:
        click.echo(f"Nothing in the catalogue has '{printable(found_none)}' in its names. --hub asks the Hugging Face Hub.")
        return
    if not lines:
        click.echo(f"No model that is known fits.{left_out}")
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
                "" if not line.card.is_open else "-" if line.card.licence is None else line.card.licence.spdx,
            )
            for line in lines
        ],
        right=(3, 4, 5),
    )
    known = "Prices: yours, else the laboratory's, for open weights the cheapest in the installed list."
    old = f" Some were read over {OLD_DAYS} days ago." if any(line.offer and line.offer.is_old(_today()) for line in lines) else ""
    click.echo(f"{count(len(lines), 'model')}; - is unknown. {known}{old}{left_out}")


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
    width = console().width
    for line in model_page.lines(shown.card, shown.offers, shown.terms, shown.smaller, today):
        for part in model_page.wrapped(printable(line), width):
            click.echo(part)
    click.echo(f"Terms and licences: {NOT_ADVICE}.")
