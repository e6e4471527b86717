"""Where the compiled list prices of a home lie, and have them compiled. The package itself is read by a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

COMPILE_S = 60.0
_one_at_a_time = threading.Lock()


def price_table(home: Path) -> Path:
    """The compiled list prices of the installed version."""
    return home / f"prices-{version('genai-prices')}.json"


def prepare_prices(home: Path) -> None:
    """Compile the list prices in a process of its own where that was not done yet. Raises OSError and SubprocessError.

    Where somebody else is at it, this waits for what they make.
    """
    table = price_table(home)
    with _one_at_a_time:
        if not table.exists():
            command = [sys.executable, "-m", "modicum.catalog.compiled", str(table)]
            quiet = subprocess.DEVNULL
            subprocess.run(command, check=True, timeout=COMPILE_S, stdin=quiet, stdout=quiet, stderr=quiet)
