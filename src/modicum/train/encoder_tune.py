"""Fine-tune an encoder on labelled texts: the encoder and a head over its unit vectors, together, by cross-entropy.

The head starts from a logistic regression over the encoder as it was, so that the first steps do not tear the encoder apart for a
head that knows nothing. Texts of like length are trained together, which halves the time that padding costs. The table of words stays as
it is: it is half of a small encoder, few of its rows are in a workload's texts, and a row that moves alone leaves its neighbours behind.
CPU or one GPU; sums in bfloat16 where the processor has them (they halve the time), weights in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.errors import MissingExtraError
from modicum.train.counts import Ints
from modicum.train.descent import descend, padded
from modicum.train.encoder_graph import Base

BATCH = 32
FEWEST_EPOCHS, MOST_EPOCHS = 4, 20
READ = 60_000
"""Texts that are read in all: few are gone through more often."""
ENCODER_RATE, HEAD_RATE = 5e-5, 1e-3
SMOOTHING = 0.1
SCALE = 20.0
"""Unit vectors' logits are multiplied by it, and by what is learnt from there on."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What came of it: the encoder, and a head over its unit vectors."""

    model: Any
    weights: Floats
    """(width, labels), the scale included."""
    bias: Floats


def epochs(texts: int) -> int:
    """How often that many texts are gone through."""
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-READ // max(1, texts))))


def device() -> str:
    """Where it is done: a GPU where there is one. Raises MissingExtraError without torch."""
    try:
        import torch
    except ImportError:
        raise MissingExtraError.of("encoder-train", "training an encoder") from None
    return "cuda" if torch.cuda.is_available() else "cpu"


def is_halved(where: str) -> bool:
    """Are sums in bfloat16 done by the processor itself? Elsewhere they would be slower than those in float32."""
    import torch

    return bool(torch.cuda.is_bf16_supported()) if where == "cuda" else bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def tune(
    model: Any,
    base: Base,
    texts: Sequence[str],
    labels: Ints,
    *,
    weights: Floats,
    bias: Floats,
    epochs: int,
    seed: int,
    device: str = "cpu",
    progress: Callable[[float], None] = lambda share: None,
) -> Tuned:
    """Train `model` (as `encoder_graph.load` gives it) in place. `labels` are columns of `weights` (width, labels) and `bias`, a head
    over the unit vectors of the encoder as it is.
    """
    import torch

    torch.manual_seed(seed)
    halved = is_halved(device)
    ids = tokenise(base, texts)
    model.to(device).train()
    words = model.get_input_embeddings()
    words.requires_grad_(False)
    scale = torch.nn.Parameter(torch.tensor(SCALE, device=device))
    head = torch.nn.Linear(weights.shape[0], weights.shape[1]).to(device)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weights.T / SCALE))
        head.bias.copy_(torch.from_numpy(bias))
    parts = [
        {"params": [one for one in model.parameters() if one.requires_grad], "lr": ENCODER_RATE, "weight_decay": 0.01},
        {"params": [*head.parameters(), scale], "lr": HEAD_RATE, "weight_decay": 0.0},
    ]

    def loss_of(rows: Ints, _: np.random.Generator) -> Any:
        tokens, mask = padded([ids[row] for row in rows])
        feed = {"input_ids": torch.from_numpy(tokens).to(device), "attention_mask": torch.from_numpy(mask).to(device)}
        with torch.autocast(device, dtype=torch.bfloat16, enabled=halved):
            hidden = model(**feed, return_dict=True).last_hidden_state.float()
        if base.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            weight = feed["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * weight).sum(1) / weight.sum(1)
        logits = scale * torch.nn.functional.linear(torch.nn.functional.normalize(pooled, dim=1), head.weight) + head.bias
        return torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[rows]).to(device), label_smoothing=SMOOTHING)

    descend(model, parts, [len(one) for one in ids], loss_of, size=BATCH, epochs=epochs, seed=seed, progress=progress)
    model.cpu().eval()
    with torch.no_grad():
        return Tuned(
            model=model,
            weights=(head.weight.T * scale).cpu().numpy().astype(np.float32),
            bias=head.bias.cpu().numpy().astype(np.float32),
        )


def tokenise(base: Base, texts: Sequence[str]) -> list[list[int]]:
    """The tokens that training reads of each text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(base.max_tokens)
    return [one.ids for one in tokenizer.encode_batch([base.prefix + text for text in texts])]
