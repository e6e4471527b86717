"""Files of cards from outside: what fits is read, what does not is refused with its place."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.catalog.card_file import cards_of
from modicum.catalog.card_names import LONGEST_NAME, fold, forms
from modicum.catalog.cards import Cards
from modicum.errors import ConfigError

GOOD = """
laboratory = "Ours"

[sources.wiki]
title = "Our wiki"
url = "https://wiki.example/models"
read = 2026-11-20

[[models]]
id = "ours-7b"
family = "Ours"
kind = "llm"
names = ["our-gateway/seven"]
limits = { context_tokens = 8192, source = "wiki" }
weights = { hub = "ours/seven", parameters = 7_000_000_000, layers = 32, kv_heads = 8, head_size = 128, source = "wiki" }
licence = { spdx = "Apache-2.0", commercial = "yes", source = "wiki" }
"""


def test_a_good_file_is_read_whole() -> None:
    (card,) = cards_of(GOOD.encode(), "ours.toml", own=True)
    assert (card.id, card.laboratory, card.kind, card.own) == ("ours-7b", "Ours", "llm", True)
    assert card.weights is not None and card.weights.kv_bytes(1) == 2 * 32 * 8 * 128 * 2
    assert [source.title for source in card.sources] == ["Our wiki"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "llm"', 'kind = "lllm"', "one of llm"),
        ('family = "Ours"', "", "lacks family"),
        ("context_tokens = 8192", "context_token = 8192", "did you mean 'context_tokens'"),
        ("context_tokens = 8192", "context_tokens = -1", "a whole number above 0"),
        ("context_tokens = 8192", 'context_tokens = "8192"', "a whole number above 0"),
        ("context_tokens = 8192, ", "", "limits says nothing"),
        ('8192, source = "wiki"', "8192", "names no source"),
        ('8192, source = "wiki"', '8192, source = "blog"', "names no source"),
        ('8192, source = "wiki"', "8192, source = []", "names no source"),
        ("head_size = 128, ", "", "both or none"),
        ("layers = 32", "layers = 32, kv_layers = 33", "more layers"),
        ("7_000_000_000", "7, active_parameters = 8", "more active parameters"),
        ('spdx = "Apache-2.0"', 'spdx = "Apache 2.0"', "no SPDX identifier"),
        ('commercial = "yes"', 'commercial = "conditions"', "in words"),
        ('commercial = "yes"', 'commercial = "maybe"', "one of yes"),
        ("read = 2026-11-20", "read = 2026-11-23", "has not come yet"),
        ("read = 2026-11-20", 'read = "2026-11-20"', "a day"),
        ("https://wiki", "http://wiki", "https://"),
        ("[sources.wiki]", "[sources.idle]\ntitle = 'x'\nurl = 'https://x'\nread = 2026-11-20\n[sources.wiki]", "nothing refers"),
        ('laboratory = "Ours"', 'laboratory = "Ours"\nprice = 3', "unknown key 'price'"),
        ('laboratory = "Ours"', "", "laboratory"),
        ("[[models]]", "[models]", "[[models]]"),
        ('id = "ours-7b"', "id = ", "not TOML"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        cards_of(GOOD.replace(old, new, 1).encode(), "ours.toml", today=date(2026, 11, 22))
    assert said in str(caught.value) and "ours.toml" in str(caught.value)


def test_an_operators_card_comes_before_ours(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "ours.toml").write_text(GOOD.replace('names = ["our-gateway/seven"]', 'names = ["our-gateway/seven", "claude-3.5-sonnet"]'))
    (folder / "mini.toml").write_text(GOOD.replace("ours-7b", "gpt-4o-mini").replace("our-gateway/seven", "mini"))
    cards = Cards.open(tmp_path)
    assert cards.get("our-gateway/seven").own and cards.get("claude-3.5-sonnet").id == "ours-7b"
    mini = cards.get("gpt-4o-mini")
    assert mini.own and mini.laboratory == "Ours" and cards.get("gpt-4o").laboratory == "OpenAI"
    (folder / "again.toml").write_text(GOOD.replace("ours-7b", "other-7b"))
    with pytest.raises(ConfigError, match="two models are called"):
        Cards.open(tmp_path)


def test_a_file_that_is_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than"):
        cards_of(b"#" * (1 << 21), "ours.toml")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_cards_or_refused(body: bytes) -> None:
    with suppress(ConfigError):
        cards_of(body, "any.toml")


@given(
    st.recursive(
        st.sampled_from(['"x"', "1", "-1", "true", "2026-11-22", "1.5", '"wiki"']),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda row: "[" + ", ".join(row) + "]")
            | st.dictionaries(st.sampled_from(["source", "hub", "names", "day", "score"]), inner, max_size=3).map(
                lambda row: "{" + ", ".join(f"{key} = {value}" for key, value in row.items()) + "}"
            )
        ),
        max_leaves=6,
    ),
    st.sampled_from(["limits", "abilities", "weights", "licence", "languages", "released", "retires", "scores", "names", "kind", "id"]),
)
@settings(max_examples=150, deadline=None)
def test_any_value_in_any_place_is_read_or_refused(value: str, key: str) -> None:
    body = (
        GOOD.split("[[models]]")[0]
        + f"[[models]]\n{key} = {value}\n"
        + "".join(f'{name} = "llm"\n' for name in ("id", "family", "kind") if name != key)
    )
    try:
        cards_of(body.encode(), "any.toml")
    except ConfigError as error:
        assert "any.toml" in str(error)


@given(st.text(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_name_has_few_short_forms(name: str) -> None:
    found = list(forms(name))
    assert len(found) <= 8 * (name.count("/") + 1)
    for form, plain in found:
        assert form == form.strip().lower() or not form
        assert len(form) <= LONGEST_NAME and form in name.strip().lower() and plain in name.strip().lower()
    assert fold(name) == fold(fold(name))
