"""What `fit --dry-run` foretells against what the fit that follows takes, CPU seconds of one process.

    MODICUM_ENCODER=FOLDER python -m benchmarks.effort LOG.jsonl [--workload NAME ...] [--minutes M] [--out FILE]

Each workload is fitted in a home of its own, once where its encoder was never opened and once where it was. Without MODICUM_ENCODER it is
fitted without one. What is foretold is a most: larger candidates are tried only where they may pay, so `worth_usd_month` is 0 here.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modicum.config import Config, FitConfig, StoreConfig
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.wish import Wish

LARGEST = 2
"""Workloads of labels that are taken where none is named."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--workload", nargs="*", default=[])
    parser.add_argument("--encoder", type=Path, default=os.environ.get("MODICUM_ENCODER"), help="folder of an encoder")
    parser.add_argument("--minutes", type=float, default=0.0, help="for fine-tuning it")
    parser.add_argument("--out", type=Path, help="write the rows there as JSON")
    asked = parser.parse_args()
    rows = []
    for row in measure(asked.log, asked.workload, FitConfig(encoder=asked.encoder, encoder_minutes=asked.minutes, worth_usd_month=0.0)):
        rows.append(row)
        print(json.dumps(row), flush=True)
    if asked.out is not None:
        asked.out.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def measure(log: Path, names: list[str], fit: FitConfig) -> Iterator[dict[str, Any]]:
    """A row a workload and state of the encoder."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config(store=StoreConfig(home=Path(folder) / "home"), fit=fit)
        bring_in(config, [log], Options())
        found = sorted(find(config), key=lambda one: -one.calls)
        chosen = [one for one in found if one.name in names] if names else [one for one in found if one.contract.labels][:LARGEST]
        for number, workload in enumerate(chosen):
            home = config.home
            for opened in (False, True) if fit.encoder is not None else (False,):
                before, home = home, Path(folder) / f"home-{number}-{opened}"
                shutil.copytree(config.home, home)
                if opened:  # nothing of the first fit but the encoder that it exported
                    for kept in ("encoders", "artefacts"):
                        shutil.copytree(before / kept, home / kept, dirs_exist_ok=True)
                own = dataclasses.replace(config, store=StoreConfig(home=home))
                night = Night(own, Wish(fit=fit))
                foretold = night.foresee(workload).effort
                began = time.process_time()
                verdict = night.fit(workload)
                seconds = time.process_time() - began
                yield {
                    "log": log.name,
                    "workload": workload.name,
                    "calls": workload.calls,
                    "labels": len(workload.contract.labels),
                    "encoder": "none" if fit.encoder is None else "exported before" if opened else "new",
                    "tiers": [tier.name for tier in verdict.tiers if tier.size_bytes is not None],
                    "foretold_cpu_s": None if foretold is None else foretold.cpu_s,
                    "measured_cpu_s": round(seconds, 1),
                    "ratio": None if foretold is None else round(foretold.cpu_s / seconds, 2),
                }


if __name__ == "__main__":
    main()
