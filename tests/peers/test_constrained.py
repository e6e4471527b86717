"""llama.cpp's own server holds a model whose weights are random to what it may answer: every time, whatever it draws."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped, unused-ignore]
import pytest

from modicum.backends.asking import ask
from modicum.backends.client import Client
from modicum.backends.upstreams import Upstreams
from modicum.config import Config, ProviderConfig
from modicum.pipeline.candidate import find_candidate
from modicum.types import Contract, Field
from modicum.wire import chat
from modicum.workload import read
from tests.peers.conftest import ROOT
from tests.peers.test_trying import llama

LABELS = Contract(kind="label", labels=("lost card", "late", 'says "hello"', "größer"), form="Topic: {}")
RECORD = Contract(
    kind="object",
    reader="json",
    fields=(
        Field(path=("topic",), kind="label", labels=("lost", "late"), presence=1.0),
        Field(path=("urgent",), kind="boolean", presence=1.0),
    ),
)
TIMES = 24


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("held")
    subprocess.run([sys.executable, "-m", "tests.peers.tiny", "gguf", str(folder / "tiny.gguf")], cwd=ROOT, check=True)
    with llama(folder, folder / "tiny.gguf", "held") as found:
        yield found


def answers(url: str, contract: Contract, *, constrain: bool) -> list[str]:
    config = Config(providers={"llamacpp": ProviderConfig(url=url)})
    stage = find_candidate(config, "llamacpp/tiny").stage(contract, constrain=constrain)

    async def run() -> list[str]:
        client, found = Client(), []
        upstreams = Upstreams.open(config, client)
        try:
            for number in range(TIMES):
                messages = [{"role": "user", "content": f"message {number}"}]
                request: dict[str, Any] = {"model": "m", "messages": messages, "max_tokens": 120, "temperature": 1.0, "seed": number}
                told = await ask(
                    upstreams,
                    upstreams.one("llamacpp", "tiny"),
                    "chat_completions",
                    request,
                    answer_schema=stage.answer_schema,
                    answer_choices=stage.answer_choices,
                )
                assert told.response is not None, told.error
                found.append(chat.answer(told.response).content or "")
        finally:
            await client.close()
        return found

    return asyncio.run(run())


def test_labels_are_all_that_it_can_say(url: str) -> None:
    said = answers(url, LABELS, constrain=True)
    assert set(said) <= {f"Topic: {label}" for label in LABELS.labels} and len(set(said)) > 1
    values = {read(LABELS, chat.Answer(content=text, refusal=None, tool_calls=(), finish_reason="stop")) for text in said}
    assert values <= set(LABELS.labels) and None not in values
    free = answers(url, LABELS, constrain=False)
    assert not set(free) & set(said), "its weights are random: unheld it says nothing of the kind"


def test_records_follow_their_schema(url: str) -> None:
    config = Config(providers={"llamacpp": ProviderConfig(url=url)})
    schema = find_candidate(config, "llamacpp/tiny").stage(RECORD, constrain=True).answer_schema
    assert schema is not None
    whole = 0
    for text in answers(url, RECORD, constrain=True):
        try:
            found = json.loads(text)
        except ValueError:  # white space is allowed between its parts, and may take up all that the answer may be
            continue
        jsonschema.validate(found, schema)
        whole += 1
    assert whole >= TIMES // 2, whole
