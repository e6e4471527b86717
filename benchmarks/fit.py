"""Fit on logs with an answer key: coverage, what was certified, and the loss on later calls that nobody had seen.

    python benchmarks/fit.py LOG.jsonl TRUTH.jsonl [LOG TRUTH ...] [--gold WORKLOAD ...] [--held-back 0.15] [--json FILE]

The newest part of each log is held back: it is never imported. The rest goes through `modicum import`, `workloads` and
`fit` in a fresh home; then each certified rule runs on the calls held back, as it would by day, and what it answers is
compared with what the incumbent had answered, and with the key's gold answers where the certificate is of kind B.
`--gold` names workloads of the key whose gold labels are given to `fit` (for the calls it asks for, and no others).
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modicum.artefact import Artefacts
from modicum.backends.specialist import load
from modicum.config import Config, StoreConfig
from modicum.evaluate.labels import Label, comparable
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.night import fit
from modicum.pipeline.samples import recogniser_of
from modicum.pipeline.wish import Wish
from modicum.route.cover import uncovered
from modicum.route.rule import refusal
from modicum.stats.binomial import clopper_pearson
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Verdict, Workload
from modicum.view import VIEW_VERSION, Redactor
from modicum.wire import chat
from modicum.workload import read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", metavar="LOG TRUTH", type=Path)
    parser.add_argument("--gold", nargs="*", default=[], metavar="WORKLOAD")
    parser.add_argument("--held-back", type=float, default=0.15)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = []
    for log, key in zip(args.logs[::2], args.logs[1::2], strict=True):
        found.append(measure(log, key, set(args.gold), args.held_back))
        show(found[-1])
    if args.json:
        args.json.write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")


def measure(log: Path, key: Path, gold: set[str], held_back: float) -> dict[str, Any]:
    truth = {row["id"]: row for row in map(json.loads, key.read_text(encoding="utf-8").splitlines())}
    lines = log.read_bytes().splitlines(keepends=True)
    cut = int(len(lines) * (1 - held_back))
    with tempfile.TemporaryDirectory() as folder:
        early = Path(folder) / "early.jsonl"
        early.write_bytes(b"".join(lines[:cut]))
        config = Config(store=StoreConfig(home=Path(folder) / "home"))
        bring_in(config, [early], Options())
        workloads = find(config)
        named = names(config, workloads, truth)
        labels = {i: Label(gold=row["gold"]) for i, row in truth.items() if row["workload"] in gold and row["gold"] is not None}
        begun, cpu = time.perf_counter(), time.process_time()
        verdicts = list(fit(config, workloads, Wish(labels=labels)))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - begun
        rows = [
            row(config, workload, verdict, named[workload.workload_id], lines[cut:], truth)
            for workload, verdict in zip(workloads, verdicts, strict=True)
        ]
    return {
        "log": log.name,
        "calls": len(lines),
        "imported": cut,
        "fit_cpu_s": round(cpu, 1),
        "fit_wall_s": round(wall, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "workloads": sorted(rows, key=lambda one: (one["verdict"], -(one.get("coverage") or 0))),
    }


def names(config: Config, workloads: list[Workload], truth: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Our workloads under the key's names, by majority."""
    counts: dict[str, Counter[str]] = {workload.workload_id: Counter() for workload in workloads}
    for call_id, workload_id, _ in Calls(config.home).assignments(by_response_id=True):
        if call_id in truth and workload_id in counts:
            counts[workload_id][truth[call_id]["workload"]] += 1
    return {workload_id: count.most_common(1)[0][0] if count else "?" for workload_id, count in counts.items()}


def row(
    config: Config, workload: Workload, verdict: Verdict, name: str, later: list[bytes], truth: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """One line of the table."""
    certificate = verdict.certificate
    if certificate is None:
        return {"workload": name, "verdict": "refused", "code": verdict.code, "reason": verdict.reason.split(";")[0]}
    specialist = load(Artefacts(config.home / "artefacts").read(certificate.artefact_digest))
    recogniser = recogniser_of(Control(config.home), workload.scope)
    calls = answered = worse = better = 0
    for request, response, response_id in bodies(later):
        recognised = recogniser.recognise(request)
        if recognised is None or recognised.workload_id != workload.workload_id:
            continue
        calls += 1
        prediction = specialist.predict(recognised.slots)
        if uncovered(certificate.cover, recognised, request, chat.segments(request), view_version=VIEW_VERSION) or refusal(
            certificate.rule, prediction
        ):
            continue
        answered += 1
        told = read(workload.contract, chat.answer(response), recognised.slots)
        if certificate.kind == "A":
            worse += prediction.value != told
        else:
            right = comparable(str(truth[response_id]["gold"]))
            worse += comparable(prediction.value) != right and told is not None and comparable(told) == right
            better += comparable(prediction.value) == right and (told is None or comparable(told) != right)
    low, high = clopper_pearson(worse, calls, 0.95) if calls else (0.0, 1.0)
    return {
        "workload": name,
        "verdict": "certified",
        "kind": certificate.kind,
        "coverage": certificate.coverage,
        "groups": certificate.groups,
        "labels_used": certificate.labels_used,
        "rate": certificate.rate,
        "later_calls": calls,
        "later_coverage": answered / calls if calls else None,
        "later_rate": (worse - better) / calls if calls else None,
        "later_interval": (low, high) if certificate.kind == "A" else None,
        "saving_usd_month": certificate.saving.usd_month,
    }


def bodies(lines: list[bytes]) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    """Request and response as the day sees them, and the response's id."""
    redactor = Redactor.open(None)
    for line in lines:
        record = json.loads(line)
        seen = redactor.see(json.dumps(record["request"]).encode(), record["request"])
        response = json.loads(seen.names.redact_json(json.dumps(record["response"]).encode()))
        yield seen.request, response, record["response"]["id"]


def show(found: dict[str, Any]) -> None:
    rows = found["workloads"]
    print(f"\n{found['log']}: {found['imported']:,} of {found['calls']:,} calls imported, {len(rows)} workloads; "
          f"fit {found['fit_cpu_s']} CPU s, {found['fit_wall_s']} s, peak {found['peak_mb']} MB")  # fmt: skip
    print("| workload | kind | certified coverage | certified rate | labels | later calls | later coverage | later rate | $ a month |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in rows:
        if one["verdict"] == "certified":
            interval = "" if one["later_interval"] is None else " ({:.2%} to {:.2%})".format(*one["later_interval"])
            print(f"| {one['workload']} | {one['kind']} | {one['coverage']:.1%} | {one['rate']:.2%} | {one['labels_used']} | "
                  f"{one['later_calls']:,} | {one['later_coverage'] or 0:.1%} | {one['later_rate'] or 0:.2%}{interval} | "
                  f"{one['saving_usd_month']} |")  # fmt: skip
    for one in rows:
        if one["verdict"] == "refused":
            print(f"refused {one['workload']}: {one['reason']}")


if __name__ == "__main__":
    main()
