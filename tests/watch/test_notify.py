"""Notices at real receivers: once or more and in order whatever they do, signed, escaped, and no address in anything that is said."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from modicum.cli import cli
from modicum.config import Config, StoreConfig
from modicum.errors import ConfigError
from modicum.store import watched
from modicum.store.control import Control
from modicum.store.home import prepare
from modicum.store.watches import Look
from modicum.types import Notice, NoticeKind, Route, Watch
from modicum.watch import told
from modicum.watch.notify import MOST_REFUSALS, Notifier, bookmark
from modicum.watch.receiver import Receiver, receivers

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "canary-path-8f2"


@dataclass
class Hook:
    """A receiver on a real socket, in a loop of its own. `script` answers one post after another; then 200."""

    script: list[bytes | float] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def notices(self) -> list[int]:
        """The numbers that came, in order, those that were not taken too."""
        return [json.loads(body)["number"] for body in self.bodies]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:] if line)}
                body = await reader.readexactly(int(found.get("content-length", 0)))
                self.heads.append({"": head.split("\r\n")[0]} | found)
                self.bodies.append(body)
                answer = self.script.pop(0) if self.script else b"200 OK"
                if isinstance(answer, float):
                    await asyncio.sleep(answer)
                    answer = b"200 OK"
                if not answer:
                    return
                writer.write(b"HTTP/1.1 " + answer + b"\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@contextmanager
def hooked(*script: bytes | float) -> Iterator[Hook]:
    hook = Hook(script=list(script))
    loop = hook._loop
    server: Any = loop.run_until_complete(asyncio.start_server(hook._answer, "127.0.0.1", 0))
    hook.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{SECRET}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield hook
    finally:

        async def end() -> None:
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def note(text: str = "It rang.", **more: Any) -> Notice:
    about: dict[str, Any] = {"number": 0, "at": AT, "kind": "alarm", "scope": "default", "workload_id": "w-1", "workload": "bank-intent"}
    return Notice(**about | more, text=text)


@dataclass
class World:
    """A home with a store, and a clock that the test turns."""

    home: Path
    hooks: list[Receiver]
    said: list[str] = field(default_factory=list)
    now: datetime = AT

    def __post_init__(self) -> None:
        self.control = Control(self.home)
        self.config = Config(store=StoreConfig(home=self.home))
        self.notifier = self.opened()

    def opened(self) -> Notifier:
        return Notifier(self.config, self.control, self.hooks, tell=self.said.append)

    def tell(self, count: int = 1) -> None:
        self.control.tell([note(f"notice {number}") for number in range(count)])

    def round(self, seconds: float = 600.0) -> None:
        """Time goes on, and a look is made; threads that it set off have ended when this returns."""
        self.now += timedelta(seconds=seconds)
        self.notifier.deliver(self.now)
        self.settle()
        self.notifier.deliver(self.now)

    def settle(self) -> None:
        end = time.monotonic() + 20
        while any(line.busy for line in self.notifier._lines):
            assert time.monotonic() < end
            time.sleep(0.005)


def hook_of(hook: Hook, name: Any = "webhook", **more: Any) -> Receiver:
    return Receiver(name=name, url=hook.url, **more)


def test_notices_come_in_order_and_once_where_all_is_well(tmp_path: Path) -> None:
    with hooked() as hook, hooked() as other:
        world = World(tmp_path, [hook_of(hook), hook_of(other, "slack")])
        world.round()
        world.tell(120)
        world.round()
        world.tell(3)
        world.round()
        assert hook.notices() == list(range(1, 124)) and len(other.bodies) == 123 and world.said == []
        assert world.notifier.undelivered() == {"webhook": 0, "slack": 0}
        world.notifier.close()


def test_a_receiver_that_is_new_is_not_told_of_what_was_before(tmp_path: Path) -> None:
    Control(tmp_path).tell([note() for _ in range(5)])
    with hooked() as hook:
        world = World(tmp_path, [hook_of(hook)])
        world.round()
        world.tell()
        world.round()
        assert hook.notices() == [6]


@pytest.mark.parametrize(
    ("script", "problem"),
    [((b"500 Oops", b"503 Busy"), "answered 500"), ((b"404 Not Found",), "answered 404"), ((b"", b""), "cannot be reached")],
)
def test_what_fails_is_tried_again_and_nothing_overtakes_it(tmp_path: Path, script: tuple[bytes, ...], problem: str) -> None:
    with hooked(*script) as hook:
        world = World(tmp_path, [hook_of(hook)])
        world.round()
        world.tell(3)
        for _ in range(5):
            world.round()
        taken = hook.notices()
        assert sorted(set(taken)) == [1, 2, 3] and taken == sorted(taken) and taken[-2:] == [2, 3]
        assert problem in world.said[0] and "takes notices again" in world.said[-1]
        assert SECRET not in " ".join(world.said) and "127.0.0.1" not in " ".join(world.said)


def test_pauses_grow_and_a_receiver_s_own_wish_holds(tmp_path: Path) -> None:
    with hooked(b"500 x", b"500 x", b"429 Slow\r\nretry-after: 900", b"200 OK") as hook:
        world = World(tmp_path, [hook_of(hook)])
        world.round()
        world.tell()
        world.round(1)
        assert len(hook.bodies) == 1
        world.round(0.5)
        assert len(hook.bodies) == 1, "a second has not passed"
        world.round(1)
        world.round(1)
        assert len(hook.bodies) == 2, "two seconds have not passed"
        world.round(2)
        assert len(hook.bodies) == 3
        world.round(890)
        assert len(hook.bodies) == 3, "it asked for 900"
        world.round(20)
        assert len(hook.bodies) == 4 and world.notifier.undelivered() == {"webhook": 0}


def test_a_notice_that_its_receiver_does_not_like_is_passed_over_in_the_end_and_said(tmp_path: Path) -> None:
    with hooked(*[b"400 invalid_payload"] * MOST_REFUSALS) as hook:
        world = World(tmp_path, [hook_of(hook)])
        world.round()
        world.tell(2)
        for _ in range(MOST_REFUSALS + 1):
            world.round()
        assert hook.notices() == [1] * MOST_REFUSALS + [2]
        assert "notice 1" in " ".join(world.said) and "passed over" in " ".join(world.said)


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with hooked() as target, hooked(b"307 Elsewhere\r\nlocation: " + b"/") as hook:
        hook.script[0] = f"307 Elsewhere\r\nlocation: {target.url}".encode()
        world = World(tmp_path, [hook_of(hook)])
        world.round()
        world.tell()
        world.round(1)
        assert target.bodies == [] and "redirects are not followed" in world.said[0]


def test_a_receiver_that_hangs_holds_up_neither_the_watcher_nor_another_receiver(tmp_path: Path) -> None:
    with hooked(1.5) as slow, hooked() as quick:
        world = World(tmp_path, [hook_of(slow), hook_of(quick, "slack")])
        world.round()
        world.tell(2)
        began = time.monotonic()
        world.notifier.deliver(world.now)
        world.notifier.deliver(world.now)
        assert time.monotonic() - began < 1.0
        end = time.monotonic() + 5
        while len(quick.bodies) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert len(quick.bodies) == 2 and len(slow.bodies) == 1
        world.settle()
        assert slow.notices() == [1, 2]


def test_the_end_waits_for_what_is_on_its_way_but_not_for_ever(tmp_path: Path) -> None:
    with hooked() as hook, hooked(3.0) as slow:
        world = World(tmp_path, [hook_of(hook), hook_of(slow, "slack")])
        world.round()
        world.tell(20)
        world.notifier.deliver(world.now)
        began = time.monotonic()
        world.notifier.close(wait_s=1.5)
        assert len(hook.bodies) == 20 and time.monotonic() - began < 2.5
        world.settle()
        assert len(slow.bodies) == 1, "the rest is the next watcher's"


def test_who_takes_over_goes_on_where_the_bookmark_is_and_repeats_at_most_what_was_not_marked(tmp_path: Path) -> None:
    with hooked() as hook:
        world = World(tmp_path, [hook_of(hook)])
        world.round()
        world.tell(3)
        world.round()
        world.control.mark(bookmark(world.hooks[0]), "2")  # killed between the third post and its mark
        world.notifier = world.opened()
        world.tell()
        world.round()
        assert hook.notices() == [1, 2, 3, 3, 4]


def test_a_post_is_signed_as_standard_webhooks_are(tmp_path: Path) -> None:
    key = b"k" * 32
    with hooked() as hook:
        world = World(tmp_path, [hook_of(hook, secret=f"whsec_{base64.b64encode(key).decode()}")])
        world.round()
        world.control.tell([note(route_id="r-1", was="on", now="rolled_back")])
        world.round()
        (head,), (body,) = hook.heads, hook.bodies
    assert head[""] == f"POST /{SECRET} HTTP/1.1" and head["content-type"] == "application/json"
    assert abs(int(head["webhook-timestamp"]) - time.time()) < 60
    content = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
    assert head["webhook-signature"] == "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert json.loads(body) == {
        "schema": "modicum.notice/1", "id": head["webhook-id"], "number": 1, "at": "2026-11-22T12:00:00Z", "kind": "alarm",
        "scope": "default", "workload_id": "w-1", "workload": "bank-intent", "route_id": "r-1", "was": "on", "now": "rolled_back",
        "text": "It rang.", "test": False,
    }  # fmt: skip


def test_without_a_secret_nothing_is_signed_and_text_is_a_secret_too() -> None:
    assert "webhook-signature" not in dict(told.signed(b"{}", id="i", at=AT, secret=None))
    plain, again = (dict(told.signed(b"{}", id="i", at=AT, secret=word))["webhook-signature"] for word in ("whsec_no base64!", "other"))
    assert plain != again


def test_the_id_is_the_same_at_every_delivery_and_another_for_another_notice() -> None:
    assert told.notice_id(note()) == told.notice_id(note()) != told.notice_id(note("Other."))


@given(st.text(max_size=3_000), st.text(max_size=50))
def test_nothing_in_a_text_is_markup_for_slack(text: str, workload: str) -> None:
    said = json.loads(told.slack(note(text, workload=workload)))["text"]
    bare = said.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "")
    assert not set("<>&") & set(bare) and "\n" not in said and "@channel" not in said and len(said) < 12_500
    assert said.startswith("Alarm: ")


@pytest.mark.parametrize("kind", get_args(NoticeKind))
def test_every_kind_of_notice_has_a_word_for_people(kind: NoticeKind) -> None:
    said = json.loads(told.slack(note(kind=kind)))["text"]
    assert said.endswith(": bank-intent: It rang.") and said[0].isupper()


def test_slack_reads_a_step_in_words() -> None:
    said = json.loads(told.slack(note("A <!channel> & B", kind="moved", was="on", now="rolled_back", scope="team")))
    assert said["text"] == "Step: team/bank-intent (on → rolled back): A &lt;!channel&gt; &amp; B"
    whole = note("bank-intent: on -> rolled back: 41 of 409 differ", kind="moved", was="on", now="rolled_back")
    assert json.loads(told.slack(whole))["text"] == "Step: bank-intent (on → rolled back): 41 of 409 differ", "nothing is said twice"


def test_figures_are_written_for_those_who_look_from_outside(tmp_path: Path) -> None:
    with hooked(b"500 x") as hook:
        world = World(tmp_path, [hook_of(hook)])
        route = Route(
            route_id="r-1", workload_id="w-1", scope="default", artefact_digest="d", certificate_id="c", state="proposed", changed_at=AT,
            changed_by="ann",
        )  # fmt: skip
        world.control.put_route(route)
        world.round()
        world.tell(2)
        world.round(1)
        seen = watched.read(tmp_path)
        assert (
            seen is not None
            and seen.notices == {kind: 2 * (kind == "alarm") for kind in get_args(NoticeKind)}
            and seen.undelivered == {"webhook": 2}
        )
        (row,) = seen.routes
        assert (row.route_id, row.state, row.audits) == ("r-1", "proposed", None), "nothing watched it yet"
        watch = Watch(route_id="r-1", at=AT, since=AT, audits=7, lost=1.0, level=0.05, suspicion=0.5, warnings=("drift",), last_audit_at=AT)
        assert world.control.put_look("tail", Look(watches=(watch,)))
        world.round()
        world.tell()
        world.round()
        again = watched.read(tmp_path)
        assert again is not None and (again.routes[0].audits, again.routes[0].suspicion, again.routes[0].warnings) == (7, 0.5, 1)
        assert again.notices["alarm"] == 3 and again.undelivered == {"webhook": 0} and again.at > seen.at


@pytest.mark.parametrize(
    "url", ["ftp://x", "canary address", "https:///canary", "https://user:canary@host/x", "http://host:99999/", "https://host/\x1b[2J"]
)
def test_an_address_that_is_none_is_refused_without_saying_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    monkeypatch.setenv("MODICUM_WEBHOOK_URL", url)
    with pytest.raises(ConfigError) as error:
        receivers(Config())
    assert "MODICUM_WEBHOOK_URL" in str(error.value) and url not in str(error.value) and error.value.__cause__ is None
    said: list[str] = []
    Notifier.open(Config(store=StoreConfig(home=tmp_path)), Control(tmp_path), tell=said.append).deliver(AT)
    assert len(said) == 1 and url not in said[0]


def test_no_repr_holds_an_address_or_a_secret() -> None:
    assert SECRET not in repr(Receiver(name="webhook", url=f"https://h/{SECRET}", secret=SECRET))


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["notices", "--home", str(home), *arguments], standalone_mode=False)


def test_the_command_lists_the_newest_first_and_tests_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Control(tmp_path).tell([note("First.", kind="moved"), note("Second.\x1b[2J")])
    listed, alarms = run(tmp_path), run(tmp_path, "--kind", "alarm", "--format", "json")
    assert listed.output.index("Second.") < listed.output.index("First.") and "\x1b" not in listed.output
    assert [one["number"] for one in json.loads(alarms.output)] == [2]
    nobody = run(tmp_path, "--send-test")
    assert isinstance(nobody.exception, ConfigError) and "MODICUM_SLACK_URL" in str(nobody.exception)
    with hooked(b"200 OK") as hook, hooked(b"403 invalid_token") as refusing:
        monkeypatch.setenv("MODICUM_WEBHOOK_URL", hook.url)
        monkeypatch.setenv("MODICUM_WEBHOOK_SECRET", "canary-secret")
        monkeypatch.setenv("MODICUM_SLACK_URL", refusing.url)
        tested = run(tmp_path, "--send-test")
        assert json.loads(hook.bodies[0])["test"] is True and "webhook-signature" in hook.heads[0]
    assert tested.return_value == 1 and "the webhook took it" in tested.output and "the slack answered 403" in tested.output
    assert SECRET not in tested.output and "canary-secret" not in tested.output


def test_a_running_watcher_posts_what_it_finds_told_and_writes_its_figures(tmp_path: Path) -> None:
    home = prepare(tmp_path / "home")
    control = Control(home)
    with hooked(b"503 Busy") as hook:
        env = {**os.environ, "MODICUM_WEBHOOK_URL": hook.url, "MODICUM_WEBHOOK_SECRET": "canary-secret"}
        command = [sys.executable, "-m", "modicum", "watch", "--home", str(home)]
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            until(lambda: watched.read(home) is not None)
            control.tell([note("First."), note("Second.")])
            until(lambda: hook.notices() == [1, 1, 2])
            until(lambda: (seen := watched.read(home)) is not None and seen.undelivered == {"webhook": 0} and seen.notices["alarm"] == 2)
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and "the webhook answered 503" in said and SECRET not in said and "canary-secret" not in said


def until(reached: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)
