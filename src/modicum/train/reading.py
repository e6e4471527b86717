"""An encoder taught to read one workload's requests: tuned on all, and on each part of them for what is said of the others.

What it reads for, layers of marked fields and closed fields, may be those of several records: a tool caller's tools share one encoder.
Work is bounded by an estimate: of too many or too long requests as many groups teach as there is time for. Needs torch; by day it runs
without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modicum.backends.embed import GRAPH_FILE, TOKENIZER_FILE, Embedding
from modicum.backends.tokens import Reader, Seen, lay_out
from modicum.errors import NotEnoughDataError
from modicum.train import encoder_graph, encoder_tune
from modicum.train.drift import spread
from modicum.train.encoder_graph import Base
from modicum.train.encoder_rounds import CPU_PER_S, GPU_PER_S, HALVED_PER_S, Keep, Round, key_of
from modicum.train.export import in_memory
from modicum.train.folds import assign
from modicum.train.precision import Precision, lower
from modicum.train.tagger_tune import Heads, Ints, Lesson, tune
from modicum.types import Sample

FOLDS = 2
FEWEST = 50_000
"""Tokens that one training goes through at least, over all of its passes: less teaches an encoder little."""
MOST_PASSES, LEAST_PASSES = 12, 3
AIM_STEPS = 900

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be read for, aligned with the samples."""

    layers: tuple[int, ...]
    """How many fields each layer marks."""
    tags: tuple[Sequence[dict[str, Sequence[int]] | None], ...]
    """Of each layer and sample the tags of the pieces of each slot; None where they are not known."""
    values: tuple[int, ...]
    """How many values each closed field has."""
    said: tuple[Sequence[int], ...]
    """Of each closed field and sample its value's number; -1 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What came of it: the encoder's files and heads, and those that had not seen a sample."""

    files: dict[str, bytes]
    embedding: Embedding
    reads: tuple[str, ...]
    about: dict[str, Any]
    heads: Heads
    fold_of: Ints
    """(samples,)."""
    fold_heads: tuple[Heads, ...]
    fold_files: tuple[dict[str, bytes], ...]
    full: bytes | None = None
    """Its graph in full precision; None: what `files` holds is taken as it is."""
    fold_full: tuple[bytes, ...] = ()

    @property
    def compared(self) -> frozenset[int]:
        """The numbers of the samples that are asked in full precision too."""
        return frozenset(() if self.full is None else spread(len(self.fold_of)).tolist())

    def lowered(self, grade: Precision, leave: Sequence[str]) -> Taught:
        """The same in another precision; `leave` names the operators that stay as they are where it is mixed."""
        files, *fold_files = (
            own | {GRAPH_FILE: lower(graph, grade, leave=leave)}
            for own, graph in zip((self.files, *self.fold_files), (self.full or b"", *self.fold_full), strict=True)
        )
        return replace(self, files=files, fold_files=tuple(fold_files), about=self.about | {"precision": grade})

    def unseen(self, slots: Sequence[Sequence[tuple[str, str]]], rows: Sequence[int], *, full: bool = False) -> Iterator[tuple[int, Seen]]:
        """Each place in `slots` with what the encoder sees there that was not taught by it; `rows` are the numbers of these samples.

        `full`: in full precision, and only of those that are `compared`.
        """
        wanted = self.compared if full else frozenset(rows)
        for fold, files in enumerate(self.fold_files):
            own = [at for at, row in enumerate(rows) if self.fold_of[row] == fold and row in wanted]
            if own:
                graph = {GRAPH_FILE: self.fold_full[fold]} if full else {}
                reader = Reader(in_memory(files | graph), self.embedding, self.reads)
                yield from ((at, reader.see(slots[at])) for at in own)


def teach(
    base: Base,
    samples: Sequence[Sample],
    subject: Subject,
    *,
    groups: Sequence[int],
    reads: Sequence[str],
    minutes: float,
    seed: int,
    keep: Keep | None = None,
    progress: Progress = lambda share: None,
) -> Taught:
    """In int8. `minutes`: what it may take, by estimate; `keep`: where what was taught waits for the rest.

    Raises NotEnoughDataError where there is nothing to read for or too little time, InputError and MissingExtraError as
    `encoder_graph.load` does.
    """
    if not (subject.layers or subject.values):
        raise NotEnoughDataError("there is nothing that an encoder could read for")
    from tokenizers import Tokenizer

    most = affordable(base, minutes)
    if most < FEWEST:
        raise NotEnoughDataError(f"{minutes:g} minutes are too short to fine-tune it", hint="raise [fit] encoder_minutes")
    tokenizer = Tokenizer.from_file(str(base.folder / TOKENIZER_FILE))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    layouts = [lay_out(tokenizer, base.embedding, sample.slots, reads) for sample in samples]
    lessons = [
        Lesson(
            ids=layout.ids,
            spots=tuple(layout.spots.values()),
            tags=tuple(in_order(tags[row], layout.spots) for tags in subject.tags),
            said=tuple(said[row] for said in subject.said),
        )
        for row, layout in enumerate(layouts)
    ]
    passes = int(np.clip(AIM_STEPS * 16 // max(1, len(samples)), LEAST_PASSES, MOST_PASSES))
    learnt = draw([len(one.ids) for one in lessons], groups, most // passes, seed)
    fold_of = assign(groups, FOLDS, seed)
    rounds: list[Round] = []
    for number in range(FOLDS + 1):
        rows = [row for row in learnt if number == FOLDS or fold_of[row] != number]
        before, share = (number / 2 / FOLDS, 0.5 / FOLDS) if number < FOLDS else (0.5, 0.5)
        rounds.append(
            _round(
                base,
                [lessons[row] for row in rows],
                subject,
                passes=passes,
                seed=seed,
                keep=keep,
                progress=lambda done, before=before, share=share: progress(before + share * done),  # type: ignore[misc]
            )
        )
    whole = {TOKENIZER_FILE: (base.folder / TOKENIZER_FILE).read_bytes()}
    files = [whole | {GRAPH_FILE: lower(one.graph, "int8")} for one in rounds]
    heads = [Heads.of(one.head) for one in rounds]
    about = base.about() | {"precision": "int8", "tuned_on": len(learnt), "passes": passes, "encoder_folds": FOLDS}
    return Taught(
        files=files[-1],
        embedding=base.embedding,
        reads=tuple(reads),
        about=about,
        heads=heads[-1],
        fold_of=fold_of,
        fold_heads=tuple(heads[:-1]),
        fold_files=tuple(files[:-1]),
        full=rounds[-1].graph,
        fold_full=tuple(one.graph for one in rounds[:-1]),
    )


def _round(
    base: Base, lessons: Sequence[Lesson], subject: Subject, *, passes: int, seed: int, keep: Keep | None, progress: Progress
) -> Round:
    """One encoder taught these lessons, or what was kept of it."""
    taught = [
        (list(one.ids), [spots.tolist() for spots in one.spots], [own and [tags.tolist() for tags in own] for own in one.tags], one.said)
        for one in lessons
    ]
    key = key_of(base, seed, passes, subject.layers, subject.values, taught)
    if keep is not None and (kept := keep.read(key)) is not None:
        progress(1.0)
        return kept
    model = encoder_graph.load(base)
    heads = tune(
        model,
        lessons,
        layers=subject.layers,
        values=subject.values,
        epochs=passes,
        seed=seed,
        device=encoder_tune.device(),
        progress=progress,
    )
    made = Round(graph=encoder_graph.export(model, base, "fp32")[GRAPH_FILE], head=heads.tensors())
    if keep is not None:
        keep.write(key, made)
    return made


def affordable(base: Base, minutes: float) -> int:
    """How many tokens one training may go through, where the FOLDS + 1 of them, worth FOLDS whole ones, may take so long."""
    where = encoder_tune.device()
    speed = GPU_PER_S if where == "cuda" else HALVED_PER_S if encoder_tune.is_halved(where) else CPU_PER_S
    # Training takes six operations a weight and token; the lower half of the layers is not trained, and run once.
    return int(minutes * 60 * speed / (3 * base.parameters) / FOLDS)


def in_order(tags: dict[str, Sequence[int]] | None, spots: dict[str, Ints]) -> tuple[Ints, ...] | None:
    """Tags in the order of the spots; a slot without tags is one in which nothing is marked."""
    if tags is None:
        return None
    return tuple(np.array(tags.get(slot) or [0] * len(places), np.int64) for slot, places in spots.items())


def draw(sizes: Sequence[int], groups: Sequence[int], most: int, seed: int) -> list[int]:
    """The samples that teach, ascending: all of them, or as many groups as so many tokens pay for."""
    if sum(sizes) <= most:
        return list(range(len(sizes)))
    distinct = sorted(set(groups))
    rank = dict(zip(distinct, np.random.default_rng(seed).permutation(len(distinct)).tolist(), strict=True))
    order = np.argsort([rank[group] for group in groups], kind="stable")
    return sorted(order[np.cumsum(np.array(sizes)[order]) <= most].tolist())
