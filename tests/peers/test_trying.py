"""A workload moves between two real model servers on this machine, both llama.cpp's: `modicum try`, from log to proposed route."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.peers.conftest import ROOT, free_port, running
from tests.peers.test_servers import answers

LABELS = ["lost", "late", "damaged", "praise"]
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "sorted",
        "schema": {
            "type": "object",
            "properties": {"topic": {"enum": LABELS}},
            "required": ["topic"],
            "additionalProperties": False,
        },
    },
}
WORDS = "parcel box letter order gift book lamp street office courier driver Tuesday morning evening again still today door garden".split()
CALLS = 260


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("two")
    model = folder / "tiny.gguf"
    subprocess.run([sys.executable, "-m", "tests.peers.tiny", "gguf", str(model)], cwd=ROOT, check=True)
    with ExitStack() as both:
        yield both.enter_context(llama(folder, model, "one")), both.enter_context(llama(folder, model, "two"))


@contextmanager
def llama(folder: Path, model: Path, name: str) -> Iterator[str]:
    port = free_port()
    words = [sys.executable, "-m", "tests.peers.tiny", "serve", str(model), str(port)]
    with running(words, folder / name, ready=lambda: answers(f"http://127.0.0.1:{port}/health"), cwd=ROOT):
        yield f"http://127.0.0.1:{port}/v1"


def asked(number: int, rng: random.Random) -> dict[str, Any]:
    text = f"Message: {' '.join(rng.choices(WORDS, k=9))} {number}"
    messages = [{"role": "system", "content": "Sort messages for a parcel service. Answer in JSON with their topic."}]
    return {
        "model": "incumbent",
        "messages": [*messages, {"role": "user", "content": text}],
        "response_format": FORM,
        "temperature": 0,
        "max_tokens": 24,
    }


def log(url: str, file: Path) -> Path:
    """What an application that asked the first server would have on record."""
    rng, start, lines = random.Random(3), datetime(2026, 9, 1, tzinfo=UTC), []
    for number in range(CALLS):
        request = asked(number, rng)
        sent = Request(f"{url}/chat/completions", json.dumps(request).encode(), {"content-type": "application/json"})
        with urlopen(sent, timeout=30) as reply:
            response = json.loads(reply.read()) | {"model": "incumbent"}
        at = (start + timedelta(minutes=11 * number)).isoformat()
        lines.append(json.dumps({"timestamp": at, "request": request, "response": response, "duration_ms": 20.0}))
    file.write_text("\n".join(lines))
    return file


def modicum(folder: Path, *words: str) -> str:
    arguments = [sys.executable, "-m", "modicum", *words, "--home", str(folder / "home"), "--config", str(folder / "modicum.toml")]
    return subprocess.run(arguments, check=True, capture_output=True, text=True, cwd=folder).stdout


def test_a_workload_moves_between_two_servers(servers: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "modicum.toml").write_text(f'[providers.llamacpp]\nurl = "{servers[1]}"\n')
    modicum(tmp_path, "import", str(log(servers[0], tmp_path / "log.jsonl")))
    (row,) = json.loads(modicum(tmp_path, "try", "llamacpp/tiny", "--margin", "0.05", "--format", "json"))["workloads"]
    assert row["verdict"] == "certified", row
    # Random weights write white space between the braces; where that takes up all that they may write, nothing can be read.
    assert row["measured"]["answered"] > 0.6 and row["measured"]["agreement"] > 0.95
    assert row["route_id"] in modicum(tmp_path, "route", "list")
    modicum(tmp_path, "certificate", "show", row["certificate_id"], "--out", str(tmp_path / "moved.cert"))
    modicum(tmp_path, "certificate", "verify", str(tmp_path / "moved.cert"))
