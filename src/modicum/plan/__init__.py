"""Own hardware: what a model takes, how fast it is there, what that costs at the load that one really has, and when it pays.

    shape         what of a model decides memory and speed: numbers, a card of the catalogue (widths in `widths.toml`)
    hub           the same from a config.json
    precision     formats of weights and caches, with the bits that they really take
    memory        weights, cache, activations, engine
    machines      what one can buy or rent (`machines/*.toml`), dated and sourced
    here          this computer
    speed         the roofline, with factors fitted on published measurements
    traffic       calls by the hour
    lengths       how long the calls are that memory and speed are sized for
    waiting       calls at once, and how long each takes
    cost          a month on own machines, a million tokens, break-even against a price a token
    payback       when a specialist has paid for itself
    planning      one model on one machine; on all
    choosing      of many models those that fit
    text          the same for a terminal; `listing` has the models

Every figure is an estimate from data sheets; docs/plan.md holds them against what others measured. Opens no store and no network.
"""

from modicum.plan.planning import Elsewhere, Plan, plan
from modicum.plan.shape import Shape

__all__ = ["Elsewhere", "Plan", "Shape", "plan"]
