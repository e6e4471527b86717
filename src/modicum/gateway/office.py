"""The process that answers the admin API: started when it is first needed, talked to on a socket in the home, one to a home.

What it does is night's work, which a worker never imports. It ends by itself (`modicum.admin`): with the gateway, or when nobody
has asked for a while.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from modicum.backends.client import Client, Timeouts
from modicum.backends.reply import Reply
from modicum.config import Config
from modicum.config.carried import pack
from modicum.errors import StoreUnavailableError, UpstreamError

SOCKET = "admin.sock"
LOCK = "admin.lock"
ACTOR, CONFIG = b"x-modicum-actor", b"x-modicum-config"
UNKNOWN_CONFIG = 424
"""The process does not know these settings yet: they are told it, and the request is sent again."""
START_S = 30.0
LOOK_S = 0.05
AGAIN_S = 0.5
LONGEST_SOCKET = 100
"""A longer path than this is no address of a socket, somewhere."""
TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=0.0, read_s=0.0)
"""A decision on many calls takes minutes; what takes longer is a job."""


class Office:
    """One worker's way to it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._starting = asyncio.Lock()
        self._folder: tuple[Path, int] | None = None
        self._packed: tuple[Config, bytes, str] | None = None

    async def send(
        self, client: Client, config: Config, actor: str, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes | None
    ) -> Reply:
        """Ask it. `target`: path and query as the caller sent them. Raises StoreUnavailableError, UpstreamError."""
        packed, digest = self._carried(config)
        path = self._socket(config.home)
        told = [*headers, (ACTOR.decode(), quote(actor)), (CONFIG.decode(), digest)]

        async def send(method: str, target: str, body: bytes | None) -> Reply:
            if not await _answers(path):
                await self._start(config.home, path)
            return await client.send(method, f"unix:{path}:{target}", told, body, timeouts=TIMEOUTS)

        try:
            reply = await send(method, target, body)
        except UpstreamError:  # it was just leaving; what may have changed something is not sent again
            if method != "GET":
                raise
            reply = await send(method, target, body)
        if reply.status != UNKNOWN_CONFIG:
            return reply
        reply.close()
        (await send("PUT", "/config", packed)).close()
        return await send(method, target, body)

    def close(self) -> None:
        if self._folder is not None:
            os.close(self._folder[1])
            self._folder = None
        if self._child is not None:
            self._child.poll()
            if self._child.returncode is None:
                self._child.returncode = 0  # it sees by itself that nobody serves any more
            self._child = None

    async def _start(self, home: Path, path: str) -> None:
        async with self._starting:
            until = time.monotonic() + START_S
            ours = False  # started here and now; one of before may just be dying
            while not await _answers(path):
                if self._child is None or (not ours and self._child.poll() is not None):
                    ours = True
                    command = [sys.executable, "-m", "modicum.admin", str(home.absolute())]
                    self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
                ended = self._child.poll() if ours else None
                if ended or time.monotonic() >= until:
                    raise StoreUnavailableError("the process that answers the admin API did not start", hint="its output says why")
                if ended is not None:  # another worker's was first: it answers soon, or it is just leaving
                    self._child = None
                    await asyncio.sleep(AGAIN_S)
                await asyncio.sleep(LOOK_S)

    def _socket(self, home: Path) -> str:
        """The path of its socket, through a descriptor of the home where it is too long for an address."""
        path = str(home.absolute() / SOCKET)
        if len(path) <= LONGEST_SOCKET or not Path("/proc/self/fd").is_dir():
            return path
        if self._folder is None or self._folder[0] != home:
            if self._folder is not None:
                os.close(self._folder[1])
            self._folder = home, os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._folder[1]}/{SOCKET}"

    def _carried(self, config: Config) -> tuple[bytes, str]:
        if self._packed is None or self._packed[0] is not config:
            body = pack(config)
            self._packed = config, body, hashlib.sha256(body).hexdigest()
        return self._packed[1], self._packed[2]


async def _answers(path: str) -> bool:
    """Somebody accepts connections there. A request is only sent then: one that may have been heard must not be sent twice."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True
