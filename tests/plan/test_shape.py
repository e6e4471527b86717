"""Shapes: parameters counted from a config as its card has them; numbers, cards, and files that are none."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.catalog.cards import Cards
from modicum.errors import InputError
from modicum.plan.hub import from_config, from_file
from modicum.plan.memory import cache_bytes, weight_bytes
from modicum.plan.precision import of_name
from modicum.plan.shape import Shape, from_card, from_numbers, looks_like_numbers, widths
from tests.plan.shapes import CONFIGS, shape


@pytest.mark.parametrize(
    ("name", "billions", "at_work"),
    [
        # What llama-bench prints, and the model cards: https://github.com/ggml-org/llama.cpp, huggingface.co
        ("llama-2-7b", 6.74, 6.74),
        ("llama-3.1-8b", 8.03, 8.03),
        ("llama-3.1-70b", 70.55, 70.55),
        ("llama-3.1-405b", 405.8, 405.8),
        ("qwen3-8b", 8.19, 8.19),
        ("qwen3-30b-a3b", 30.5, 3.35),
        ("mixtral-8x7b", 46.7, 12.9),
        ("deepseek-v3", 671, 37.5),
        ("gpt-oss-20b", 20.9, 4.19),
    ],
)
def test_parameters_are_counted_as_the_cards_have_them(name: str, billions: float, at_work: float) -> None:
    found = shape(name)
    assert found.parameters / 1e9 == pytest.approx(billions, rel=0.005)
    assert found.active / 1e9 == pytest.approx(at_work, rel=0.005)


def test_a_config_says_how_attention_keeps_its_cache() -> None:
    assert (shape("llama-3.1-8b").kv_heads, shape("llama-3.1-8b").head_size, shape("llama-3.1-8b").context) == (8, 128, 131072)
    assert shape("llama-3.1-8b").precision == "bf16"
    assert shape("deepseek-v3").latent == 576
    assert (shape("gpt-oss-20b").window, shape("gpt-oss-20b").windowed_layers, shape("gpt-oss-20b").precision) == (128, 12, "mxfp4")
    assert shape("qwen3-8b").windowed_layers == 0, "a window that is switched off"


def test_layer_types_tell_sliding_and_recurrent_layers() -> None:
    fields = CONFIGS["qwen3-8b"] | {"sliding_window": 1024, "use_sliding_window": True}
    kinds = ["sliding_attention"] * 30 + ["full_attention"] * 6
    assert from_config(fields | {"layer_types": kinds}).windowed_layers == 30
    assert from_config(fields | {"sliding_window_pattern": 6}).windowed_layers == 30
    recurrent = from_config(CONFIGS["qwen3-8b"] | {"layer_types": ["linear_attention"] * 27 + ["full_attention"] * 9})
    assert recurrent.layers == 9
    assert from_config(CONFIGS["qwen3-8b"] | {"full_attention_interval": 4, "linear_num_key_heads": 16}).layers == 9


def test_a_config_of_a_model_with_eyes_holds_its_text_model_inside() -> None:
    assert from_config({"text_config": CONFIGS["qwen3-8b"], "vision_config": {}}).parameters == shape("qwen3-8b").parameters


def test_numbers() -> None:
    found = from_numbers("30b/3b:48x4x128")
    assert (found.parameters, found.active, found.layers, found.kv_heads, found.head_size) == (30 * 10**9, 3 * 10**9, 48, 4, 128)
    assert from_numbers("0.5b:24x2x64").parameters == 5 * 10**8
    assert looks_like_numbers("8b:32x8x128") and not looks_like_numbers("qwen3:8b") and not looks_like_numbers("c:/models/config.json")


@pytest.mark.parametrize(
    "text", ["8b:32x8", "8b:32xax128", ":32x8x128", "0b:32x8x128", "8b/9b:32x8x128", "8b:0x8x128", "1e99b:1x1x1", "nan:1x1x1"]
)
def test_numbers_that_are_no_model_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        from_numbers(text)


def test_every_open_model_of_the_catalogue_has_a_shape_or_a_reason() -> None:
    planned = 0
    for card in Cards.open().all():
        try:
            found = from_card(card)
        except InputError as refused:
            assert card.weights is None or "does not know" in str(refused) or card.kind not in ("llm", "guard")
            continue
        planned += 1
        assert card.weights is not None
        assert cache_bytes(found, 5000) == card.weights.kv_bytes(5000), card.id
    assert planned >= 20


def test_a_closed_model_runs_at_its_provider_alone() -> None:
    with pytest.raises(InputError, match="not open"):
        from_card(Cards.open().get("gpt-4o"))


def test_a_file_is_read_and_one_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "Llama"
    folder.mkdir()
    file = folder / "config.json"
    file.write_text(json.dumps(CONFIGS["llama-3.1-8b"]))
    assert from_file(file).name == "Llama"
    for text in ("[]", "nonsense", '{"hidden_size": 4096}', '{"hidden_size": -1}'):
        file.write_text(text)
        with pytest.raises(InputError):
            from_file(file)
    with pytest.raises(InputError, match="cannot read"):
        from_file(tmp_path / "none.json")


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["layer_types", "quant_method"]), inner, max_size=2),
    max_leaves=6,
)
names = st.sampled_from(
    sorted({name for fields in CONFIGS.values() for name in fields} | {"text_config", "layer_types", "sliding_window_pattern"})
)


@given(st.dictionaries(names, values, max_size=12), st.sampled_from(sorted(CONFIGS)))
def test_any_config_is_a_shape_or_refused(fields: dict[str, Any], base: str) -> None:
    for config in (fields, CONFIGS[base] | fields):
        try:
            found = from_config(config)
        except InputError:
            continue
        assert isinstance(found, Shape)
        assert found.parameters >= found.active > 0
        assert cache_bytes(found, 100) > 0


@given(st.text(max_size=40))
def test_any_text_is_numbers_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert from_numbers(text).parameters > 0


def test_widths_fit_the_cards_they_belong_to() -> None:
    cards = Cards.open()
    for model, wide in widths().items():
        card = cards.get(model)
        made = from_card(card)
        assert set(wide) <= {"hidden", "inner", "vocabulary", "heads", "experts", "taken", "tied"}, model
        assert made.vocabulary == wide["vocabulary"] and made.hidden == wide["hidden"] and made.tied == wide.get("tied", False)
        tables = made.embedding * (1 if made.tied else 2)
        assert tables < made.parameters * 0.45, model
        assert (made.dense and not made.experts) or (made.experts or 0) > (made.experts_active or 0) > 0


def test_what_works_on_a_token_follows_from_the_experts() -> None:
    """12.9 of 46.7 billion: https://ajkdrag.in/2-Zettels/56B-or-47B-in-Mixtral-8x7B-MoE, read 2026-11-22."""
    made = from_card(Cards.open().get("mixtral-8x7b"))
    assert made.parameters == pytest.approx(46.7e9, rel=0.001) and made.active == pytest.approx(12.9e9, rel=0.005)
    assert from_card(Cards.open().get("qwen3-8b")).dense


def test_no_card_with_experts_is_planned_as_if_all_worked() -> None:
    for card in Cards.open().all():
        if card.weights is not None and card.weights.experts:
            with contextlib.suppress(InputError):
                assert not from_card(card).dense, card.id


def test_four_bits_leave_the_tables_in_sixteen() -> None:
    """About 6 GB: https://tomodahinata.com/en/blog/qwen3-8b-awq-self-hosting-reasoning-production-guide, read 2026-11-22."""
    eight = from_card(Cards.open().get("qwen3-8b"))
    assert weight_bytes(eight, of_name("awq")) == pytest.approx(6.1e9, rel=0.03)
    assert weight_bytes(eight, of_name("int4")) == pytest.approx(8.19e9 / 2, rel=0.001), "bare"


def test_gemma_shares_its_table_without_saying_so() -> None:
    sizes = {"hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4}
    gemma = from_config({**sizes, "head_dim": 256, "vocab_size": 256000, "model_type": "gemma2", "sliding_window": 4096})
    assert gemma.tied and gemma.parameters == pytest.approx(2.61e9, rel=0.01), "Gemma 2 2B has 2.61 billion"
    assert not from_config({**sizes, "vocab_size": 256000, "model_type": "llama"}).tied
