"""Providers that fail in every way before and within a reply (F1-F8)."""

from __future__ import annotations

import asyncio
import email.utils
import gzip
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.client import Answer, Mix, Others, ask, load, p99, read_reply
from tests.faults.conftest import Length, Report
from tests.faults.provider import Act, Exchange
from tests.faults.world import World, resident_kb, world

LONGEST_CONNECT_S, LONGEST_FIRST_BYTE_S = 0.5, 0.6
LIMITS = f"connect_timeout_s = {LONGEST_CONNECT_S}\nfirst_byte_timeout_s = {LONGEST_FIRST_BYTE_S}\nread_timeout_s = 0.7"
RETRY = "[retry]\nlongest_wait_s = 1.0\ncool_down_s = 1.0\n"
BUDGET, FLOOR = 0.2, 5


MOST_COMPARED = 2000
"""Calls. After so many a new world begins, for the whole of its log is compared after each test."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    """The world of the test before, or a new one."""
    with ExitStack() as entered:
        found: list[World] = []

        def one() -> World:
            if not found or len(found[-1].log) > MOST_COMPARED or found[-1].process is None or found[-1].process.poll() is not None:
                entered.close()
                found.append(entered.enter_context(world(tmp_path_factory.mktemp("upstream") / "home", one=LIMITS, more=RETRY)))
                found[-1].settle_in()
            return found[-1]

        yield one


@pytest.fixture
def made(worlds: Callable[[], World]) -> World:
    return worlds()


def under(made: World, length: Length, name: str, *streams: bool) -> tuple[list[Answer], Others]:
    """Load without and with a fault, in turns: the answers of the model under it, and how long others' calls took."""
    steady = [Mix("steady"), Mix("steady", True)]
    mix = [*(Mix(name, stream) for stream in streams), *steady]
    found: list[Answer] = []
    others = Others()

    def turn(asked: list[Mix], seconds: float) -> float:
        some = asyncio.run(load(made.port, asked, seconds=seconds, rps=length.rps, streams=length.streams, secret=made.secret))
        found.extend(some)
        return p99([one for one in some if one.model == "steady"])

    for _ in range(length.slices):
        others.turns.append((turn(steady, length.seconds / 2 / length.slices), turn(mix, length.seconds / length.slices)))
    made.log += found
    return [one for one in found if one.model == name], others


def tries(made: World) -> Counter[str]:
    """How often a provider was asked, by tag."""
    return Counter(one.tag for side in (made.provider, made.backup) for one in side.seen if one.body)


def within_budget(made: World) -> float:
    """Retries as a share of the calls."""
    counted = tries(made)
    retries, calls = sum(counted.values()) - len(counted), len({one.tag for one in made.log})
    assert retries <= max(FLOOR, BUDGET * calls), (retries, calls)
    return retries / calls


# ------------------------------------------------------------------------------------------------------------ F1


def dated(after_s: float) -> Callable[[], str]:
    return lambda: email.utils.formatdate(time.time() + after_s, usegmt=True)


@pytest.mark.parametrize(
    "wait",
    [None, lambda: "1", dated(1), dated(-3600), lambda: "1000000000", lambda: "-5", lambda: "nan", lambda: "soon", lambda: "9" * 400],
    ids=["none", "seconds", "date", "past", "absurd", "negative", "nan", "word", "long"],
)
def test_too_many_requests_in_every_form_fall_back(made: World, wait: Callable[[], str] | None) -> None:
    def told(one: Exchange) -> dict[str, str]:
        return {} if wait is None else {"retry_after": wait()}

    name = made.fresh(lambda one: one.status(429, **told(one)))
    made.together(*["steady"] * 10)
    found = made.ask(name)
    assert found.done and found.took_s < 3
    assert [one.tag for one in made.backup.of(name)] == [found.tag]
    assert len(made.provider.of(name)) == 1
    made.check()


def test_an_absurd_wait_is_not_waited_for_where_nothing_else_is_left(made: World) -> None:
    def never(one: Exchange) -> Any:
        return one.status(429, retry_after="1000000000")

    name = made.fresh(never, backup=never)
    found = made.ask(name)
    assert found.status == 429 and found.took_s < 2
    assert tries(made)[found.tag] <= 2
    made.check()


def test_too_many_requests_under_load(made: World, length: Length, report: Report) -> None:
    loud, others = under(made, length, made.fresh(lambda one: one.status(429)), False, True)
    share = within_budget(made)
    assert max(tries(made).values()) <= 4
    answered = sum(one.done for one in loud) / len(loud)
    figures = made.check(others=others, long=length.long)
    report(
        "F1",
        f"{figures['calls']} calls, retries {share:.0%} of them, {answered:.0%} of the refused answered elsewhere; {others}",
    )


# ------------------------------------------------------------------------------------------------------------ F2


def test_half_of_the_replies_are_errors(made: World, length: Length, report: Report) -> None:
    dice = random.Random(7)

    async def flaky(one: Exchange) -> bool:
        return await (one.status(dice.choice((500, 502, 503, 529))) if dice.random() < 0.5 else one.answer())

    loud, others = under(made, length, made.fresh(flaky), False, True)
    share = within_budget(made)
    failed = [one for one in loud if not one.done]
    assert all(one.status in (500, 502, 503, 529) for one in failed)
    figures = made.check(others=others, long=length.long)
    report(
        "F2",
        f"{figures['calls']} calls, {len(failed)} refused for want of retries ({share:.0%} used); {others}",
    )


def test_a_breaker_opens_and_one_call_probes(made: World, report: Report) -> None:
    name = made.fresh(lambda one: one.status(503))
    for _ in range(5):
        made.together(*["steady"] * 10)
        assert made.ask(name).done
    asked = len(made.provider.of(name))
    assert asked == 5
    began = time.monotonic()
    made.together(*[name] * 10)
    assert time.monotonic() - began > 0.9 or len(made.provider.of(name)) == asked, "it is open"
    asked = len(made.provider.of(name))
    time.sleep(max(1.1 - (time.monotonic() - began), 0))
    made.together(*["steady"] * 10)
    made.together(*[name] * 10)
    assert len(made.provider.of(name)) == asked + 1, "one call probes"
    time.sleep(1.1)
    made.provider.acts.pop(name)
    assert made.ask(name).done and made.ask(name).done
    assert len(made.provider.of(name)) == asked + 3, "it is closed again"
    made.check()
    report("F2", "the breaker opens after 5 failures, one of ten calls probes after the pause, a good probe closes it")


# ------------------------------------------------------------------------------------------------------------ F3


@contextmanager
def full() -> Iterator[int]:
    """A port whose queue is full: connections to it hang."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        waiting = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        try:
            yield port
        finally:
            for one in waiting:
                one.close()


def test_what_cannot_be_reached_falls_back_in_time(tmp_path: Path, report: Report) -> None:
    with socket.socket() as free, full() as hanging:
        free.bind(("127.0.0.1", 0))
        places = {
            "refused": f"http://127.0.0.1:{free.getsockname()[1]}/v1",
            "hangs": f"http://127.0.0.1:{hanging}/v1",
            "no-such-name": "http://nowhere.invalid/v1",
            "no-tls": f"https://127.0.0.1:{hanging}/v1",
        }
        sections = "".join(
            f'[providers."{name}"]\nkind = "openai_compatible"\nurl = "{url}"\nauth = "none"\nconnect_timeout_s = 0.5\n'
            for name, url in places.items()
        )
        models = {name: (f"{name}/steady", "two/steady") for name in places}
        with world(tmp_path / "home", models=models, more=sections + RETRY) as made:
            made.settle_in()
            took = {}
            for name in places:
                made.together(*["steady"] * 20)
                found = made.ask(name)
                assert found.done, (name, found)
                took[name] = found.took_s
                assert found.took_s < 0.5 + 1.0
            # A server that speaks no TLS.
            made.check()
            report(
                "F3", "fallback after " + ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in took.items()) + " (limit 500 ms)"
            )


def test_tls_that_fails_is_an_error_that_says_so(tmp_path: Path) -> None:
    with world(tmp_path / "home", serving=False) as made:
        plain = made.provider.url.replace("http:", "https:")
        path = made.home / "modicum.toml"
        path.write_text(
            path.read_text() + f'\n[providers.tls]\nkind = "openai_compatible"\nurl = "{plain}"\nauth = "none"\nconnect_timeout_s '
            f'= 0.5\n[prices."m"]\ninput_usd_mtok = 2\noutput_usd_mtok = 8\n'
        )
        made.start()
        found = made.ask("tls/m")
        assert found.status in (502, 504) and found.error["type"]
        made.check()


# ------------------------------------------------------------------------------------------------------- F4, F5, F6


def test_a_hang_before_the_first_byte_falls_back(made: World, length: Length, report: Report) -> None:
    loud, others = under(made, length, made.fresh(lambda one: one.hang()), False, True)
    waited = [one.took_s for one in loud if one.done]
    assert waited, "nobody fell back"
    assert all(one.status == 504 for one in loud if not one.done)
    within_budget(made)
    figures = made.check(others=others, long=length.long)
    report(
        "F4",
        f"{figures['calls']} calls; those that hung were answered elsewhere after "
        f"{sorted(waited)[len(waited) // 2] * 1000:.0f} ms (limit 600 ms); {others}",
    )


TORN = b"torn "
"""In every word of a stream that breaks, and in no other."""


async def begin(one: Exchange) -> None:
    await one.open_stream()
    for word in ("torn one ", "torn two "):
        await one.event(
            {
                "id": "x",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": one.model,
                "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
            }
        )


async def hangs(one: Exchange) -> bool:
    await begin(one)
    return await one.hang()


async def resets(one: Exchange) -> bool:
    await begin(one)
    await asyncio.sleep(0.02)
    return one.reset()


async def closes(one: Exchange) -> bool:
    await begin(one)
    return False


async def ends_early(one: Exchange) -> bool:
    await begin(one)
    await one.raw(b"0\r\n\r\n")
    return True


@pytest.mark.parametrize(
    ("act", "error"),
    [(hangs, "upstream_timeout"), (resets, "upstream_failed"), (closes, "upstream_failed"), (ends_early, "upstream_failed")],
)
def test_a_stream_that_breaks_ends_in_an_error_and_is_tried_nowhere_else(
    made: World, length: Length, report: Report, act: Act, error: str
) -> None:
    name = made.fresh(act)
    answers, others = under(made, length, name, True)
    made.check(others=others, long=length.long)
    calls, asked = made.calls(), {one.tag: one for one in made.backup.of(name)}
    broken = [one for one in answers if TORN in one.body or one.tag not in asked]
    for one in broken:
        assert one.status == 200 and not one.done and one.error.get("code") == error, one
        assert one.tag not in asked, "it was tried elsewhere after the first byte"
        (call,) = calls[one.tag]
        assert call.deployments == (f"one/{name}",), call
        assert call.error == error and call.finish_reason is None and call.usage.estimated and call.usage.output_tokens
    # On a machine that is more than full the first byte may come too late for its limit: then another answers, all of it.
    late = [one for one in answers if one.tag in asked]
    for one in late:
        (call,) = calls[one.tag]
        assert one.done and call.deployments[-1] == f"two/{name}" and set(call.deployments[:-1]) <= {f"one/{name}"}, (one, call)
        assert not call.deployments[:-1] or asked[one.tag].began - one.began >= LONGEST_CONNECT_S, (one, call)
    assert len(broken) > len(late), (len(broken), len(late))
    elsewhere = f", {len(late)} whole from elsewhere, the first byte being late" if late else ""
    report(
        "F5" if act is hangs else "F6",
        f"{act.__name__}: {len(broken)} streams broken, each ended with an error event{elsewhere}; {others}",
    )


async def without_done(one: Exchange) -> bool:
    await begin(one)
    await one.event(
        {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": one.model,
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        }
    )
    await one.raw(b"0\r\n\r\n")
    return True


def test_a_stream_that_said_why_it_ended_is_whole_without_done(made: World) -> None:
    found = made.ask(made.fresh(without_done), stream=True)
    assert found.status == 200 and found.whole and not found.error
    made.check()
    (call,) = made.calls()[found.tag]
    assert call.finish_reason == "stop" and call.usage.estimated


# ------------------------------------------------------------------------------------------------------------ F7

CHUNK = (
    b'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}'
)
FINISH = b'data: {"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
GOOD = (CHUNK % b"hi") + b"\n\n"
GARBAGE: dict[str, list[bytes]] = {
    "split characters": (GOOD.replace(b"hi", "hé 漢".encode()) + FINISH + DONE).split(b"\xc3")[:1]
    + [b"\xc3" + (GOOD.replace(b"hi", "hé 漢".encode()) + FINISH + DONE).split(b"\xc3")[1]],
    "mixed line ends": [GOOD.replace(b"\n\n", b"\r\n\r"), GOOD.replace(b"\n\n", b"\r\r"), GOOD.replace(b"\n", b"\r\n"), FINISH, DONE],
    "a line of 10 MB": [GOOD, b"data: " + b"x" * (10 << 20), b"\n\n", FINISH, DONE],
    "a line without end": [GOOD, *[b"y" * (1 << 20)] * 24],
    "no JSON": [GOOD, b"data: }{\n\n", b"data: nonsense\n\n", FINISH, DONE],
    "NaN": [GOOD, b'data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":NaN}]}\n\n', FINISH, DONE],
    "twins": [GOOD, b'data: {"choices":[],"choices":[{"index":0,"delta":{"content":"b"}}]}\n\n', FINISH, DONE],
    "a byte order mark": [b"\xef\xbb\xbf" + GOOD, FINISH, DONE],
    "comments": [*[b": still here\n\n"] * 2000, GOOD, FINISH, DONE],
    "bytes that are no text": [GOOD, b"data: \xff\xfe\x00\n\n", FINISH, DONE],
    "deep": [GOOD, b'data: {"choices":' + b"[" * 100_000 + b"\n\n", FINISH, DONE],
    "wrong kinds": [
        GOOD,
        b'data: {"choices":{"a":1}}\n\n',
        b"data: 7\n\n",
        b'data: {"choices":[{"delta":[],"index":"x"}]}\n\n',
        FINISH,
        DONE,
    ],
    "counts that are none": [GOOD, b'data: {"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":1e99}}\n\n', FINISH, DONE],
    "an event of 6 MB in lines": [GOOD, *[b"data: " + b"z" * (1 << 19) + b"\n"] * 12, b"\n", FINISH, DONE],
    "an endless event name": [b"event: " + b"n" * (3 << 20) + b"\n", GOOD, FINISH, DONE],
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_in_a_stream_harms_nobody(made: World, what: str) -> None:
    async def act(one: Exchange) -> bool:
        await one.open_stream()
        for piece in GARBAGE[what]:
            await one.chunk(piece)
        await one.raw(b"0\r\n\r\n")
        return True

    name = made.fresh(act)
    before = resident_kb(made.pids()[0])
    passed = made.ask(name, stream=True)
    assert passed.status == 200 and passed.fault == ""
    translated = asyncio.run(
        post(
            made,
            "/v1/messages",
            {"model": name, "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": passed.tag + "x"}]},
        )
    )
    status, _, body, _ = read_reply(translated)
    assert status == 200 and (b"message_stop" in body) != (b"event: error" in body), body[-300:]
    grown = resident_kb(made.pids()[0]) - before
    assert grown < 64 * 1024, grown
    assert "gateway:" not in made.errors() and "recorder:" not in made.errors()
    assert made.ask("steady").done and made.ask("steady", stream=True).done
    made.log.append(Answer(passed.tag + "x", name, True))
    made.check()


async def post(made: World, path: str, body: object, more: bytes = b"") -> bytes:
    data = json.dumps(body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    head = (
        b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-modicum-key: %s\r\n"
        b"%scontent-length: %d\r\nconnection: close\r\n\r\n"
    )
    writer.write(head % (path.encode(), made.secret.encode(), more, len(data)) + data)
    async with asyncio.timeout(20):
        found = await reader.read()
    writer.close()
    return found


def test_a_reply_that_unpacks_to_a_thousand_times_its_size_is_not_unpacked(made: World, report: Report) -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)

    async def act(one: Exchange) -> bool:
        await one.raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb) + bomb
        )
        return True

    name = made.fresh(act)
    before = resident_kb(made.pids()[0])
    raw = asyncio.run(post(made, "/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": "tagbomb"}]}))
    status, _, body, whole = read_reply(raw)
    assert status == 200 and whole and body == bomb, "it passes as it came"
    grown = resident_kb(made.pids()[0]) - before
    assert grown < 24 * 1024, grown
    made.log.append(Answer("tagbomb", name, False))
    made.check()
    report(
        "F7",
        f"{len(GARBAGE)} kinds of garbage passed or refused in two dialects; a gzip bomb of 200 MiB grew memory by {grown / 1024:.0f} MiB",
    )


# ------------------------------------------------------------------------------------------------------------ F8


async def endless(one: Exchange) -> bool:
    await begin(one)
    while not await one.gone(0.02):
        await one.event({"id": "x", "model": one.model, "choices": [{"index": 0, "delta": {"content": "more "}, "finish_reason": None}]})
    return False


def test_a_caller_who_leaves_stops_the_provider_and_pays_once(made: World, length: Length, report: Report) -> None:
    name = made.fresh(endless)
    number = length.of(20, 400)

    async def all_of_them() -> list[tuple[Answer, float]]:
        gate = asyncio.Semaphore(16)

        async def one() -> tuple[Answer, float]:
            async with gate:
                found = await ask(made.port, name, stream=True, secret=made.secret, leave_after=b"two ")
                return found, time.monotonic()

        return list(await asyncio.gather(*(one() for _ in range(number))))

    seen = asyncio.run(all_of_them())
    left_at = {found.tag: at for found, at in seen}
    made.log += [found for found, _ in seen]
    until = time.monotonic() + 5
    while any(one.left is None for one in made.provider.of(name)) and time.monotonic() < until:
        time.sleep(0.02)
    delays = sorted((one.left or float("inf")) - left_at[one.tag] for one in made.provider.of(name))
    assert len(delays) == number and delays[-1] < 1.0, delays[-3:]
    made.check()
    calls = made.calls()
    assert {found.tag for found, _ in seen} <= calls.keys()
    assert all(calls[found.tag][0].error == "client_left" and calls[found.tag][0].usage.estimated for found, _ in seen)
    report(
        "F8",
        f"{number} callers left; the provider was stopped after {delays[-1] * 1000:.0f} ms at most; each billed once, as an estimate",
    )
