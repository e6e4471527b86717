"""`fit`: samples whose answers call one tool to the files of a tool caller, with a call for each sample that did not see it.

Which tool is a label, learnt with one more for "no tool, or several". The arguments of each tool are a record, learnt from the calls of
that tool. A tool that is called too seldom, or whose arguments cannot be learnt, is left to the incumbent like "no tool".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from modicum.backends.caller import NAMES, Caller, CallerSpecialist, ToolHead, call, prefix
from modicum.backends.extractor import ABSENT
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import NotEnoughDataError
from modicum.train import linear
from modicum.train.design import design
from modicum.train.export import in_memory
from modicum.train.extract import fit as fit_record
from modicum.train.linear import MIN_PER_LABEL, Trained
from modicum.types import Contract, Sample
from modicum.workload import parts, record

NAMES_SHARE = 0.3
"""Of the size, what the choice of the tool gets."""

Progress = Callable[[float], None]


def fit(
    samples: Sequence[Sample],
    contract: Contract,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Progress = lambda share: None,
) -> Trained:
    """Train on all samples; `groups[i]` is the group of sample i.

    Raises NotEnoughDataError where no tool can be learnt, MissingExtraError without scikit-learn.
    """
    called = [_called(sample) for sample in samples]
    wanted = parts.tools(contract)
    left_out: dict[str, str] = {}
    heads: list[ToolHead] = []
    learnt: dict[str, tuple[Trained, dict[int, int]]] = {}
    size = int((max_size_bytes - 4_096) * (1 - NAMES_SHARE)) // max(1, len(wanted))
    for number, name in enumerate(wanted):
        rows = [row for row, one in enumerate(called) if one is not None and one[0] == name]
        try:
            head, trained = _tool(name, of_tool(samples, name), contract, [groups[row] for row in rows], size, seed)
        except NotEnoughDataError as error:
            left_out[name] = error.message
            continue
        heads.append(head)
        if trained is not None:
            learnt[name] = trained, {row: at for at, row in enumerate(rows)}
        progress(0.8 * (number + 1) / len(wanted))
    if not heads:
        why = next(iter(left_out.values()), "no tool is called alone")
        raise NotEnoughDataError(f"none of {len(wanted)} tools can be learnt: {why}")
    known = {head.name for head in heads}
    named = [
        dataclasses.replace(sample, value=one[0] if one is not None and one[0] in known else ABSENT)
        for sample, one in zip(samples, called, strict=True)
    ]
    names = linear.fit(named, groups=groups, max_size_bytes=int(max_size_bytes * NAMES_SHARE), seed=seed)
    files = _files(heads, names, {name: trained for name, (trained, _) in learnt.items()})
    caller = Caller(in_memory(files))
    told = []
    for row, (sample, said) in enumerate(zip(samples, names.out_of_fold, strict=True)):
        trained_on = learnt.get(said.value)
        seen = None if trained_on is None else trained_on[1].get(row)
        # What another tool's request would be called with was never learnt from: the final extractor has not seen it either.
        unseen = (
            trained_on[0].out_of_fold[seen] if trained_on is not None and seen is not None else caller.arguments(said.value, sample.slots)
        )
        told.append(call(said, unseen))
    right = sum(one.value == sample.value for one, sample in zip(told, samples, strict=True))
    about: dict[str, Any] = {
        "trainer": "caller",
        "samples": len(samples),
        "unreadable": sum(sample.value is None for sample in samples),
        "seed": seed,
        "tools": sorted(known),
        "tools_left_out": [[name, why] for name, why in left_out.items()],
        "arguments": [[name, trained.about] for name, (trained, _) in learnt.items()],
        "used_slots": list(caller.used_slots),
        "out_of_fold_agreement": round(right / len(samples), 4),
        "size_bytes": sum(map(len, files.values())),
    }
    progress(1.0)
    return Trained(
        files=files,
        about=about,
        used_slots=caller.used_slots,
        out_of_fold=tuple(told),
        labels=(),
        scores=np.zeros((len(samples), 0), np.float32),
    )


def of_tool(samples: Sequence[Sample], name: str) -> list[Sample]:
    """The samples that call this tool alone, with its arguments for values. Raises NotEnoughDataError where these are too few."""
    called = [(sample, one) for sample in samples if (one := _called(sample)) is not None and one[0] == name]
    if len(called) < MIN_PER_LABEL:
        raise NotEnoughDataError(f"{name!r} is called {len(called)} times")
    return [dataclasses.replace(sample, value=one[1]) for sample, one in called]


def _called(sample: Sample) -> tuple[str, str] | None:
    """The one tool that an answer calls, and its arguments as canonical JSON; None for any other answer."""
    found = None if sample.value is None else record.parse(sample.value)
    if not isinstance(found, dict) or not isinstance(found.get("arguments"), dict) or not found.get("name"):
        return None
    return str(found["name"]), record.canonical(found["arguments"])


def _tool(
    name: str, samples: Sequence[Sample], contract: Contract, groups: Sequence[int], size: int, seed: int
) -> tuple[ToolHead, Trained | None]:
    """How a tool gets its arguments; `samples` are those that call it."""
    if len({sample.value for sample in samples}) == 1:
        return ToolHead(name=name, arguments=samples[0].value), None
    arguments = parts.of_tool(contract, name)
    if any(field.kind == "text" for field in parts.leaves_of(arguments)):
        raise NotEnoughDataError(f"{name!r} takes free text")
    return ToolHead(name=name), fit_record(samples, design(samples, arguments), groups=groups, max_size_bytes=size, seed=seed)


def _files(heads: Sequence[ToolHead], names: Trained, learnt: dict[str, Trained]) -> dict[str, bytes]:
    files = {SPECIALIST_FILE: msgspec.json.encode(CallerSpecialist(kind="caller", tools=list(heads)))}
    files |= {NAMES + name: data for name, data in names.files.items()}
    for number, head in enumerate(heads):
        if head.name in learnt:
            files |= {prefix(number) + name: data for name, data in learnt[head.name].files.items()}
    return files
