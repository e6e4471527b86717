"""Candidates for answers that are from no list: records by an extractor, tool calls by a tool caller."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modicum.backends.embed import GRAPH_FILE
from modicum.errors import NotEnoughDataError
from modicum.train import call, extract, frozen, grades, ladder, linear, reading
from modicum.train.design import design
from modicum.train.encoder import Vectors
from modicum.train.encoder_rounds import Tuner
from modicum.train.joining import Part
from modicum.train.linear import Trained
from modicum.train.precision import Precision, lower
from modicum.train.reading import Taught
from modicum.types import Contract, Sample, TierName
from modicum.workload import parts

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The smallest candidate, and what it was put together from."""

    name: TierName
    trained: Trained
    parts: extract.Learnt | call.Learnt


def fit(
    samples: Sequence[Sample],
    contract: Contract,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Progress,
) -> First:
    """The smallest that can give such answers. Raises NotEnoughDataError."""
    if contract.kind == "tool":
        called = call.learn(samples, contract, groups=groups, max_size_bytes=max_size_bytes, seed=seed, progress=progress)
        return First(name="caller", trained=call.assemble(called), parts=called)
    plan = design(samples, contract)
    learnt = extract.learn(samples, plan, groups=groups, max_size_bytes=max_size_bytes, seed=seed, progress=progress)
    return First(name="extractor", trained=extract.assemble(learnt), parts=learnt)


def larger(
    first: First, vectors: Vectors, *, max_size_bytes: int, progress: Progress
) -> Iterator[tuple[TierName, Trained | NotEnoughDataError]]:
    """What an encoder makes possible: it reads beside the smallest, and only where that is not sure.

    In place of what cannot be made stands why not. It is fine-tuned where there is time for that by `[fit] encoder_minutes`, else heads
    are learnt over it as it is.
    """
    learnt, tuner = first.parts, tuner_of(vectors)
    calls = first.name == "caller"
    alone: TierName = "encoder caller" if calls else "encoder extractor"
    both: TierName = "caller chain" if calls else "extractor chain"
    if tuner is None and (short := too_short(vectors)) is not None:
        yield "tuned caller" if calls else "tuned extractor", short

    def assemble(taught: Taught) -> Trained:
        if isinstance(learnt, call.Learnt):
            return call.assemble(learnt, taught, max_size_bytes=max_size_bytes)
        return extract.assemble(learnt, Part.whole(taught, len(learnt.samples)), max_size_bytes=max_size_bytes)

    def canary(taught: Taught) -> str:
        assert taught.full is not None
        return tuner.keep.canary(taught.files | {GRAPH_FILE: taught.full}, vectors.about) if tuner is not None else vectors.canary

    try:
        taught_in = teach(learnt, vectors, progress)
        second = grades.settle(taught_in, assemble, learnt.samples, vectors.tolerance, canary=canary)
    except NotEnoughDataError as error:
        yield alone, error
        return
    if tuner is not None:
        tuner.keep.forget()
    yield alone, second
    try:
        yield both, ladder.fit(first.trained, second, learnt.samples, max_size_bytes=max_size_bytes)
    except NotEnoughDataError as error:
        yield both, error


def teach(learnt: extract.Learnt | call.Learnt, vectors: Vectors, progress: Progress) -> Callable[[Precision, Sequence[str]], Taught]:
    """An encoder that reads for what was learnt, in the precision that is asked for. Raises NotEnoughDataError where there is nothing to
    read for."""
    subject = learnt.subject()
    if (tuner := tuner_of(vectors)) is not None:
        taught = reading.teach(
            tuner.base,
            learnt.samples,
            subject,
            groups=learnt.groups,
            reads=learnt.reads,
            minutes=tuner.minutes,
            seed=learnt.seed,
            keep=tuner.keep,
            progress=progress,
        )
        return lambda grade, leave: taught if grade == "int8" else taught.lowered(grade, leave)

    def heads_over(grade: Precision, leave: Sequence[str]) -> Taught:
        """What a precision moved, heads that are learnt over it make good."""
        graded = vectors if grade == "int8" or vectors.full is None else vectors.with_graph(lower(vectors.full, grade, leave=leave))
        return frozen.teach(
            graded.files,
            vectors.embedding,
            vectors.about | {"precision": grade},
            learnt.samples,
            subject,
            groups=learnt.groups,
            reads=learnt.reads,
            seed=learnt.seed,
            full=vectors.full,
            progress=progress,
        )

    return heads_over


def tuner_of(vectors: Vectors) -> Tuner | None:
    """What fine-tunes the encoder; None where there is no time for that."""
    return vectors.tuner if too_short(vectors) is None else None


def too_short(vectors: Vectors) -> NotEnoughDataError | None:
    """Why the time that there is for it is too short to fine-tune the encoder; None where it is not, or none is given."""
    tuner = vectors.tuner
    if tuner is None or (most := reading.affordable(tuner.base, tuner.minutes)) >= reading.FEWEST:
        return None
    wanted = tuner.minutes * reading.FEWEST / max(1, most)
    return NotEnoughDataError(
        f"fine-tuning would take at least about {wanted:.1f} minutes, and {tuner.minutes:g} are allowed", hint="raise [fit] encoder_minutes"
    )


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
