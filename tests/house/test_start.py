"""What loads at start-up. Counted in modules, which a busy machine does not change."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = {
    "aiohttp", "arro3", "asyncio", "deltalake", "duckdb", "genai_prices", "jinja2", "joblib", "msgspec", "numpy", "openai", "pydantic",
    "pyreqwest", "rich", "scipy", "sklearn", "sqlalchemy", "torch", "transformers", "uvicorn", "uvloop",
}  # fmt: skip
NIGHT = {
    "deltalake", "duckdb", "genai_prices", "pandas", "pyarrow", "pydantic", "scipy", "sklearn", "sqlalchemy", "torch", "transformers",
    "modicum.intake", "modicum.discover", "modicum.train", "modicum.evaluate", "modicum.pipeline", "modicum.report",
    "modicum.store.calls", "modicum.store.control",
}  # fmt: skip

RARE = {"sqlite3", "modicum.gateway.tap", "modicum.gateway.export", "modicum.store.batches", "modicum.wire.otlp", "modicum.wire.genai"}
"""What only a gateway needs that is told of others' calls, or that tells a collector of its own."""


def loaded(code: str) -> set[str]:
    """Every module that is loaded after `code` ran in a fresh interpreter."""
    after = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", after], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    ["import modicum", "import modicum.types, modicum.errors", "sys.argv = ['modicum', '--help']; from modicum.cli import main; main()"],
    ids=["import modicum", "import the nouns", "modicum --help"],
)
def test_nothing_slow_loads_at_the_start(code: str) -> None:
    assert not loaded(code) & SLOW


def test_the_day_loads_nothing_of_the_night() -> None:
    assert not loaded("import modicum.cli.serve, modicum.gateway.server") & (NIGHT | RARE)


@pytest.mark.parametrize("name", ["modicum.store.segments", "modicum.store.snapshot", "modicum.backends.linear", "modicum.workload"])
def test_what_the_day_uses_is_light(name: str) -> None:
    assert not loaded(f"import {name}") & NIGHT
