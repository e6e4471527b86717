"""The rows of the results table in docs/reliability.md: `python -m tests.faults.table RESULTS.json`, as `--results` wrote them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.faults.covered import COVERED

ELSEWHERE = "see the tests"


def rows(measured: dict[str, list[str]]) -> list[str]:
    """One line of markdown an id."""
    found = ["| id | fault | expected | measured | tests |", "|---|---|---|---|---|"]
    for name, row in COVERED.items():
        files = ", ".join(f"`{path}`" for path in dict.fromkeys(node.partition("::")[0].removeprefix("tests/") for node in row.tests))
        told = "; ".join(dict.fromkeys(measured.get(name, ()))).replace("|", "\\|") or ELSEWHERE
        found.append(f"| {name} | {row.fault} | {row.expected} | {told} | {files} |")
    return found


if __name__ == "__main__":
    found: dict[str, list[str]] = {}
    for path in sys.argv[1:]:
        for name, lines in json.loads(Path(path).read_text()).items():
            if isinstance(lines, list):  # and not which tests passed
                found.setdefault(name, []).extend(lines)
    print("\n".join(rows(found)))
