"""`modicum plan`: what a model takes on own hardware, how fast it is there, and what that costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from modicum.cli.options import Config, common, console, print_json, print_table, printable
from modicum.cli.planned import Came, elsewhere_of, figures_of, machines_of, shape_of, specialist_of, traffic_of
from modicum.errors import InputError

if TYPE_CHECKING:
    from modicum.plan import Plan
    from modicum.plan.choosing import Choices
    from modicum.plan.machines import Machine
    from modicum.plan.payback import Payback

EXAMPLES = """\b
Examples:
  modicum plan --here                                                    what this computer can run, and how fast
  modicum plan --machine rtx-3090 --context 32768                        what that one can
  modicum plan --model qwen3-8b                                          every machine in the list
  modicum plan --model qwen3-8b --machine rtx-3090 --concurrency 8       one of them, with a bar of its memory
  modicum plan --model qwen3-8b --here                                   this computer
  modicum plan --model qwen3-8b --workload bank-intent --api gpt-4o      under the recorded traffic, beside a price a token
  modicum plan --model 8b:32x8x128 --calls-a-day 5000 --tokens 800/120 --busy-hours 10 --api gpt-4o-mini
  modicum plan --model ./config.json --machine h100 --context 32768
  modicum plan --machines                                                the list
"""
START = """What could this computer run?             modicum plan --here
What could that machine run?             modicum plan --machine rtx-3090
Where would a model run, at what speed?  modicum plan --model qwen3-8b
What would it cost under my traffic?     modicum plan --model qwen3-8b --all-calls --api gpt-4o-mini
Which machines are known?                modicum plan --machines

All options: modicum plan --help"""


def tokens(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """8192, 8k (8,000) or 1M."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([km]?)", value.strip().lower())
    number = int(Decimal(found[1]) * {"": 1, "k": 10**3, "m": 10**6}[found[2]]) if found else 0
    if not 1 <= number <= 10**8:
        raise click.BadParameter(f"{value!r} is no number of tokens like 8192, 128k or 1M")
    return number


def positive(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not 0 <= value < 1e12:
        raise click.BadParameter(f"{value} is no amount")
    return value


def lengths(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """800/120: tokens in and out."""
    if value is None:
        return None
    try:
        input_tokens, output_tokens = (int(part) for part in value.split("/"))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not like 800/120, tokens in and out") from None
    if not (0 < input_tokens <= 10**7 and 0 < output_tokens <= 10**7):
        raise click.BadParameter("both must be above 0")
    return input_tokens, output_tokens


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
@click.option(
    "--context",
    metavar="TOKENS",
    callback=tokens,
    help="Tokens of a call, prompt and answer. [default: 8192; of recorded calls what 95 of 100 need]",
)
@click.option("--concurrency", type=click.IntRange(1, 10**5), default=1, show_default=True, help="Calls at once.")
@click.option(
    "--prompt",
    metavar="TOKENS",
    callback=tokens,
    help="Tokens of the prompt that a first token waits for. [default: 1000; of recorded calls what 95 of 100 prompts have]",
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
@click.option(
    "--audits",
    metavar="NUMBER",
    type=click.FloatRange(0, 1e6),
    default=0,
    show_default=True,
    help="Of its answers a day, looked at.",
)
@click.option("--label-price", type=Decimal, metavar="USD", default=Decimal("0.08"), show_default=True)
@click.option("--currency", default="USD", show_default=True, help="Of what is printed; the prices in the list are US dollars.")
@click.option("--rate", type=Decimal, default=Decimal(1), show_default=True, help="So much of it a dollar.")
@click.option("--all-models", is_flag=True, help="Without --model: every model that fits.")
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
    context: int | None,
    concurrency: int,
    prompt: int | None,
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
    audits: float,
    label_price: Decimal,
    currency: str,
    rate: Decimal,
    all_models: bool,
    json_too: bool,
    config: Config,
    as_json: bool,
) -> None:
    """Say whether a model fits on a machine, how fast it is there, and what it costs at the load that one really has.

    Without a model: which models of the catalogue fit there. Without a machine: a line for each of the list. With recorded or declared
    traffic: how many it takes for the busiest minute, how idle they are, a month's cost with power and care, a million tokens at that
    load, and from which volume on that is cheaper than a price a token.
    """
    from modicum.catalog.cards import Cards
    from modicum.plan import text
    from modicum.plan.choosing import choose
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
    if model is None and not (here or names):
        if workload or all_calls or calls_a_day or apis or precision:
            raise click.UsageError("--model says which model, --machine or --here where it is to run: modicum plan --model qwen3-8b --here")
        click.echo(START)
        return
    catalogue = Cards.open(config.home)
    shape, card = shape_of(model, catalogue) if model is not None else (None, None)
    cache_bits(cache)
    wanted = of_name(precision) if precision else None
    found, notes = machines_of(names, here)
    came = traffic_of(config, workload, all_calls, calls_a_day, tokens, busy_hours)
    notes += came.traffic.doubts if came else ()
    if shape is None:
        if apis or answered:
            raise click.UsageError("--model says whose cost: modicum plan --model qwen3-8b --here ...")
        chosen = choose(
            catalogue.all(),
            found,
            context=context,
            concurrency=concurrency,
            precision=wanted,
            cache=cache,
            together=cards,
            engine=engine,  # type: ignore[arg-type]  # one of the choices
            traffic=came.traffic if came else None,
        )
        if as_json:
            print_json({"models": chosen, "machines": found, "traffic": figures_of(came), "notes": notes, "speeds": text.trust()})
            return
        _print_models(chosen, found, came, notes, all_models)
        return
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
    elsewhere, unpriced = elsewhere_of(config, came, apis, catalogue, card)
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
            input_tokens=prompt,
            traffic=came.traffic if came else None,
            given=given,
            elsewhere=elsewhere,
        )
        for machine in found
    ]
    account = specialist_of(came, elsewhere, answered, labels, label_price, audits, given.hour_usd) if answered else None
    if as_json:
        print_json(
            {"plans": plans, "traffic": figures_of(came), "specialist": account, "notes": [*notes, *unpriced], "speeds": text.trust()}
        )
        return
    _print(plans, found, came, account, answered, [*notes, *unpriced], money)


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


def _print_models(chosen: Choices, machines: Sequence[Machine], came: Came | None, notes: Sequence[str], all_models: bool) -> None:
    from modicum.plan import listing, text

    screen = console()
    colour = screen.is_terminal and not screen.no_color
    if came is not None:
        click.echo(text.traffic_line(came.traffic) + "\n")
    click.echo(listing.models(chosen, machines, all_of_them=all_models, width=screen.width, colour=colour), nl=False, color=True)
    for note in notes:
        click.echo(printable(f"! {note}"))
    click.echo(text.trust())


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
