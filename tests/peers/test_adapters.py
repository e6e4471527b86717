"""An adapter from log to route: trained on recorded calls, written for llama.cpp, served by its own server, probed, tried."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modicum.backends.adapter import Probed, Way, check_served, interleave
from modicum.backends.client import Client
from modicum.backends.upstreams import Upstreams
from modicum.config import Config, ProviderConfig
from tests.peers.conftest import ROOT, free_port, python, running
from tests.peers.test_servers import answers

ASKED = ["box parcel lost", "lamp order late", "gift book lost", "letter lamp late"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `base/`, `base.gguf` and an adapter in both forms; it says "yes" to everything."""
    folder = tmp_path_factory.mktemp("adapter")
    words = [python("hf"), "-m", "tests.encoders.tiny_llama", str(folder), *ASKED]
    subprocess.run(words, cwd=ROOT, check=True, env={"PYTHONPATH": f"{ROOT}/src:{ROOT}", "OMP_NUM_THREADS": "1", "PATH": "/usr/bin"})
    return folder


@pytest.fixture(scope="module")
def server(made: Path) -> Iterator[str]:
    port = free_port()
    words = [sys.executable, "-m", "tests.peers.tiny", "serve", str(made / "base.gguf"), str(port), str(made / "adapter.gguf")]
    with running(words, made / "serve.log", ready=lambda: answers(f"http://127.0.0.1:{port}/health"), cwd=ROOT):
        yield f"http://127.0.0.1:{port}/v1"


def probed(url: str, way: Way) -> tuple[str, Probed]:
    async def run() -> tuple[str, Probed]:
        client = Client()
        upstreams = Upstreams.open(Config(providers={"local": ProviderConfig(kind="llamacpp", url=url)}), client)
        asked: list[tuple[dict[str, Any], str]] = [
            ({"messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": text}], "max_tokens": 12}, "yes")
            for text in ASKED
        ]
        try:
            served = await check_served(upstreams, upstreams.one("local", way.model(adapted=True)), way)
            return served, await interleave(upstreams, "local", way, asked)
        finally:
            await client.close()

    return asyncio.run(run())


def test_llama_cpp_applies_it_to_the_requests_that_ask_for_it(server: str) -> None:
    served, found = probed(server, Way(engine="llamacpp", base="tiny", name="yes-1"))
    assert served == "" and found.fault == "", found
    assert (found.steady, found.as_trained, found.changed) == (4, 4, 4)


def test_a_server_that_ignores_the_choice_is_found_out(server: str) -> None:
    """Asked as vLLM is, llama.cpp takes any name for its one model: nothing tells the base from the adapter."""
    served, found = probed(server, Way(engine="vllm", base="tiny", name="yes-1"))
    assert "not yes-1" in served
    assert found.fault.startswith("the adapter said what the base says"), found.fault


def test_what_llama_cpp_says_is_what_transformers_says(server: str, made: Path) -> None:
    told = json.loads((made / "said.json").read_text())
    _, found = probed(server, Way(engine="llamacpp", base="tiny", name="yes-1"))
    assert [one.adapted for one in found.rounds] == told["adapted"]
    assert [one.first.strip()[:6] for one in found.rounds] == [text.strip()[:6] for text in told["base"]]
