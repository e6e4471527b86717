"""Providers, names and sending, against scripted servers."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modicum.backends.client import Client, Reply
from modicum.backends.upstreams import Upstreams
from modicum.config import Config, DeploymentConfig, ModelConfig, ProviderConfig, RetryConfig, UpstreamConfig
from modicum.errors import ConfigError, ModicumError, NotFoundError, UntranslatableError, UpstreamError, UpstreamTimeoutError
from modicum.types import Endpoint
from tests.backends.scripted import Scripted, Seen, answer

KEYS = (
    "OPENAI_API_KEY ANTHROPIC_API_KEY GEMINI_API_KEY GOOGLE_API_KEY MISTRAL_API_KEY GROQ_API_KEY XAI_API_KEY HF_TOKEN COHERE_API_KEY "
    "DEEPSEEK_API_KEY TOGETHER_API_KEY OPENROUTER_API_KEY FIREWORKS_API_KEY REPLICATE_API_TOKEN AWS_BEARER_TOKEN_BEDROCK"
).split()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client()
    yield made
    await made.close()


async def whole(reply: Reply) -> bytes:
    try:
        return b"".join([chunk async for chunk in reply.chunks()])
    finally:
        reply.close()


def models(**rows: Any) -> dict[str, ModelConfig]:
    """Name -> deployments, or (deployments, what else is set)."""
    made = {}
    for name, row in rows.items():
        deployments, more = row if isinstance(row, tuple) else (row, {})
        made[name] = ModelConfig(deployments=tuple(DeploymentConfig(model=one) for one in deployments), **more)
    return made


def own(server: Scripted, **more: Any) -> ProviderConfig:
    return ProviderConfig(kind="openai_compatible", url=server.url + "/v1", **more)


async def ask(upstreams: Upstreams, model: str, endpoint: Endpoint = "chat_completions", body: bytes | None = None) -> tuple[bytes, Any]:
    """As the gateway asks: try until one answers."""
    target = upstreams.target(model)
    attempts = upstreams.attempts(target, endpoint)
    body = body or json.dumps({"model": model, "messages": []}).encode()
    last = b""
    try:
        while (one := await attempts.next()) is not None:
            native = one.speaks(endpoint)
            assert native is not None
            try:
                reply = await upstreams.send(one, native, body, deadline=attempts.deadline)
            except UpstreamError as error:
                attempts.failed(one, error)
                continue
            last = await whole(reply)
            if not attempts.retryable(reply.status, reply.header("x-should-retry")):
                attempts.answered(one)
                return last, attempts
            attempts.failed(one, reply.status, reply.header("retry-after"))
        return last, attempts
    finally:
        attempts.close()


# ------------------------------------------------------------------------------------------------------------- names


async def test_names_lead_where_the_operator_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    config = Config(
        upstream=UpstreamConfig(auth="none"),
        providers={"box": ProviderConfig(kind="vllm", url="http://127.0.0.1:9/v1")},
        models=models(fast=["box/meta/llama", "anthropic/claude-x"], **{"box/alias": ["openai/gpt-4o"]}),
    )
    upstreams = Upstreams.open(config, client)

    def leads(model: str) -> list[str]:
        return [one.name for one in upstreams.target(model).deployments]

    assert leads("fast") == ["box/meta/llama", "anthropic/claude-x"]
    assert leads("box/alias") == ["openai/gpt-4o"]  # an alias comes first
    assert leads("box/other/model") == ["box/other/model"]
    assert leads("anthropic/claude-y") == ["anthropic/claude-y"]
    assert leads("gpt-4o") == leads("openai/gpt-4o") == ["openai/gpt-4o"]
    assert leads("gemini/g") == ["openai/gemini/g"]  # no key for it: upstream may know such a name
    assert upstreams.names() == ("fast", "box/alias")
    assert upstreams.target("fast").deployments[1].prices == "anthropic" and upstreams.target("box/x").deployments[0].prices == "box"
    assert upstreams.target("fast").deployments[0].genai == "vllm"


async def test_names_with_slashes_are_a_proxys_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.setenv(name, "k")
    for upstream in (UpstreamConfig(kind="openrouter"), UpstreamConfig(url="http://127.0.0.1:4000/v1")):
        upstreams = Upstreams.open(Config(upstream=upstream), client)
        for model in ("anthropic/claude-x", "openai/gpt-4o"):
            assert upstreams.target(model).deployments[0].model == model


async def test_without_upstream_an_unknown_name_is_refused_with_the_near_one(client: Client) -> None:
    config = Config(providers={"box": ProviderConfig(kind="vllm")}, models=models(tickets=["box/m"]))
    upstreams = Upstreams.open(config, client)
    with pytest.raises(NotFoundError) as refused:
        upstreams.target("ticket")
    assert refused.value.hint == "did you mean 'tickets'?"
    with pytest.raises(NotFoundError):
        upstreams.default()
    for odd in ("", "x" * 300, "a\nb", "a\x00"):
        with pytest.raises(NotFoundError):
            upstreams.target(odd)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (Config(), "no key for https://api.openai.com/v1"),
        (Config(upstream=UpstreamConfig(auth="none"), models=models(a=["nobody/m"])), "names no provider that is configured"),
        (Config(upstream=UpstreamConfig(auth="none"), models=models(a=["openai"])), "names no provider that is configured"),
        (Config(upstream=UpstreamConfig(auth="none"), models=models(a=[])), "names no deployments"),
        (Config(providers={"box": ProviderConfig(kind="vllm")}, models=models(a=(["box/m"], {"fallbacks": ("b",)}))), "fallback 'b'"),
        (Config(providers={"pie": ProviderConfig()}), "unknown kind of provider 'pie'"),
    ],
)
async def test_what_an_operator_must_mend(client: Client, config: Config, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Upstreams.open(config, client)


async def test_fallbacks_of_fallbacks_are_each_there_once(client: Client) -> None:
    rows = models(
        a=(["box/a"], {"fallbacks": ("b",)}), b=(["box/b"], {"fallbacks": ("c", "a")}), c=(["box/c"], {"fallbacks": ("b", "box/raw")})
    )
    upstreams = Upstreams.open(Config(providers={"box": ProviderConfig(kind="vllm")}, models=rows), client)
    assert [one.name for one in upstreams.target("a").fallbacks] == ["b", "c", "box/raw"]
    assert [one.name for one in upstreams.target("c").fallbacks] == ["b", "box/raw", "a"]


async def test_a_name_that_is_only_its_fallbacks_has_their_deployments(client: Client) -> None:
    rows = models(a=([], {"fallbacks": ("b", "c")}), b=(["box/b"], {"fallbacks": ("a",)}), c=["box/c"])
    upstreams = Upstreams.open(Config(providers={"box": ProviderConfig(kind="vllm")}, models=rows), client)
    assert [one.name for one in upstreams.target("a").deployments] == ["box/b"]
    assert [one.name for one in upstreams.target("a").fallbacks] == ["c"]
    assert all(one.deployments for name in "abc" for one in upstreams.target(name).fallbacks)
    empty = models(a=([], {"fallbacks": ("b",)}), b=([], {"fallbacks": ("a",)}))
    with pytest.raises(ConfigError, match="leads to no deployment"):
        Upstreams.open(Config(providers={"box": ProviderConfig(kind="vllm")}, models=empty), client)


async def test_endpoints_that_pass_that_are_told_and_that_are_refused(client: Client) -> None:
    config = Config(
        providers={
            name: ProviderConfig(auth="none", region="r", project="p")
            for name in ("openai", "anthropic", "gemini", "bedrock", "cohere", "replicate", "vllm")
        }
    )
    upstreams = Upstreams.open(config, client)

    def speaks(model: str, endpoint: Endpoint) -> str | None:
        return upstreams.target(model).deployments[0].speaks(endpoint)

    assert speaks("openai/m", "chat_completions") == "chat_completions" and speaks("openai/m", "messages") == "chat_completions"
    assert speaks("openai/m", "responses") == "responses"
    assert speaks("anthropic/m", "chat_completions") == speaks("anthropic/m", "responses") == "messages"
    assert speaks("anthropic/m", "count_tokens") == "count_tokens" and speaks("gemini/m", "count_tokens") is None
    assert speaks("gemini/m", "messages") == "generate_content" and speaks("bedrock/m", "messages") == "converse"
    assert speaks("replicate/o/n", "chat_completions") == "predictions"
    assert not upstreams.target("replicate/o/n").deployments[0].streams("predictions")
    assert speaks("cohere/m", "rerank") == "rerank" and speaks("anthropic/m", "embeddings") is None
    with pytest.raises(UntranslatableError, match="Anthropic does not answer there"):
        upstreams.attempts(upstreams.target("anthropic/m"), "embeddings")


# ----------------------------------------------------------------------------------------------------------- sending


async def test_the_deployments_model_takes_the_callers_place_and_the_rest_stays(client: Client) -> None:
    async with Scripted() as server:
        upstreams = Upstreams.open(Config(providers={"box": own(server)}, models=models(a=["box/real"])), client)
        await ask(upstreams, "a", body=b'{"model":"a","x": [1.0] }')
        await ask(upstreams, "box/real", body=b'{ "model":"real"}')
        assert [seen.body for seen in server.seen] == [b'{"model":"real","x":[1.0]}', b'{ "model":"real"}']
        assert {seen.target for seen in server.seen} == {"/v1/chat/completions"}


async def test_files_batches_and_models_go_to_upstream_as_they_are(client: Client) -> None:
    async with Scripted() as server:
        upstreams = Upstreams.open(Config(upstream=UpstreamConfig(url=server.url + "/v1", auth="none")), client)
        form = {b"content-type": b"multipart/form-data; boundary=x"}
        await whole(await upstreams.send(upstreams.default(), "files", b"--x--", caller=form))
        await whole(await upstreams.send(upstreams.default(), "files", None, method="GET", path_suffix="/f-1/content?a=b"))
        await whole(await upstreams.send(upstreams.default(), "models", None, method="GET"))
        assert [(seen.method, seen.target) for seen in server.seen] == [
            ("POST", "/v1/files"),
            ("GET", "/v1/files/f-1/content?a=b"),
            ("GET", "/v1/models"),
        ]
        assert server.seen[0].headers["content-type"] == form[b"content-type"].decode() and server.seen[0].body == b"--x--"


async def test_a_call_falls_back_when_its_provider_is_gone(client: Client) -> None:
    async with Scripted() as ill, Scripted(always=answer(b'{"from":"second"}')) as well:
        config = Config(
            providers={"ill": own(ill), "well": own(well), "dead": ProviderConfig(kind="vllm", url="http://127.0.0.1:1/v1")},
            models=models(a=(["dead/m", "ill/m"], {"fallbacks": ("b",), "strategy": "ordered"}), b=["well/m"]),
            retry=RetryConfig(tries=1),
        )
        ill.always = answer(b"{}", "503 Busy")
        body, attempts = await ask(Upstreams.open(config, client), "a")
        assert body == b'{"from":"second"}' and attempts.tried == ("dead/m", "ill/m", "well/m")


async def test_errors_that_are_the_callers_pass_and_a_provider_may_forbid_another_try(client: Client) -> None:
    async with Scripted() as server:
        upstreams = Upstreams.open(Config(providers={"box": own(server)}), client)
        server.script = [answer(b'{"error":"bad"}', "400 Bad Request")]
        assert (await ask(upstreams, "box/m"))[0] == b'{"error":"bad"}'
        server.script = [answer(b"{}", "503 Busy", "x-should-retry: false")]
        assert (await ask(upstreams, "box/m"))[1].tried == ("box/m",)
        server.script = [answer(b"{}", "503 Busy"), lambda _: None, answer(b'{"ok":2}')]
        assert (await ask(upstreams, "box/m"))[0] == b'{"ok":2}'  # the broken connection was a kept one: the client asks again by itself


async def test_the_total_deadline_holds_for_the_first_byte(client: Client) -> None:
    async with Scripted() as server:

        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        silent = await asyncio.start_server(never, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/v1"
        config = Config(
            providers={"box": own(server), "mute": ProviderConfig(kind="vllm", url=url)}, retry=RetryConfig(total_timeout_s=0.3)
        )
        upstreams = Upstreams.open(config, client)
        began = asyncio.get_running_loop().time()
        _, attempts = await ask(upstreams, "mute/m")
        assert 0.2 < asyncio.get_running_loop().time() - began < 1.0 and attempts.tried
        with pytest.raises(UpstreamTimeoutError):
            await upstreams.send(upstreams.target("box/m").deployments[0], "chat_completions", b"{}", deadline=1.0)
        silent.close()


async def test_a_prediction_is_asked_for_until_it_is_done(client: Client) -> None:
    def row(status: str) -> bytes:
        return answer(
            json.dumps({"id": "p1", "status": status, "urls": {"get": "http://evil.test/"}, "output": ["a"]}).encode(), "201 Created"
        )

    async with Scripted(script=[row("starting"), row("processing"), row("succeeded")]) as server:
        config = Config(providers={"replicate": ProviderConfig(url=server.url + "/v1", auth="none")})
        upstreams = Upstreams.open(config, client)
        body, _ = await ask(upstreams, "replicate/owner/name:v1", body=b'{"input":{"prompt":"x"}}')
        assert json.loads(body)["status"] == "succeeded"
        assert [(seen.method, seen.target) for seen in server.seen] == [
            ("POST", "/v1/predictions"),
            ("GET", "/v1/predictions/p1"),
            ("GET", "/v1/predictions/p1"),
        ]
        assert json.loads(server.seen[0].body) == {"input": {"prompt": "x"}, "version": "owner/name:v1"}
        assert server.seen[0].headers["prefer"] == "wait=5"
        server.script = [answer(b'{"id":"../x","status":"starting"}')]
        with pytest.raises(UpstreamError, match="without a name"):
            await upstreams.send(upstreams.target("replicate/o/n").deployments[0], "predictions", b"{}")


async def test_a_caller_that_leaves_has_its_prediction_cancelled(client: Client) -> None:
    async with Scripted(always=answer(b'{"id":"p1","status":"processing"}')) as server:
        upstreams = Upstreams.open(Config(providers={"replicate": ProviderConfig(url=server.url, auth="none")}), client)
        task = asyncio.ensure_future(upstreams.send(upstreams.target("replicate/o/n").deployments[0], "predictions", b"{}"))
        while not server.seen:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)
        assert server.seen[-1].target == "/predictions/p1/cancel"


# ---------------------------------------------------------------------------------------------------------- secrets


async def test_each_provider_sees_its_own_key_alone(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """10,000 sends over five providers in random order, several at once."""
    async with Scripted() as a, Scripted() as b, Scripted() as c, Scripted() as d, Scripted() as e:
        monkeypatch.setenv("KEY_A", "canary-a")
        monkeypatch.setenv("KEY_B", "canary-b")
        (tmp_path / "c").write_text("canary-file\n")
        config = Config(
            providers={
                "a": own(a, api_key_env="KEY_A"),
                "b": ProviderConfig(kind="anthropic", url=b.url, api_key_env="KEY_B"),
                "c": ProviderConfig(kind="gemini", url=c.url, api_key_file=tmp_path / "c"),
                "d": own(d, auth="forward"),
                "e": own(e, auth="none"),
            }
        )
        upstreams = Upstreams.open(config, client)
        wanted: dict[str, tuple[Endpoint, Scripted]] = {
            "a": ("chat_completions", a),
            "b": ("messages", b),
            "c": ("generate_content", c),
            "d": ("chat_completions", d),
            "e": ("chat_completions", e),
        }
        draw = random.Random(7)
        names = draw.choices("abcde", k=10_000)
        caller = {b"authorization": b"Bearer canary-caller", b"x-api-key": b"canary-caller", b"user-agent": b"u"}

        async def work(mine: list[str]) -> None:
            for name in mine:
                one = upstreams.target(f"{name}/m").deployments[0]
                await whole(await upstreams.send(one, wanted[name][0], b'{"model":"m"}', caller=caller))

        await asyncio.gather(*(work(names[start::8]) for start in range(8)))
        shown = {"a": "canary-a", "b": "canary-b", "c": "canary-file", "d": "canary-caller"}
        for name, (_, server) in wanted.items():
            assert len(server.seen) == names.count(name)
            for seen in server.seen:
                found = {word for word in ("canary-a", "canary-b", "canary-file", "canary-caller") if word in str(seen)}
                assert found == ({shown[name]} if name in shown else set())
        assert "canary" not in repr(upstreams.target("a/m")) + repr(vars(upstreams._names.providers["a"])) + str(upstreams.addresses)


class Watched(Client):
    """The client, and every origin that it was asked to go to."""

    def __init__(self) -> None:
        super().__init__()
        self.origins: set[str] = set()

    async def send(self, method: str, url: str, *args: Any, **more: Any) -> Reply:
        self.origins.add("/".join(url.split("/", 3)[:3]))
        return await super().send(method, url, *args, **more)


def vectors(trap: str) -> list[tuple[str, dict[str, Any], str]]:
    """(model, more of the body, path suffix): what a caller could try to choose a host, a path or a scheme with."""
    host = trap.removeprefix("http://")
    hosts = [
        trap,
        f"{trap}/v1",
        f"//{host}/",
        f"http:/{host}",
        f"https://{host}",
        f"user@{host}",
        f"@{host}",
        f"\\\\{host}\\x",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://metadata.google.internal/",
        "http://localhost:6379/",
        "http://0/",
        "http://127.1/",
        "file:///etc/passwd",
        "unix:/var/run/docker.sock:/containers/json",
        "gopher://127.0.0.1:6379/_INFO",
        "ftp://127.0.0.1/",
        "data:text/plain,x",
    ]
    paths = [
        "../../..",
        "..%2f..%2fadmin",
        "m/../../admin",
        "m?x=1",
        "m#x",
        "m:generateContent/../x",
        "m;x",
        "m\r\nHost: evil.test",
        "m\n\nGET / HTTP/1.1",
    ]
    paths += [
        "m\x00",
        "m%0d%0aHost: x",
        ".",
        "..",
        "m/",
        "/m",
        "m\\..\\x",
        "ｍ／／evil.test",
        "m\u2028x",
        "m\t",
        " m",
        "{model}",
        "{region}",
        "%7Bmodel%7D",
    ]
    found: list[tuple[str, dict[str, Any], str]] = [(one, {}, "") for one in (*hosts, *paths)]
    found += [(f"openai/{one}", {}, "") for one in hosts]
    fields = ["api_base", "base_url", "api_host", "endpoint", "custom_llm_provider", "aws_bedrock_runtime_endpoint", "vertex_location"]
    found += [("m", {name: trap}, "") for name in fields]
    found += [("m", {"extra_body": {"api_base": trap}}, ""), ("m", {"litellm_params": {"api_base": trap}}, "")]
    image = {"type": "image_url", "image_url": {"url": trap + "/x.png"}}
    found += [("m", {"messages": [{"role": "user", "content": [image]}]}, ""), ("m", {"webhook": trap}, "")]
    found += [("m", {"tools": [{"type": "mcp", "server_url": trap}]}, ""), ("m", {"file_url": trap}, ""), ("m", {"proxy": trap}, "")]
    found += [("m", {}, f"/{one}") for one in hosts] + [("m", {}, one) for one in (f"@{host}", f".{host}", f":80@{host}/", f"//{host}")]
    return found


async def test_no_body_model_or_path_chooses_a_host() -> None:
    client = Watched()
    async with Scripted() as server, Scripted() as trap:
        kinds = {"plain": "openai_compatible", "gemini": "gemini", "bedrock": "bedrock", "azure": "azure", "replicate": "replicate"}
        config = Config(
            upstream=UpstreamConfig(url=server.url, auth="none"),
            providers={
                name: ProviderConfig(kind=kind, url=server.url + "/base", auth="none", region="r", api_version="2024-10-21")
                for name, kind in kinds.items()
            },
        )
        upstreams = Upstreams.open(config, client)
        tried = 0
        for model, more, suffix in (all_of_them := vectors(trap.url)):
            for name in (*kinds, ""):
                tried += 1
                try:
                    target = upstreams.target(f"{name}/{model}" if name else model)
                    one = target.deployments[0]
                    endpoint: Endpoint = "files" if suffix else one.speaks("chat_completions") or "chat_completions"
                    body = json.dumps({"model": model, **more}).encode()
                    await whole(await upstreams.send(one, endpoint, body, path_suffix=suffix, caller={b"host": trap.url.encode()}))
                except ModicumError:
                    continue
        assert len(all_of_them) >= 100 and tried >= 500
        assert client.origins == {server.url}
        assert trap.connections == 0
        roots = ("/base/", "/chat/completions", "/files")
        for seen in server.seen:
            assert seen.target.startswith(roots) and "/../" not in seen.target + "/" and seen.headers["host"] == f"127.0.0.1:{server.port}"
    await client.close()


def _echo(seen: Seen) -> bytes:
    return answer(seen.body)


async def test_urls_in_a_body_reach_the_provider_as_they_are(client: Client) -> None:
    async with Scripted(always=_echo) as server:
        upstreams = Upstreams.open(Config(providers={"box": own(server)}), client)
        body = b'{"model":"m","messages":[{"content":[{"image_url":{"url":"http://169.254.169.254/"}}]}],"api_base":"http://evil.test"}'
        assert (await ask(upstreams, "box/m", body=body))[0] == body
