"""Homes whose certificate wants labels: one that was fitted, and one that only looks so."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from modicum.artefact import Artefacts
from modicum.config import Config, StoreConfig
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.labelling import Desk, open_desk
from modicum.pipeline.night import Night
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.types import Attempt, Contract, Pattern, Rule, Template, Verdict, Version, Workload
from tests.pipeline import traffic

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script> \u202egnp.exe\u202c \x1b]0;owned\x07'


PROMPT = Template(key="k", system=Pattern(literals=("Sort messages: <b>lost</b> or late.",)), user=Pattern(literals=("Message:",)))


@dataclass(frozen=True)
class Waiting:
    """A home, and what is true of its calls."""

    config: Config
    gold: dict[str, str]
    verdict: Verdict

    @property
    def workload(self) -> Workload:
        (workload,) = Control(self.config.home).workloads()
        return workload

    @property
    def requests(self) -> Path:
        assert self.verdict.request_file is not None
        return self.config.home / "requests" / Path(self.verdict.request_file).name

    def desk(self, by: str = "ann", *, again: bool = False) -> Desk:
        return open_desk(self.config.home, Control(self.config.home), self.workload, by, again=again)

    def fit(self, wish: Wish) -> Verdict:
        return Night(self.config, wish).fit(self.workload)

    def copied(self, folder: Path) -> Waiting:
        shutil.copytree(self.config.home, folder / "home")
        return Waiting(config=Config(store=StoreConfig(home=folder / "home")), gold=self.gold, verdict=self.verdict)

    def spoil(self, number: int = 0) -> None:
        """Make one of the questions hostile, and one of its answers JSON."""
        lines = [msgspec.json.decode(line) for line in self.requests.read_bytes().splitlines()]
        lines[number] |= {"slots": {"<b>mail</b>": HOSTILE}, "a": '{"topic": "lost", "items": [1, 2]}', "b": HOSTILE + " late"}
        self.requests.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def waiting(folder: Path, wish: Wish) -> Waiting:
    """Messages whose incumbent is often wrong, fitted: A cannot pass, and labels are asked for."""
    rows = list(traffic.sorted_messages(900, wrong=0.2))
    config = Config(store=StoreConfig(home=folder / "home"))
    bring_in(config, [traffic.write(folder / "log.jsonl", [row for row, _ in rows])], Options())
    find(config)
    (workload,) = Control(config.home).workloads()
    return Waiting(config=config, gold={row["response"]["id"]: gold for row, gold in rows}, verdict=Night(config, wish).fit(workload))


def asking(folder: Path, count: int = 31) -> Waiting:
    """What a fit leaves behind that asks for so many labels, without calls and without a fit."""
    control, at = Control(folder / "home"), datetime(2026, 9, 1, tzinfo=UTC)
    rows = [(row["response"]["id"], gold) for row, gold in traffic.sorted_messages(count)]
    workload = Workload(
        workload_id="w_12345678",
        scope="shop",
        name="shop",
        task="classify",
        contract=Contract(kind="label", labels=tuple(sorted(traffic.SUBJECTS))),
        versions=(Version(version_id="v1", template=PROMPT, first_seen=at, last_seen=at),),
        first_seen=at,
        last_seen=at,
    )
    attempt = Attempt(
        attempt_id="att-1234",
        workload_id=workload.workload_id,
        number=1,
        kinds=("A", "B"),
        margin=0.04,
        max_selective=0.08,
        min_coverage=0.1,
        delta=0.03,
        artefact_digest=Artefacts(folder / "home" / "artefacts").write({"specialist.json": b"{}"}, {"made_by": "a test"}),
        rule=Rule(accept_above=0.5),
        thresholds=(0.5,),
        window_from=at,
        window_to=at,
        groups=300,
        fingerprint="f",
        seed=1,
        created_at=at,
        created_by="tester",
    )
    control.replace_workloads([workload])
    control.add_attempt(attempt, [])
    path = folder / "home" / "requests" / "w_12345678-1.jsonl"
    other = {label: sorted({*traffic.SUBJECTS} - {label})[0] for label in traffic.SUBJECTS}
    lines = [{"id": i, "slots": {"user.0": f"message {i}"}, "a": gold, "b": other[gold], "verdict": None} for i, gold in rows]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    verdict = Verdict(workload_id=workload.workload_id, verdict="refused", reason="", request_file=str(path))
    return Waiting(config=Config(store=StoreConfig(home=folder / "home")), gold=dict(rows), verdict=verdict)
