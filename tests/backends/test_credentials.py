"""Keys: where they come from, whom they are shown to, and where they never stand."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from modicum.backends.cloud import Renewed, Signed, Token, default_chain, need
from modicum.backends.credentials import Key, KeyFile, Nothing, origin_of
from modicum.backends.signing import AwsKeys
from modicum.errors import MissingExtraError, UpstreamError

ORIGIN = "https://api.example.com"
CANARY = "sk-canary-0123456789"


async def shown(key: Any, url: str = ORIGIN + "/v1/chat") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = await key.headers("POST", url, [], b"")
    return found


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com/v1", "https://api.example.com.evil.test/v1", "https://evil.test/https://api.example.com", "https://evil.test"]
    + ["https://api.example.com:8443/v1", "https://api.example.com@evil.test/", "https://evil.test#@api.example.com/", "unix:/x:/y", ""],
)
async def test_a_key_is_given_for_its_own_origin_alone(url: str) -> None:
    holders: list[Any] = [
        Key(ORIGIN, value=CANARY),
        Token(ORIGIN, Renewed(lambda: (CANARY, time.time() + 9999), "x")),
        Signed(ORIGIN, "us-east-1", AwsKeys(access_key=CANARY, secret_key=CANARY)),
    ]
    for holder in holders:
        with pytest.raises(UpstreamError, match="was not given") as refused:
            await shown(holder, url)
        assert CANARY not in str(refused.value)
        assert CANARY not in repr(holder)


async def test_a_key_is_shown_as_its_provider_wants_it() -> None:
    assert await shown(Key(ORIGIN, value=CANARY)) == [("authorization", f"Bearer {CANARY}")]
    assert await shown(Key(ORIGIN, value=CANARY, header="x-api-key", prefix="")) == [("x-api-key", CANARY)]
    token = Key(ORIGIN, value="sk-ant-oat01-x", header="x-api-key", prefix="", bearer_tokens="sk-ant-oat")
    assert await shown(token) == [("authorization", "Bearer sk-ant-oat01-x")]
    below = Key(ORIGIN, value=CANARY, header="x-goog-api-key", prefix="", bearer_below=ORIGIN + "/openai/")
    assert await shown(below, ORIGIN + "/openai/embeddings") == [("authorization", f"Bearer {CANARY}")]
    assert await shown(below) == [("x-goog-api-key", CANARY)]
    assert await shown(Nothing(ORIGIN)) == []


async def test_a_key_from_the_environment_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key(ORIGIN, names=("FIRST_KEY", "SECOND_KEY"))
    with pytest.raises(UpstreamError, match="no key"):
        await shown(key)
    monkeypatch.setenv("SECOND_KEY", "two")
    assert await shown(key) == [("authorization", "Bearer two")]
    monkeypatch.setenv("FIRST_KEY", "one")
    assert await shown(key) == [("authorization", "Bearer one")]
    assert await shown(Key(ORIGIN, needed=False)) == []


@pytest.mark.parametrize("bad", ["two\r\nx: y", "a\nb", "k\x00", "schlüssel"])
async def test_a_key_that_could_not_stand_in_a_header_is_refused_and_not_told(bad: str) -> None:
    with pytest.raises(UpstreamError) as refused:
        await shown(Key(ORIGIN, value=bad))
    assert bad not in str(refused.value)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("one\n")
    file = KeyFile(path)
    assert file.read() == "one"
    path.write_text("two-two\n")
    file._looked = 0.0
    assert file.read() == "two-two"
    other = tmp_path / "new"
    other.write_text("six-six\n")
    os.utime(other, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    other.replace(path)  # as Kubernetes does it: another inode, perhaps the same time
    file._looked = 0.0
    assert file.read() == "six-six"
    path.unlink()
    file._looked = 0.0
    assert file.read() == "six-six"
    assert "six-six" not in repr(file)


def test_a_file_is_looked_at_no_more_than_once_a_second(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    file = KeyFile(path)
    file.read()
    path.write_text("other")
    assert file.read() == "one"


@pytest.mark.parametrize("text", [b"", b"  \n", b"\xff\xfe", b"x" * 20_000])
def test_a_file_without_a_key_is_an_error(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "key").write_bytes(text)
    with pytest.raises(UpstreamError, match="cannot read a key"):
        KeyFile(tmp_path / "key").read()
    with pytest.raises(UpstreamError, match="No such file"):
        KeyFile(tmp_path / "none").read()


class Chain:
    """A cloud's chain that counts, and fails when it is told to."""

    def __init__(self, lasts_s: float) -> None:
        self.lasts_s, self.times, self.fails, self.takes_s = lasts_s, 0, False, 0.0

    def __call__(self) -> tuple[str, float]:
        time.sleep(self.takes_s)
        self.times += 1
        if self.fails:
            raise RuntimeError(f"a message with {CANARY} in it")
        return f"token-{self.times}", time.time() + self.lasts_s


async def test_many_calls_share_one_fetch_and_a_fresh_token_is_not_fetched_again() -> None:
    chain = Chain(3600)
    chain.takes_s = 0.02
    renewed = Renewed(chain, "x")
    assert set(await asyncio.gather(*(renewed.get() for _ in range(50)))) == {"token-1"}
    assert await renewed.get() == "token-1" and chain.times == 1


async def test_a_token_is_renewed_beside_the_calls_before_it_expires() -> None:
    chain = Chain(200)  # holds, but not for long
    renewed = Renewed(chain, "x")
    assert await renewed.get() == "token-1"
    assert await renewed.get() == "token-1"  # nobody waits
    await asyncio.sleep(0.05)
    assert chain.times == 2 and (await renewed.get()).startswith("token-")


async def test_a_chain_that_fails_keeps_what_holds_and_else_says_so_without_its_words() -> None:
    chain = Chain(200)
    renewed = Renewed(chain, "AWS's default chain")
    await renewed.get()
    chain.fails = True
    for _ in range(3):
        assert await renewed.get() == "token-1"
        await asyncio.sleep(0.02)
    assert chain.times == 2  # and it is not asked at every call
    nothing = Renewed(chain, "AWS's default chain")
    with pytest.raises(UpstreamError, match="found no credentials") as refused:
        await nothing.get()
    assert CANARY not in str(refused.value)


async def test_the_loop_goes_on_while_a_chain_is_slow() -> None:
    chain = Chain(3600)
    chain.takes_s = 0.2
    waiting = asyncio.ensure_future(Renewed(chain, "x").get())
    await asyncio.sleep(0)
    began = time.monotonic()
    await asyncio.sleep(0.01)
    assert time.monotonic() - began < 0.1
    assert await waiting == "token-1"


async def test_aws_keys_of_the_environment_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDCHAIN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    found = dict(await shown(default_chain("aws", ORIGIN, "eu-west-1")))
    assert "Credential=AKIDCHAIN/" in found["authorization"] and "/eu-west-1/bedrock/aws4_request" in found["authorization"]
    assert found["x-amz-security-token"] == "session"


async def test_google_and_entra_tokens_are_shown_as_bearers() -> None:
    for cloud in ("google", "entra"):
        made = default_chain(cloud, ORIGIN, "")
        assert isinstance(made, Token)
    assert await shown(Token(ORIGIN, Renewed(lambda: ("t", time.time() + 999), "x"))) == [("authorization", "Bearer t")]


def test_a_missing_library_is_named_by_its_extra() -> None:
    for module in ("no_such_library", "no_such_library.inside"):
        with pytest.raises(MissingExtraError, match="bedrock"):
            need(module, "bedrock", "AWS's default chain of credentials")


def test_origins() -> None:
    assert origin_of("HTTPS://API.Example.com/v1?x") == "https://api.example.com"
    assert origin_of("http://h:80/") == "http://h:80"
