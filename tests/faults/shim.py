"""The preloaded file layer (`shim.c`): build it, load it into a process, and tell it what to do while that runs."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

FIELDS = ("first", "last", "error", "count", "shift_ns", "frozen_ns")
SOURCE = Path(__file__).with_name("shim.c")
KILL = -1
FOREVER = 1 << 60


class Control:
    """What one preloaded process does now."""

    def __init__(self, path: Path, *, fresh: bool = True) -> None:
        self.path = path
        if fresh:
            path.write_bytes(bytes(8 * len(FIELDS)))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def set(self, **values: int) -> None:
        for name, value in values.items():
            struct.pack_into("q", self._map, 8 * FIELDS.index(name), value)

    def get(self, name: str) -> int:
        found: int = struct.unpack_from("q", self._map, 8 * FIELDS.index(name))[0]
        return found

    def fail(self, first: int, error: int, *, last: int | None = None) -> None:
        """The changes first..last fail (one where there is no last), counted from 1, from now on."""
        self.set(first=0, count=0)
        self.set(error=error, last=first if last is None else last)
        self.set(first=first)

    def heal(self) -> None:
        self.set(first=0)


@dataclass(frozen=True)
class Shim:
    """The library."""

    library: Path

    def environment(self, control: Control | None, *, root: Path | None = None, connects: Path | None = None) -> dict[str, str]:
        """What loads it into a process."""
        found = {"LD_PRELOAD": str(self.library)}
        if control is not None:
            found["SHIM_CONTROL"] = str(control.path)
        if root is not None:
            found["SHIM_ROOT"] = str(root)
        if connects is not None:
            found["SHIM_CONNECTS"] = str(connects)
        return found


def built(folder: Path) -> Shim | None:
    """Compile it; None where there is no compiler that can."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "shim.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-w", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Shim(library) if done.returncode == 0 else None
