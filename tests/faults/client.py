"""Callers on raw sockets who read every byte of a reply strictly, and the load that they make."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_numbers = itertools.count()


def new_tag() -> str:
    """A text that no two requests share and that nothing takes for a number of somebody's."""
    number, letters = next(_numbers), ""
    for _ in range(6):
        number, digit = divmod(number, 26)
        letters = chr(97 + digit) + letters
    return f"tag{letters}"


class MixedError(AssertionError):
    """What came is neither one valid reply nor the beginning of one."""


@dataclass(slots=True)
class Answer:
    """What one caller saw."""

    tag: str
    model: str
    streamed: bool
    status: int = 0
    """0: the connection was closed before a head came."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    """The reply came to the end that its head promised."""
    fault: str = ""
    """What was invalid about it."""
    began: float = 0.0
    took_s: float = 0.0
    left: bool = False
    """The caller went before the end."""

    @property
    def done(self) -> bool:
        """Acknowledged: a good answer, to its last byte."""
        return self.status == 200 and self.whole and (not self.streamed or b"data: [DONE]" in self.body) and not self.left

    @property
    def error(self) -> dict[str, Any]:
        """The error that a body tells of, or an error event of a stream."""
        if self.streamed and self.status == 200:
            for line in self.body.split(b"\n"):
                if line.startswith(b"data: {") and b'"error"' in line and (found := _error_in(line[6:])):
                    return found
            return {}
        return _error_in(self.body)


def _error_in(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)["error"]
    except (ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def read_reply(raw: bytes) -> tuple[int, dict[str, str], bytes, bool]:
    """(status, headers, body, whole) of all the bytes of one connection. Raises MixedError."""
    if not raw:
        return 0, {}, b"", False
    head, split, rest = raw.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return read_reply(rest)
    if not raw.startswith(b"HTTP/1.1 "[: len(raw)]):
        raise MixedError(f"no status line: {raw[:60]!r}")
    if not split:
        return 0, {}, b"", False
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _chunks(rest)
    elif "content-length" in headers:
        length = int(headers["content-length"])
        if len(rest) > length:
            raise MixedError(f"{len(rest) - length} bytes behind the end: {rest[length : length + 60]!r}")
        body, whole = rest, len(rest) == length
    else:
        body, whole = rest, status in (204, 304)
    return status, headers, body, whole


def _chunks(rest: bytes) -> tuple[bytes, bool]:
    body = b""
    while True:
        line, split, after = rest.partition(b"\r\n")
        if not split:
            if not all(c in b"0123456789abcdefABCDEF\r" for c in line):
                raise MixedError(f"no chunk: {rest[:60]!r}")
            return body, False
        try:
            size = int(line, 16)
        except ValueError:
            raise MixedError(f"no chunk: {line[:60]!r}") from None
        if size == 0:
            if after not in (b"\r\n", b"\r", b""):
                raise MixedError(f"bytes behind the last chunk: {after[:60]!r}")
            return body, after == b"\r\n"
        body += after[:size]
        if len(after) < size + 2:
            return body, False
        if after[size : size + 2] != b"\r\n":
            raise MixedError(f"a chunk longer than it says: {after[size : size + 60]!r}")
        rest = after[size + 2 :]


async def ask(
    port: int,
    model: str,
    *,
    stream: bool = False,
    secret: str = "",
    leave_after: bytes = b"",
    timeout_s: float = 30.0,
    **more: Any,
) -> Answer:
    """One request on a connection of its own. `leave_after`: go as soon as these bytes were seen."""
    tag = new_tag()
    seen = Answer(tag, model, stream)
    body = {"model": model, "messages": [{"role": "user", "content": tag}], **({"stream": True} if stream else {}), **more}
    data = json.dumps(body).encode()
    key = f"authorization: Bearer {secret}\r\n" if secret else ""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{key}"
    head += f"content-length: {len(data)}\r\nconnection: close\r\n\r\n"
    seen.began = time.monotonic()
    raw = b""
    writer = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode() + data)
            while piece := await reader.read(65536):
                raw += piece
                if leave_after and leave_after in raw:
                    seen.left = True
                    break
    except TimeoutError:
        seen.fault = f"nothing more within {timeout_s:g} s"
    except OSError:
        pass
    finally:
        if writer is not None:
            writer.transport.abort()
    seen.took_s = time.monotonic() - seen.began
    try:
        seen.status, seen.headers, seen.body, seen.whole = read_reply(raw)
        _look_into(seen)
    except MixedError as error:
        seen.fault = str(error)
    return seen


def _look_into(seen: Answer) -> None:
    """A reply is one thing: JSON, or events; of one's own request; and nothing good follows an error."""
    if seen.status == 0 or seen.left:
        return
    if seen.whole and not (seen.streamed and seen.status == 200):
        try:
            json.loads(seen.body)
        except ValueError:
            raise MixedError(f"not JSON: {seen.body[:80]!r}") from None
    if seen.done and seen.model.startswith("steady") and f"echo {seen.tag}".encode() not in seen.body:
        raise MixedError(f"the answer to another request: {seen.body[:200]!r}")
    if seen.streamed and seen.status == 200:
        if b'"error"' in seen.body and b"data: [DONE]" in seen.body:
            raise MixedError("a stream with an error that ends as a good one")
        if seen.whole and b"data: [DONE]" not in seen.body and not seen.error and b'"finish_reason": "stop"' not in seen.body:
            raise MixedError("a broken stream that ends as a good one")


@dataclass(frozen=True, slots=True)
class Mix:
    """What callers ask for, in turn."""

    model: str
    stream: bool = False


async def load(
    port: int, mix: Sequence[Mix], *, seconds: float, rps: float, streams: int = 0, secret: str = "", steady: str = "steady-long"
) -> list[Answer]:
    """Requests of the mix at a fixed rate, however long each takes, beside so many streams that follow one another."""
    found: list[Answer] = []
    until = time.monotonic() + seconds

    async def one(what: Mix) -> None:
        found.append(await ask(port, what.model, stream=what.stream, secret=secret))
        if not found[-1].status:
            await asyncio.sleep(0.05)  # the door is shut

    async def chain() -> None:
        while time.monotonic() < until:
            await one(Mix(steady, True))

    chains = [asyncio.create_task(chain()) for _ in range(streams)]
    tasks = []
    began = time.monotonic()
    for number in itertools.count():
        at = began + number / rps
        if at >= until:
            break
        await asyncio.sleep(max(at - time.monotonic(), 0))
        tasks.append(asyncio.create_task(one(mix[number % len(mix)])))
    await asyncio.gather(*tasks, *chains)
    return found


@dataclass(slots=True)
class Others:
    """How long calls without a fault took at p99, in seconds: before and during it, turn by turn."""

    turns: list[tuple[float, float]] = field(default_factory=list)

    @property
    def usual(self) -> float:
        return statistics.median(before for before, _ in self.turns)

    @property
    def ratio(self) -> float:
        return statistics.median(during / max(before, 1e-6) for before, during in self.turns)

    @property
    def judged(self) -> bool:
        """A machine that is full before any fault tells nothing of the fault."""
        return self.usual < CROWDED_S

    def __str__(self) -> str:
        told = f"p99 of others x{self.ratio:.2f} ({self.usual * 1000:.0f} ms without the fault)"
        return told if self.judged else f"{told}, not judged: the machine was full"


CROWDED_S = 0.25


def p99(answers: Sequence[Answer]) -> float:
    """Seconds; of those that were answered."""
    times = sorted(one.took_s for one in answers if one.status)
    return times[min(len(times) - 1, int(len(times) * 0.99))] if times else 0.0
