"""The long form in parts that run beside one another: `python -m tests.faults.parts --into FOLDER --seconds 60 --every 5 --jobs 2`.

Each part is a pytest of its own with its own results and log in FOLDER, so that one that fails or is killed costs no other's results. The
same command again goes on where it stopped: what passed is left out. At the end FOLDER/results.json holds all of it, for
`python -m tests.faults.table FOLDER/results.json`. The options after `--` go to each pytest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

F = "tests/faults/"
PARTS: dict[str, tuple[str, ...]] = {
    # Those that wait most go first.
    "life": (f"{F}test_life.py", f"{F}test_clock.py"),
    "providers": (f"{F}test_upstream.py",),
    "disk-fails": (f"{F}test_disk.py", "-k", "not (any_change and (full or kill))"),
    "disk-stays": (f"{F}test_disk.py", "-k", "any_change and (full or kill)"),
    "requests": (f"{F}test_fuzz.py", "-k", "documented"),
    "slow": (f"{F}test_slow.py",),
    "watch": (f"{F}test_steps.py", f"{F}test_watcher.py", f"{F}test_simulation.py"),
    "bytes": (f"{F}test_fuzz.py", "-k", "damaged"),
    "hostile": tuple(f"{F}test_{name}.py" for name in ("authority", "bodies", "canaries", "covered", "hosts", "smuggling", "specialist")),
}
TOLD_S = 30.0


class Part:
    """One pytest under way."""

    def __init__(self, name: str, into: Path, options: list[str]) -> None:
        self.name, self.results, self.log = name, into / f"{name}.json", into / f"{name}.log"
        self.began = time.monotonic()
        command = [sys.executable, "-u", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={into / 'tmp' / name}", "--resume"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, f"--results={self.results}", *PARTS[name], *options], stdout=log, stderr=subprocess.STDOUT
            )

    def __str__(self) -> str:
        passed, failed = (len(read(self.results).get(name, ())) for name in ("passed", "failed"))
        return f"{self.name}: {passed} passed, {failed} failed, {time.monotonic() - self.began:.0f} s"


def read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def merged(into: Path) -> dict[str, Any]:
    """What all parts measured, in one."""
    found: dict[str, Any] = {"passed": {}, "failed": {}}
    for name in PARTS:
        for key, value in read(into / f"{name}.json").items():
            if isinstance(value, dict):
                found[key] = found.get(key, {}) | value
            else:
                found.setdefault(key, []).extend(value)
    return found


def say(what: object) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, required=True, help="folder for logs and results")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="parts that run at once")
    parser.add_argument("--parts", default=",".join(PARTS), help="which, with commas between")
    parser.add_argument("--seconds", default="60", help="length of each fault under load")
    parser.add_argument("--every", default="1", help="one in so many changes of files, kills, callers and cases")
    given, more = parser.parse_known_args()
    into: Path = given.into.absolute()
    (into / "tmp").mkdir(parents=True, exist_ok=True)
    waiting = given.parts.split(",")
    if unknown := set(waiting) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    options = [f"--seconds={given.seconds}", f"--every={given.every}", *(one for one in more if one != "--")]
    running: list[Part] = []
    ended: dict[str, int] = {}
    told = began = time.monotonic()
    while waiting or running:
        while waiting and len(running) < given.jobs:
            running.append(Part(waiting.pop(0), into, options))
            say(f"{running[-1].name} begins")
        time.sleep(0.5)
        for one in [one for one in running if one.process.poll() is not None]:
            running.remove(one)
            ended[one.name] = one.process.returncode
            say(f"{one} in all; {'ended well' if one.process.returncode in (0, 5) else f'see {one.log}'}")
        if time.monotonic() - told > TOLD_S:
            told = time.monotonic()
            say("; ".join(map(str, running)))
        found = merged(into)
        part = into / "results.part"
        part.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        part.replace(into / "results.json")
    for node, why in found["failed"].items():
        say(f"FAILED {node}: {why.splitlines()[0] if why else ''}")
    took = (time.monotonic() - began) / 60
    say(f"{len(found['passed'])} passed, {len(found['failed'])} failed in {took:.1f} minutes: {into / 'results.json'}")
    return int(any(code not in (0, 5) for code in ended.values()))  # 5: all of it had passed before


if __name__ == "__main__":
    sys.exit(main())
