"""Langfuse's public API as a log: `langfuse://HOST[/path]`, read page by page, from where an earlier run stopped.

Source: `fern/apis/server/definition/observations.yml` (v2: a cursor, chosen fields) and `legacy/observations-v1.yml` (v1, asked where
there is no v2) of github.com/langfuse/langfuse. Keys come from LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY and go to that host alone. A
busy or broken server is asked again, no sooner than it says.

With a sample, inputs and outputs are asked for some hours only, picked by a digest of each hour; figures of all hours.
"""

from __future__ import annotations

import base64
import email.utils
import hashlib
import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from modicum import config as settings
from modicum.backends.client import Client, Timeouts
from modicum.errors import ConfigError, InputError, ModicumError, RemoteError, UpstreamError
from modicum.intake.sources import Source

SCHEMES = ("langfuse://", "langfuse+http://")
TIMEOUTS = Timeouts(connect_s=10.0, first_byte_s=120.0, read_s=60.0)
MOST_TRIES = 8
LONGEST_WAIT_S = 300.0
LONGEST_PAGE_BYTES = 64 << 20
"""What is longer is not read to its end; the next try asks for fewer records."""
PAGES_A_SLICE = 20
"""What was read is on the disk, and the bookmark behind it, at least so often."""
DEFAULT_DAYS = 30
_KINDS = ("GENERATION", "EMBEDDING")
_MOST_RECORDS = 1_000
_FIGURES = "core,basic,time,metadata,model,usage,trace_context"
_ADDRESS = re.compile(r"[!-\[\]-~]+")
"""Visible ASCII without the backslash: what else stood in a target would end its line, or the request."""
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far reading has come."""

    since: str
    until: str
    sample: float
    part: int = 0
    """Of the parts that the period is read in."""
    cursor: str = ""
    """Where the next page of that part begins: v2's cursor, v1's page."""
    version: int = 2


class _TooLongError(Exception):
    """A page that is longer than what is read of one."""


@dataclass(frozen=True, slots=True)
class _Part:
    kind: str
    since: datetime
    until: datetime
    bodies: bool


def is_langfuse(log: str) -> bool:
    return log.startswith(SCHEMES)


class LangfuseLog:
    """The generations of one project. `read_all` them; each slice is a log of its own."""

    def __init__(
        self,
        address: str,
        *,
        since: datetime | None = None,
        sample: float = 1.0,
        now: datetime | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises ConfigError where the address is none, or the keys are not set."""
        self._base, self.name = _base(address)
        keys = [settings.secret(name) for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")]
        if None in keys:
            raise ConfigError("LANGFUSE_PUBLIC_KEY or LANGFUSE_SECRET_KEY is not set", hint="the project's settings in Langfuse show both")
        public, secret = (str(key).strip() for key in keys)
        self._headers = [
            ("authorization", "Basic " + base64.b64encode(f"{public}:{secret}".encode()).decode()),
            ("accept", "application/json"),
        ]
        self.place = f"{self.name} {hashlib.blake2b(public.encode(), digest_size=8).hexdigest()}"
        """What a bookmark is kept under: the host and the project."""
        until = (now or datetime.now(UTC)).replace(microsecond=0)
        self._start = Mark((since or until - timedelta(days=DEFAULT_DAYS)).isoformat(), until.isoformat(), sample)
        self._asked_since = since
        self._sleep = sleep

    def slices(self, bookmark: str | None) -> Iterator[tuple[Source, Callable[[], str | None], float]]:
        """(some pages as a log, what to keep as the bookmark once they are stored: None at the end, share read so far).

        `bookmark`: of an earlier run; it holds where that run asked for the same. Each log must be read to its end before the next.
        """
        mark = self._resumed(bookmark)
        parts = _parts(mark)
        import asyncio

        with asyncio.Runner() as runner:
            client = runner.run(_client())
            try:
                while mark.part < len(parts):
                    reading = _Slice(self, runner, client, parts, mark)
                    share = mark.part / len(parts)
                    yield Source(self.name, io.BytesIO(), datetime.now(UTC), None, generated=reading.lines), reading.bookmark, share
                    mark = reading.mark
            finally:
                runner.run(client.close())

    def _resumed(self, bookmark: str | None) -> Mark:
        if bookmark is None:
            return self._start
        try:
            found = msgspec.json.decode(bookmark, type=Mark)
        except msgspec.MsgspecError:
            return self._start
        same = found.sample == self._start.sample and (self._asked_since is None or found.since == self._start.since)
        return found if same else self._start

    async def ask(self, client: Client, target: str) -> tuple[int, bytes]:
        """(status, body) of a request that was answered for good. Raises RemoteError where it never is, _TooLongError."""
        last = ""
        for attempt in range(MOST_TRIES):
            wait = min(2.0**attempt, 60.0)
            try:
                reply = await client.send("GET", self._base + target, self._headers, timeouts=TIMEOUTS)
                try:
                    body, size = [], 0
                    async for piece in reply.chunks():
                        size += len(piece)
                        if size > LONGEST_PAGE_BYTES:
                            raise _TooLongError
                        body.append(piece)
                finally:
                    reply.close()
                if reply.status not in (429, 500, 502, 503, 504):
                    return reply.status, b"".join(body)
                last = f"answers with HTTP status {reply.status}"
                told = _retry_after(dict(reply.headers))
                wait = wait if told is None else told
            except UpstreamError as error:
                last = f"cannot be read: {error.message}"
            if attempt + 1 < MOST_TRIES:
                self._sleep(min(wait, LONGEST_WAIT_S))
        raise RemoteError(f"{self.name} {last}, {MOST_TRIES} times", hint="run the same import again later: it goes on from here")

    def refusal(self, status: int) -> ModicumError:
        if status in (401, 403):
            return ConfigError(
                f"{self.name} does not take these keys", hint="are LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY of this host?"
            )
        return RemoteError(f"{self.name} answers with HTTP status {status}", hint="is it a Langfuse server's address?", status=status)


class _Slice:
    """Some pages, one after another, as lines; `mark` moves on with them."""

    def __init__(self, log: LangfuseLog, runner: Any, client: Client, parts: list[_Part], mark: Mark) -> None:
        self._log, self._runner, self._client, self._parts = log, runner, client, parts
        self.mark = mark
        self._fewer = 1
        """A page is asked for this part of the usual number of records."""

    def bookmark(self) -> str | None:
        return None if self.mark.part >= len(self._parts) else msgspec.json.encode(self.mark).decode()

    def lines(self) -> Iterator[bytes]:
        for _ in range(PAGES_A_SLICE):
            if self.mark.part >= len(self._parts):
                return
            part = self._parts[self.mark.part]
            try:
                status, body = self._runner.run(self._log.ask(self._client, _target(part, self.mark, self._fewer)))
            except _TooLongError:
                # v1 counts pages: fewer records a page would be other pages.
                if self.mark.version == 1 or self._fewer >= _MOST_RECORDS:
                    raise RemoteError(
                        f"{self._log.name} sent a page of over {LONGEST_PAGE_BYTES >> 20} MiB, which is not read",
                        hint="--sample 10% asks for the text of fewer calls; Langfuse's own export to a file has no such limit",
                    ) from None
                self._fewer *= 10
                continue
            if status == 404 and self.mark.version == 2:
                self.mark = replace(self.mark, version=1, cursor="")
                continue
            if status != 200:
                raise self._log.refusal(status)
            records, cursor = _page(body, self.mark, self._log.name)
            for one in records:
                if line := _line(one, part.bodies):
                    yield line
            self.mark = replace(self.mark, cursor=cursor) if cursor else replace(self.mark, part=self.mark.part + 1, cursor="")


async def _client() -> Client:
    return Client()


def _base(address: str) -> tuple[str, str]:
    """(address of the API, its name for people)"""
    scheme = next(one for one in SCHEMES if address.startswith(one))
    rest = address.removeprefix(scheme).strip("/")
    if not rest:
        given = settings.secret("LANGFUSE_BASE_URL") or settings.secret("LANGFUSE_HOST")
        if given is None:
            raise ConfigError(f"{address} names no host", hint="langfuse://cloud.langfuse.com, or LANGFUSE_BASE_URL in the environment")
        base, name = given.rstrip("/"), f"langfuse://{urlsplit(given).netloc}"
    else:
        host = rest.split("/")[0].rsplit(":", 1)[0] if not rest.startswith("[") else rest.split("]")[0] + "]"
        plain = scheme == SCHEMES[1] or host in _LOOPBACK
        base, name = f"{'http' if plain else 'https'}://{rest}", f"langfuse://{rest}"
    if not _ADDRESS.fullmatch(base):
        raise ConfigError(
            f"{address[:120]!r} is not an address: it holds blanks, line ends or other characters that none may have",
            hint="for example langfuse://cloud.langfuse.com",
        )
    found = urlsplit(base)
    if found.scheme not in ("http", "https") or not found.netloc or "@" in found.netloc or found.query or found.fragment:
        raise ConfigError(f"{address[:200]} is not the address of a Langfuse server", hint="for example langfuse://cloud.langfuse.com")
    return base, name


def _parts(mark: Mark) -> list[_Part]:
    """What is asked for one after another: the hours of the sample with what was said, then the whole period, with it or without."""
    since, until = datetime.fromisoformat(mark.since), datetime.fromisoformat(mark.until)
    hours: list[tuple[datetime, datetime]] = []
    if mark.sample < 1:
        hour = since.replace(minute=0, second=0, microsecond=0)
        while hour < until:
            digest = hashlib.blake2b(hour.isoformat().encode(), digest_size=8).digest()
            if int.from_bytes(digest) < mark.sample * 2**64:
                hours.append((max(hour, since), min(hour + timedelta(hours=1), until)))
            hour += timedelta(hours=1)
    found = [_Part(kind, start, end, True) for kind in _KINDS for start, end in hours]
    return found + [_Part(kind, since, until, mark.sample >= 1) for kind in _KINDS]


def _target(part: _Part, mark: Mark, fewer: int = 1) -> str:
    asked = {"type": part.kind, "fromStartTime": _iso(part.since), "toStartTime": _iso(part.until)}
    if mark.version == 1:
        return "/api/public/observations?" + urlencode(asked | {"page": mark.cursor or "1", "limit": "100"})
    limit = max(1, (200 if part.bodies else _MOST_RECORDS) // fewer)
    asked |= {"fields": _FIGURES + (",io" if part.bodies else ""), "limit": str(limit)}
    return "/api/public/v2/observations?" + urlencode(asked | ({"cursor": mark.cursor} if mark.cursor else {}))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class _Paged(msgspec.Struct):
    data: list[msgspec.Raw]
    meta: dict[str, Any] | None = None


_paged = msgspec.json.Decoder(_Paged).decode


def _page(body: bytes, mark: Mark, name: str) -> tuple[list[msgspec.Raw], str]:
    """(records, where the next page begins: empty on the last). Raises RemoteError where it is no page."""
    try:
        found = _paged(body)
        records, about = found.data, found.meta or {}
        if mark.version == 2:
            cursor = str(about.get("cursor") or "")
        else:
            page = int(mark.cursor or "1")
            cursor = str(page + 1) if records and page < int(about["totalPages"]) else ""
    except (msgspec.MsgspecError, RecursionError, LookupError, TypeError, ValueError):
        raise RemoteError(f"{name} answers with something else than a page of observations") from None
    if cursor and cursor == mark.cursor:
        raise RemoteError(f"{name} gives the same page again and again")
    return records, cursor


def _line(record: msgspec.Raw, bodies: bool) -> bytes:
    """A record as a line; without what was said where only figures were asked for and the server gave all. Empty for what is no record."""
    try:
        one = msgspec.json.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    if not isinstance(one, dict):
        return b""
    if not bodies:
        one.pop("input", None)
        one.pop("output", None)
    return msgspec.json.encode(one) + b"\n"


def _retry_after(headers: dict[Any, Any]) -> float | None:
    """Seconds to wait, where the server says: as a number or a date."""
    value = next((told for name, told in headers.items() if _text(name).lower() == "retry-after"), None)
    if value is None:
        return None
    told = _text(value).strip()
    if told.isascii() and told.isdigit() and len(told) < 7:
        return float(told)
    try:
        at = email.utils.parsedate_to_datetime(told)
    except (ValueError, TypeError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def share_of(text: str) -> float:
    """A share: `0.1` or `10%`. Raises InputError."""
    plain = text.strip()
    try:
        found = float(plain[:-1]) / 100 if plain.endswith("%") else float(plain)
    except ValueError:
        found = -1.0
    if not 0 < found <= 1:
        raise InputError(f"{text[:20]!r} is no share: 0.1 or 10% are")
    return found
