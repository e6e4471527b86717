"""`modicum serve` as a process before scripted providers, and the checker that compares what all sides saw.

I1  a caller got one valid reply, or its beginning and a closed connection; never a mixed body, never another's answer
I2  no 5xx without a machine-readable error.type
I3  every acknowledged call stands in the store exactly once; nothing stands there that nobody asked
I4  the ledger is the sum of what the providers billed, nothing twice
I5  memory grows by less than 10 % (or 24 MiB, while caches fill), and descriptors go back to where they were
I6  no secret stands in any file, line or figure
I7  others wait less than twice as long at p99 as in the quiet turns of the same load (the long form)
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from modicum.config import Config, StoreConfig
from modicum.pipeline import keys
from modicum.store import home as store_home
from modicum.store.calls import Calls
from modicum.store.ledger_rows import Entry, entries
from modicum.types import Call
from tests.faults.client import Answer, Others, ask
from tests.faults.provider import INPUT_TOKENS, Act, Exchange, Provider

MOST_FRESH = 60
PROVIDER_KEY = "sk-proj-canaryPROVIDERcanary0123456789abcdef"
INPUT_PICO, OUTPUT_PICO = 2_000_000, 8_000_000
"""Of one token: 2 and 8 US dollars a million."""
SLACK_KB = 24 * 1024
EARLY_S = 20.0


@dataclass
class World:
    """One running gateway, its providers and its key."""

    home: Path
    provider: Provider
    backup: Provider
    secret: str
    key_id: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    canaries: tuple[str, ...] = ()
    log: list[Answer] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    port: int = 0
    said: str = ""
    """All that it printed on standard output."""
    killed: bool = False
    """It was killed: what it held for calls in flight may be lost."""
    _start: tuple[int, int] | None = None
    _names: Iterator[str] = field(default_factory=lambda: map("fault-{}".format, range(MOST_FRESH)))

    def fresh(self, act: Act | None = None, *, backup: Act | None = None) -> str:
        """A model that nobody asked for yet, and how the two providers that have it behave."""
        name = next(self._names)
        for side, one in ((self.provider, act), (self.backup, backup)):
            if one is not None:
                side.acts[name] = one
        return name

    # ------------------------------------------------------------------------------------------------- the process

    def start(self) -> float:
        """Start it, and wait until it answers; seconds until then."""
        began = time.monotonic()
        with (self.home / "stderr.txt").open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "modicum", "serve", *self.arguments, "--listen", f"127.0.0.1:{self.port}"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**clean_environment(), **self.environment},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Listening on"), self.errors()
        self.said += line
        self.port = int(line.partition("http://127.0.0.1:")[2].partition("/")[0])
        while self.get("/healthz")[0] != 200:
            assert time.monotonic() - began < EARLY_S, self.errors()
            time.sleep(0.005)
        return time.monotonic() - began

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and wait; its exit status."""
        assert self.process is not None and self.process.stdout is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.killed = self.killed or number == signal.SIGKILL
        code = self.process.wait(60)
        self.said += self.process.stdout.read()
        self.process.stdout.close()
        return code

    def get(self, path: str, *, secret: str = "") -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={"authorization": f"Bearer {secret}"} if secret else {})
            response = connection.getresponse()
            return response.status, response.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def errors(self) -> str:
        return (self.home / "stderr.txt").read_text()

    def pids(self) -> list[int]:
        """The processes that serve."""
        assert self.process is not None
        found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-f", "modicum serve"], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()] or [self.process.pid]

    # ---------------------------------------------------------------------------------------------------- asking

    def ask(self, model: str, *, stream: bool = False, **more: Any) -> Answer:
        """One request; it enters the log."""
        found = asyncio.run(ask(self.port, model, stream=stream, secret=self.secret, **more))
        self.log.append(found)
        return found

    def together(self, *models: str, stream: bool = False, **more: Any) -> list[Answer]:
        """Several at once."""

        async def all_of_them() -> list[Answer]:
            return await asyncio.gather(*(ask(self.port, one, stream=stream, secret=self.secret, **more) for one in models))

        found = asyncio.run(all_of_them())
        self.log += found
        return found

    # ------------------------------------------------------------------------------------------------------ sizes

    def settle_in(self) -> None:
        """Let it fill its caches; what is in use now is where it must come back to."""
        self.together(*["steady"] * 8)
        self.together(*["steady"] * 8, stream=True)
        self._start = self.sizes()

    def sizes(self) -> tuple[int, int]:
        """(resident KiB, open descriptors) of all processes, when the idle connections to the providers are closed."""
        for one in (self.provider, self.backup):
            one.hang_up()
        time.sleep(0.1)
        return sum(map(resident_kb, self.pids())), sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.pids())

    # -------------------------------------------------------------------------------------------------- the checker

    def calls(self) -> dict[str, list[Call]]:
        """What is in the store, by tag."""
        found: dict[str, list[Call]] = {}
        for call in Calls(self.home).scan():
            if call.request:
                found.setdefault(_tag(call), []).append(call)
        return found

    def check(
        self,
        *,
        lost: frozenset[str] | set[str] = frozenset(),
        uncounted: bool = False,
        others: Others | None = None,
        long: bool = False,
    ) -> dict[str, Any]:
        """Compare all sides; figures of what was compared.

        `lost`: tags whose record the operator's policy let go; `uncounted`: it let calls pass that the ledger could not take.
        `others`: how long the calls of others took meanwhile; judged in the long form.
        """
        answers = list(self.log)
        assert [one.fault for one in answers if one.fault] == [], "I1"
        for one in answers:
            if one.status >= 500:
                assert isinstance(one.error.get("type"), str) and one.error.get("message"), ("I2", one)
        calls = self._recorded({one.tag for one in answers if one.done and one.tag not in lost})
        estimated = self._billed(calls, uncounted=uncounted)
        self._sizes_are_back()
        self._no_secrets()
        if others is not None and long and others.judged:
            assert others.ratio < 2, ("I7", others)
        return {
            "calls": len(answers),
            "acknowledged": sum(one.done for one in answers),
            "errors": sum(one.status >= 400 for one in answers),
            "cut": sum(one.status == 0 or not one.whole for one in answers if not one.left),
            "estimated": estimated,
        }

    def _recorded(self, wanted: set[str]) -> dict[str, list[Call]]:
        until = time.monotonic() + 5
        while not wanted <= (calls := self.calls()).keys() and time.monotonic() < until:
            time.sleep(0.05)
        assert wanted - calls.keys() == set(), "I3: acknowledged, and not in the store"
        assert [tag for tag, found in calls.items() if len(found) > 1] == [], "I3: twice in the store"
        ids = Counter(found[0].call_id for found in calls.values())
        assert not [call_id for call_id, times in ids.items() if times > 1], "I3: one id for two calls"
        strangers = calls.keys() - {one.tag for one in self.log}
        assert not strangers, ("I3: nobody asked this", strangers)
        for one in self.log:
            if one.done and one.tag in calls:
                assert calls[one.tag][0].status == 200 and calls[one.tag][0].finish_reason == "stop", ("I3", calls[one.tag][0])
        return calls

    def _billed(self, calls: dict[str, list[Call]], *, uncounted: bool) -> int:
        by_call: dict[str, list[Entry]] = {}
        until = time.monotonic() + 3
        while True:
            by_call.clear()
            for entry in entries(self.home):
                by_call.setdefault(entry.call_id, []).append(entry)
            due = {one.call_id for (one,) in calls.values() if one.status == 200 and one.deployments}
            if uncounted or due <= by_call.keys() or time.monotonic() > until:
                break
            time.sleep(0.05)
        assert uncounted or due <= by_call.keys(), "I4: answered, and not in the ledger"
        assert [found for found in by_call.values() if len(found) > 1] == [], "I4: twice in the ledger"
        whole = {one.tag: one for side in (self.provider, self.backup) for one in side.seen if one.billed is not None}
        estimated = 0
        ledger = upstream = 0
        for tag, (call,) in calls.items():
            found = by_call.get(call.call_id)
            if found is None or tag not in whole:
                continue
            (entry,) = found
            if entry.estimated or entry.kind == "lost":
                estimated += 1
                assert entry.kind != "lost" or self.killed, ("I4: lost, and nobody was killed", entry)
                continue
            ledger += entry.pico_usd
            upstream += _pico(whole[tag])
            assert call.cost_usd == Decimal(entry.pico_usd) / 10**12, ("I4: record and ledger", call.cost_usd, entry)
        assert ledger == upstream, ("I4: the ledger is not what was billed", ledger, upstream)
        return estimated

    def _sizes_are_back(self) -> None:
        if self._start is None or self.killed or self.process is None or self.process.poll() is not None:
            return
        resident, opened = self._start
        until = time.monotonic() + 5
        while True:
            now_resident, now_opened = self.sizes()
            # One of each kind may come with the work: the open segment, the ledger's file, its lock.
            if now_opened <= opened + 4 or time.monotonic() > until:
                break
            time.sleep(0.1)
        assert now_opened <= opened + 4, ("I5: descriptors", opened, now_opened)
        assert now_resident <= max(resident * 1.1, resident + SLACK_KB), ("I5: memory", resident, now_resident)

    def _no_secrets(self) -> None:
        told = self.said.encode()
        if self.process is not None and self.process.poll() is None:
            told += self.get("/metrics", secret=self.secret)[1]
        for place, content in (*written(self.home), ("standard output and figures", told)):
            for canary in (PROVIDER_KEY, self.secret, *self.canaries):
                assert canary.encode() not in content, ("I6", canary[:6], place)


def written(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file under a home."""
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder, name)
            try:
                yield str(path), path.read_bytes()
            except OSError:
                continue  # it was renamed meanwhile, and is found under its new name or is not there any more


def resident_kb(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def _tag(call: Call) -> str:
    try:
        return str(json.loads(call.request or b"")["messages"][-1]["content"])
    except (ValueError, LookupError, TypeError):
        return f"unreadable {call.call_id}"


def _pico(one: Exchange) -> int:
    return INPUT_TOKENS * INPUT_PICO + (one.billed or 0) * OUTPUT_PICO


def clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODICUM_", "OPENAI_", "OTEL_"))}
    return kept | {"OMP_NUM_THREADS": "1"}


def settings(provider: Provider, backup: Provider, models: Mapping[str, Sequence[str]], one: str, more: str) -> str:
    """The configuration: `models` maps a name to its deployments; the names are sent to a provider as they are."""
    lines = [f'[upstream]\nurl = "{provider.url}"\n']
    lines += [f'[providers.one]\nkind = "openai_compatible"\nurl = "{provider.url}"\nauth = "none"\n{one}\n']
    lines += [f'[providers.two]\nkind = "openai_compatible"\nurl = "{backup.url}"\nauth = "none"\n']
    for name, deployments in models.items():
        lines.append(f'[models."{name}"]\nstrategy = "ordered"\ndeployments = {json.dumps(list(deployments))}\n')
    return "\n".join([*lines, more])


FRESH = tuple(map("fault-{}".format, range(MOST_FRESH)))
"""Names that nobody asked for yet, so that no breaker and no cool-down knows them; each is at both providers."""
PRICED = ("steady", "steady-long")


@contextmanager
def world(
    home: Path,
    *,
    models: Mapping[str, Sequence[str]] | None = None,
    one: str = "",
    more: str = "",
    env: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    workers: int = 1,
    serving: bool = True,
) -> Iterator[World]:
    """A gateway with one key whose every call is counted, before two providers."""
    store_home.prepare(home)
    config = Config(store=StoreConfig(home=home))
    key, secret = keys.create(config, "caller", actor="a test", requests_minute=10**9, budget_month_usd=Decimal(10**6))
    with Provider() as provider, Provider() as backup:
        provider.acts["steady-long"] = lambda one: one.stream(pause_s=0.05, words=("w ",) * 12)
        named = {**{name: (f"one/{name}", f"two/{name}") for name in FRESH}, **(models or {})}
        priced = {*PRICED, *(one.partition("/")[2] for rows in named.values() for one in rows)}
        prices = "".join(f'[prices."{name}"]\ninput_usd_mtok = 2\noutput_usd_mtok = 8\n' for name in sorted(priced))
        path = home / "modicum.toml"
        path.write_text(settings(provider, backup, named, one, f"{prices}\n{more}"))
        flags = ("--config", str(path), "--home", str(home), "--workers", str(workers), *arguments)
        environment = {"OPENAI_API_KEY": PROVIDER_KEY, **(env or {})}
        found = World(home, provider, backup, secret, key.key_id, flags, environment)
        try:
            if serving:
                found.start()
            yield found
        finally:
            if found.process is not None and found.process.poll() is None:
                found.process.kill()
                found.process.wait(10)
            if found.process is not None and found.process.stdout is not None:
                found.process.stdout.close()
