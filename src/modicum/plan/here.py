"""This computer as a machine of the plan: its memory, its processor, its NVIDIA cards, and how fast its memory really is.

What the system does not say is unknown and said to be. The bandwidth is measured: threads that copy blocks far larger than any cache.
"""

from __future__ import annotations

import csv
import ctypes
import os
import platform
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from modicum.plan.machines import GIB, Machine, Source, machines

BLOCK_BYTES = 64 << 20
COPY_S = 0.4
ASK_S = 10
"""Seconds that another program may take to answer."""
CYCLES = {"avx512f": 64, "avx2": 32, "asimd": 16}
"""fp32 sums and products a core does in a cycle, by the widest instructions that it has."""
GUESSED_GHZ = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What was found."""

    processor: str
    cores: int
    memory_bytes: int | None
    copied_gbs: float | None
    """Bytes read and written a second by all cores; None: not measured."""
    machines: tuple[Machine, ...]
    """Cards first, then the processor."""
    notes: tuple[str, ...]


def look(*, measure: bool = True) -> Here:
    """Read this computer. Asks `nvidia-smi` and, on a Mac, `sysctl`; measures for half a second."""
    processor, flags, ghz = _processor()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = _memory()
    copied = copy_speed(cores) if measure else None
    notes: list[str] = []
    found = list(_cards(notes))
    if memory is None:
        notes.append("how much memory there is, the system does not say: the processor is left out")
    elif copied is None:
        notes.append("the memory's bandwidth was not measured: the processor is left out")
    else:
        if apple := _apple(processor, memory):
            found.append(apple)
            notes.append(f"{processor} is known: its figures are those of the list, its memory is what is here")
        else:
            found.append(_cpu(processor, cores, memory, copied, flags, ghz, notes))
    return Here(processor=processor, cores=cores, memory_bytes=memory, copied_gbs=copied, machines=tuple(found), notes=tuple(notes))


def copy_speed(threads: int) -> float | None:
    """10^9 bytes a second that so many threads read and write together; None where there is no memory for it."""
    threads = max(1, min(threads, 16))
    try:
        blocks = [(ctypes.create_string_buffer(BLOCK_BYTES), ctypes.create_string_buffer(BLOCK_BYTES)) for _ in range(threads)]
    except MemoryError:
        return None
    for source, target in blocks:
        ctypes.memset(source, 1, BLOCK_BYTES)
        ctypes.memset(target, 2, BLOCK_BYTES)
    done = [0] * threads
    stop = time.perf_counter() + COPY_S

    def copy(number: int) -> None:
        source, target = blocks[number]
        while time.perf_counter() < stop:
            ctypes.memmove(target, source, BLOCK_BYTES)  # lets the other threads run
            done[number] += 1

    began = time.perf_counter()
    workers = [threading.Thread(target=copy, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return 2 * sum(done) * BLOCK_BYTES / (time.perf_counter() - began) / 1e9


def read_cards(text: str) -> list[tuple[str, float, float | None]]:
    """(name, GiB, watts) of what `nvidia-smi --query-gpu=name,memory.total,power.limit --format=csv,noheader,nounits` prints. Lines that do
    not fit are skipped."""
    found = []
    for row in csv.reader(text.splitlines()):
        if len(row) < 3:
            continue
        memory, power = _number(row[1]), _number(row[2])
        if memory and 0 < memory < 10**7 and row[0].strip():
            found.append((row[0].strip()[:80], memory / 1024, power))
    return found


def read_cpuinfo(text: str) -> tuple[str, frozenset[str], float | None]:
    """(name, flags, GHz) of `/proc/cpuinfo`."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip().lower(), value.strip())
    megahertz = _number(fields.get("cpu mhz", ""))
    name = fields.get("model name") or fields.get("hardware") or platform.machine()
    return name[:80], frozenset((fields.get("flags") or fields.get("features", "")).split()), megahertz / 1000 if megahertz else None


def read_meminfo(text: str) -> int | None:
    """Bytes of memory, of `/proc/meminfo`."""
    for line in text.splitlines():
        if line.startswith("MemTotal:"):
            kilobytes = _number(line.split()[1]) if len(line.split()) > 1 else None
            return int(kilobytes * 1024) if kilobytes else None
    return None


def _cards(notes: list[str]) -> list[Machine]:
    text = _ask("nvidia-smi", "--query-gpu=name,memory.total,power.limit", "--format=csv,noheader,nounits")
    found = []
    for name, memory, power in read_cards(text or ""):
        known = _listed(name, memory)
        if known is None:
            notes.append(f"{name} is not in the list of machines: its bandwidth and arithmetic are unknown, and it is left out")
            continue
        found.append(replace(known, memory_gib=round(memory, 2), power_w=power or known.power_w, note="here, as nvidia-smi says"))
    return found


def _listed(name: str, memory_gib: float) -> Machine | None:
    """The machine of the list that this card is: every word of its name that tells cards apart, and about its memory."""
    words = _words(name)
    for machine in machines().values():
        theirs = _words(machine.name)
        alike = machine.stack == "cuda" and theirs <= words and {"ti", "super", "laptop", "pcie"} & words <= theirs
        if alike and abs(machine.memory_gib - memory_gib) <= 0.15 * machine.memory_gib:
            return machine
    return None


def _words(name: str) -> set[str]:
    common = {"nvidia", "geforce", "sxm", "hbm3", "hbm3e", "tensor", "core", "gpu", "gb", "used"}
    plain = name.lower().replace("-", " ").replace(",", " ").replace("(", " ").replace(")", " ")
    plain = plain.replace("sxm4", "sxm").replace("sxm5", "sxm")
    return {word for word in plain.split() if word not in common and not word.endswith("gb") and not (word.isdigit() and int(word) < 1000)}


def _cpu(name: str, cores: int, memory: int, copied: float, flags: frozenset[str], ghz: float | None, notes: list[str]) -> Machine:
    cycle = next((count for flag, count in CYCLES.items() if flag in flags), 8)
    notes.append(
        f"the processor's arithmetic is reckoned: {cores} cores x {ghz or GUESSED_GHZ:.1f} GHz x {cycle} a cycle;"
        " its power and price are unknown"
    )
    return Machine(
        id="here",
        name=f"{name}, {cores} cores",
        kind="cpu",
        stack="cpu",
        architecture="unknown",
        memory_gib=round(memory / GIB, 2),
        usable=0.9,
        bandwidth_gbs=round(copied, 1),
        fp16_tflops=round(cores * (ghz or GUESSED_GHZ) * cycle / 1000, 3),
        power_w=0,
        note="here; bandwidth measured by copying",
        sources=(Source(url="this computer", read=datetime.now(UTC).date(), says="memory, bandwidth, arithmetic"),),
    )


def _apple(processor: str, memory: int) -> Machine | None:
    """A Mac whose chip is in the list, with the memory that it has."""
    for machine in machines().values():
        chip = machine.name.removeprefix("Apple Mac mini ").partition(",")[0].partition(" (")[0]
        if machine.stack == "metal" and processor.lower() == f"apple {chip}".lower():
            return replace(machine, memory_gib=round(memory / GIB, 2), note="here", buy_usd=None)
    return None


def _processor() -> tuple[str, frozenset[str], float | None]:
    if platform.system() == "Darwin":
        return (_ask("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()).strip()[:80], frozenset({"asimd"}), None
    return read_cpuinfo(_text(Path("/proc/cpuinfo")))


def _memory() -> int | None:
    if platform.system() == "Darwin":
        found = _number(_ask("sysctl", "-n", "hw.memsize") or "")
        return int(found) if found else None
    total = read_meminfo(_text(Path("/proc/meminfo")))
    limit = _number(_text(Path("/sys/fs/cgroup/memory.max")).strip())
    return min(total, int(limit)) if total and limit else total


def _ask(*words: str) -> str | None:
    """What another program prints; None where there is none or it fails."""
    where = shutil.which(words[0])
    if where is None:
        return None
    try:
        done = subprocess.run([where, *words[1:]], capture_output=True, text=True, timeout=ASK_S, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
