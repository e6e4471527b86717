"""A LiteLLM config.yaml as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.client import Client
from modicum.backends.litellm import Imported, understand
from modicum.backends.litellm_file import parse
from modicum.backends.litellm_names import split_model
from modicum.backends.upstreams import Upstreams
from modicum.config import Config, ProviderConfig, RetryConfig, ServeConfig, UpstreamConfig
from modicum.errors import ConfigError, ModicumError, NotFoundError
from tests.backends.scripted import Scripted

FILE = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://me.openai.azure.com/
      api_key: os.environ/AZURE_EU
      api_version: "2024-10-21"
      rpm: 6
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: sk-canary-literal
      weight: 3
      drop_params: true
      extra_headers: {x-team: canary-header}
      timeout: 30
    model_info: {id: one, mode: chat, supports_vision: true, input_cost_per_token: 0.0000025, output_cost_per_token: 1e-5}
  - model_name: local
    litellm_params: {model: hosted_vllm/meta/llama, api_base: "http://127.0.0.1:8000/v1", rpm: 0}
  - model_name: local
    litellm_params: {model: ollama_chat/llama3, api_base: "http://127.0.0.1:11434"}
  - model_name: "claude/*"
    litellm_params: {model: "anthropic/*", api_key: os.environ/ANTHROPIC_HERE}
  - model_name: nova
    litellm_params: {model: bedrock/converse/us-west-2/amazon.nova-lite-v1:0, aws_access_key_id: AKIA1, aws_secret_access_key: canary-aws}
  - model_name: theirs
    litellm_params: {model: sagemaker/x}
  - model_name: keyless
    litellm_params: {model: groq/llama, api_key: os.environ/NOT_SET}
router_settings:
  routing_strategy: least-busy
  fallbacks: [{gpt-4o: [local, nobody]}, {gone: [local]}]
  model_group_alias: {gpt-4: gpt-4o, odd: nothing}
  num_retries: 3
  cooldown_time: 5
  redis_host: localhost
litellm_settings: {callbacks: [langfuse], request_timeout: 20}
general_settings: {master_key: sk-canary-master, database_url: "postgres://canary"}
environment_variables: {ANTHROPIC_HERE: canary-from-file}
include: [other.yaml]
"""


def read(text: str = FILE, **more: Any) -> Imported:
    return understand(parse(text.encode(), "config.yaml"), "config.yaml", **more)


def test_deployments_names_and_fallbacks() -> None:
    found = read()
    rows = {name: [(one.model, one.weight) for one in model.deployments] for name, model in found.models.items()}
    assert rows["gpt-4o"] == rows["gpt-4"] == [("azure/gpt-4o-eu", 6.0), ("openai/gpt-4o", 3.0)]
    assert rows["local"] == [("vllm/meta/llama", 0.0), ("ollama/llama3", 1.0)]
    assert rows["claude/*"] == [("anthropic/*", 1.0)] and rows["nova"] == [("bedrock/amazon.nova-lite-v1:0", 1.0)]
    assert found.models["gpt-4o"].fallbacks == ("local",) and found.models["gpt-4o"].strategy == "least_busy"
    assert found.providers["azure"] == ProviderConfig(
        kind="azure",
        url="https://me.openai.azure.com",
        api_key_env="AZURE_EU" if not found.keys.get("azure") else "",
        api_version="2024-10-21",
        first_byte_timeout_s=20.0,
    )
    assert found.providers["openai"].first_byte_timeout_s == 30.0
    assert found.providers["ollama"].url == "http://127.0.0.1:11434/v1" and found.providers["bedrock"].region == "us-west-2"
    assert found.retry == RetryConfig(tries=4, cool_down_s=5.0)
    assert read(retry=RetryConfig(tries=1)).retry.tries == 1
    assert read(retry=RetryConfig(tries=7)).retry == RetryConfig(tries=7, cool_down_s=5.0)
    assert found.prices == {"openai/gpt-4o": {"input_usd_mtok": "2.5", "output_usd_mtok": "10", "source": "config.yaml"}}


def test_dropped_parameters_are_left_out_where_a_provider_has_no_words_for_them() -> None:
    def left_out(model: str, library: dict[str, Any], **params: Any) -> tuple[str, ...]:
        row = {"model_name": "m", "litellm_params": {"model": model, "api_key": "k", **params}}
        (provider,) = understand({"model_list": [row], "litellm_settings": library}, "config.yaml").providers.values()
        return provider.leave_out

    assert left_out("openai/gpt-4o", {"drop_params": True}) == left_out("anthropic/claude-x", {}) == ()
    assert {"seed", "logit_bias", "n"} <= set(left_out("anthropic/claude-x", {"drop_params": True}))
    assert "parallel_tool_calls" in left_out("gemini/gemini-x", {}, drop_params=True)
    assert left_out("anthropic/claude-x", {"drop_params": True}, drop_params=False, additional_drop_params=["user"]) == ("user",)


def test_what_is_not_used_is_said_by_name_and_secrets_are_not() -> None:
    found = read()
    said = "\n".join(found.warnings)
    for part in (
        "'theirs'",
        "master_key",
        "database_url",
        "redis_host",
        "callbacks",
        "include",
        "'odd'",
        "'gone'",
        "nobody",
    ):
        assert part in said, part
    assert "supports_vision" not in said and "canary" not in said + repr(found)
    assert found.keys == {"openai": "sk-canary-literal", "anthropic": "canary-from-file"}
    assert found.aws["bedrock"].secret_key == "canary-aws"


def test_providers_keep_out_of_names_that_are_taken_and_equal_settings_are_one() -> None:
    found = read(taken=frozenset(("openai",)))
    assert found.models["gpt-4o"].deployments[1].model == "openai-2/gpt-4o"
    rows = [{"model_name": f"m{n}", "litellm_params": {"model": f"openai/m{n}", "api_key": f"k{n % 2}"}} for n in range(6)]
    assert set(understand({"model_list": rows}, "x").providers) == {"openai", "openai-2"}


async def test_the_file_is_served_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_EU", "azure-key")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    for name in ("NOT_SET", "ANTHROPIC_HERE"):
        monkeypatch.delenv(name, raising=False)
    client = Client()
    async with Scripted() as server:
        path = tmp_path / "config.yaml"
        path.write_text(
            FILE.replace("http://127.0.0.1:8000/v1", server.url + "/v1").replace("rpm: 0", f"api_key: os.environ/NOT_SET, rpm: {10}")
        )
        config = Config(serve=ServeConfig(litellm_config=path))
        upstreams = Upstreams.open(config, client)
        assert upstreams.names() == ("gpt-4o", "local", "nova", "gpt-4")
        said = "\n".join(upstreams.warnings)
        assert "'keyless' is left out" in said and "canary" not in said
        claude = upstreams.target("claude/claude-x").deployments[0]
        assert claude.name == "anthropic/claude-x"
        for unknown in ("openai/gpt-4o-mini", "gpt-5", "claude/*x\n", "keyless"):
            with pytest.raises(NotFoundError):
                upstreams.target(unknown)
        local = upstreams.target("local").deployments[0]
        reply = await upstreams.send(local, "chat_completions", b'{"model":"local"}')
        reply.close()
        assert server.seen[0].body == b'{"model":"meta/llama"}' and "authorization" not in server.seen[0].headers
        path.write_text("model_list: [{model_name: a, litellm_params: {model: groq/x, api_key: os.environ/NOT_SET}}]")
        with pytest.raises(ConfigError, match="leaves no model"):
            Upstreams.open(config, client)
        both = Config(serve=ServeConfig(litellm_config=path), upstream=UpstreamConfig(kind="vllm", url=server.url))
        with pytest.raises(ConfigError):
            Upstreams.open(both, client)
    await client.close()


@pytest.mark.parametrize(
    ("model", "provider", "base", "kind", "name"),
    [
        ("gpt-4o", "", "", "openai", "gpt-4o"),
        ("openai/gpt-4o", "", "https://api.openai.com/v1", "openai", "gpt-4o"),
        ("openai/meta/llama", "", "http://h/v1", "openai_compatible", "meta/llama"),
        ("meta/llama", "openai", "http://h/v1", "openai_compatible", "meta/llama"),
        ("claude-x", "", "", "anthropic", "claude-x"),
        ("gemini/gemini-x", "", "", "gemini", "gemini-x"),
        ("vertex_ai/gemini-x", "", "", "vertex", "gemini-x"),
        ("vertex_ai/claude-x@20260101", "", "", "vertex_anthropic", "claude-x@20260101"),
        ("together_ai/meta/llama", "", "", "together", "meta/llama"),
        ("fireworks_ai/accounts/f/models/x", "", "", "fireworks", "accounts/f/models/x"),
        ("openrouter/anthropic/claude-x", "", "", "openrouter", "anthropic/claude-x"),
        ("litellm_proxy/gpt-4o", "", "http://h:4000", "openai_compatible", "gpt-4o"),
        ("litellm_proxy/gpt-4o", "", "", "", "gpt-4o"),
        ("bedrock/invoke/anthropic.claude", "", "", "", "invoke/anthropic.claude"),
        ("watsonx/x", "", "", "", "watsonx/x"),
        ("meta/llama", "", "http://h/v1", "openai_compatible", "meta/llama"),
    ],
)
def test_providers_of_names(model: str, provider: str, base: str, kind: str, name: str) -> None:
    assert split_model(model, provider, base)[:2] == (kind, name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "not a LiteLLM configuration"),
        (b"[1]", "not a LiteLLM configuration"),
        (b"a: b", "no model_list"),
        (b"model_list: {}", "no model_list"),
        (b"model_list: [{model_name: x}]", "lacks model_name or litellm_params.model"),
        (b"model_list: [{model_name: x, litellm_params: {model: 7}}]", "lacks model_name or litellm_params.model"),
        (b"a: [", "cannot be read as YAML"),
        (b"a: !!python/object/apply:os.system ['true']", "cannot be read as YAML"),
        (b"\xff\xfe\x00", "cannot be read as YAML"),
        (b"a: " + b"[" * 5000, "cannot be read as YAML"),
        (b"x" * (1 << 21), "longer than"),
        (
            b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 10)) for c in b"bcdefgh"),
            "values",
        ),
        (b"a: &a {x: 1}\n" + b"".join(b"%c: &%c {<<: [%s]}\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 20)) for c in b"bcdefgh"), "YAML"),
        (b"a: &a 1\nb: [" + b"*a," * 2000 + b"]", "YAML"),
    ],
)
def test_what_is_no_such_file(text: bytes, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        understand(parse(text, "f"), "f")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=12) | st.just("os.environ/NOPE"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
params = st.dictionaries(
    st.sampled_from("model api_base api_key weight rpm timeout headers organization custom_llm_provider input_cost_per_token".split()),
    values,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "model_list": st.lists(st.fixed_dictionaries({}, optional={"model_name": values, "litellm_params": params | values}), max_size=3),
        "router_settings": st.dictionaries(st.sampled_from(["fallbacks", "num_retries", "model_group_alias", "timeout"]), values),
        "litellm_settings": values,
        "credential_list": values,
        "environment_variables": values,
        "general_settings": values,
    },
)


@settings(max_examples=150, deadline=None)
@given(bodies)
def test_any_body_is_understood_or_refused(body: dict[str, Any]) -> None:
    try:
        found = understand(parse(yaml.safe_dump(body).encode(), "f"), "f")
    except ModicumError:
        return
    assert all(one.model.partition("/")[0] in found.providers for model in found.models.values() for one in model.deployments)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        understand(parse(text, "f"), "f")
    except ModicumError:
        return
