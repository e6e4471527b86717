"""`modicum plan`: what a model takes on own hardware, how fast it is there, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modicum.cli.options import Config, common, console, existing, print_json, print_table, printable
from modicum.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from modicum.catalog.card import Card
    from modicum.catalog.cards import Cards
    from modicum.plan import Elsewhere, Plan, Shape
    from modicum.plan.machines import Machine
    from modicum.plan.payback import Payback
    from modicum.plan.traffic import Traffic
    from modicum.types import Price

EXAMPLES = """\b
Examples:
  modicum plan --model qwen3-8b                                          every machine in the list
  modicum plan --model qwen3-8b --machine rtx-3090 --concurrency 8       one of them, with a bar of its memory
  modicum plan --model qwen3-8b --here                                   this computer
  modicum plan --model qwen3-8b --workload bank-intent --api gpt-4o      under the recorded traffic, beside a price a token
  modicum plan --model 8b:32x8x128 --calls-a-day 5000 --tokens 800/120 --busy-hours 10 --api gpt-4o-mini
  modicum plan --model ./config.json --machine h100 --context 32768
  modicum plan --machines                                                the list
"""


def positive(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 <= value < 1e12:
        raise click.BadParameter(f"{value} is no amount")
    return value


def lengths(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """800/120: tokens in and out."""
    if value is None:
        return None
    try:
        tokens_in, tokens_out = (int(part) for part in value.split("/"))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not like 800/120, tokens in and out") from None
    if not (0 < tokens_in <= 10**7 and 0 < tokens_out <= 10**7):
        raise click.BadParameter("both must be above 0")
    return tokens_in, tokens_out


@click.command(epilog=EXAMPLES)
@click.option(
    "--model", metavar="NAME", help="A model of the catalogue, a config.json of the hub, or numbers: 8b:32x8x128, 30b/3b:48x4x128."
)
@click.option(
    "--machine", "names", metavar="ID", multiple=True, help="This machine; may be given several times. [default: all of the list]"
)
@click.option("--here", is_flag=True, help="This computer: memory, processor, NVIDIA cards, and a short test of its memory.")
@click.option("--machines", "listing", is_flag=True, help="List the machines with their figures and prices.")
@click.option(
    "--cards", type=click.IntRange(1, 8), default=1, show_default=True, help="So many of them in one computer, sharing each layer."
)
@click.option(
    "--precision", metavar="FORMAT", help="Of the weights: bf16, fp8, awq, q4_k_m, int4, ... [default: what fits, as people run it]"
)
@click.option("--cache", default="fp16", show_default=True, metavar="FORMAT", help="Of keys and values: fp16, fp8, q8_0, q4_0.")
@click.option(
    "--engine", type=click.Choice(["vllm", "tensorrt-llm", "llama.cpp"]), help="[default: what runs there; vllm stands for SGLang too]"
)
@click.option("--context", type=click.IntRange(1, 10**8), default=8192, show_default=True, help="Tokens of a call, prompt and answer.")
@click.option("--concurrency", type=click.IntRange(1, 10**5), default=1, show_default=True, help="Calls at once.")
@click.option(
    "--prompt", type=click.IntRange(1, 10**8), default=1000, show_default=True, help="Tokens of the prompt that a first token waits for."
)
@click.option("--workload", metavar="NAME", help="Cost under this workload's recorded traffic, hour by hour.")
@click.option("--all-calls", is_flag=True, help="Cost under everything recorded.")
@click.option("--calls-a-day", type=float, callback=positive, help="Cost under declared traffic.")
@click.option("--tokens", metavar="IN/OUT", callback=lengths, help="Of a declared call, like 800/120.")
@click.option(
    "--busy-hours", type=click.IntRange(1, 24), default=24, show_default=True, help="Hours of the day in which declared calls come."
)
@click.option(
    "--api", "apis", metavar="MODEL", multiple=True, help="Beside this model's price a token. [default: what the workload runs on]"
)
@click.option("--power-price", type=Decimal, metavar="USD", help="A kilowatt hour. [default: 0.131]")
@click.option("--years", type=click.FloatRange(0.1, 20), help="After which a machine is worth nothing. [default: 3]")
@click.option("--care-hours", type=click.FloatRange(0, 1000), help="Of somebody's time a month. [default: 2]")
@click.option("--hour-price", type=Decimal, metavar="USD", help="Of somebody's hour. [default: 60]")
@click.option(
    "--answered", type=click.FloatRange(0.01, 1), help="Also: when has a specialist paid for itself that answers this share of the calls?"
)
@click.option("--labels", type=click.IntRange(0, 10**7), default=0, show_default=True, help="That the specialist's promise needs.")
@click.option("--label-price", type=Decimal, metavar="USD", default=Decimal("0.08"), show_default=True)
@click.option("--currency", default="USD", show_default=True, help="Of what is printed; the prices in the list are US dollars.")
@click.option("--rate", type=Decimal, default=Decimal(1), show_default=True, help="So much of it a dollar.")
@click.option("--json", "json_too", is_flag=True, help="The same as --format json.")
@common
def command(
    model: str | None,
    names: tuple[str, ...],
    here: bool,
    listing: bool,
    cards: int,
    precision: str | None,
    cache: str,
    engine: str | None,
    context: int,
    concurrency: int,
    prompt: int,
    workload: str | None,
    all_calls: bool,
    calls_a_day: float | None,
    tokens: tuple[int, int] | None,
    busy_hours: int,
    apis: tuple[str, ...],
    power_price: Decimal | None,
    years: float | None,
    care_hours: float | None,
    hour_price: Decimal | None,
    answered: float | None,
    labels: int,
    label_price: Decimal,
    currency: str,
    rate: Decimal,
    json_too: bool,
    config: Config,
    as_json: bool,
) -> None:
    """Say whether a model fits on a machine, how fast it is there, and what it costs at the load that one really has.

    Without a machine: a line for each of the list. With recorded or declared traffic: how many it takes for the busiest minute, how idle
    they are, a month's cost with power and care, a million tokens at that load, and from which volume on that is cheaper than a price a
    token.
    """
    from modicum.catalog.cards import Cards
    from modicum.plan import text
    from modicum.plan.cost import Assumptions
    from modicum.plan.planning import plan
    from modicum.plan.precision import cache_bits, of_name

    as_json = as_json or json_too
    if rate <= 0:
        raise InputError("--rate is above 0")
    money = text.Money(currency, rate)
    if listing:
        _list(money, as_json)
        return
    if model is None:
        raise click.UsageError("--model says which model; --machines lists the machines")
    catalogue = Cards.open(config.home)
    shape, card = _shape(model, catalogue)
    cache_bits(cache)
    wanted = of_name(precision) if precision else None
    found, notes = _machines(names, here)
    came = _traffic(config, workload, all_calls, calls_a_day, tokens, busy_hours)
    notes += came.traffic.doubts if came else ()
    given = Assumptions(
        **{
            name: value
            for name, value in (
                ("power_usd_kwh", power_price),
                ("years", years),
                ("care_hours_month", care_hours),
                ("hour_usd", hour_price),
            )
            if value is not None
        }  # type: ignore[arg-type]  # each under its own name
    )
    elsewhere, unpriced = _elsewhere(config, came, apis, catalogue, card)
    plans = [
        plan(
            shape,
            machine,
            precision=wanted,
            context=context,
            concurrency=concurrency,
            cache=cache,
            cards=cards,
            engine=engine,  # type: ignore[arg-type]  # one of the choices
            prompt_tokens=round(came.traffic.tokens_in) if came and prompt == 1000 else prompt,
            traffic=came.traffic if came else None,
            given=given,
            elsewhere=elsewhere,
        )
        for machine in found
    ]
    account = _specialist(came, elsewhere, answered, labels, label_price, given.hour_usd) if answered else None
    if as_json:
        print_json({"plans": plans, "traffic": _figures(came), "specialist": account, "notes": [*notes, *unpriced], "speeds": text.trust()})
        return
    _print(plans, found, came, account, answered, [*notes, *unpriced], money)


@dataclass(frozen=True, slots=True)
class Came:
    """Traffic, and what answers it today."""

    traffic: Traffic
    incumbents: tuple[str, ...] = ()


def _list(money: object, as_json: bool) -> None:
    from modicum.plan import text
    from modicum.plan.machines import machines

    assert isinstance(money, text.Money)
    found = list(machines().values())
    if as_json:
        print_json(found)
        return
    print_table(
        ("machine", "", "memory", "GB/s", "fp16", "fp8", "int8", "watts", "to buy", "to rent", "prices of"),
        [
            (
                one.id,
                one.name,
                f"{one.memory_gib:g}",
                f"{one.bandwidth_gbs:,.0f}",
                f"{one.fp16_tflops:g}",
                f"{one.fp8_tflops:g}" if one.fp8_tflops else "-",
                f"{one.int8_tops:g}" if one.int8_tops else "-",
                f"{one.power_w:,.0f}",
                money(one.price_usd) if one.price_usd is not None else "-",
                f"{money(one.rent_usd_hour)}/h" if one.rent_usd_hour is not None else "-",
                one.note.partition(";")[0],
            )
            for one in found
        ],
        right=range(2, 10),
    )
    read = max(source.read for one in found for source in one.sources)
    click.echo(
        f"Memory in GiB, arithmetic in dense TFLOPS; a card's price has a used computer around it. Last read {read}; sources: --json."
    )


def _shape(asked: str, catalogue: Cards) -> tuple[Shape, Card | None]:
    """A config.json, numbers, or a name of the catalogue, then with its card."""
    from modicum.plan.shape import from_card, from_file, from_numbers, looks_like_numbers

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


def _machines(names: Sequence[str], here: bool) -> tuple[list[Machine], list[str]]:
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


def _traffic(
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


def _elsewhere(
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
        price = prices.price(name, today, input_tokens=round(came.traffic.tokens_in))
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


def _specialist(
    came: Came | None, elsewhere: Sequence[Elsewhere], answered: float, labels: int, label_price: Decimal, hour_price: Decimal
) -> Payback:
    from modicum.plan.payback import Build, payback

    if came is None or not elsewhere:
        raise click.UsageError("--answered wants to know what the calls cost: traffic and --api")
    days = Decimal(came.traffic.span_hours) / 24
    return payback(Build(labels=labels, label_usd=label_price, hour_usd=hour_price), elsewhere[0].usd / days, answered)


def _figures(came: Came | None) -> dict[str, object] | None:
    if came is None:
        return None
    traffic = came.traffic
    return {
        "calls": traffic.calls,
        "span_hours": traffic.span_hours,
        "silent_hours": traffic.silent_hours,
        "tokens_in": traffic.tokens_in,
        "tokens_out": traffic.tokens_out,
        "peak_hour": traffic.peak_hour,
        "peak_minute": traffic.peak_minute,
        "calls_of_unknown_length": traffic.calls_of_unknown_length,
        "usd": traffic.usd,
        "declared": traffic.declared,
    }


def _print(
    plans: Sequence[Plan],
    machines: Sequence[Machine],
    came: Came | None,
    account: Payback | None,
    answered: float | None,
    notes: Sequence[str],
    money: object,
) -> None:
    from modicum.plan import text

    assert isinstance(money, text.Money)
    screen = console()
    width, colour = screen.width, screen.is_terminal and not screen.no_color
    if came is not None:
        click.echo(text.traffic_line(came.traffic) + "\n")
    if len(plans) == 1:
        shown = text.one(plans[0], machines[0], money, width=min(width, 110), colour=colour, errors=text.trust())
    else:
        shown = text.many(plans, money, width=width, colour=colour, errors=text.trust())
    click.echo(shown, nl=False, color=True)
    if account is not None and answered is not None:
        click.echo("\n" + text.specialist(account, answered, money))
    for note in notes:
        click.echo(printable(f"! {note}"))
