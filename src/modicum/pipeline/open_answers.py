"""Candidates for answers that are from no list: records by an extractor, tool calls by a tool caller."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from modicum.errors import NotEnoughDataError
from modicum.train import call, extract, linear
from modicum.train.design import design
from modicum.train.linear import Trained
from modicum.types import Contract, Sample, TierName
from modicum.workload import parts


def fit(
    samples: Sequence[Sample],
    contract: Contract,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Callable[[float], None],
) -> tuple[TierName, Trained]:
    """The smallest that can give such answers. Raises NotEnoughDataError."""
    if contract.kind == "tool":
        return "caller", call.fit(samples, contract, groups=groups, max_size_bytes=max_size_bytes, seed=seed, progress=progress)
    plan = design(samples, contract)
    return "extractor", extract.fit(samples, plan, groups=groups, max_size_bytes=max_size_bytes, seed=seed, progress=progress)


def reads(samples: Sequence[Sample], contract: Contract, *, groups: Sequence[int], seed: int) -> tuple[str, ...] | None:
    """The slots that make two requests alike: those that values are copied from; where none are, those that tell what is chosen.

    None for all of them. Raises NotEnoughDataError as `fit` does.
    """
    used: list[str] = []
    telling: list[Sequence[str | None]] = []
    for own, arguments in _records(samples, contract):
        plan = design(own, arguments)
        used += plan.used_slots
        telling += plan.closed.values() if contract.kind == "object" else ()
    if contract.kind == "tool":
        telling = [[None if sample.value is None else parts.outline(contract, sample.value) for sample in samples]]
    if used or not telling:
        return tuple(dict.fromkeys(used)) or None
    most = max(telling, key=lambda said: len({*said}))
    choice = linear.choose([dataclasses.replace(s, value=v) for s, v in zip(samples, most, strict=True)], groups=groups, seed=seed)
    return choice.used if choice else None


def _records(samples: Sequence[Sample], contract: Contract) -> list[tuple[Sequence[Sample], Contract]]:
    """Samples whose answers are records of one contract: all of them, or those of each tool that can be learnt."""
    if contract.kind != "tool":
        return [(samples, contract)]
    found: list[tuple[Sequence[Sample], Contract]] = []
    for name in parts.tools(contract):
        try:
            found.append((call.of_tool(samples, name), parts.of_tool(contract, name)))
            design(*found[-1])
        except NotEnoughDataError:
            found.pop()
    return found
