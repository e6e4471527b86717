"""Prometheus's text of everything that is counted and told here, of all workers; from within a worker or beside it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from modicum.gateway.counts import Row, running
from modicum.gateway.families import COUNTED, FAMILIES, OWN, TOLD, Family
from modicum.gateway.standing import Labels, Standing
from modicum.version import __version__

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_OF_A_WORKER = "modicum_in_flight_requests"
"""Who looks after the workers counts too, but answers nothing."""
_OF_WORKLOAD = re.compile(r'scope="((?:[^"\\]|\\.)*)",workload="((?:[^"\\]|\\.)*)"')


def render(rows: Iterable[Row], standing: Standing, *, scope: str | None = None) -> bytes:
    """The text, summed over the workers whose rows these are. `scope`: what is of workloads, of this scope alone; a scope is a wall."""
    told = standing.read()
    sums: dict[str, dict[str, list[float]]] = {family.name: {} for family in (*FAMILIES, *TOLD)}
    alive: set[int] = set()
    for full, numbers, pid, lives in rows:
        name, _, labels = full.partition("{")
        if lives and name == _OF_A_WORKER:
            alive.add(pid)
        family = COUNTED.get(name)
        if family is None or (family.kind == "gauge" and not lives):
            continue
        labels = labels[:-1]
        if (found := _OF_WORKLOAD.match(labels)) is not None:
            if scope is not None and found[1] != escaped(scope):
                continue
            named = standing.names.get((_plain(found[1]), _plain(found[2])), _plain(found[2]))
            labels = f'scope="{found[1]}",workload="{escaped(named)}"{labels[found.end() :]}'
        before = sums[name].setdefault(labels, [0.0] * len(numbers))
        for at, number in enumerate(numbers):
            before[at] += number
    for one in told:
        if scope is None or dict(one.labels).get("scope", scope) == scope:
            sums[one.name][_written(one.labels)] = [one.value]
    lines = [line for family in (*FAMILIES, *TOLD) for line in _lines(family, sums[family.name])]
    own = {family.name: family for family in OWN}
    lines += _lines(own["modicum_build_info"], {f'version="{escaped(__version__)}"': [1]})
    lines += _lines(own["modicum_workers"], {"": [len(alive)]})
    processes = _processes(sorted(alive))
    for name in [name for name in own if name in processes]:
        lines += _lines(own[name], processes[name])
    return ("\n".join(lines) + "\n").encode()


def beside(home: Path) -> bytes | None:
    """The same of the gateway that runs over a home, for another process of this machine; None where none does."""
    rows = list(running(home))
    return render(rows, Standing(home)) if rows else None


def escaped(text: str) -> str:
    """A label's value. A tab or a line's end would break the file of names too."""
    return "".join(c if c.isprintable() else "?" for c in text).replace("\\", "\\\\").replace('"', '\\"')


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)


def _written(labels: Labels) -> str:
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels)


def _lines(family: Family, series: dict[str, list[float]]) -> Iterator[str]:
    yield f"# HELP {family.name} {family.about}"
    yield f"# TYPE {family.name} {family.kind}"
    for labels, numbers in sorted(series.items()):
        if family.kind != "histogram":
            yield f"{family.name}{{{labels}}} {_number(numbers[0])}" if labels else f"{family.name} {_number(numbers[0])}"
            continue
        total = 0.0
        for bound, number in zip((*map(_number, family.buckets), "+Inf"), numbers, strict=False):
            total += number
            yield f'{family.name}_bucket{{{labels},le="{bound}"}} {_number(total)}'
        yield f"{family.name}_sum{{{labels}}} {_number(numbers[-1])}"
        yield f"{family.name}_count{{{labels}}} {_number(total)}"


def _processes(pids: list[int]) -> dict[str, dict[str, list[float]]]:
    """Memory, processor time and open files of every worker, where the system tells (Linux)."""
    found: dict[str, dict[str, list[float]]] = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                stat = file.read().rpartition(")")[2].split()
            ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
            up = float(Path("/proc/uptime").read_text("ascii").split()[0])
            about = {
                "process_cpu_seconds_total": (int(stat[11]) + int(stat[12])) / ticks,
                "process_resident_memory_bytes": float(int(stat[21]) * page),
                "process_start_time_seconds": round(time.time() - up + int(stat[19]) / ticks, 2),
                "process_open_fds": float(len(os.listdir(f"/proc/{pid}/fd"))),
            }
        except (OSError, ValueError, IndexError):
            continue
        for name, value in about.items():
            found.setdefault(name, {})[f'pid="{pid}"'] = [value]
    return found


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
