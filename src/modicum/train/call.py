"""`fit`: samples whose answers call one tool to the files of a tool caller, with a call for each sample that did not see it.

Which tool is a label, learnt with one more for "no tool, or several". The arguments of each tool are a record, learnt from the calls of
that tool. A tool that is called too seldom, or whose arguments cannot be learnt, is left to the incumbent like "no tool".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from modicum.backends.caller import NAMES, Caller, CallerSpecialist, ToolHead, call, prefix
from modicum.backends.choice import CHOICES_FILE
from modicum.backends.embed import GRAPH_FILE
from modicum.backends.extractor import ABSENT
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import NotEnoughDataError
from modicum.train import extract, linear
from modicum.train.design import design
from modicum.train.export import in_memory
from modicum.train.joining import Part, choose, listen, sharpen
from modicum.train.linear import MIN_PER_LABEL, Trained
from modicum.train.reading import Subject, Taught
from modicum.types import Contract, Prediction, Sample
from modicum.workload import parts, record

NAMES_SHARE = 0.3
"""Of the size, what the choice of the tool gets."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What was learnt over features."""

    samples: Sequence[Sample]
    groups: Sequence[int]
    seed: int
    tools: tuple[ToolHead, ...]
    names: Trained
    named: tuple[str, ...]
    """What each sample says of the tool."""
    records: dict[str, extract.Learnt]
    """Of each tool whose arguments change."""
    rows: dict[str, tuple[int, ...]]
    """The samples of each such tool."""
    left_out: dict[str, str]
    """Tools that are the incumbent's to call, and why."""

    def subject(self) -> Subject:
        """What an encoder would read for: which tool, then what each tool's record asks for."""
        own = {name: one.subject() for name, one in self.records.items()}
        at = {name: {row: place for place, row in enumerate(self.rows[name])} for name in own}
        every = range(len(self.samples))
        known = {label: place for place, label in enumerate(self.names.labels)}
        chosen = len(known) > 1
        return Subject(
            layers=tuple(count for one in own.values() for count in one.layers),
            tags=tuple(
                [tags[at[name][row]] if row in at[name] else None for row in every] for name, one in own.items() for tags in one.tags
            ),
            values=(*((len(known),) if chosen else ()), *(count for one in own.values() for count in one.values)),
            said=(
                *(([known.get(name, -1) for name in self.named],) if chosen else ()),
                *([said[at[name][row]] if row in at[name] else -1 for row in every] for name, one in own.items() for said in one.said),
            ),
        )

    @property
    def reads(self) -> tuple[str, ...]:
        """The slots that tell something."""
        return tuple(dict.fromkeys([*self.names.used_slots, *(slot for one in self.records.values() for slot in one.reads)]))


def fit(
    samples: Sequence[Sample],
    contract: Contract,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Progress = lambda share: None,
) -> Trained:
    """`learn`, then `assemble` without an encoder."""
    return assemble(learn(samples, contract, groups=groups, max_size_bytes=max_size_bytes, seed=seed, progress=progress))


def learn(
    samples: Sequence[Sample],
    contract: Contract,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Progress = lambda share: None,
) -> Learnt:
    """Train on all samples; `groups[i]` is the group of sample i.

    Raises NotEnoughDataError where no tool can be learnt, MissingExtraError without scikit-learn.
    """
    called = [_called(sample) for sample in samples]
    wanted = parts.tools(contract)
    left_out: dict[str, str] = {}
    heads: list[ToolHead] = []
    records: dict[str, extract.Learnt] = {}
    rows_of: dict[str, tuple[int, ...]] = {}
    size = int((max_size_bytes - 4_096) * (1 - NAMES_SHARE)) // max(1, len(wanted))
    for number, name in enumerate(wanted):
        rows = [row for row, one in enumerate(called) if one is not None and one[0] == name]
        try:
            head, learnt = _tool(name, of_tool(samples, name), contract, [groups[row] for row in rows], size, seed)
        except NotEnoughDataError as error:
            left_out[name] = error.message
            continue
        heads.append(head)
        if learnt is not None:
            records[name], rows_of[name] = learnt, tuple(rows)
        progress(0.8 * (number + 1) / len(wanted))
    if not heads:
        why = next(iter(left_out.values()), "no tool is called alone")
        raise NotEnoughDataError(f"none of {len(wanted)} tools can be learnt: {why}")
    known = {head.name for head in heads}
    named = tuple(one[0] if one is not None and one[0] in known else ABSENT for one in called)
    own = [dataclasses.replace(sample, value=name) for sample, name in zip(samples, named, strict=True)]
    names = linear.fit(own, groups=groups, max_size_bytes=int(max_size_bytes * NAMES_SHARE), seed=seed)
    return Learnt(
        samples=samples,
        groups=groups,
        seed=seed,
        tools=tuple(heads),
        names=names,
        named=named,
        records=records,
        rows=rows_of,
        left_out=left_out,
    )


def assemble(learnt: Learnt, taught: Taught | None = None, *, max_size_bytes: int | None = None) -> Trained:
    """The tool caller, alone or with an encoder that was taught `learnt.subject()`. Raises NotEnoughDataError where it has more than
    `max_size_bytes`.
    """
    samples, names = learnt.samples, learnt.names
    slots = [sample.slots for sample in samples]
    said: Sequence[Prediction] = names.out_of_fold
    said_exact = said
    choice: dict[str, Any] = {}
    chosen = int(len(names.labels) > 1)
    if taught is not None and chosen:
        part = Part(taught=taught, layers=(), closed=(0,), rows=tuple(range(len(samples))))
        scores = listen(part, slots).closed[0]
        sharpness = sharpen(scores, learnt.subject().said[0])
        said = choose(names, scores, sharpness)
        if taught.full is not None:
            said_exact = choose(names, listen(part, slots, full=True).closed[0], sharpness)
        choice = {
            "weights-0": taught.heads.weights[0] * np.float32(sharpness),
            "bias-0": taught.heads.bias[0] * np.float32(sharpness),
        }
    trained: dict[str, Trained] = {}
    layer, closed = 0, chosen
    for name, one in learnt.records.items():
        layers, heads = range(layer, layer + len(one.plan.layers)), range(closed, closed + len(one.chosen))
        layer, closed = layers.stop, heads.stop
        own = None if taught is None else Part(taught=taught, layers=tuple(layers), closed=tuple(heads), rows=learnt.rows[name])
        trained[name] = extract.assemble(one, own, with_files=False)
    files = _files(learnt, trained, taught, choice)
    if max_size_bytes is not None and (size := sum(map(len, files.values()))) > max_size_bytes:
        raise NotEnoughDataError(
            f"the tool caller has {size} bytes, and {max_size_bytes} are allowed", hint="raise [fit] max_encoder_bytes"
        )
    caller = Caller(in_memory(files))
    seen = {name: {row: place for place, row in enumerate(rows)} for name, rows in learnt.rows.items()}
    told = []
    for row, one_said in enumerate(said):
        place = seen.get(one_said.value, {}).get(row)
        # Another tool's record did not learn from this sample; as its answer is wrong there, only how sure it is counts.
        unseen = caller.arguments(one_said.value, slots[row]) if place is None else trained[one_said.value].out_of_fold[place]
        told.append(call(one_said, unseen))
    exact: dict[int, Prediction] = {}
    if taught is not None and taught.full is not None:
        caller_exact = Caller(in_memory(files | {GRAPH_FILE: taught.full}))
        for row in sorted(taught.compared):
            one_said = said_exact[row]
            place = seen.get(one_said.value, {}).get(row)
            unseen = caller_exact.arguments(one_said.value, slots[row]) if place is None else trained[one_said.value].exact[place]
            exact[row] = call(one_said, unseen)
    right = sum(one.value == sample.value for one, sample in zip(told, samples, strict=True))
    about: dict[str, Any] = {
        "trainer": "caller",
        "samples": len(samples),
        "unreadable": sum(sample.value is None for sample in samples),
        "seed": learnt.seed,
        "tools": sorted(head.name for head in learnt.tools),
        "tools_left_out": [[name, why] for name, why in learnt.left_out.items()],
        "arguments": [[name, one.about] for name, one in trained.items()],
        "used_slots": list(caller.used_slots),
        "out_of_fold_agreement": round(right / len(samples), 4),
        "size_bytes": sum(map(len, files.values())),
    }
    return Trained(
        files=files,
        about=about if taught is None else taught.about | about,
        used_slots=caller.used_slots,
        out_of_fold=tuple(told),
        labels=(),
        scores=np.zeros((len(samples), 0), np.float32),
        exact=exact,
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
) -> tuple[ToolHead, extract.Learnt | None]:
    """How a tool gets its arguments; `samples` are those that call it."""
    if len({sample.value for sample in samples}) == 1:
        return ToolHead(name=name, arguments=samples[0].value), None
    arguments = parts.of_tool(contract, name)
    if any(field.kind == "text" for field in parts.leaves_of(arguments)):
        raise NotEnoughDataError(f"{name!r} takes free text")
    return ToolHead(name=name), extract.learn(samples, design(samples, arguments), groups=groups, max_size_bytes=size, seed=seed)


def _files(learnt: Learnt, trained: dict[str, Trained], taught: Taught | None, choice: dict[str, Any]) -> dict[str, bytes]:
    from safetensors.numpy import save

    body = CallerSpecialist(
        kind="caller",
        tools=list(learnt.tools),
        embedding=None if taught is None else taught.embedding,
        reads=[] if taught is None else list(taught.reads),
    )
    files = {SPECIALIST_FILE: msgspec.json.encode(body)} | ({} if taught is None else taught.files)
    files |= {CHOICES_FILE: save(choice)} if choice else {}
    files |= {NAMES + name: data for name, data in learnt.names.files.items()}
    for number, head in enumerate(learnt.tools):
        if head.name in trained:
            files |= {prefix(number) + name: data for name, data in trained[head.name].files.items()}
    return files
