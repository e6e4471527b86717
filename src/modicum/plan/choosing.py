"""What a machine can run: of many models those that fit, on which machine and in which format, and how fast. Knows nothing of quality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from modicum.catalog.card import Card
from modicum.errors import InputError
from modicum.plan.machines import Machine
from modicum.plan.planning import Plan, plan
from modicum.plan.precision import Precision
from modicum.plan.shape import Shape, from_card
from modicum.plan.speed import Engine
from modicum.plan.traffic import Traffic

READ_TOKENS_S = 10.0
"""Output for one caller that nobody waits for: about twice as fast as people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One model where it runs fastest."""

    model: str
    parameters: int
    active_parameters: int
    released: date | None
    licence: str
    plan: Plan

    @property
    def is_fast(self) -> bool:
        return (self.plan.alone_tokens_s or 0) >= READ_TOKENS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Those that fit: the largest first that write faster than people read, then the slow ones, the fastest first."""

    fitting: tuple[Choice, ...]
    too_large: tuple[str, ...]
    unknown: tuple[str, ...]
    """Whose shape no source says."""
    too_short: tuple[str, ...]
    """That were not made for calls of this length."""


def choose(
    cards: Iterable[Card],
    machines: Sequence[Machine],
    *,
    context: int | None = None,
    concurrency: int = 1,
    precision: Precision | None = None,
    cache: str = "fp16",
    together: int = 1,
    engine: Engine | None = None,
    traffic: Traffic | None = None,
) -> Choices:
    """Of the open language models among the cards. `together`: cards of a machine that share each layer. Raises InputError."""
    fitting: list[Choice] = []
    too_large, unknown, too_short = [], [], []
    for card in cards:
        if card.kind != "llm" or card.weights is None:
            continue
        try:
            shape = from_card(card)
        except InputError:
            unknown.append(card.id)
            continue
        plans = [
            plan(
                shape,
                machine,
                precision=precision,
                context=context,
                concurrency=concurrency,
                cache=cache,
                cards=together,
                engine=engine,
                traffic=traffic,
            )
            for machine in machines
        ]
        best = max((one for one in plans if one.fits), key=lambda one: one.alone_tokens_s or 0, default=None)
        if plans and shape.context is not None and shape.context < min(one.context for one in plans):
            too_short.append(card.id)
        elif best is None:
            too_large.append(card.id)
        else:
            fitting.append(_choice(card, shape, best))
    fitting.sort(key=_rank)
    return Choices(fitting=tuple(fitting), too_large=tuple(too_large), unknown=tuple(unknown), too_short=tuple(too_short))


def _choice(card: Card, shape: Shape, best: Plan) -> Choice:
    return Choice(
        model=card.id,
        parameters=shape.parameters,
        active_parameters=shape.active,
        released=card.released.day if card.released is not None else None,
        licence=card.licence.spdx if card.licence is not None else "",
        plan=best,
    )


def _rank(choice: Choice) -> tuple[bool, float, str]:
    speed = choice.plan.alone_tokens_s or 0.0
    return (False, -float(choice.parameters), choice.model) if choice.is_fast else (True, -speed, choice.model)
