"""Where `modicum top` reads: the files that the workers of this machine's gateway share, or `/metrics` of another machine's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from modicum.config import secret
from modicum.errors import ConfigError, InputError, NotFoundError, RemoteError, StoreError
from modicum.report.top import Look
from modicum.types import Notice
from modicum.wire.prometheus import MOST_BYTES, samples

if TYPE_CHECKING:
    from modicum.store.control import Control

MOST_NOTICES = 50


class Source(Protocol):
    """Something to look at."""

    @property
    def place(self) -> str:
        """What it is called on the screen."""

    def look(self) -> Look:
        """Its figures now. Raises ModicumError."""

    def notices(self) -> list[Notice]:
        """The newest, oldest first."""

    def close(self) -> None:
        """Nothing is looked at any more."""


class Here:
    """A home on this machine: no HTTP, no key."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.place = str(home)
        self._control: Control | None = None
        self._notices: list[Notice] = []

    def look(self) -> Look:
        from modicum.gateway.prometheus import beside  # the gateway's room: not for every command

        text = beside(self._home)
        if text is None:
            raise NotFoundError(
                f"no gateway runs over {self._home}", hint="`modicum serve` starts one; --home names another, --url one elsewhere"
            )
        return Look(datetime.now(UTC), samples(text))

    def notices(self) -> list[Notice]:
        try:
            if self._control is None and (self._home / "control.db").exists():
                from modicum.store.control import Control

                self._control = Control(self._home)
            if self._control is not None:
                self._notices = self._control.notices(max(self._control.last_notice() - MOST_NOTICES, 0))
        except StoreError:
            pass  # busy for a moment: what was read before stands
        return self._notices

    def close(self) -> None:
        pass


class There:
    """`/metrics` of a gateway at a URL. The secret goes to that host alone, and stands in no message."""

    def __init__(self, url: str, key_env: str) -> None:
        found = urlsplit(url)
        if found.scheme not in ("http", "https") or not found.netloc or found.query or found.fragment or "@" in found.netloc:
            raise ConfigError(f"--url {url[:200]!r} is not the address of a gateway", hint="for example http://127.0.0.1:8321")
        from modicum.backends.client import Client

        base = url.rstrip("/").removesuffix("/metrics").removesuffix("/v1")
        self._target = f"{base}/metrics"
        self.place = base
        key = secret(key_env)
        self._headers = [("authorization", f"Bearer {key.strip()}")] if key else []
        self._runner = asyncio.Runner()
        self._client = Client()

    def look(self) -> Look:
        return self._runner.run(self._look())

    async def _look(self) -> Look:
        from modicum.backends.client import Timeouts

        timeouts = Timeouts(connect_s=5.0, first_byte_s=10.0, read_s=10.0)
        reply = await self._client.send("GET", self._target, self._headers, timeouts=timeouts)
        try:
            body = bytearray()
            async for piece in reply.chunks():
                body += piece
                if len(body) > MOST_BYTES:
                    raise RemoteError(f"{self.place} answers with more than can be figures")
        finally:
            reply.close()
        if reply.status != 200:
            hint = "--key-env names the variable that holds a key" if reply.status in (401, 403) else "is a Modicum gateway there?"
            raise RemoteError(f"{self._target} answered with HTTP status {reply.status}", hint=hint, status=reply.status)
        try:
            return Look(datetime.now(UTC), samples(bytes(body)))
        except InputError as error:
            raise RemoteError(f"{self._target}: {error.message}", hint="is a Modicum gateway there?") from None

    def notices(self) -> list[Notice]:
        return []  # their texts are in the gateway's store; the figures say how many there are

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()
