"""The trainer's parts: same vectors as the runtime, folds that keep groups whole, pruning and calibration that are right."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.features import extract
from modicum.backends.linear import unit_values
from modicum.train.calibrate import temperature
from modicum.train.counts import count, document_counts, rarity, unit_rows
from modicum.train.folds import assign
from modicum.train.machine import train
from modicum.train.prune import exported_bytes, prune, repeated, texts_to_rank


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab c1é漢\n", max_size=30), min_size=1, max_size=12))
def test_rows_are_to_the_bit_what_the_runtime_makes(texts: list[str]) -> None:
    for place, block in enumerate(count(texts, "user.0", ("words", "grams", "length"))):
        idf = rarity(document_counts(block), len(texts))
        values = unit_rows(block, idf)
        for row, text in enumerate(texts):
            entries = slice(block.starts[row], block.starts[row + 1])
            features = Counter(extract(text)[place]) if text else Counter()
            assert {block.names[c]: n for c, n in zip(block.columns[entries], block.repeats[entries], strict=True)} == features
            if features:
                assert np.array_equal(values[entries], unit_values(block.repeats[entries], idf[block.columns[entries]]))
                assert math.isclose(float((values[entries] ** 2).sum()), 1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["a b", "b c", "", "c c c"]), min_size=1, max_size=10), st.data())
def test_take_and_keep_select(texts: list[str], data: st.DataObject) -> None:
    block = count(texts, "s", ("words",))[0]
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=8)), dtype=np.int64)
    taken = block.take(rows)
    again = count([texts[row] for row in rows.tolist()], "s", ("words",))[0]
    named = [
        sorted(zip([b.names[c] for c in b.columns[s:e]], b.repeats[s:e].tolist(), strict=True))
        for b in (taken, again)
        for s, e in zip(b.starts, b.starts[1:], strict=False)
    ]
    assert named[: len(rows)] == named[len(rows) :]
    few = np.flatnonzero([name == "c" for name in block.names])
    kept = block.keep(few)
    assert int(kept.repeats.sum()) == sum(text.split().count("c") for text in texts)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=200), st.integers(2, 5), st.integers(0, 5))
def test_folds_keep_groups_whole_and_even(groups: list[int], folds: int, seed: int) -> None:
    fold_of = assign(groups, folds, seed)
    assert fold_of.tolist() == assign(groups, folds, seed).tolist()
    assert len({(group, fold) for group, fold in zip(groups, fold_of.tolist(), strict=True)}) == len(set(groups))
    sizes = np.bincount(fold_of, minlength=folds)
    assert sizes.max() - sizes.min() <= max(Counter(groups).values())


def test_the_greatest_weights_that_fit_are_kept() -> None:
    texts = [f"{'rise' if number % 2 else 'fall'} {random.Random(number).choice('uvwxyz')} again" for number in range(100)]
    blocks = repeated(count(texts, "s", ("words",)), np.arange(100))
    assert exported_bytes(blocks, 2) == sum(2 + 9 + len(name) for name in blocks[0].names)
    worth = np.array([len(name) if name in ("rise", "fall") else 1.0 for name in blocks[0].names])
    assert prune(blocks, worth, 2, 2 * (2 + 9 + 4))[0].names == tuple(name for name in blocks[0].names if name in ("rise", "fall"))
    assert prune(blocks, worth, 2, 10**6)[0].names == blocks[0].names
    small = train(blocks, np.arange(100) % 2, 2, groups=np.arange(100), budget_bytes=4 * (2 + 9 + 10), seed=0)
    assert {"rise", "fall"} <= set(small.blocks[0].names), "what tells has the greatest weights"


def test_what_stands_in_one_group_is_dropped() -> None:
    blocks = count(["a b", "a c", "a c"], "s", ("words",))
    assert set(repeated(blocks, np.array([7, 9, 8]))[0].names) == {"a", "c", "a c"}
    assert set(repeated(blocks, np.array([7, 9, 9]))[0].names) == {"a"}, "a repeated request is still one request"


def test_rows_to_rank_by() -> None:
    assert texts_to_rank(10, 0).tolist() == list(range(10))
    assert len(set(texts_to_rank(9_000, 0).tolist())) == 5_000


def test_temperature_finds_the_factor_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 4))
    odds = np.exp(2.5 * logits)
    labels = (rng.random((20_000, 1)) > np.cumsum(odds / odds.sum(1, keepdims=True), axis=1)).sum(1)
    assert abs(temperature(logits, labels) - 2.5) < 0.1
    assert temperature(np.zeros((0, 4)), np.zeros(0, np.int64)) == 1.0
