"""What of a language model decides its memory and its speed: how many parameters, how many work on one token, and what a token leaves in
the cache. Built from numbers, from a hub's `config.json`, or from a card of the catalogue.

Only shapes: nothing here knows what a model can do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from modicum.catalog.card import Card
from modicum.errors import InputError

LARGEST_CONFIG = 4 << 20
LARGEST = 10**15
"""No figure of a shape is larger; what is, is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A transformer, as far as memory and time go. None is unknown, and what needs it is then left out and said."""

    name: str
    parameters: int
    """All of them."""
    active: int
    """Those that work on one token: all, unless there are experts."""
    layers: int
    """Layers whose attention keeps keys and values. Recurrent layers, which keep a state of fixed size, do not count."""
    kv_heads: int
    head_size: int
    latent: int | None = None
    """Multi-head latent attention: numbers kept a token and layer in the place of keys and values (its rank plus the rotary part)."""
    window: int | None = None
    """Tokens that a sliding-window layer looks back."""
    windowed_layers: int = 0
    """How many of the layers slide."""
    heads: int | None = None
    """Query heads."""
    hidden: int | None = None
    inner: int | None = None
    """Width of the feed-forward network, of all the experts that one token passes."""
    vocabulary: int | None = None
    tied: bool = False
    """The table of embeddings is also the output layer."""
    experts: int | None = None
    experts_active: int | None = None
    context: int | None = None
    """Tokens that it was made for."""
    precision: str | None = None
    """What its weights are published in."""

    def __post_init__(self) -> None:
        for field in ("parameters", "active", "layers", "head_size"):
            if not 0 < getattr(self, field) <= LARGEST:
                raise InputError(f"{self.name}: {field} is {getattr(self, field)}, which no model has")
        if self.active > self.parameters:
            raise InputError(f"{self.name}: more parameters work on a token ({self.active:,}) than there are ({self.parameters:,})")
        if self.kv_heads < 1 and self.latent is None:
            raise InputError(f"{self.name}: neither key-value heads nor a latent size")
        if not 0 <= self.windowed_layers <= self.layers:
            raise InputError(f"{self.name}: {self.windowed_layers} of {self.layers} layers slide")
        if self.windowed_layers and not self.window:
            raise InputError(f"{self.name}: layers slide, and no window is given")

    @property
    def embedding(self) -> int:
        """Parameters of one table of embeddings, 0 where unknown."""
        return (self.vocabulary or 0) * (self.hidden or 0)

    @property
    def head(self) -> int:
        """Parameters of the output layer: as many as the table has."""
        return self.embedding

    @property
    def looked_up(self) -> int:
        """Parameters that are only looked up, a row a token: a table of embeddings that is not the output layer too."""
        return 0 if self.tied else self.embedding

    @property
    def dense(self) -> bool:
        return self.active == self.parameters


def from_card(card: Card) -> Shape:
    """What the catalogue knows. Raises InputError where that is too little to say anything."""
    weights = card.weights
    if weights is None:
        raise InputError(f"the weights of {card.id} are not open: it runs at its provider alone")
    layers = weights.kv_layers or weights.layers
    latent = None if weights.latent_size is None else weights.latent_size + (weights.rope_size or 0) + (weights.index_size or 0)
    missing = [
        name
        for name, value in (
            ("parameters", weights.parameters),
            ("layers", layers),
            ("kv_heads", weights.kv_heads or latent),
            ("head_size", weights.head_size or latent),
        )
        if not value
    ]
    if missing or not weights.parameters or not layers:
        raise InputError(
            f"the catalogue does not know {', '.join(missing)} of {card.id}", hint="give its config.json, or its numbers: 8b:32x8x128"
        )
    sliding = min(weights.window_layers or 0, layers) if weights.window_tokens else 0
    wide = widths().get(card.id, {})
    experts = wide.get("experts")
    return Shape(
        name=card.id,
        parameters=weights.parameters,
        active=weights.active_parameters or weights.parameters,
        layers=layers,
        kv_heads=weights.kv_heads or 0,
        head_size=weights.head_size or (latent or 1),
        latent=latent,
        window=weights.window_tokens if sliding else None,
        windowed_layers=sliding,
        heads=wide.get("heads"),
        hidden=wide.get("hidden"),
        inner=wide["inner"] * wide.get("taken", 1) if "inner" in wide else None,
        vocabulary=wide.get("vocabulary"),
        tied=bool(wide.get("tied")),
        experts=experts,
        experts_active=wide.get("taken") if experts else None,
        context=card.limits.context_tokens if card.limits else None,
        precision=weights.precision,
    )


@lru_cache(maxsize=1)
def widths() -> Mapping[str, Mapping[str, int]]:
    """Widths by the id of a card, from `widths.toml`, which says where they were read."""
    text = (resources.files("modicum.plan") / "widths.toml").read_text(encoding="utf-8")
    return {model: row for read in tomllib.loads(text)["read"] for model, row in read["models"].items()}


def from_numbers(text: str) -> Shape:
    """`8b:32x8x128` is 8 billion parameters, 32 layers, 8 key-value heads of size 128; `30b/3b:48x4x128` has 3 billion at work.

    Raises InputError.
    """
    size, _, rest = text.partition(":")
    total, _, at_work = size.partition("/")
    try:
        layers, kv_heads, head_size = (int(part) for part in rest.split("x"))
        parameters = _count(total)
        active = _count(at_work) if at_work else parameters
    except ValueError:
        raise InputError(
            f"'{text[:80]}' is no model in numbers", hint="8b:32x8x128 is parameters:layers x key-value heads x head size"
        ) from None
    return Shape(name=text, parameters=parameters, active=active, layers=layers, kv_heads=kv_heads, head_size=head_size)


def looks_like_numbers(text: str) -> bool:
    size, colon, _ = text.partition(":")
    return bool(colon) and size[:1].isdigit()


def from_file(path: Path) -> Shape:
    """A hub's `config.json`. Raises InputError."""
    try:
        if path.stat().st_size > LARGEST_CONFIG:
            raise InputError(f"{path} is too large for a config.json")
        found = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (msgspec.DecodeError, RecursionError):
        raise InputError(f"{path} is not JSON") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is no config.json of a model")
    return from_config(found, name=path.parent.name or path.stem)


def from_config(config: Mapping[str, Any], *, name: str = "model") -> Shape:
    """What a hub's `config.json` says. The parameters are counted from its sizes, biases and norms left out (under 0.1 %).

    Raises InputError where a size is missing or is no number that a model could have.
    """
    text = config.get("text_config") or config.get("llm_config") or config
    if not isinstance(text, Mapping):
        raise InputError(f"{name}: text_config is not an object")
    read = _Reader(text, name)
    layers = read.need("num_hidden_layers", "n_layer", "num_layers")
    hidden = read.need("hidden_size", "n_embd", "d_model")
    heads = read.need("num_attention_heads", "n_head")
    kv_heads = read.number("num_key_value_heads", "multi_query_group_num") or heads
    head_size = read.number("head_dim") or max(1, hidden // heads)
    vocabulary = read.need("vocab_size")
    kinds = text.get("layer_types")
    kinds = [kind for kind in kinds if isinstance(kind, str)] if isinstance(kinds, list) else []
    window, windowed = _sliding(read, text, kinds, layers)
    recurrent = sum(1 for kind in kinds if "linear" in kind or "mamba" in kind or "recurrent" in kind)
    every = read.number("full_attention_interval")
    if not recurrent and every and ("linear_num_key_heads" in text or "linear_num_value_heads" in text):
        recurrent = layers - layers // every
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings", False)) is True
    rank, rotary = read.number("kv_lora_rank"), read.number("qk_rope_head_dim") or 0
    attention = _attention(read, hidden, heads, kv_heads, head_size, rank, rotary)
    fed, at_work, inner = _feed_forward(read, hidden, layers)
    tables = vocabulary * hidden * (1 if tied else 2)
    shape = Shape(
        name=name,
        parameters=tables + layers * attention + fed,
        active=tables + layers * attention + at_work,
        layers=layers - recurrent,
        kv_heads=kv_heads,
        head_size=head_size,
        latent=rank + rotary if rank else None,
        window=window if windowed else None,
        windowed_layers=windowed,
        heads=heads,
        hidden=hidden,
        inner=inner,
        vocabulary=vocabulary,
        tied=tied,
        experts=_experts(read),
        experts_active=read.number("num_experts_per_tok", "moe_topk") if _experts(read) else None,
        context=read.number("max_position_embeddings", "n_positions"),
        precision=_precision(config),
    )
    return shape


class _Reader:
    """Numbers of a config under one of several names."""

    def __init__(self, fields: Mapping[str, Any], name: str) -> None:
        self._fields, self._name = fields, name

    def number(self, *names: str) -> int | None:
        for name in names:
            value = self._fields.get(name)
            if isinstance(value, list) and value and all(isinstance(one, int) for one in value):
                value = max(value)
            if isinstance(value, int) and not isinstance(value, bool) and value != 0:
                if not 0 < value <= LARGEST:
                    raise InputError(f"{self._name}: {name} is {value}, which no model has")
                return value
        return None

    def need(self, *names: str) -> int:
        value = self.number(*names)
        if value is None:
            raise InputError(f"{self._name}: the config has no {names[0]}", hint="is it the config.json of a language model?")
        return value


def _sliding(read: _Reader, text: Mapping[str, Any], kinds: list[str], layers: int) -> tuple[int | None, int]:
    """(window, layers that slide). A window that the config says is not used is none."""
    window = read.number("sliding_window", "attention_window_size", "attention_chunk_size")
    if window is None or text.get("use_sliding_window") is False:
        return None, 0
    if kinds:
        return window, sum(1 for kind in kinds if "sliding" in kind or "chunked" in kind)
    if every := read.number("sliding_window_pattern"):
        return window, layers - layers // every
    if text.get("model_type") in ("gpt_oss", "gemma2"):
        return window, layers - layers // 2
    return window, layers


def _attention(read: _Reader, hidden: int, heads: int, kv_heads: int, head_size: int, rank: int | None, rotary: int) -> int:
    """Parameters of one layer's attention: query, key, value and output; or the projections of latent attention."""
    if rank is None:
        return hidden * head_size * (2 * heads + 2 * kv_heads)
    flat, values = read.number("qk_nope_head_dim") or head_size, read.number("v_head_dim") or head_size
    down = read.number("q_lora_rank")
    queries = hidden * down + down * heads * (flat + rotary) if down else hidden * heads * (flat + rotary)
    return queries + hidden * (rank + rotary) + rank * heads * (flat + values) + heads * values * hidden


def _experts(read: _Reader) -> int | None:
    return read.number("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


def _feed_forward(read: _Reader, hidden: int, layers: int) -> tuple[int, int, int | None]:
    """(all, at work on a token, width at work) of the feed-forward networks of all layers, three matrices each."""
    wide = read.number("intermediate_size", "ffn_hidden_size", "n_inner") or 4 * hidden
    experts = _experts(read)
    if not experts:
        return 3 * hidden * wide * layers, 3 * hidden * wide * layers, wide
    each = read.number("moe_intermediate_size") or wide
    at_work = min(experts, read.number("num_experts_per_tok", "moe_topk") or 1)
    shared = read.number("shared_expert_intermediate_size") or (read.number("n_shared_experts", "num_shared_experts") or 0) * each
    dense_layers = min(layers, read.number("first_k_dense_replace") or 0)
    sparse = layers - dense_layers
    router = hidden * experts
    fixed = dense_layers * 3 * hidden * wide + sparse * (3 * hidden * shared + router)
    one = 3 * hidden * each * sparse
    return fixed + experts * one, fixed + at_work * one, at_work * each + shared


def _precision(config: Mapping[str, Any]) -> str | None:
    quantised = config.get("quantization_config")
    if isinstance(quantised, Mapping) and isinstance(quantised.get("quant_method"), str):
        return str(quantised["quant_method"])[:40].lower()
    kind = config.get("torch_dtype") or config.get("dtype")
    return {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}.get(kind) if isinstance(kind, str) else None


def _count(text: str) -> int:
    """8b, 1.5b, 500m or a plain number. Raises ValueError."""
    scale = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}.get(text[-1:].lower())
    value = float(text[:-1]) * scale if scale else float(text)
    if not 0 < value <= LARGEST:
        raise ValueError(text)
    return int(value)
