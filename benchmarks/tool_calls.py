"""How many of an incumbent's tool calls does a tool caller make exactly? Name and all arguments, on later calls of a log.

    python -m benchmarks.tool_calls LOG.jsonl [LOG ...] [--json FILE]

The calls of each log that offer tools go through `modicum import` and `workloads` in a fresh home. Of each tool workload the older 70 %
teach; the newer are asked, those left out whose request, nearly, stands among the older. An answer without a call, or with several, counts
as one that the caller should defer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from modicum.backends.priced import priced
from modicum.backends.specialist import load
from modicum.catalog import Catalogue
from modicum.config import Config, StoreConfig
from modicum.errors import NotEnoughDataError
from modicum.evaluate.groups import group_samples
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.open_answers import fit
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.train.export import in_memory
from modicum.types import Contract, Sample
from modicum.workload import record

TEACH = 0.7
SEED = 20_261_101
SIZE = 4_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = [row for log in args.logs for row in measure(log)]
    print(f"{'log':16} {'workload':24} {'taught':>7} {'asked':>6} {'called':>7} {'name':>7} {'exact':>7} {'surest 80 %':>12} {'ms':>6}")
    for one in found:
        if "why" in one:
            print(f"{one['log']:16} {one['workload'][:24]:24} {one['why']}")
            continue
        shares = f"{one['name']:7.1%} {one['exact']:7.1%} {one['surest']:12.1%}"
        print(f"{one['log']:16} {one['workload'][:24]:24} {one['taught']:7} {one['asked']:6} {one['called']:7} {shares} {one['ms']:6.2f}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def measure(log: Path) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        offering = Path(folder) / "tools.jsonl"
        with log.open("rb") as lines, offering.open("wb") as kept:
            kept.writelines(line for line in lines if json.loads(line).get("request", {}).get("tools"))
        config = Config(store=StoreConfig(home=Path(folder) / "home"))
        bring_in(config, [offering], Options())
        rows = []
        for workload in find(config):
            if workload.contract.kind == "tool":
                recogniser = recogniser_of(Control(config.home), workload.scope)
                gathered = gather(Calls(config.home), workload, recogniser, Catalogue(*priced(config)), Views.open(config))
                rows.append({"log": log.stem, "workload": workload.name} | ask(gathered.samples, workload.contract))
        return rows


def ask(samples: tuple[Sample, ...], contract: Contract) -> dict[str, Any]:
    ordered = sorted(samples, key=lambda one: (one.at, one.call_id))
    cut = int(TEACH * len(ordered))
    groups = group_samples(ordered).units
    old, known = ordered[:cut], set(groups[:cut])
    new = [one for one, group in zip(ordered[cut:], groups[cut:], strict=True) if group not in known]
    began = time.process_time()
    try:
        first = fit(old, contract, groups=groups[:cut], max_size_bytes=SIZE, seed=SEED, progress=lambda share: None)
    except NotEnoughDataError as error:
        return {"why": error.message}
    spent = time.process_time() - began
    specialist = load(in_memory(first.trained.files))
    began = time.process_time()
    told = [specialist.predict(one.slots) for one in new]
    ms = 1e3 * (time.process_time() - began) / max(1, len(new))
    calls = [(said, one.value) for said, one in zip(told, new, strict=True) if one.value is not None and named(one.value)]
    surest = sorted(zip(told, new, strict=True), key=lambda pair: -pair[0].confidence)[: int(0.8 * len(new))]
    return {
        "taught": len(old),
        "asked": len(new),
        "called": len(calls),
        "name": sum(named(said.value) == named(value) for said, value in calls) / max(1, len(calls)),
        "exact": sum(said.value == value for said, value in calls) / max(1, len(calls)),
        "surest": sum(said.value == one.value for said, one in surest) / max(1, len(surest)),
        "ms": ms,
        "size_bytes": first.trained.about["size_bytes"],
        "left_out": first.trained.about["tools_left_out"],
        "fit_cpu_s": spent,
    }


def named(value: str) -> str:
    """The tool that an answer calls alone; empty where it is none."""
    found = record.parse(value)
    return str(found.get("name") or "") if isinstance(found, dict) else ""


if __name__ == "__main__":
    main()
