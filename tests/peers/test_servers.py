"""Real model servers behind the gateway: llama.cpp's and transformers', with tiny random models."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import anthropic
import openai
import pytest

from tests.peers.conftest import ROOT, Gateway, command, free_port, gateway, python, running

HELLO: Any = [{"role": "user", "content": "hello"}]
COLD = {"temperature": 0}  # what random weights say is said again


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as said:
            return bool(said.status == 200)
    except (URLError, OSError):
        return False


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("llama")
    model, port = folder / "tiny.gguf", free_port()
    subprocess.run([sys.executable, "-m", "tests.peers.tiny", "gguf", str(model)], cwd=ROOT, check=True)
    words = [sys.executable, "-m", "tests.peers.tiny", "serve", str(model), str(port)]
    with running(words, folder / "log", ready=lambda: answers(f"http://127.0.0.1:{port}/health"), cwd=ROOT):
        yield f"http://127.0.0.1:{port}/v1", "tiny"


@pytest.fixture(scope="module")
def transformers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("transformers")
    (folder / "hf" / "hub").mkdir(parents=True)  # its list of models wants it
    model, port, env = folder / "tiny", free_port(), {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    subprocess.run([python("hf"), "-m", "tests.peers.tiny", "hf", str(model)], cwd=ROOT, check=True, capture_output=True)
    words = [command("hf", "transformers"), "serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with running(words, folder / "log", ready=lambda: answers(f"http://127.0.0.1:{port}/health"), env=env):
        yield f"http://127.0.0.1:{port}/v1", str(model)


@pytest.fixture(scope="module", params=["llamacpp", "openai_compatible"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    url, model = request.getfixturevalue("llama" if request.param == "llamacpp" else "transformers")
    settings = f'[upstream]\nkind = "{request.param}"\nurl = "{url}"\nauth = "none"\n'
    with gateway(tmp_path_factory.mktemp(request.param), settings) as running_gateway:
        yield running_gateway, model


def test_a_real_server_answers_openai_clients(served: tuple[Gateway, str]) -> None:
    with openai.OpenAI(api_key="sk-none", base_url=f"{served[0].url}/v1", max_retries=0) as client:
        said = client.chat.completions.create(model=served[1], messages=HELLO, max_tokens=8, temperature=0)
        assert said.usage is not None and said.usage.completion_tokens == 8 and said.choices[0].finish_reason == "length"
        chunks: list[Any] = list(client.chat.completions.create(model=served[1], messages=HELLO, max_tokens=8, temperature=0, stream=True))
        assert chunks[-1].choices[0].finish_reason == "length"
        assert client.completions.create(model=served[1], prompt="hello", max_tokens=4, temperature=0).choices[0].finish_reason == "length"
        assert client.models.list().data is not None


def test_a_real_server_answers_anthropic_clients(served: tuple[Gateway, str]) -> None:
    with anthropic.Anthropic(api_key="sk-none", base_url=served[0].url, max_retries=0) as client:
        said = client.messages.create(model=served[1], max_tokens=8, extra_body=COLD, messages=HELLO)
        assert said.stop_reason == "max_tokens" and said.usage.output_tokens == 8
        with client.messages.stream(model=served[1], max_tokens=8, extra_body=COLD, messages=HELLO) as stream:
            assert stream.get_final_message().stop_reason == "max_tokens"


def test_a_real_server_refuses_in_its_own_words(served: tuple[Gateway, str]) -> None:
    wrong: Any = [{"role": "user", "content": {"a": 7}}]
    client = openai.OpenAI(api_key="sk-none", base_url=f"{served[0].url}/v1", max_retries=0)
    with client, pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model=served[1], messages=wrong, max_tokens=8, temperature=0)
    assert 400 <= refused.value.status_code < 600 and refused.value.response.headers["x-request-id"]


def test_what_they_answered_is_on_record(served: tuple[Gateway, str]) -> None:
    calls = served[0].calls(6)
    answered = [call for call in calls if call.status == 200 and call.endpoint == "chat_completions"]
    assert answered and all(call.usage.output_tokens == 8 and not call.usage.estimated for call in answered)
    assert all(call.finish_reason == "length" for call in answered)
    assert all(call.response_model and call.provider in ("llamacpp", "openai_compatible") for call in answered)
    assert not list(Path(served[0].home).glob("**/*.tmp"))
