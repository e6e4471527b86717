"""A home whose certificate wants labels, made without a fit: one workload, one attempt, the file that asks, the window that waits."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modicum.config import Config, StoreConfig
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.labelling import Desk, open_desk
from modicum.pipeline.night import Night
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.types import Verdict, Workload
from tests.pipeline import traffic

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=1</script> \u202egnp.exe\u202c \x1b]0;owned\x07'


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
