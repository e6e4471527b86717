"""Fine-tune an encoder to mark and choose: its token vectors score the tags of each piece, their mean the values of each closed field.

One pass over a request teaches all of its fields: linear chains over the pieces' tags (Lafferty et al. 2001), one a layer, by their
likelihood, and closed fields by cross-entropy. The lower half of the encoder stays as it is and is run once for each request, which halves
the time. Of what it gives tokens are left out at random, so that a name is told by what stands around it too. CPU or one GPU; needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.backends.tagger import legal
from modicum.train.descent import descend, padded
from modicum.train.encoder_tune import is_halved

BATCH = 64
"""Of many requests; of fewer it is as much smaller as makes STEPS of one pass, and the rates with it."""
LEAST_BATCH = 16
STEPS = 150
ENCODER_RATE, HEAD_RATE, STEP_RATE = 2e-4, 2e-3, 2e-2
HIDDEN = 0.1
"""The share of the tokens that are left out."""
SCALE = 20.0
"""A closed field's scores are cosines, times this to begin with."""
FORBIDDEN = -1e4
TINY = 1e-30
KINDS = ("dense", "steps", "starts", "weights", "bias")
"""What heads are made of."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One request with what is known of it."""

    ids: Sequence[int]
    """Tokens."""
    spots: tuple[Ints, ...]
    """Of each text with pieces, (pieces, 2): each piece's first token and the one behind its last; equal where none was read."""
    tags: tuple[tuple[Ints, ...] | None, ...]
    """Of each layer the tags (pieces,) of those texts; None where they are not known."""
    said: tuple[int, ...]
    """Of each closed field its value's number; -1 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What reads an encoder's vectors; scores are in nats."""

    dense: tuple[Floats, ...]
    """Of each layer (width + 1, tags) over a piece's vector; the last row is added to all."""
    steps: tuple[Floats, ...]
    """(tags, tags); what is not legal is 0."""
    starts: tuple[Floats, ...]
    weights: tuple[Floats, ...]
    """Of each closed field (width, values) over the unit mean vector."""
    bias: tuple[Floats, ...]

    def tensors(self) -> dict[str, Floats]:
        """All of it under names, to be kept."""
        return {f"{name}-{number}": one for name in KINDS for number, one in enumerate(getattr(self, name))}

    @classmethod
    def of(cls, tensors: Mapping[str, Floats]) -> Heads:
        """What `tensors` gave."""
        return cls(**{name: tuple(tensors[f"{name}-{n}"] for n in range(len(tensors)) if f"{name}-{n}" in tensors) for name in KINDS})


def tune(
    model: Any,
    lessons: Sequence[Lesson],
    *,
    layers: Sequence[int],
    values: Sequence[int],
    epochs: int,
    seed: int,
    device: str = "cpu",
    progress: Callable[[float], None] = lambda share: None,
) -> Heads:
    """Train `model`, as `encoder_graph.load` gives it, in place. `layers`: how many fields each marks; `values`: how many each closed
    field chooses from.
    """
    import torch

    torch.manual_seed(seed)
    model.to(device)  # without dropout, which takes a tenth of the time: tokens that are left out do as much
    lower = _Lower(torch, model, lessons, device)
    heads = _heads(torch, model.config.hidden_size, layers, values).to(device)
    size = int(np.clip(len(lessons) // STEPS, LEAST_BATCH, BATCH))
    part = (size / BATCH) ** 0.5
    parts = [
        {"params": list(lower.rest), "lr": part * ENCODER_RATE, "weight_decay": 0.01},
        {"params": [*heads["dense"].parameters(), *heads["closed"].parameters()], "lr": part * HEAD_RATE, "weight_decay": 0.01},
        {"params": [*heads["steps"], *heads["starts"], *heads["scale"]], "lr": part * STEP_RATE, "weight_decay": 0.0},
    ]

    def loss_of(rows: Ints, random: np.random.Generator) -> Any:
        return _loss(torch, lower, heads, rows, lessons, layers, random, device)

    descend(model, parts, [len(one.ids) for one in lessons], loss_of, size=size, epochs=epochs, seed=seed, progress=progress)
    lower.put_back()
    model.cpu()
    heads.cpu()
    with torch.no_grad():
        return Heads(
            dense=tuple(torch.cat([one.weight.T, one.bias[None]]).numpy() for one in heads["dense"]),
            steps=tuple((one * torch.from_numpy(legal(count)[0])).numpy() for one, count in zip(heads["steps"], layers, strict=True)),
            starts=tuple((one * torch.from_numpy(legal(count)[1])).numpy() for one, count in zip(heads["starts"], layers, strict=True)),
            weights=tuple((one.weight.T * scale).numpy() for one, scale in zip(heads["closed"], heads["scale"], strict=True)),
            bias=tuple(one.bias.numpy() for one in heads["closed"]),
        )


def _heads(torch: Any, width: int, layers: Sequence[int], values: Sequence[int]) -> Any:
    nn = torch.nn
    tags = [1 + 2 * count for count in layers]
    return nn.ModuleDict(
        {
            "dense": nn.ModuleList([nn.Linear(width, count) for count in tags]),
            "steps": nn.ParameterList([nn.Parameter(torch.zeros(count, count)) for count in tags]),
            "starts": nn.ParameterList([nn.Parameter(torch.zeros(count)) for count in tags]),
            "closed": nn.ModuleList([nn.Linear(width, count) for count in values]),
            "scale": nn.ParameterList([nn.Parameter(torch.tensor(SCALE)) for _ in values]),
        }
    )


class _Lower:
    """The lower half of an encoder's layers: run once for each request, then taken out, and its vectors handed to the upper half."""

    def __init__(self, torch: Any, model: Any, lessons: Sequence[Lesson], device: str) -> None:
        self._torch, self._model, self._device = torch, model, device
        lists = [one for one in model.modules() if isinstance(one, torch.nn.ModuleList)]
        self._layers = max(lists, key=len)
        half = len(self._layers) // 2
        self._handed: Any = None
        self._taken: Any = None
        self._hook = self._layers[half].register_forward_pre_hook(self._hand, with_kwargs=True)
        self._ids = [list(one.ids) for one in lessons]
        self._vectors: list[Any] = [None] * len(lessons)
        order = np.argsort([len(one) for one in self._ids], kind="stable")
        with torch.no_grad():
            for rows in (order[at : at + BATCH].tolist() for at in range(0, len(order), BATCH)):
                for row, vectors in zip(rows, self._see(rows), strict=True):
                    self._vectors[row] = vectors[: len(self._ids[row])].to(torch.bfloat16)
        self._below = list(self._layers[:half])
        del self._layers[:half]
        self.rest = [one for layer in self._layers for one in layer.parameters()]

    def run(self, rows: Sequence[int], random: np.random.Generator) -> tuple[Any, Any]:
        """(vectors of the tokens (batch, longest, width), which of them there are (batch, longest))."""
        torch = self._torch
        handed = torch.nn.utils.rnn.pad_sequence([self._vectors[row] for row in rows], batch_first=True).float()
        kept = random.random((*handed.shape[:2], 1)) >= HIDDEN
        kept[:, 0] = True
        self._handed = handed * torch.from_numpy(kept).to(self._device)
        return self._run(rows)

    def put_back(self) -> None:
        """The encoder is whole again."""
        self._hook.remove()
        for layer in reversed(self._below):
            self._layers.insert(0, layer)

    def _see(self, rows: Sequence[int]) -> Sequence[Any]:
        """What the lower half hands on."""
        self._run(rows)
        return list(self._taken)

    def _run(self, rows: Sequence[int]) -> tuple[Any, Any]:
        torch = self._torch
        tokens, mask = padded([self._ids[row] for row in rows])
        feed = {"input_ids": torch.from_numpy(tokens).to(self._device), "attention_mask": torch.from_numpy(mask).to(self._device)}
        with torch.autocast(self._device, torch.bfloat16, enabled=is_halved(self._device)):
            return self._model(**feed, return_dict=True).last_hidden_state.float(), feed["attention_mask"]

    def _hand(self, _: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        self._taken = given[0] if given else named["hidden_states"]
        if self._handed is None:
            return None
        return ((self._handed, *given[1:]), named) if given else (given, named | {"hidden_states": self._handed})


def _loss(
    torch: Any,
    lower: _Lower,
    heads: Any,
    rows: Ints,
    lessons: Sequence[Lesson],
    layers: Sequence[int],
    random: np.random.Generator,
    device: str,
) -> Any:
    """Mean over the batch of what all that is known of a request costs."""
    batch = [lessons[row] for row in rows]
    hidden, mask = lower.run(rows.tolist(), random)
    seen = mask.unsqueeze(-1)
    whole = torch.nn.functional.normalize((hidden * seen).sum(1) / seen.sum(1), dim=1)
    loss = torch.zeros((), device=device)
    for number, (head, scale) in enumerate(zip(heads["closed"], heads["scale"], strict=True)):
        said = torch.tensor([one.said[number] for one in batch], device=device)
        scores = scale * torch.nn.functional.linear(whole, head.weight) + head.bias
        if bool((said >= 0).any()):
            loss = loss + torch.nn.functional.cross_entropy(scores, said, ignore_index=-1, reduction="sum")
    hidden = torch.nn.functional.dropout(hidden, 0.1)
    for number, count in enumerate(layers):
        chains = [
            (row, spots, tags)
            for row, one in enumerate(batch)
            if (known := one.tags[number]) is not None
            for spots, tags in zip(one.spots, known, strict=True)
        ]
        if chains:
            vectors, truth, lengths = _pieces(torch, hidden, chains, device)
            loss = loss + _unlikely(
                torch, heads["dense"][number](vectors), heads["steps"][number], heads["starts"][number], truth, lengths, count, device
            )
    return loss / len(batch)


def _pieces(torch: Any, hidden: Any, chains: Sequence[tuple[int, Ints, Ints]], device: str) -> tuple[Any, Any, Any]:
    """(mean vectors of the pieces (chains, longest, width), their tags (chains, longest), lengths (chains,))."""
    longest, tokens = max(len(tags) for _, _, tags in chains), hidden.shape[1]
    into, out, share = [], [], []
    truth = np.zeros((len(chains), longest), np.int64)
    for chain, (row, spots, tags) in enumerate(chains):
        sizes = spots[:, 1] - spots[:, 0]
        into.append(np.repeat(np.arange(len(tags)) + chain * longest, sizes))
        out.append(np.concatenate([np.arange(first, behind) for first, behind in spots] or [np.zeros(0, np.int64)]) + row * tokens)
        share.append(np.repeat(1 / np.maximum(sizes, 1), sizes))
        truth[chain, : len(tags)] = tags
    flat = torch.zeros((len(chains) * longest, hidden.shape[2]), device=device)
    taken = hidden.reshape(-1, hidden.shape[2])[torch.from_numpy(np.concatenate(out).astype(np.int64)).to(device)]
    weight = torch.from_numpy(np.concatenate(share).astype(np.float32)).to(device)
    flat = flat.index_add(0, torch.from_numpy(np.concatenate(into).astype(np.int64)).to(device), taken * weight[:, None])
    lengths = torch.tensor([len(tags) for _, _, tags in chains], device=device)
    return flat.reshape(len(chains), longest, -1), torch.from_numpy(truth).to(device), lengths


def _unlikely(torch: Any, scores: Any, steps: Any, starts: Any, truth: Any, lengths: Any, fields: int, device: str) -> Any:
    """The sum over the chains of minus the logarithm of their tags' probability."""
    may, opens = (torch.from_numpy(one).to(device) for one in legal(fields))
    steps, starts = steps.masked_fill(~may, FORBIDDEN), starts.masked_fill(~opens, FORBIDDEN)
    count, longest, _ = scores.shape
    inside = torch.arange(longest, device=device)[None] < lengths[:, None]
    moves = torch.exp(steps)
    ahead = starts + scores[:, 0]
    for at in range(1, longest):
        top = ahead.max(dim=1, keepdim=True).values
        onward = torch.log(torch.exp(ahead - top) @ moves + TINY) + top + scores[:, at]
        ahead = torch.where(inside[:, at, None], onward, ahead)
    own = (scores.gather(2, truth[:, :, None])[:, :, 0] * inside).sum() + starts[truth[:, 0]].sum()
    own = own + (steps[truth[:, :-1], truth[:, 1:]] * inside[:, 1:]).sum()
    return torch.logsumexp(ahead, dim=1).sum() - own
