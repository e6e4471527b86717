"""What `modicum plan` was asked, looked up: a model's shape, machines, recorded or declared traffic, prices a token to stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modicum.cli.options import Config, existing
from modicum.errors import NotFoundError

if TYPE_CHECKING:
    from modicum.catalog.card import Card
    from modicum.catalog.cards import Cards
    from modicum.plan import Elsewhere, Shape
    from modicum.plan.machines import Machine
    from modicum.plan.payback import Payback
    from modicum.plan.traffic import Traffic
    from modicum.types import Price


@dataclass(frozen=True, slots=True)
class Came:
    """Traffic, and what answers it today."""

    traffic: Traffic
    incumbents: tuple[str, ...] = ()


def shape_of(asked: str, catalogue: Cards) -> tuple[Shape, Card | None]:
    """A config.json, numbers, or a name of the catalogue, then with its card."""
    from modicum.plan.hub import from_file
    from modicum.plan.shape import from_card, from_numbers, looks_like_numbers

    if looks_like_numbers(asked):
        return from_numbers(asked), None
    path = Path(asked)
    if asked.endswith(".json") or path.is_file():
        return from_file(path), None
    if path.is_dir() and (path / "config.json").is_file():
        return from_file(path / "config.json"), None
    try:
        card = catalogue.get(asked)
    except NotFoundError as error:
        raise NotFoundError(error.message, hint=f"{error.hint} Or give its config.json, or its numbers: 8b:32x8x128") from None
    return from_card(card), card


def machines_of(names: Sequence[str], here: bool) -> tuple[list[Machine], list[str]]:
    from modicum.plan.here import look
    from modicum.plan.machines import machine, machines

    found = [machine(name) for name in names]
    notes: list[str] = []
    if here:
        seen = look()
        found += seen.machines
        notes += seen.notes
        if not found:
            raise NotFoundError("nothing here that a model could run on is known", hint="; ".join(seen.notes))
    return found or list(machines().values()), notes


def traffic_of(
    config: Config, workload: str | None, all_calls: bool, calls_a_day: float | None, tokens: tuple[int, int] | None, busy_hours: int
) -> Came | None:
    """Recorded or declared traffic; None where neither was asked for."""
    from modicum.plan.traffic import declared, gather

    if sum(map(bool, (workload, all_calls, calls_a_day))) > 1:
        raise click.UsageError("one of --workload, --all-calls and --calls-a-day")
    if calls_a_day:
        if tokens is None:
            raise click.UsageError("--calls-a-day wants --tokens, like 800/120")
        return Came(declared(calls_a_day, *tokens, busy_hours=busy_hours))
    if not (workload or all_calls):
        return None
    from modicum.pipeline.switching import find_workload
    from modicum.store.calls import Calls
    from modicum.store.control import Control

    existing(config)
    known = find_workload(Control(config.home), workload) if workload else None
    calls = Calls(config.home).scan(scope=known.scope if known else None, workload_id=known.workload_id if known else None, bodies=False)
    return Came(gather(calls), known.incumbents if known else ())


def elsewhere_of(
    config: Config, came: Came | None, apis: Sequence[str], catalogue: Cards, card: Card | None
) -> tuple[list[Elsewhere], list[str]]:
    """What the traffic costs at each price a token, and which prices are not known. Where none is asked for: what was paid, or what it
    costs at its incumbents' list prices, and where this very model is sold cheapest."""
    from modicum.backends.priced import priced
    from modicum.catalog import Catalogue
    from modicum.plan import Elsewhere

    if came is None:
        if apis:
            raise click.UsageError("--api compares costs, and those want traffic: --workload, --all-calls or --calls-a-day with --tokens")
        return [], []
    found, unknown = [], []
    prices = Catalogue(*priced(config))
    today = datetime.now(UTC).date()
    if came.traffic.usd and not apis:
        found.append(Elsewhere(name="what was paid", usd=came.traffic.usd))
    for name in apis or (() if found else came.incumbents):
        price = prices.price(name, today, input_tokens=round(came.traffic.mean_input_tokens))
        if price is None and (card := catalogue.of(None, name)) is not None:
            offer = catalogue.offers.cheapest(card, today)
            price = offer.price if offer else None
        usd = _bill(price, came.traffic) if price else None
        if usd is None:
            unknown.append(f"no price of {name} is known")
        else:
            found.append(Elsewhere(name=name, usd=usd))
    offer = catalogue.offers.cheapest(card, today) if card is not None and not apis else None
    if offer is not None and (usd := _bill(offer.price, came.traffic)) is not None:
        found.append(Elsewhere(name=f"{offer.name} at {offer.provider}", usd=usd))
    return found, unknown


def _bill(price: Price, traffic: Traffic) -> Decimal | None:
    if price.input_usd_mtok is None or price.output_usd_mtok is None:
        return None
    return (Decimal(traffic.input_tokens) * price.input_usd_mtok + Decimal(traffic.output_tokens) * price.output_usd_mtok) / 1_000_000


def specialist_of(
    came: Came | None,
    elsewhere: Sequence[Elsewhere],
    answered: float,
    labels: int,
    label_price: Decimal,
    audits: float,
    hour_price: Decimal,
) -> Payback:
    from modicum.plan.payback import Build, payback

    if came is None or not elsewhere:
        raise click.UsageError("--answered wants to know what the calls cost: traffic and --api")
    days = Decimal(came.traffic.span_hours) / 24
    return payback(Build(labels=labels, label_usd=label_price, hour_usd=hour_price, audits_day=audits), elsewhere[0].usd / days, answered)


def figures_of(came: Came | None) -> dict[str, object] | None:
    if came is None:
        return None
    traffic = came.traffic
    return {
        "calls": traffic.calls,
        "span_hours": traffic.span_hours,
        "silent_hours": traffic.silent_hours,
        "mean_input_tokens": traffic.mean_input_tokens,
        "mean_output_tokens": traffic.mean_output_tokens,
        "input_tokens_p95": traffic.input_tokens_p95,
        "output_tokens_p95": traffic.output_tokens_p95,
        "longest_tokens": traffic.longest_tokens,
        "peak_hour": traffic.peak_hour,
        "peak_minute": traffic.peak_minute,
        "calls_of_unknown_length": traffic.calls_of_unknown_length,
        "usd": traffic.usd,
        "declared": traffic.declared,
    }
