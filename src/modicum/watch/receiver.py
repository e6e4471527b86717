"""One receiver of notices: where it is, and what became of a post to it. Its address is a secret: no error, line or repr holds it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from modicum.backends.client import Client, Timeouts
from modicum.config import Config, secret
from modicum.errors import ConfigError, UpstreamError, UpstreamTimeoutError
from modicum.types import Notice
from modicum.watch import told

Name = Literal["webhook", "slack"]
TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0, read_s=5.0)
WHOLE_S = 20.0
"""For one post, whatever it does meanwhile."""
MOST_REPLY_BYTES = 65_536
LONGEST_ASKED_S = 3600.0
"""Of a receiver's own `retry-after`."""
_ABOUT_THE_NOTICE = frozenset((400, 413, 422))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of a post."""

    taken: bool
    refused: bool = False
    """What was posted is what it does not like: asking again will not help for ever."""
    problem: str = ""
    after_s: float | None = None
    """So long it asks to be left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Takes notices by POST."""

    name: Name
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)

    async def post(self, client: Client, notice: Notice, *, test: bool = False) -> Posted:
        """Post one. Never raises for what a receiver does; a redirect is not followed."""
        if self.name == "slack":
            body, headers = told.slack(notice, test=test), [("content-type", "application/json")]
        else:
            body = told.webhook(notice, test=test)
            headers = told.signed(body, id=told.notice_id(notice), at=datetime.now(UTC), secret=self.secret)
        try:
            async with asyncio.timeout(WHOLE_S):
                reply = await client.send("POST", self.url, headers, body, timeouts=TIMEOUTS)
                try:
                    read = 0
                    async for piece in reply.chunks():
                        read += len(piece)
                        if read > MOST_REPLY_BYTES:
                            break
                finally:
                    reply.close()
        except (TimeoutError, UpstreamTimeoutError):
            return Posted(taken=False, problem="is too slow")
        except UpstreamError:  # its own words may hold the address
            return Posted(taken=False, problem="cannot be reached")
        status = reply.status
        if 200 <= status < 300:
            return Posted(taken=True)
        if 300 <= status < 400:
            return Posted(taken=False, problem=f"answered {status}, and redirects are not followed")
        asked = reply.header("retry-after")
        after_s = min(float(asked), LONGEST_ASKED_S) if asked.isascii() and asked.isdigit() else None
        return Posted(taken=False, refused=status in _ABOUT_THE_NOTICE, problem=f"answered {status}", after_s=after_s)


def receivers(config: Config) -> list[Receiver]:
    """Those that the environment names. Raises ConfigError, which names the variable and not what is in it."""
    watch = config.watch
    found = []
    names: tuple[tuple[Name, str], ...] = (("webhook", watch.webhook_url_env), ("slack", watch.slack_url_env))
    for name, variable in names:
        if (url := secret(variable)) is not None:
            _check(url.strip(), variable)
            found.append(Receiver(name=name, url=url.strip(), secret=secret(watch.webhook_secret_env) if name == "webhook" else None))
    return found


def _check(url: str, variable: str) -> None:
    try:
        place = urlsplit(url)
        fits = place.scheme in ("http", "https") and bool(place.hostname) and "@" not in place.netloc and place.port != 0
    except ValueError:
        fits = False
    if not fits or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(
            f"{variable} holds no address of a webhook", hint="https://HOST/PATH, without a name and password in it"
        ) from None
