"""Formats that weights and caches are kept in: how many bits a number really takes, its scales included, and what arithmetic it runs in.

Bits of the GGUF formats are those of the files that llama.cpp makes of Llama-3.1-8B (bits of the whole file over parameters, so tables
and output layer, which stay finer, are in): https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md, read 2026-11-22.
Others add a format's scales to its bits: groups of 128 with a scale of 16 bits and a zero point of 4 (AWQ, GPTQ as published), blocks of
64 with a scale of 32 bits, itself quantised (NF4, https://arxiv.org/abs/2305.14314), blocks of 32 with 8 bits (MXFP4) and of 16 with 8
bits (NVFP4).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from modicum.errors import InputError

T = TypeVar("T")
Arithmetic = Literal["fp16", "fp8", "int8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """One format of weights."""

    name: str
    bits: float
    """A parameter, scales included."""
    tables: float | None = None
    """Bits that the table of embeddings and the output layer stay in. None: `bits` is the mean over the file."""
    arithmetic: Arithmetic = "fp16"
    note: str = ""


_GGUF = "llama.cpp"
FORMATS: dict[str, Precision] = {
    one.name: one
    for one in (
        Precision(name="fp32", bits=32),
        Precision(name="fp16", bits=16),
        Precision(name="bf16", bits=16),
        Precision(name="fp8", bits=8, tables=16, arithmetic="fp8"),
        Precision(name="int8", bits=8, tables=16, arithmetic="int8", note="weights and activations"),
        Precision(name="int4", bits=4, note="bare, as one says it; real files carry scales: awq, gptq, q4_k_m"),
        Precision(name="awq", bits=4 + (16 + 4) / 128, tables=16, note="groups of 128"),
        Precision(name="gptq", bits=4 + (16 + 4) / 128, tables=16, note="groups of 128"),
        Precision(name="nf4", bits=4 + 0.127, tables=16, note="blocks of 64, scales quantised"),
        Precision(name="mxfp4", bits=4 + 8 / 32, tables=16, note="blocks of 32"),
        Precision(name="nvfp4", bits=4 + 8 / 16, tables=16, note="blocks of 16"),
        Precision(name="q2_k", bits=3.1593, note=_GGUF),
        Precision(name="q3_k_s", bits=3.6429, note=_GGUF),
        Precision(name="q3_k_l", bits=4.2979, note=_GGUF),
        Precision(name="iq4_xs", bits=4.4597, note=_GGUF),
        Precision(name="q4_0", bits=4.54, note=_GGUF),
        Precision(name="q4_k_s", bits=4.6672, note=_GGUF),
        Precision(name="q4_k_m", bits=4.8944, note=_GGUF),
        Precision(name="q5_k_s", bits=5.5704, note=_GGUF),
        Precision(name="q5_k_m", bits=5.7036, note=_GGUF),
        Precision(name="q6_k", bits=6.5633, note=_GGUF),
        Precision(name="q8_0", bits=8.5008, note=_GGUF),
    )
}
CACHES: dict[str, float] = {"fp16": 16, "bf16": 16, "fp8": 8, "int8": 8, "q8_0": 8.5, "q4_0": 4.5, "fp32": 32}
"""Bits of a number in the cache. The `q` formats hold blocks of 32 with a scale of 16 bits."""


def of_name(name: str) -> Precision:
    """Raises InputError, with what there is."""
    return _known(name, FORMATS, "precision")


def cache_bits(name: str) -> float:
    """Raises InputError, with what there is."""
    return _known(name, CACHES, "cache precision")


def is_gguf(precision: Precision) -> bool:
    """Whether only llama.cpp runs it."""
    return precision.note == _GGUF


def _known(name: str, table: Mapping[str, T], what: str) -> T:
    found = table.get(name.lower().replace("-", "_"))
    if found is None:
        near = difflib.get_close_matches(name.lower(), table, 1)
        raise InputError(
            f"no {what} '{name[:40]}'", hint=(f"did you mean '{near[0]}'? " if near else "") + f"There are: {', '.join(table)}"
        )
    return found
