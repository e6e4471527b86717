"""The process behind the admin API: one to a home whoever of the workers asks, started when needed, gone with the gateway."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.admin.conftest import ENVIRONMENT_SECRET
from tests.gateway.rig import Gateway, Upstream, gateway

HEADERS = {"authorization": f"Bearer {ENVIRONMENT_SECRET}"}


def processes(home: Path) -> list[int]:
    """Those that answer for this home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"modicum.admin" in words and os.fsencode(home) in words:
            found.append(int(folder.name))
    return found


def the_one(home: Path, within_s: float = 10.0) -> int:
    """What another worker started too late leaves at once."""
    until = time.monotonic() + within_s
    while len(found := processes(home)) != 1:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found[0]


def gone(home: Path, within_s: float = 10.0) -> bool:
    until = time.monotonic() + within_s
    while processes(home):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def version(served: Gateway) -> int:
    response, body = served.get("/admin/v1/version", HEADERS)
    assert response.status == 200, (body, served.errors())
    return response.status


def test_workers_share_one_process_and_it_goes_with_them(tmp_path: Path) -> None:
    home = tmp_path / ("long-" * 20) / "home"
    home.parent.mkdir()
    env = {"MODICUM_ADMIN_KEY": ENVIRONMENT_SECRET}
    with Upstream() as upstream, gateway(home, upstream.url, "--workers", "2", env=env) as served:
        assert processes(home) == []
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(version, [served] * 16)) == {200}
        first = the_one(home)
        os.kill(first, signal.SIGKILL)
        assert gone(home)
        assert version(served) == 200, "another one is started"
        assert the_one(home) != first
        known = {row["name"]: row for row in json.loads(served.get("/admin/v1/config", HEADERS)[1])}
        assert known["serve.workers"] == {"name": "serve.workers", "value": "2", "origin": "flag"}
        assert served.stop() == 0
    assert gone(home) and not (home / "admin.sock").exists()
