"""Certificates, and proxies as companies have them."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from modicum.backends.client import Client, Timeouts
from modicum.errors import UpstreamError, UpstreamTimeoutError
from tests.backends.places import Interceptor, plain, says, server

WAIT = Timeouts(3.0, 3.0, 3.0)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    """A file with the authority's certificate."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    yield


def certificate(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.issue_cert(*names).configure_cert(context)
    return context


async def fetch(client: Client, url: str, *, ca_file: Path | None = None, proxied: bool = True, timeouts: Timeouts = WAIT) -> bytes:
    reply = await client.send("POST", url, [("authorization", "Bearer sk-1")], b"{}", timeouts=timeouts, ca_file=ca_file, proxied=proxied)
    try:
        return b"".join([chunk async for chunk in reply.chunks()])
    finally:
        reply.close()


async def test_an_own_authority(authority: trustme.CA, trusted: Path) -> None:
    client = Client()
    body = b"secret" * 100_000
    async with server(says(plain(body)), tls=certificate(authority, "127.0.0.1", "localhost")) as seen:
        for name in ("127.0.0.1", "127.0.0.1", "localhost"):
            assert await fetch(client, f"https://{name}:{seen.port}/v1", ca_file=trusted) == body
        await client.close()
    assert seen.connections == 2


async def test_the_systems_store_is_what_openssl_says(authority: trustme.CA, trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    client = Client()
    async with server(says(plain(b"ok")), tls=certificate(authority, "127.0.0.1")) as seen:
        assert await fetch(client, f"https://127.0.0.1:{seen.port}/v1") == b"ok"
        await client.close()


async def test_a_certificate_that_nobody_vouches_for(authority: trustme.CA, tmp_path: Path) -> None:
    client = Client()
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    async with server(says(plain(b"ok")), tls=certificate(authority, "127.0.0.1")) as seen:
        for ca_file in (None, tmp_path / "other.pem"):
            with pytest.raises(UpstreamError, match=r"cannot reach https://127.0.0.1:\d+: unable to get local issuer"):
                await fetch(client, f"https://127.0.0.1:{seen.port}/v1", ca_file=ca_file)
        await client.close()
    assert seen.heads == []


async def test_a_certificate_for_another_name(authority: trustme.CA, trusted: Path) -> None:
    client = Client()
    async with server(says(plain(b"ok")), tls=certificate(authority, "other.example")) as seen:
        with pytest.raises(UpstreamError, match="certificate is not valid for"):
            await fetch(client, f"https://127.0.0.1:{seen.port}/v1", ca_file=trusted)
        with pytest.raises(UpstreamError, match="Hostname mismatch"):
            await fetch(client, f"https://localhost:{seen.port}/v1", ca_file=trusted)
        await client.close()
    assert seen.heads == []


async def test_files_that_hold_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "none.pem"):
        with pytest.raises(UpstreamError, match=f"cannot read the certificates in .*{name}"):
            await fetch(Client(), "https://127.0.0.1:1/", ca_file=tmp_path / name)


async def test_a_file_of_certificates_that_changes_is_read_again(authority: trustme.CA, trusted: Path) -> None:
    client = Client()
    pem = trusted.read_bytes()
    trustme.CA().cert_pem.write_to_path(str(trusted))
    async with server(says(plain(b"ok")), tls=certificate(authority, "127.0.0.1")) as seen:
        with pytest.raises(UpstreamError):
            await fetch(client, f"https://127.0.0.1:{seen.port}/v1", ca_file=trusted)
        trusted.write_bytes(pem)
        assert await fetch(client, f"https://127.0.0.1:{seen.port}/v1", ca_file=trusted) == b"ok"
        await client.close()


async def test_plain_and_secret_are_not_mixed_up(authority: trustme.CA, trusted: Path) -> None:
    client = Client()
    async with server(says(plain(b"ok"))) as seen:
        with pytest.raises(UpstreamError, match="reach"):
            await fetch(client, f"https://127.0.0.1:{seen.port}/v1", ca_file=trusted, timeouts=Timeouts(0.2, 1, 1))
    async with server(says(plain(b"ok")), tls=certificate(authority, "127.0.0.1")) as seen:
        with pytest.raises(UpstreamError):
            await fetch(client, f"http://127.0.0.1:{seen.port}/v1")
    await client.close()


async def test_a_handshake_that_stalls(trusted: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    client = Client()
    port = listening.sockets[0].getsockname()[1]
    with pytest.raises(UpstreamTimeoutError, match="could not be reached"):
        await fetch(client, f"https://127.0.0.1:{port}/", ca_file=trusted, timeouts=Timeouts(0.2, 1, 1))
    listening.close()
    await client.close()
    await asyncio.sleep(0.05)


async def test_through_a_proxy_that_reads_along(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    async with server(says(plain(b"ok"))) as seen, Interceptor({"api.example": seen.port}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(UpstreamError, match="issuer"):
            await fetch(client, "https://api.example/v1/chat")
        proxy.authority.cert_pem.write_to_path(str(tmp_path / "company.pem"))
        for _ in range(2):
            assert await fetch(client, "https://api.example/v1/chat", ca_file=tmp_path / "company.pem") == b"ok"
        await client.close()
    assert proxy.heads == [b"CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n\r\n"] * 2
    assert len(proxy.inside) == 1 and proxy.inside[0].startswith(
        b"POST /v1/chat HTTP/1.1\r\nhost: api.example\r\nauthorization: Bearer sk-1"
    )


async def test_a_plain_address_is_told_whole_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    async with server(says(plain(b"ok"))) as seen, Interceptor({"llm.example": seen.port}, user="Basic dTpwOkA=") as proxy:
        monkeypatch.setenv("http_proxy", f"http://u:p%3A%40@127.0.0.1:{proxy.port}/")
        for _ in range(2):
            assert await fetch(client, "http://llm.example:8000/v1/chat") == b"ok"
        await client.close()
    authorization = b"proxy-authorization: Basic " + base64.b64encode(b"u:p:@")
    assert proxy.heads[0].startswith(b"POST http://llm.example:8000/v1/chat HTTP/1.1\r\nhost: llm.example:8000\r\n" + authorization)
    assert len(proxy.heads) == 1


async def test_a_proxy_that_wants_a_password_or_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    async with Interceptor({}, user="Basic eDp5") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{proxy.port}")
        with pytest.raises(UpstreamError, match=r"the proxy http://127.0.0.1:\d+ answered 407 when asked for api.example:443") as raised:
            await fetch(client, "https://api.example/v1")
        assert "hunter2" not in str(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)
    async with Interceptor({}, status=b"403 No") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(UpstreamError, match="answered 403"):
            await fetch(client, "https://b.example/v1")
    await client.close()


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\nmore", b"x" * 20_000])
async def test_a_proxy_that_is_none(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    async with server(says(said, keep=False)) as seen:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{seen.port}")
        with pytest.raises(UpstreamError, match="the proxy"):
            await fetch(client, "https://api.example/v1")
    await client.close()


async def test_a_proxy_that_is_not_there_or_of_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(UpstreamError, match="cannot reach the proxy http://127.0.0.1:1"):
        await fetch(Client(), "https://api.example/v1")
    for url in ("socks5://me:hunter2@127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://a:b/c@d"):
        monkeypatch.setenv("HTTPS_PROXY", url)
        with pytest.raises(UpstreamError, match="cannot be used") as raised:
            await fetch(Client(), "https://api.example/v1")
        assert "hunter2" not in str(raised.value) and "c@d" not in str(raised.value)


async def test_a_proxy_is_gone_around(authority: trustme.CA, trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    client = Client()
    async with server(says(plain(b"ok")), tls=certificate(authority, "127.0.0.1")) as seen:
        assert await fetch(client, f"https://127.0.0.1:{seen.port}/v1", ca_file=trusted) == b"ok"  # this machine itself
        await client.close()
    for name, proxied in (("no-such-host.invalid", False), ("sub.no-such-host.invalid", True)):
        monkeypatch.setenv("NO_PROXY", "no-such-host.invalid" if proxied else "")
        with pytest.raises(UpstreamError, match=f"cannot reach http://{name}"):
            await fetch(client, f"http://{name}/v1", proxied=proxied)
    with pytest.raises(UpstreamError, match="the proxy"):
        await fetch(client, "http://other.invalid/v1")
    await client.close()
