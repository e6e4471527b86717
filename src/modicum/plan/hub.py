"""A model's shape from the `config.json` that lies beside its weights on the hub. Fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.plan.shape import LARGEST, Shape

LARGEST_FILE = 4 << 20
TIED_UNSAID = ("gemma", "cohere")
"""Families whose output layer is the table of embeddings where the config does not say."""


def from_file(path: Path) -> Shape:
    """A hub's `config.json`. Raises InputError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
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
    unsaid = str(text.get("model_type", config.get("model_type", ""))).startswith(TIED_UNSAID)
    tied = text.get("tie_word_embeddings", config.get("tie_word_embeddings", unsaid)) is True
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
