"""One model on one machine, or on all of them: what fits, how fast it is, what it costs under real traffic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from modicum.errors import InputError
from modicum.plan.cost import Against, Assumptions, Running, against, run
from modicum.plan.lengths import too_long
from modicum.plan.machines import Machine
from modicum.plan.memory import Footprint, footprint
from modicum.plan.precision import Precision, of_name
from modicum.plan.shape import Shape
from modicum.plan.speed import BESIDE_MEASURED, Engine, Roofline, roofline
from modicum.plan.traffic import Traffic

PROMPT_TOKENS = 1000
"""Of the prompt that the time to a first token is said for, where nobody says how long prompts are."""
CONTEXT_TOKENS = 8192
"""Of a call, where no traffic says how long they are."""
LADDERS: dict[str, tuple[str, ...]] = {
    "datacentre": ("bf16", "fp8", "awq"),
    "card": ("awq",),
    "llama.cpp": ("q4_k_m",),
}
"""Precisions to take where none is asked for: in a datacentre the finest that fits, at home the four bits that people run there."""
MOST_CARDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What the same traffic costs at a provider."""

    name: str
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one machine does with one model."""

    model: str
    machine: str
    machine_name: str
    cards: int
    precision: str
    cache: str
    engine: Engine
    context: int
    concurrency: int
    footprint: Footprint
    fits: bool
    alone_tokens_s: float | None = None
    """Output tokens a second for one caller, half of the context standing before."""
    first_token_s: float | None = None
    """Until the first token of an answer to a prompt of `input_tokens`."""
    input_tokens: int = PROMPT_TOKENS
    prefill_tokens_s: float | None = None
    together_tokens_s: float | None = None
    """Output tokens a second of `concurrency` callers together."""
    price_usd: Decimal | None = None
    """To buy, computer included."""
    rent_usd_hour: Decimal | None = None
    buying: bool = True
    running: Running | None = None
    against: tuple[Against, ...] = ()
    notes: tuple[str, ...] = ()


def plan(
    shape: Shape,
    machine: Machine,
    *,
    precision: Precision | None = None,
    context: int | None = None,
    concurrency: int = 1,
    cache: str = "fp16",
    cards: int = 1,
    engine: Engine | None = None,
    input_tokens: int | None = None,
    traffic: Traffic | None = None,
    given: Assumptions | None = None,
    elsewhere: Sequence[Elsewhere] = (),
) -> Plan:
    """Raises InputError. Without a precision, the finest that fits with this context and concurrency, or else the coarsest.

    Recorded traffic says what a call needs room for and how long its prompt is (`lengths`: the longest twentieth), unless `context` and
    `input_tokens` do.
    """
    asked = traffic.lengths if traffic is not None else None
    context = context or (CONTEXT_TOKENS if asked is None else asked.together if asked.is_p95 else max(CONTEXT_TOKENS, asked.together))
    input_tokens = input_tokens or (PROMPT_TOKENS if asked is None else asked.input_tokens)
    if context < 1 or concurrency < 1 or not 1 <= cards <= MOST_CARDS:
        raise InputError(f"context and concurrency must be at least 1, cards 1 to {MOST_CARDS}")
    taken = precision or _finest(shape, machine, context=context, concurrency=concurrency, cache=cache, cards=cards, engine=engine)
    needs = footprint(shape, machine, taken, context=context, concurrency=concurrency, cache=cache, cards=cards)
    line = roofline(shape, machine, taken, engine=engine, cache=cache, cards=cards)
    buying = machine.price_usd is not None or machine.rent_usd_hour is None
    notes = list(_notes(shape, machine, taken, line, together=concurrency > 1 or traffic is not None))
    if asked is not None:
        notes += too_long(shape, asked, context)
    elif shape.context is not None and context > shape.context:
        notes.append(f"{shape.name} was made for {shape.context:,} tokens; {context:,} are more")
    speeds: dict[str, float] = {}
    if needs.fits:
        reading = line.prefill_s(input_tokens)
        step = line.step_s(concurrency, context / 2)
        speeds = {
            "alone_tokens_s": 1 / line.step_s(1, context / 2),
            "first_token_s": reading,
            "prefill_tokens_s": input_tokens / reading,
            "together_tokens_s": concurrency / step,
        }
    running, beside = None, []
    mean = max(1, round(traffic.mean_input_tokens + traffic.mean_output_tokens)) if traffic is not None else context
    if not needs.fits and mean < context and footprint(shape, machine, taken, context=mean, cache=cache, cards=cards).fits:
        notes.append(f"a call of the mean {mean:,} tokens would fit, one of {context:,} does not: too little memory for long calls")
    if traffic is not None and needs.fits:
        if machine.price_usd is None and machine.rent_usd_hour is None:
            notes.append("its price is unknown: nothing is said of cost")
        else:
            given = given or Assumptions()
            room = footprint(shape, machine, taken, context=mean, cache=cache, cards=cards).most_sequences
            running = run(line, max(1, room), traffic, given, buying=buying)
            beside = [against(other.name, other.usd, line, traffic, given, running, buying=buying) for other in elsewhere]
    return Plan(
        model=shape.name,
        machine=machine.id,
        machine_name=machine.name,
        cards=cards,
        precision=taken.name,
        cache=cache,
        engine=line.engine,
        context=context,
        concurrency=concurrency,
        footprint=needs,
        fits=needs.fits,
        input_tokens=input_tokens,
        price_usd=None if machine.buy_usd is None else machine.buy_usd * cards + machine.host_usd,
        rent_usd_hour=None if machine.rent_usd_hour is None else machine.rent_usd_hour * cards,
        buying=buying,
        running=running,
        against=tuple(beside),
        notes=tuple(notes),
        **speeds,
    )


def formats(shape: Shape, machine: Machine, engine: Engine | None = None) -> tuple[str, ...]:
    """The precisions that one would try there, from the finest on. Weights that are published coarser are not taken finer."""
    served = (machine.stack == "cuda" or (machine.stack == "rocm" and machine.kind == "datacentre")) and engine != "llama.cpp"
    if shape.precision == "mxfp4":
        return ("mxfp4",)
    ladder = LADDERS["llama.cpp" if not served else "datacentre" if machine.kind == "datacentre" else "card"]
    no_fp8 = machine.fp8_tflops is None
    published = shape.precision in ("fp8", "int4")
    return tuple(
        name
        for name in ladder
        if not (name == "fp8" and no_fp8 and shape.precision != "fp8")
        and not (name == "bf16" and published)
        and not (name == "fp8" and shape.precision == "int4")
    )


def _finest(shape: Shape, machine: Machine, *, context: int, concurrency: int, cache: str, cards: int, engine: Engine | None) -> Precision:
    tried = [of_name(name) for name in formats(shape, machine, engine)]
    fitting = (
        one for one in tried if footprint(shape, machine, one, context=context, concurrency=concurrency, cache=cache, cards=cards).fits
    )
    return next(fitting, tried[-1])


def _notes(shape: Shape, machine: Machine, precision: Precision, line: Roofline, *, together: bool) -> Iterable[str]:
    if precision.name == "int4":
        yield "int4 is bare: real files carry scales and keep some tables finer (awq, q4_k_m)"
    if precision.arithmetic == "fp8" and machine.fp8_tflops is None:
        yield f"{machine.name} has no fp8 arithmetic: such weights are read as fp8 and reckoned in fp16"
    if shape.hidden is None and precision.tables is not None:
        yield "the width and vocabulary of the model are unknown here: its tables are taken at the bits of its other weights"
    if machine.stack == "rocm" and line.engine == "vllm":
        yield "no measurement of a serving engine on ROCm is behind its speed: it is taken as Hopper's"
    if together and line.engine == "llama.cpp" and machine.stack not in BESIDE_MEASURED:
        yield "no measurement of several callers of llama.cpp on such a machine is behind its speed: they are taken as on Apple's"
    if line.cards > 1:
        yield "several cards: what they say to each other takes no time here, so the speed is the most that it could be"
