"""`python -m modicum.admin HOME`: answer on HOME/admin.sock until nobody serves this home any more, or nobody asks for a while.

Started by a gateway (`gateway.office`). One to a home: it holds a lock, and whoever comes second leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modicum.config import ServeConfig
from modicum.gateway import front
from modicum.gateway.office import LOCK, SOCKET
from modicum.store.home import is_served, privately

if TYPE_CHECKING:
    from modicum.admin.app import Office

IDLE_S = 300.0
LOOK_S = 1.0
DRAIN_S = 5.0


def main(home: Path) -> int:
    """Serve; 0 also where another process does already."""
    os.chdir(home)  # so that the socket's path is short, whatever the home's is
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    with contextlib.suppress(FileNotFoundError):
        os.unlink(SOCKET)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    from modicum.admin.app import Office  # behind the lock, before the socket: it loads what the night needs

    with privately():
        bound.bind(SOCKET)
    os.chmod(SOCKET, 0o600)
    bound.listen(64)
    try:
        asyncio.run(_serve(home, bound, Office()))
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(SOCKET)
        os.close(lock)
    os._exit(0)  # a job's thread may still run; whoever it worked for has gone


async def _serve(home: Path, bound: socket.socket, office: Office) -> None:
    stopped = asyncio.Event()

    async def watch() -> None:
        while office.idle_s < IDLE_S and await asyncio.to_thread(is_served, home):
            await asyncio.sleep(LOOK_S)
        stopped.set()

    watching = asyncio.create_task(watch())
    try:
        await front.serve(office, bound, ServeConfig(header_timeout_s=0, max_connections=0, drain_s=DRAIN_S), stopped)
    finally:
        watching.cancel()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
