"""How a request to one provider is made."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.credentials import Key
from modicum.backends.provider import Provider, in_path, open_provider, rewrite_model
from modicum.config import ProviderConfig, UpstreamConfig
from modicum.errors import ConfigError, ModicumError, RequestError, UntranslatableError

KEY = "sk-canary-provider"


def opened(kind: str, *, key: str = KEY, **config: Any) -> Provider:
    return open_provider(kind, ProviderConfig(kind=kind, **config), key=key)


def test_addresses_of_each_dialect() -> None:
    assert opened("openai").address("chat_completions", "gpt-4o") == "https://api.openai.com/v1/chat/completions"
    assert opened("anthropic").address("messages", "claude-x") == "https://api.anthropic.com/v1/messages"
    gemini = opened("gemini")
    base = "https://generativelanguage.googleapis.com/v1beta/models/gemini-x"
    assert gemini.address("generate_content", "gemini-x") == base + ":generateContent"
    assert gemini.address("generate_content", "models/gemini-x", stream=True) == base + ":streamGenerateContent?alt=sse"
    vertex = opened("vertex", region="europe-west4", project="p-1", auth="none")
    assert vertex.address("generate_content", "gemini-x").startswith(
        "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/publishers/google/models/gemini-x:"
    )
    assert opened("vertex", project="p", auth="none").url == "https://aiplatform.googleapis.com/v1/projects/p/locations/global"
    bedrock = opened("bedrock", region="us-east-1")
    assert bedrock.address("converse", "amazon.nova-lite-v1:0", stream=True) == (
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse-stream"
    )
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.a.b-v1:0"
    assert "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.a.b-v1%3A0/" in bedrock.address("converse", arn)


def test_azure_speaks_v1_unless_a_version_is_named() -> None:
    url = "https://me.openai.azure.com/"
    plain = opened("azure", url=url)
    assert plain.address("responses", "d") == "https://me.openai.azure.com/openai/v1/responses"
    assert not plain.model_in_path("chat_completions")
    dated = opened("azure", url=url, api_version="2024-10-21")
    assert dated.address("chat_completions", "my d") == (
        "https://me.openai.azure.com/openai/deployments/my%20d/chat/completions?api-version=2024-10-21"
    )
    assert dated.model_in_path("chat_completions")
    assert dated.address("files", "", suffix="/file-1/content?limit=2") == (
        "https://me.openai.azure.com/openai/files/file-1/content?api-version=2024-10-21&limit=2"
    )


def test_what_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(UntranslatableError, match="Anthropic .* has no embeddings"):
        opened("anthropic").address("embeddings", "x")


@pytest.mark.parametrize("suffix", ["/file-1", "/file-1/content", "/batch_1/cancel", "?limit=10&after=x", "/a:b?x=%20"])
def test_what_may_follow_a_path(suffix: str) -> None:
    if suffix.startswith("/"):
        assert opened("openai").address("files", "", suffix=suffix).endswith("/v1/files" + suffix)
    else:
        with pytest.raises(RequestError):
            opened("openai").address("files", "", suffix=suffix + "#")
        assert opened("openai").address("files", "", suffix=suffix).endswith("/v1/files" + suffix)


@pytest.mark.parametrize(
    "suffix",
    [
        "/..",
        "/../keys",
        "/%2e%2e/keys",
        "//evil.test/",
        "/a/../b",
        "/a b",
        "/a\r\nhost: x",
        "@evil.test",
        ".evil.test/",
        ":99/",
        "/a#b",
        "/a\\b",
    ]
    + ["/a?b=c#d", "/./a", "/.a", "/é", "/a?\r\n", "x", "/a//b", "/a/"],
)
def test_what_may_not_follow_a_path(suffix: str) -> None:
    with pytest.raises(RequestError):
        opened("openai").address("files", "", suffix=suffix)


def test_headers_are_an_allow_list_and_no_key_of_the_callers_passes() -> None:
    caller = {
        b"authorization": b"Bearer caller",
        b"x-api-key": b"caller",
        b"api-key": b"caller",
        b"x-goog-api-key": b"caller",
        b"cookie": b"c=1",
        b"host": b"evil.test",
        b"x-modicum-key": b"mk-1",
        b"forwarded": b"for=1",
        b"openai-organization": b"org",
        b"content-length": b"1",
        b"anthropic-beta": b"b1",
        b"user-agent": b"me/1",
        b"idempotency-key": b"i\r\nx: y",
        b"traceparent": b"00-1",
        b"content-type": b"text/plain",
    }
    found = opened("anthropic").headers(caller, endpoint="messages")
    assert dict(found) == {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "b1",
        "user-agent": "me/1",
        "traceparent": "00-1",
    }
    assert "anthropic-beta" not in dict(opened("openai").headers(caller, endpoint="chat_completions"))
    assert dict(opened("openai").headers(caller, endpoint="files"))["content-type"] == "text/plain"
    assert "content-type" not in dict(opened("openai").headers(caller, endpoint="files", has_body=False))
    version = opened("anthropic").headers({b"anthropic-version": b"2030-01-01"}, endpoint="messages")
    assert dict(version)["anthropic-version"] == "2030-01-01"
    assert dict(opened("anthropic", api_version="2031-01-01").headers({}, endpoint="messages"))["anthropic-version"] == "2031-01-01"
    assert dict(opened("openai", headers={"X-Team": "a"}).headers({}, endpoint="models"))["x-team"] == "a"


@pytest.mark.parametrize(
    ("kind", "caller", "expected"),
    [
        ("openai", {b"authorization": b"Bearer sk-1"}, ("authorization", "Bearer sk-1")),
        ("openai", {b"x-api-key": b"sk-1"}, ("authorization", "Bearer sk-1")),
        ("anthropic", {b"authorization": b"Bearer sk-ant-api-1"}, ("x-api-key", "sk-ant-api-1")),
        ("anthropic", {b"authorization": b"Bearer sk-ant-oat01-1"}, ("authorization", "Bearer sk-ant-oat01-1")),
        ("anthropic", {b"authorization": b"Bearer other", b"x-api-key": b"sk-ant-1"}, ("x-api-key", "sk-ant-1")),
        ("gemini", {b"authorization": b"Bearer g"}, ("x-goog-api-key", "g")),
        ("azure", {b"api-key": b"a"}, ("api-key", "a")),
        ("openai", {b"authorization": b"Basic abc"}, ("authorization", "Basic abc")),
    ],
)
def test_forwarded_keys_stand_where_their_provider_looks(kind: str, caller: dict[bytes, bytes], expected: tuple[str, str]) -> None:
    provider = opened(kind, key="", auth="forward", **({"url": "https://me.openai.azure.com"} if kind == "azure" else {}))
    found = provider.headers(caller, endpoint=provider.facts.chat)  # type: ignore[arg-type]
    assert [row for row in found if row[0] in ("authorization", "x-api-key", "api-key", "x-goog-api-key")] == [expected]


def test_keys_of_our_own_are_forwarded_to_nobody() -> None:
    provider = opened("openai", key="", auth="forward")
    caller = {b"authorization": b"Bearer mk-" + b"a" * 43, b"x-api-key": b"mk-b", b"openai-organization": b"org"}
    found = dict(provider.headers(caller, endpoint="chat_completions"))
    assert "mk-" not in str(found) and found["openai-organization"] == "org"


def test_bodies_keep_their_bytes_but_for_the_model() -> None:
    body = b'{ "a" : [1.50,  {"model": "inner"}], "model":"x","z":"\\u00e9" }'
    assert rewrite_model(body, "x") is body
    assert rewrite_model(body, "y") == b'{"a":[1.50,  {"model": "inner"}],"model":"y","z":"\\u00e9"}'
    assert rewrite_model(body, "y", keep=False) == b'{"a":[1.50,  {"model": "inner"}],"z":"\\u00e9"}'
    assert rewrite_model(b'{"input":{}}', "o/n", name="version") == b'{"input":{},"version":"o/n"}'
    assert rewrite_model(b'{"model":"a","model":"b"}', "c") == b'{"model":"c"}'
    claude = rewrite_model(b'{"model":"a","max_tokens":1}', "b", keep=False, adds={"anthropic_version": "v"})
    assert claude == b'{"max_tokens":1,"anthropic_version":"v"}'
    assert (
        rewrite_model(b'{"anthropic_version":"mine"}', "b", keep=False, adds={"anthropic_version": "v"}) == b'{"anthropic_version":"mine"}'
    )
    for bad in (b"", b"[]", b'"x"', b"{", b"\xff", b'{"model":'):
        with pytest.raises(RequestError):
            rewrite_model(bad, "x")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_body_is_an_object_or_refused(body: bytes) -> None:
    with contextlib.suppress(RequestError):
        assert json.loads(rewrite_model(body, "m"))["model"] == "m"


values = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8)


@given(
    st.dictionaries(
        st.text(max_size=8), values | st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=4), values, max_size=2), max_size=4
    )
)
def test_all_other_fields_stay(fields: dict[str, Any]) -> None:
    rewritten = json.loads(rewrite_model(msgspec.json.encode(fields), 'mé/\n"'))
    assert rewritten == fields | {"model": 'mé/\n"'}


@given(st.text(max_size=40))
def test_any_name_is_one_segment_of_a_path_or_refused(name: str) -> None:
    try:
        found = in_path(name)
    except RequestError:
        return
    assert found.isascii() and not set("/?#\\@: \r\n") & set(found) and found not in (".", "..")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (ProviderConfig(kind="azure"), "names no url"),
        (ProviderConfig(kind="openai_compatible"), "names no url"),
        (ProviderConfig(kind="bedrock", auth="none"), "names no region"),
        (ProviderConfig(kind="vertex", auth="none"), "names no project"),
        (ProviderConfig(kind="bedrock", auth="none", region="x.evil.test/"), "cannot stand in an address"),
        (ProviderConfig(kind="openai", url="https://user:pw@h/v1"), "user or a password"),
        (ProviderConfig(kind="openai", url="file:///etc/passwd"), "not a web address"),
        (ProviderConfig(kind="openai", url="unix:/x.sock:/"), "not a web address"),
        (ProviderConfig(kind="openai", url="https://h/v1?x=1"), "query"),
        (ProviderConfig(kind="openai"), "no key for https://api.openai.com/v1: the environment variable OPENAI_API_KEY"),
        (ProviderConfig(kind="openai", auth="cloud"), "takes no credentials of a cloud"),
        (ProviderConfig(kind="nonsense"), "unknown kind"),
    ],
)
def test_what_an_operator_must_mend(config: ProviderConfig, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_CLOUD_PROJECT", "VERTEXAI_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=told):
        open_provider("p", config)


def test_the_defaults_of_upstream_are_those_of_its_kind() -> None:
    provider = open_provider("anthropic", UpstreamConfig(kind="anthropic"), key=KEY)
    assert provider.url == "https://api.anthropic.com"
    assert open_provider("x", UpstreamConfig(kind="anthropic", url="http://127.0.0.1:9")).url == "http://127.0.0.1:9"


def test_a_usual_key_goes_to_another_address_only_where_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    other = "https://proxy.example/anthropic"
    for config in (ProviderConfig(kind="anthropic", url=other), UpstreamConfig(kind="anthropic", url=other)):
        with pytest.raises(ConfigError, match="not Anthropic's own address") as refused:
            open_provider("upstream" if isinstance(config, UpstreamConfig) else "p", config)
        assert refused.value.hint.endswith('api_key_env = "ANTHROPIC_API_KEY"')
    for config in (
        ProviderConfig(kind="anthropic", url=other, api_key_env="ANTHROPIC_API_KEY"),
        ProviderConfig(kind="anthropic", url="https://api.anthropic.com/"),
        ProviderConfig(kind="anthropic"),
    ):
        found = open_provider("p", config).credential
        assert isinstance(found, Key) and found.read() == KEY
    local = open_provider("p", ProviderConfig(kind="anthropic", url="http://127.0.0.1:9")).credential
    assert isinstance(local, Key) and local.read() == ""
    with pytest.raises(ConfigError):
        opened("vertex", key="", url="https://proxy.example", project="p")  # nor does a cloud's token


def test_bedrock_takes_the_chain_where_there_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    assert type(opened("bedrock", key="", region="us-east-1").credential).__name__ == "Signed"
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "x")
    assert type(opened("bedrock", key="", region="us-east-1").credential).__name__ == "Key"


def test_no_repr_tells_a_key() -> None:
    provider = opened("openai")
    assert KEY not in repr(provider) + repr(provider.credential) + str(vars(provider))
    assert issubclass(RequestError, ModicumError)


def test_names_that_callers_make_up_hide_no_header_that_is_told() -> None:
    provider = opened("openai")
    for number in range(1000):
        assert "x" not in dict(provider.headers({b"x-%d" % number: b"x"}, endpoint="chat_completions")).values()
    found = dict(provider.headers({b"x-1": b"x", b"x-999": b"x", b"user-agent": b"u"}, endpoint="chat_completions"))
    assert found["user-agent"] == "u" and "x" not in found.values()
