"""How much memory a model takes: weights, the cache of keys and values, activations, the engine itself.

Weights are parameters times the bits of their format (`precision`). The cache holds, for every token of every sequence,

    2 x key-value heads x head size x bytes        a layer (multi-head, grouped-query and multi-query attention alike)
    (latent rank + rotary part) x bytes            a layer of multi-head latent attention (https://arxiv.org/abs/2405.04434)

and a sliding layer holds no more tokens than its window. Activations are those of one step of prefill, which engines cut into chunks.
An engine's own memory is a flat allowance; it is the weakest figure here.
"""

from __future__ import annotations

from dataclasses import dataclass

from modicum.plan.machines import Machine
from modicum.plan.precision import Precision, cache_bits
from modicum.plan.shape import Shape

CHUNK = 2048
"""Tokens of a step of prefill (vLLM's `max_num_batched_tokens` on small cards)."""
ENGINE_BYTES = {"cuda": 1_000_000_000, "rocm": 1_000_000_000, "vulkan": 500_000_000, "metal": 300_000_000, "cpu": 300_000_000}
"""Context of the driver, captured graphs, workspaces. An allowance."""
SERVING_BYTES = 2_400_000_000
"""The same on a datacentre's card, where engines capture more and read longer chunks: vLLM on an A100 kept 2.7 GB beside weights and cache
of Qwen3-8B, activations included (https://github.com/vllm-project/vllm/issues/42058, read 2026-11-22)."""
LOGIT_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a machine's memory is spent on, in bytes, for `concurrency` sequences of `context` tokens."""

    weights: int
    cache: int
    cache_token: int
    """Of one more token in a sequence that is longer than any window."""
    cache_sequence: int
    """Of one sequence at full length."""
    activations: int
    engine: int
    usable: int
    total: int
    """The machine's memory, what an engine cannot have included."""
    most_sequences: int
    """That the cache has room for at full length; 0 where the weights alone do not fit."""

    @property
    def needed(self) -> int:
        return self.weights + self.cache + self.activations + self.engine

    @property
    def free(self) -> int:
        """Below zero: that much is missing."""
        return self.usable - self.needed

    @property
    def fits(self) -> bool:
        return self.free >= 0


def weight_bytes(shape: Shape, precision: Precision) -> int:
    """Bytes of all weights. Where a format leaves tables alone and their size is unknown, all are taken at its bits."""
    if precision.tables is None or not shape.embedding:
        return round(shape.parameters * precision.bits / 8)
    tables = min(shape.parameters, shape.embedding * (1 if shape.tied else 2))
    return round((shape.parameters - tables) * precision.bits / 8 + tables * precision.tables / 8)


def cache_bytes(shape: Shape, tokens: int, cache: str = "fp16") -> int:
    """Bytes that one sequence of so many tokens keeps."""
    sliding = shape.windowed_layers
    kept = (shape.layers - sliding) * tokens + sliding * min(tokens, shape.window or tokens)
    return round(kept * _numbers(shape) * cache_bits(cache) / 8)


def cache_bytes_a_token(shape: Shape, cache: str = "fp16") -> int:
    """Bytes that one more token adds, its sequence being longer than any window."""
    return round((shape.layers - shape.windowed_layers) * _numbers(shape) * cache_bits(cache) / 8)


def activation_bytes(shape: Shape, sequences: int, chunk: int = CHUNK) -> int:
    """The widest moment of one step: a chunk of prefill through the residual stream and the feed-forward network in 16 bits, and one row
    of logits a sequence in 32. An unknown width is taken from the parameters of a layer."""
    hidden = shape.hidden or max(512, int((shape.active / max(1, shape.layers) / 12) ** 0.5))
    inner = shape.inner or 4 * hidden
    return chunk * (4 * hidden + 2 * inner) * 2 + sequences * (shape.vocabulary or 128_000) * LOGIT_BYTES


def engine_bytes(machine: Machine) -> int:
    """What an engine keeps for itself on one card."""
    return SERVING_BYTES if machine.kind == "datacentre" else ENGINE_BYTES[machine.stack]


def footprint(
    shape: Shape, machine: Machine, precision: Precision, *, context: int, concurrency: int = 1, cache: str = "fp16", cards: int = 1
) -> Footprint:
    """Whether it fits, and what is left. Several cards share weights and cache evenly, and each keeps an engine and activations."""
    weights = weight_bytes(shape, precision)
    sequence = cache_bytes(shape, context, cache)
    engine = engine_bytes(machine) * cards
    activations = activation_bytes(shape, concurrency) * cards
    usable = machine.usable_bytes * cards
    room = usable - weights - engine - activations
    return Footprint(
        weights=weights,
        cache=sequence * concurrency,
        cache_token=cache_bytes_a_token(shape, cache),
        cache_sequence=sequence,
        activations=activations,
        engine=engine,
        usable=usable,
        total=machine.memory_bytes * cards,
        most_sequences=max(0, room // sequence) if sequence else 0,
    )


def _numbers(shape: Shape) -> int:
    """Numbers that a layer keeps of a token."""
    return shape.latent if shape.latent is not None else 2 * shape.kv_heads * shape.head_size
