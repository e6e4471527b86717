"""What is known of one model: records in groups, each group with where and when it was read.

A group or a field that is None was not found in any source that was opened; nothing here is guessed. Prices are not here: they change,
and `offers` finds them. The files that these are read from: `models/*.toml`, by `card_file`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from modicum.types import TaskKind

Kind = Literal["llm", "encoder", "embedder", "reranker", "extractor", "guard"]
Medium = Literal["text", "image", "audio", "video", "pdf", "vector", "score", "labels"]
Precision = Literal["fp32", "fp16", "bf16", "fp8", "mxfp4", "int4"]

TASKS: dict[Kind, tuple[TaskKind, ...]] = {
    "llm": ("classify", "extract", "score", "tool", "summarise", "translate", "retrieve-and-answer", "generate"),
    "encoder": ("classify", "extract", "score"),
    "embedder": ("embed",),
    "reranker": ("rerank",),
    "extractor": ("extract",),
    "guard": ("classify",),
}
"""What a kind of model can be put to at all. How well one does it: its scores, or better a certificate on one's own traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a group of facts was read, and when."""

    title: str
    url: str
    read: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In tokens."""

    context_tokens: int | None = None
    """Input and output together."""
    input_tokens: int | None = None
    """The longest input that a provider takes."""
    output_tokens: int | None = None
    sources: tuple[Source, ...]

    @property
    def longest_input_tokens(self) -> int | None:
        return self.input_tokens or self.context_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What goes in, what comes out. None: no source says."""

    inputs: tuple[Medium, ...]
    outputs: tuple[Medium, ...]
    tools: bool | None = None
    structured: bool | None = None
    """Answers under a JSON schema."""
    reasoning: bool | None = None
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Open weights: how large they are, and how large their cache grows."""

    hub: str
    """The repository on the Hugging Face Hub."""
    parameters: int | None = None
    """All that must lie in memory, to three digits."""
    active_parameters: int | None = None
    """What one token passes through (mixture of experts); None for a dense model or where no source says."""
    experts: bool = False
    """A mixture of experts."""
    layers: int | None = None
    kv_layers: int | None = None
    """Layers that keep keys and values of every token, where others do not (hybrids with linear attention); None: all."""
    kv_heads: int | None = None
    head_size: int | None = None
    latent_size: int | None = None
    """Latent attention: what a layer keeps of a token in place of keys and values (`kv_lora_rank`) ..."""
    rope_size: int | None = None
    """... and beside it (`qk_rope_head_dim`)."""
    index_size: int | None = None
    """Sparse attention: a key for the indexer, kept beside them (`index_head_dim`)."""
    window_layers: int | None = None
    """Layers of these that see a sliding window alone ..."""
    window_tokens: int | None = None
    """... of so many tokens."""
    dimensions: int | None = None
    """Of an embedder's vectors."""
    precision: Precision | None = None
    """What the weights are released in."""
    sources: tuple[Source, ...]

    @property
    def kv_values_a_layer(self) -> int | None:
        """Numbers that a layer keeps of one token; None where not known."""
        if self.latent_size is not None and self.rope_size is not None:
            return self.latent_size + self.rope_size + (self.index_size or 0)
        if self.kv_heads is not None and self.head_size is not None:
            return 2 * self.kv_heads * self.head_size
        return None

    def kv_bytes(self, tokens: int, *, value_bytes: float = 2.0) -> int | None:
        """Bytes of the cache of one sequence of so many tokens, 2 bytes a number (fp16) unless said otherwise; None where not known.

        Layers with a window keep no more than it. State that does not grow with the sequence (linear attention) is left out.
        """
        layers, values = self.kv_layers or self.layers, self.kv_values_a_layer
        if layers is None or values is None:
            return None
        windowed = self.window_layers or 0
        kept = (layers - windowed) * tokens + windowed * min(tokens, self.window_tokens or tokens)
        return round(kept * values * value_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """Under what the weights may be used. Not legal advice."""

    spdx: str
    """An SPDX identifier, or a LicenseRef- of a licence that has none."""
    commercial: Literal["yes", "conditions", "no"]
    condition: str = ""
    """In words, where `commercial` is not a plain yes."""
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """When names stop answering at a provider."""

    names: tuple[str, ...]
    """As called, without a region."""
    provider: str = ""
    """The kind of provider that said so (azure, bedrock, vertex, ...); empty: the laboratory's own."""
    day: date
    replacement: str = ""
    """What the provider recommends instead."""
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A published result: evidence of the weakest sort."""

    task: TaskKind
    benchmark: str
    score: float
    metric: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Languages:
    """ISO 639-1 codes that the source names; more may work."""

    codes: tuple[str, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    day: date
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One model."""

    id: str
    laboratory: str
    family: str
    kind: Kind
    names: tuple[str, ...] = ()
    """Further names under which it is called; `card_names` says which forms of a name need no entry."""
    sold_as: str = ""
    """The provider in the price list whose price is the laboratory's own; empty: none is listed."""
    released: Released | None = None
    limits: Limits | None = None
    abilities: Abilities | None = None
    weights: Weights | None = None
    licence: Licence | None = None
    languages: Languages | None = None
    retires: tuple[Retirement, ...] = ()
    scores: tuple[Score, ...] = ()
    own: bool = False
    """From a file of the operator's."""

    @property
    def is_open(self) -> bool:
        return self.weights is not None

    @property
    def tasks(self) -> tuple[TaskKind, ...]:
        """What it can be put to: `tool` only where a source says that it calls tools."""
        can = TASKS[self.kind]
        calls_tools = self.abilities is not None and self.abilities.tools
        return can if calls_tools else tuple(task for task in can if task != "tool")

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that it was read from, each once."""
        groups = (self.released, self.limits, self.abilities, self.weights, self.licence, self.languages, *self.retires, *self.scores)
        return tuple(dict.fromkeys(source for group in groups if group is not None for source in group.sources))
