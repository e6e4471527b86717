"""Memory held against what others published and measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modicum.catalog.cards import Cards
from modicum.errors import InputError
from modicum.plan.machines import GIB, machine
from modicum.plan.memory import activation_bytes, cache_bytes, cache_bytes_a_token, footprint, weight_bytes
from modicum.plan.precision import CACHES, FORMATS, cache_bits, is_gguf, of_name
from modicum.plan.shape import Shape, from_card, from_numbers
from tests.plan.shapes import shape

MIB = 1 << 20


def test_seven_billion_at_four_bits_need_three_and_a_half_gigabytes() -> None:
    assert weight_bytes(from_numbers("7b:32x8x128"), of_name("int4")) == 3_500_000_000


def test_the_cache_of_llama_8b_at_32k_tokens_is_4_3_gigabytes() -> None:
    assert cache_bytes(shape("llama-3.1-8b"), 32768) == pytest.approx(4.3e9, rel=0.002)


@pytest.mark.parametrize(
    ("name", "precision", "size"),
    [
        # https://github.com/ggml-org/llama.cpp/blob/master/tools/quantize/README.md
        ("llama-3.1-8b", "fp16", 14.96 * GIB),
        ("llama-3.1-8b", "q8_0", 7.95 * GIB),
        ("llama-3.1-8b", "q6_k", 6.14 * GIB),
        ("llama-3.1-8b", "q4_k_m", 4.58 * GIB),
        ("llama-3.1-70b", "q4_k_m", 43.1e9),
        ("llama-3.1-405b", "q4_k_m", 249.1e9),
        # https://github.com/ggml-org/llama.cpp/issues/10435
        ("llama-2-7b", "q4_0", 3.56 * GIB),
        # https://github.com/intel/ipex-llm/issues/12991 has 4.36 GiB for another 7B; Qwen3-8B in bf16 is 16.4 GB on the hub
        ("qwen3-8b", "bf16", 16.4e9),
    ],
)
def test_weights_are_as_large_as_published_files(name: str, precision: str, size: float) -> None:
    assert weight_bytes(shape(name), of_name(precision)) == pytest.approx(size, rel=0.015)


@pytest.mark.parametrize(
    ("name", "tokens", "mebibytes"),
    [
        # https://huggingface.co/dranger003/c4ai-command-r-v01-iMat.GGUF/discussions/6: what llama.cpp allocated
        ("llama-3.1-8b", 2048, 256),
        ("llama-3.1-70b", 2048, 640),
        ("mixtral-8x7b", 2048, 256),
        ("command-r", 2048, 2560),
        # https://provide.ai/the-exact-kv-cache-usage-of-deepseek-v4/: llama.cpp again, latent attention
        ("deepseek-v3", 160 * 1024, 10.72 * 1024),
        ("deepseek-v3", 1024 * 1024, 68.625 * 1024),
    ],
)
def test_caches_are_as_large_as_what_llama_cpp_allocates(name: str, tokens: int, mebibytes: float) -> None:
    assert cache_bytes(shape(name), tokens) / MIB == pytest.approx(mebibytes, rel=0.002)


@pytest.mark.parametrize(
    ("name", "tokens", "gibibytes"),
    [("llama-3.1-8b", 16_000, 1.95), ("llama-3.1-8b", 128_000, 15.62), ("llama-3.1-70b", 16_000, 4.88), ("llama-3.1-70b", 128_000, 39.06)],
)
def test_caches_are_as_large_as_the_hub_says_of_llama(name: str, tokens: int, gibibytes: float) -> None:
    """https://github.com/huggingface/blog/issues/2345 has the table; its row of 405B counts twice the heads."""
    assert cache_bytes(shape(name), tokens) / GIB == pytest.approx(gibibytes, rel=0.002)


def test_sliding_windows_save_what_was_published() -> None:
    # 62 to 10 GiB: https://github.com/ggml-org/llama.cpp/issues/12637, as https://slacker-news.fly.dev/item?id=43749521 has it.
    gemma = from_card(Cards.open().get("gemma-3-27b"))
    assert cache_bytes(gemma, 131_072) / GIB == pytest.approx(10, rel=0.05)
    assert cache_bytes(replace(gemma, window=None, windowed_layers=0), 131_072) / GIB == pytest.approx(62, rel=0.002)
    # 3 GiB for the full layers and 0.05 for the windowed: https://github.com/gpustack/gguf-parser-go/issues/32
    assert cache_bytes(shape("gpt-oss-20b"), 131_072) / GIB == pytest.approx(3.05, rel=0.02)


def test_the_room_that_is_left_is_what_vllm_found() -> None:
    # Qwen3-8B in bf16 on an A100 80 GB: 389,872 tokens, and twice as many in fp8 (https://github.com/vllm-project/vllm/issues/42058).
    for cache, tokens in (("fp16", 389_872), ("fp8", 779_760)):
        found = footprint(shape("qwen3-8b"), machine("a100-80gb"), of_name("bf16"), context=1000, concurrency=8, cache=cache)
        assert found.most_sequences * 1000 == pytest.approx(tokens, rel=0.01)


def test_a_sliding_layer_keeps_no_more_than_its_window() -> None:
    gpt = shape("gpt-oss-20b")
    a_layer = 2 * 8 * 64 * 2
    assert cache_bytes(gpt, 100) == 24 * a_layer * 100
    assert cache_bytes(gpt, 10_000) == 12 * a_layer * 10_000 + 12 * a_layer * 128
    assert cache_bytes_a_token(gpt) == 12 * a_layer


def test_a_quarter_of_the_heads_keep_a_quarter() -> None:
    many, few, one = (from_numbers(f"7b:32x{heads}x128") for heads in (32, 8, 1))
    assert cache_bytes(many, 1000) == 4 * cache_bytes(few, 1000) == 32 * cache_bytes(one, 1000)


def test_formats_that_leave_tables_alone_weigh_more_than_their_bits() -> None:
    llama = shape("llama-3.1-8b")
    tables = 2 * 128256 * 4096
    assert weight_bytes(llama, of_name("awq")) == pytest.approx((llama.parameters - tables) * 4.15625 / 8 + tables * 2)
    assert weight_bytes(llama, of_name("awq")) > 1.3 * weight_bytes(llama, of_name("int4"))


def test_all_experts_lie_in_memory_whatever_works() -> None:
    assert weight_bytes(shape("mixtral-8x7b"), of_name("fp16")) == pytest.approx(93.4e9, rel=0.01)


def test_a_footprint_adds_up_and_says_what_is_missing() -> None:
    llama, card = shape("llama-3.1-8b"), machine("rtx-3090")
    found = footprint(llama, card, of_name("awq"), context=8192, concurrency=8)
    assert found.fits and found.free == found.usable - found.weights - found.cache - found.activations - found.engine
    assert found.cache == 8 * found.cache_sequence
    assert found.most_sequences >= 8
    large = footprint(shape("llama-3.1-70b"), card, of_name("awq"), context=8192)
    assert not large.fits and large.free < 0 and large.most_sequences == 0
    two = footprint(shape("llama-3.1-70b"), card, of_name("awq"), context=8192, cards=2)
    assert two.fits and two.usable == 2 * large.usable


def test_activations_are_those_of_a_chunk() -> None:
    llama = shape("llama-3.1-8b")
    assert activation_bytes(llama, 1) == pytest.approx(2048 * (4 * 4096 + 2 * 14336) * 2 + 128256 * 4)
    assert activation_bytes(from_numbers("8b:32x8x128"), 1) > 0, "an unknown width is taken from the size"


def test_formats_have_names_and_unknown_ones_a_hint() -> None:
    assert of_name("Q4-K-M").bits == pytest.approx(4.8944) and is_gguf(of_name("q4_k_m")) and not is_gguf(of_name("awq"))
    assert cache_bits("fp8") == 8 and set(CACHES) & set(FORMATS)
    with pytest.raises(InputError, match="did you mean 'q4_k_m'"):
        of_name("q4_km")
    with pytest.raises(InputError, match="cache precision"):
        cache_bits("q2")


def test_shapes_that_no_model_has_are_refused() -> None:
    for wrong in ({"layers": 0}, {"kv_heads": 0}, {"windowed_layers": 40}, {"windowed_layers": 4}, {"active": 10**10}):
        fields = {"name": "x", "parameters": 10**9, "active": 10**9, "layers": 32, "kv_heads": 8, "head_size": 128} | wrong
        with pytest.raises(InputError):
            Shape(**fields)  # type: ignore[arg-type]
