"""Before LiteLLM's proxy, behind it, and beside it: the three arrangements of docs/arrangements.md, with the real proxy."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import openai
import pytest

from tests.peers.conftest import command, free_port, gateway, running
from tests.peers.provider import TEXT, Provider

MASTER = "sk-litellm-master-0123456789"


def model_list(name: str, url: str) -> str:
    """A LiteLLM configuration with one model at one address."""
    return f"model_list: [{{model_name: {name}, litellm_params: {{model: openai/gpt, api_base: '{url}/v1', api_key: sk-up}}}}]\n"


@contextlib.contextmanager
def litellm(folder: Path, config: str, **env: str) -> Iterator[str]:
    """LiteLLM's proxy; its URL without /v1."""
    folder.mkdir()
    (folder / "config.yaml").write_text(config)
    port = free_port()

    def alive() -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=2) as said:
                return bool(said.status == 200)
        except (URLError, OSError):
            return False

    words = [command("litellm", "litellm"), "--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": MASTER, "NO_PROXY": "127.0.0.1"}
    with running(words, folder / "log", ready=alive, env=quiet | env, seconds=240):
        yield f"http://127.0.0.1:{port}"


def ask(url: str, key: str, model: str) -> tuple[str | None, str]:
    """(the plain answer, the streamed one)."""
    with openai.OpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0) as client:
        plain = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}])
        stream = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}], stream=True)
        return plain.choices[0].message.content, "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def test_before_litellm(provider: Provider, tmp_path: Path) -> None:
    model_list = (
        f"model_list: [{{model_name: gpt-there, litellm_params: {{model: openai/gpt, api_base: '{provider.url}/v1', api_key: sk-up}}}}]\n"
    )
    with litellm(tmp_path / "litellm", model_list) as url:
        settings = f'[upstream]\nkind = "openai_compatible"\nurl = "{url}/v1"\nauth = "forward"\n'
        with gateway(tmp_path / "modicum", settings) as ours:
            assert ask(ours.url, MASTER, "gpt-there") == (TEXT, TEXT)
            with pytest.raises(openai.APIStatusError) as refused:  # in LiteLLM's own words, whatever they are
                ask(ours.url, "sk-wrong", "gpt-there")
            calls = ours.calls(3)
    assert [call.status for call in calls] == [200, 200, refused.value.status_code]
    assert all(call.usage.output_tokens == 5 for call in calls[:2])
    kept = b"".join(file.read_bytes() for file in ours.home.rglob("*") if file.is_file())
    assert MASTER.encode() not in kept


def test_behind_litellm(provider: Provider, tmp_path: Path) -> None:
    with gateway(tmp_path / "modicum", f'[upstream]\nurl = "{provider.url}/v1"\n', env={"OPENAI_API_KEY": "sk-scripted-openai"}) as ours:
        entry = (
            f"model_list: [{{model_name: gpt-here, litellm_params: {{model: openai/gpt, api_base: '{ours.url}/v1', api_key: sk-ours}}}}]\n"
        )
        with litellm(tmp_path / "litellm", entry) as url:
            assert ask(url, MASTER, "gpt-here") == (TEXT, TEXT)
        calls = ours.calls(2)
    assert [call.streamed for call in calls] == [False, True] and all(call.status == 200 for call in calls)


def test_beside_litellm(provider: Provider, tmp_path: Path) -> None:
    with gateway(tmp_path / "modicum", '[upstream]\nauth = "none"\nurl = "http://127.0.0.1:9/v1"\n') as ours:
        config = model_list("gpt-there", provider.url) + 'litellm_settings: {callbacks: ["generic_api"]}\n'
        # LiteLLM forgets what it logs while it sends (docs/arrangements.md). It sends when two calls wait, and never in between.
        when = {"DEFAULT_BATCH_SIZE": "2", "DEFAULT_FLUSH_INTERVAL_SECONDS": "3600"}
        with litellm(tmp_path / "litellm", config, GENERIC_LOGGER_ENDPOINT=f"{ours.url}/v1/tap", **when) as url:
            assert ask(url, MASTER, "gpt-there") == (TEXT, TEXT)
            calls = ours.calls(2, within_s=40)
    assert [call.streamed for call in calls] == [False, True] and len({call.response_id for call in calls}) == 2
    assert all(call.origin == "import" and call.source == "litellm" for call in calls)
    assert all(call.request is not None and b"hello" in call.request for call in calls)
    assert all(call.usage.output_tokens == 5 for call in calls)


APPLICATION = """
import openai
said = openai.OpenAI(max_retries=0).chat.completions.create(model="gpt", messages=[{"role": "user", "content": "hello"}])
print(said.choices[0].message.content)
"""


def application(**env: str) -> str:
    """An application that knows nothing of any of this, in the environment that it is given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    words = [sys.executable, "-X", "utf8", "-c", APPLICATION]
    done = subprocess.run(
        words, env=plain | {"OPENAI_API_KEY": "sk-theirs"} | env, capture_output=True, text=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_in_and_out_again(provider: Provider, tmp_path: Path) -> None:
    """docs/leaving.md, step by step."""
    direct = {"OPENAI_BASE_URL": f"{provider.url}/v1"}
    assert application(**direct) == TEXT
    with gateway(tmp_path / "modicum", f'[upstream]\nurl = "{provider.url}/v1"\nauth = "forward"\n') as ours:
        assert application(OPENAI_BASE_URL=f"{ours.url}/v1") == TEXT
        assert provider.seen[-1][2]["authorization"] == "Bearer sk-theirs"
        began = time.monotonic()
        assert application(**direct) == TEXT
        assert len(ours.calls(1)) == 1
    words = [sys.executable, "-m", "modicum", "calls", "export", "--home", str(ours.home)]
    exported = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(exported) == 1 and "sk-theirs" not in exported[0]
    shutil.rmtree(ours.home)
    assert application(**direct) == TEXT
    assert time.monotonic() - began < 60
    assert sorted(path.name for path in (tmp_path / "modicum").iterdir()) == ["modicum.toml", "serve.log"]
