"""The client against a provider that misbehaves."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from modicum.backends.hosted import Hosted, Reply, check, is_loopback
from modicum.errors import ConfigError, UpstreamError, UpstreamTimeoutError
from tests.gateway.rig import Upstream, ask

JSON = [("content-type", "application/json")]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


async def send(client: Hosted, model: str, *, stream: bool = False) -> Reply:
    return await client.send("POST", "/chat/completions", JSON, json.dumps(ask(model, stream=stream)).encode())


async def whole(reply: Reply) -> bytes:
    try:
        return b"".join([chunk async for chunk in reply.chunks()])
    finally:
        reply.close()


async def test_connections_are_kept(upstream: Upstream) -> None:
    client = Hosted(upstream.url)
    before = upstream.connections
    for _ in range(5):
        assert b"echo hi" in await whole(await send(client, "gpt-4"))
    assert upstream.connections == before + 1
    await client.close()


async def test_chunks_come_as_they_arrive(upstream: Upstream) -> None:
    client = Hosted(upstream.url)
    reply = await send(client, "gpt-4", stream=True)
    assert len([chunk async for chunk in reply.chunks()]) > 2
    reply.close()
    await client.close()


@pytest.mark.parametrize("model", ["reset", "nonsense"])
async def test_no_reply_is_an_error(upstream: Upstream, model: str) -> None:
    client = Hosted(upstream.url)
    with pytest.raises(UpstreamError):
        await send(client, model)
    await client.close()


@pytest.mark.parametrize(("model", "stream"), [("torn", False), ("break-reset", True)])
async def test_a_body_that_breaks_off_is_an_error(upstream: Upstream, model: str, stream: bool) -> None:
    client = Hosted(upstream.url)
    reply = await send(client, model, stream=stream)
    with pytest.raises(UpstreamError, match="broke off"):
        await whole(reply)
    await client.close()


async def test_waiting_ends(upstream: Upstream) -> None:
    client = Hosted(upstream.url, read_timeout_s=0.2)
    with pytest.raises(UpstreamTimeoutError):
        await send(client, "hang")
    await client.close()


@pytest.mark.parametrize("model", ["hang", "endless"])
async def test_cancelling_reaches_the_provider(upstream: Upstream, model: str) -> None:
    client = Hosted(upstream.url)

    async def talk() -> None:
        await whole(await send(client, model, stream=True))

    task = asyncio.create_task(talk())
    await asyncio.sleep(0.2)
    task.cancel()
    cancelled = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    # Who left an earlier test may be noticed in this one: only what comes after the cancelling counts.
    while not any(left >= cancelled for left in upstream.left) and time.monotonic() < cancelled + 2:
        await asyncio.sleep(0.01)
    await client.close()
    assert any(cancelled <= left < cancelled + 1 for left in upstream.left)


async def test_a_provider_that_is_not_there(upstream: Upstream) -> None:
    for url in ("http://127.0.0.1:1/v1", "http://no-such-host.invalid/v1"):
        client = Hosted(url, connect_timeout_s=2)
        with pytest.raises(UpstreamError, match="cannot reach"):
            await send(client, "gpt-4")
        await client.close()


async def test_what_would_split_a_header_is_refused(upstream: Upstream) -> None:
    client = Hosted(upstream.url)
    with pytest.raises(UpstreamError):
        await client.send("GET", "/models", [("x", "a\r\nevil: b")])
    await client.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example",
        "ftp://api.example",
        "file:///etc/passwd",
        "https://",
        "https://a@b/v1",
        "https://a/v1?b=c",
        "https://a/#b",
        "http://a b/",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError):
        check(url)


def test_addresses() -> None:
    assert check("https://api.example:8443/v1/") == "https://api.example:8443"
    assert is_loopback("http://localhost:80/v1") and is_loopback("http://[::1]:80") and is_loopback("http://127.0.0.1")
    assert not is_loopback("https://api.example/v1") and not is_loopback("http://localhost.example")
