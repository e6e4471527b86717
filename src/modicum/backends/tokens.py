"""A request as an encoder sees it, in one pass: a vector for each piece of its texts, and one of the whole.

A piece's vector is the mean of its tokens'. Of what is too long for the encoder the head and the tail are read; pieces between have zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.embed import Embedder, Embedding, Floats, unit
from modicum.backends.features import clip
from modicum.backends.pieces import HEAD_CHARS, TAIL_CHARS, cut
from modicum.errors import ArtefactError

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """A request in tokens."""

    ids: list[int]
    spots: dict[str, Ints]
    """Of each slot with pieces, (pieces, 2): each piece's first token and the one behind its last; equal where none was read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request in vectors."""

    whole: Floats
    """(width,), of length 1."""
    pieces: dict[str, Floats]
    """Of each slot with pieces, (pieces, width)."""


class Reader(Embedder):
    """An encoder that gives each piece its vector. Raises ArtefactError where the files are none, MissingExtraError without the extra."""

    def __init__(self, artefact: Artefact, how: Embedding, used_slots: Sequence[str]) -> None:
        super().__init__(artefact, how)
        self.reads = tuple(used_slots)

    def see(self, slots: Sequence[tuple[str, str]]) -> Seen:
        """The vectors of one request. Raises ArtefactError where the graph is not what it says."""
        layout = self.lay_out(slots)
        tokens = self._tokens(layout.ids)
        return Seen(
            whole=unit(tokens.mean(axis=0, dtype=np.float32)),
            pieces={slot: mean_of(tokens, spots) for slot, spots in layout.spots.items()},
        )

    def lay_out(self, slots: Sequence[tuple[str, str]]) -> Layout:
        """One request in tokens."""
        return lay_out(self._tokenizer, self.how, slots, self.reads)

    def _tokens(self, ids: Sequence[int]) -> Floats:
        row = np.array([ids], np.int64)
        feed = {
            "input_ids": row,
            "attention_mask": np.ones_like(row),
            "token_type_ids": np.zeros_like(row),
            "position_ids": np.arange(row.shape[1], dtype=np.int64)[None],
        }
        try:
            tokens = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        except Exception as error:  # onnxruntime raises classes of its own, by what went wrong inside
            raise ArtefactError(f"the encoder's graph: {str(error)[:200]}") from None
        if tokens.shape != (1, len(ids), self.how.width):
            raise ArtefactError(f"the encoder's graph gives {tokens.shape}, not (1, {len(ids)}, {self.how.width})")
        return np.asarray(tokens[0], np.float32)


def lay_out(tokenizer: Any, how: Embedding, slots: Sequence[tuple[str, str]], used: Sequence[str]) -> Layout:
    """A request's tokens, and where its pieces are among them. Several slots stand each under its name."""
    texts = dict(slots)
    text = how.prefix
    places: dict[str, Ints] = {}
    for name in used:
        own = texts.get(name, "")
        if len(used) > 1 and own:
            text += f"{name}: "
        pieces = cut(own)
        if pieces:
            skipped = len(own) - TAIL_CHARS - HEAD_CHARS - 1 if len(own) > HEAD_CHARS + TAIL_CHARS else 0
            stands = np.array([(piece.start, piece.end) for piece in pieces], np.int64)
            places[name] = stands - np.where(stands[:, :1] >= HEAD_CHARS, skipped, 0) + len(text)
        text += clip(own)
        if len(used) > 1 and own:
            text += "\n"
    encoded = tokenizer.encode(text)
    kept, most = np.arange(len(encoded.ids)), how.max_tokens
    if len(kept) > most:
        tail = most - most // 2 if how.tail else 1  # the marks at both ends are kept: what is cut is text
        kept = np.concatenate([kept[: most - tail], kept[len(kept) - tail :]])
    ids: list[int] = [encoded.ids[at] for at in kept.tolist()]
    real = np.flatnonzero(np.array(encoded.special_tokens_mask, np.int64)[kept] == 0)
    if not len(real):
        return Layout(ids or [0], {name: np.zeros((len(one), 2), np.int64) for name, one in places.items()})
    starts, ends = np.array(encoded.offsets, np.int64)[kept[real]].T
    spots = {}
    for name, place in places.items():
        first = np.searchsorted(ends, place[:, 0], "right")
        behind = np.maximum(np.searchsorted(starts, place[:, 1], "left"), first)
        spots[name] = np.stack([first, behind], axis=1) + real[0]
    return Layout(ids, spots)


def mean_of(tokens: Floats, spots: Ints) -> Floats:
    """The means (pieces, width) of each piece's tokens (tokens, width); zeros where it has none."""
    sums = np.concatenate([np.zeros((1, tokens.shape[1])), np.cumsum(tokens, axis=0, dtype=np.float64)])
    sizes = np.maximum(spots[:, 1] - spots[:, 0], 1)
    return np.asarray((sums[spots[:, 1]] - sums[spots[:, 0]]) / sizes[:, None], np.float32)
