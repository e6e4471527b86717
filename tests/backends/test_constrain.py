"""Answers held to a form: the field that each server takes, and requests that say their own form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.constrain import can_choose, constrained, grammar
from modicum.config import Config, ProviderConfig
from modicum.errors import ConfigError
from modicum.pipeline.candidate import find_candidate
from modicum.types import Contract

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SCHEMA = {"type": "object"}


def test_each_server_gets_the_field_that_it_knows() -> None:
    assert constrained(BODY, "openai", schema=SCHEMA)["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA}
    assert constrained(BODY, "llamacpp", choices=["lost", 'a "b"']) == BODY | {"grammar": 'root ::= "lost" | "a \\"b\\""'}
    assert constrained(BODY, "vllm", choices=["lost"])["structured_outputs"] == {"choice": ["lost"]}
    assert constrained(BODY, "openai", choices=["lost"]) == BODY == constrained(BODY, "llamacpp")
    assert BODY.keys() == {"model", "messages"}, "the request itself is left alone"


@pytest.mark.parametrize("own", ["response_format", "tools", "grammar"])
def test_a_request_with_a_form_of_its_own_keeps_it(own: str) -> None:
    asked: dict[str, Any] = BODY | {own: {}}
    assert constrained(asked, "llamacpp", schema=SCHEMA, choices=["x"]) == asked


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_a_grammar_is_one_line_of_whole_strings(choices: list[str]) -> None:
    if can_choose(choices):
        made = grammar(choices)
        assert made.splitlines() == [made]
        decoder, at, found = json.JSONDecoder(), len("root ::= "), []
        while at < len(made):
            one, at = decoder.raw_decode(made, at)
            found.append(one)
            at += len(" | ")
        assert found == choices


def test_labels_are_chosen_in_the_contract_s_form() -> None:
    llama = ProviderConfig(kind="llamacpp", url="http://127.0.0.1:1/v1")
    plain = ProviderConfig(kind="openai_compatible", url="http://127.0.0.1:1/v1", auth="none")
    config = Config(providers={"llama": llama, "plain": plain})
    contract = Contract(kind="label", labels=("lost", "late"), form="Topic: {}.")
    stage = find_candidate(config, "llama/m").stage(contract, constrain=True)
    assert stage.answer_choices == ["Topic: lost.", "Topic: late."] and stage.answer_schema is None
    assert find_candidate(config, "llama/m").stage(contract, constrain=False).answer_choices == []
    assert find_candidate(config, "plain/m").stage(contract, constrain=True).answer_choices == []
    odd = Contract(kind="label", labels=("lost\n", "late"))
    assert find_candidate(config, "llama/m").stage(odd, constrain=True).answer_choices == []
    assert not stage.is_asked_as(find_candidate(config, "llama/m").stage(contract, constrain=False))


def test_a_model_of_the_hub_says_how_to_serve_it() -> None:
    with pytest.raises(ConfigError, match="names no revision"):
        find_candidate(Config(), "hf:Qwen/Qwen3-0.6B")
    with pytest.raises(ConfigError, match="start a server") as refused:
        find_candidate(Config(), "hf:Qwen/Qwen3-0.6B@c1899de")
    assert "vllm serve Qwen/Qwen3-0.6B --revision c1899de" in str(refused.value)
