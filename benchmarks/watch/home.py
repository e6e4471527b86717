"""A home that learnt the older part of a log, copied for each replay, and the real gateway over it with its watcher."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.watch.traffic import Log
from modicum.config import Config, load
from modicum.evaluate.labels import Label
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.night import fit
from modicum.pipeline.wish import Wish
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Workload

PRICES = {"gpt-4o": ("2.5", "10"), "gpt-4o-2024-08-06": ("2.5", "10"), "gpt-4o-mini": ("0.15", "0.6")}
"""Dollars a million tokens, in and out: the simulation's own, so that what is saved is known exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the operator of the simulated application wants."""

    margin: float = 0.03
    """The incumbents of the log write refusals, cut and empty answers one time in a hundred: no margin below that can be met."""
    gold: bool = False
    """People say which answers are right: of what is asked for while fitting, and of every comparison later. Then B is promised."""
    audits: int = 100
    """Comparisons in shadow, and as many in canary."""
    control_share: float = 0.2
    """As much as the watcher keeps on suspicion, from the start: half a minute passes until it does, and that is a thousand calls here."""
    workers: int = 2
    run: Literal["child", "alone"] = "child"
    look_every_s: float = 0.05
    order_s: float = 0.1

    def toml(self, upstream: str = "http://127.0.0.1:9/v1") -> str:
        """The configuration."""
        prices = "".join(f'[prices."{model}"]\ninput_usd_mtok = {a}\noutput_usd_mtok = {b}\n' for model, (a, b) in PRICES.items())
        return f"""[upstream]
url = "{upstream}"
auth = "none"

[fit]
margin = {self.margin}

[route]
control_share = {self.control_share}
settle_minutes = 0

[watch]
run = "{self.run}"
automatic = true
look_every_s = {self.look_every_s}
order_s = {self.order_s}
shadow_audits = {self.audits}
shadow_hours = 0
canary_audits = {self.audits}
canary_hours = 0
least_control = {self.control_share}
learn_every_h = 0

[report]
label_usd = "0"

{prices}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A home with certified routes that nobody has switched on yet."""

    folder: Path
    certified: Mapping[str, str]
    """Workload id by the key's name, of those that were certified."""
    refused: Mapping[str, str]
    """Why, by the key's name."""


def prepare(log: Log, key: Path, followed: Sequence[str], terms: Terms, into: Path) -> Prepared:
    """Bring the older part in, find, fit. Done once for a log: what is there already is taken."""
    said = json.dumps([log.name, len(log.learnt), sorted(followed), terms.gold, terms.toml()])
    folder = into / f"{log.name.partition('.')[0]}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"
    done = folder / "prepared.json"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "home").mkdir(parents=True)
        early = folder / "learnt.jsonl"
        early.write_bytes(b"".join(log.learnt))
        config = settle(folder / "home", terms.toml())
        bring_in(config, [early], Options())
        workloads = find(config)
        truth = [json.loads(line) for line in key.read_text(encoding="utf-8").splitlines()]
        named = names(config, workloads, {row["id"]: row["workload"] for row in truth})
        right = {row["id"]: Label(gold=str(row["gold"])) for row in truth if terms.gold and row["workload"] in followed}
        chosen = [workload for workload in workloads if named[workload.workload_id] in followed]
        certified, refused = {}, {}
        for workload, verdict in zip(chosen, fit(config, chosen, Wish(fit=config.fit, labels=right)), strict=True):
            name = named[workload.workload_id]
            if verdict.verdict == "certified" and workload.contract.can_be_served:
                certified[name] = workload.workload_id
            else:
                refused[name] = verdict.code if verdict.verdict != "certified" else "needs_reading"
        early.unlink()
        done.write_text(json.dumps({"certified": certified, "refused": refused}))
    found = json.loads(done.read_text())
    return Prepared(folder=folder, certified=found["certified"], refused=found["refused"])


def settle(home: Path, toml: str) -> Config:
    """Write the configuration into a home and read it as the commands do."""
    path = home / "modicum.toml"
    path.write_text(toml)
    return load(path, flags={"store.home": home}, environ={})


def names(config: Config, workloads: Sequence[Workload], truth: Mapping[str, str]) -> dict[str, str]:
    """Our workloads under the key's names, by majority. `truth`: response id -> name."""
    counts: dict[str, Counter[str]] = {workload.workload_id: Counter() for workload in workloads}
    for call_id, workload_id, _ in Calls(config.home).assignments(by_response_id=True):
        if call_id in truth and workload_id in counts:
            counts[workload_id][truth[call_id]] += 1
    return {workload_id: count.most_common(1)[0][0] if count else "?" for workload_id, count in counts.items()}


class Gateway:
    """`modicum serve` over a home, with its workers and its watcher."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, 0
        self._process: subprocess.Popen[str] | None = None
        self._watcher: subprocess.Popen[str] | None = None

    def start(self, terms: Terms) -> None:
        self._process = self._begin("serve", "--workers", str(terms.workers), "--listen", f"127.0.0.1:{self.port}")
        if terms.run == "alone":
            self._watcher = self._begin("watch")
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("Listening on"):
            raise SystemExit(f"the gateway did not begin: {self.errors()[-2000:]}")
        self.port = int(line.partition("http://127.0.0.1:")[2].partition("/")[0])

    def _begin(self, *command: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODICUM_", "OPENAI_", "OTEL_"))}
        where = ("--config", str(self.home / "modicum.toml"), "--home", str(self.home))
        with (self.home.parent / "stderr.txt").open("a") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "modicum", *command, *where],
                stdout=subprocess.PIPE if command[0] == "serve" else errors,
                stderr=errors,
                text=True,
                env={**kept, "OMP_NUM_THREADS": "1"},
            )

    def stop(self) -> None:
        for process in (self._process, self._watcher):
            if process is None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
            if process.stdout is not None:
                process.stdout.close()
        self._process = self._watcher = None

    def errors(self) -> str:
        return (self.home.parent / "stderr.txt").read_text()

    def children(self, named: str = "modicum serve") -> list[int]:
        """Its processes whose command line holds these words; the workers where nothing is said."""
        assert self._process is not None
        found = subprocess.run(["pgrep", "-P", str(self._process.pid), "-f", named], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]


@contextmanager
def running(prepared: Prepared, folder: Path, terms: Terms, upstream: str) -> Iterator[tuple[Gateway, Control]]:
    """A copy of the home in `folder`, served before this provider until the end."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared.folder / "home", folder / "home")
    settle(folder / "home", terms.toml(upstream))
    gateway = Gateway(folder / "home")
    try:
        gateway.start(terms)
        yield gateway, Control(folder / "home")
    finally:
        gateway.stop()


def damage(home: Path, digests: Sequence[str]) -> None:
    """Flip a byte in the middle of the largest file of each of these artefacts."""
    for digest in digests:
        manifest = json.loads((home / "artefacts" / "manifests" / f"{digest.rpartition(':')[2]}.json").read_bytes())
        blobs = [home / "artefacts" / "blobs" / one["sha256"] for one in manifest["files"].values()]
        largest = max(blobs, key=lambda path: path.stat().st_size)
        largest.chmod(0o600)
        body = bytearray(largest.read_bytes())
        body[len(body) // 2] ^= 1
        part = largest.with_suffix(".part")
        part.write_bytes(body)
        part.replace(largest)


def kill_one(pids: Sequence[int]) -> None:
    """As the system does where memory is short."""
    if pids:
        os.kill(pids[0], signal.SIGKILL)
        time.sleep(0.1)
