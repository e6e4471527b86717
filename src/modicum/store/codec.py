"""A call as bytes: one frame of length, CRC32 and payload; and whole calls back from bytes that may be torn or damaged.

The payload is one line of JSON with everything but the bodies, then the request's bytes, then the response's. The bodies
stand there as they were received: they need not be JSON, and nothing is escaped or parsed to store them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import BinaryIO, Literal

import msgspec

from modicum.types import UNKNOWN_USAGE, Call, Decision, Endpoint, Usage

FRAME = struct.Struct("<II")
"""Length of the payload and its CRC32."""
LONGEST = 1 << 28
"""No frame is longer: a greater length is damage."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Head(msgspec.Struct, omit_defaults=True, gc=False):
    """A call without its bodies, as it stands in a frame. Fields may be added; a reader ignores those it does not know."""

    call_id: str
    started_us: int
    request_bytes: int = -1
    response_bytes: int = -1
    """Length of each body; -1 where there is none."""
    response_id: str | None = None
    scope: str = "default"
    client_id: str | None = None
    user_id: str | None = None
    conversation_id: str | None = None
    duration_ms: float | None = None
    time_to_first_chunk_ms: float | None = None
    streamed: bool = False
    origin: Literal["import", "live"] = "import"
    source: str = ""
    request_model: str | None = None
    response_model: str | None = None
    status: int = 200
    finish_reason: str | None = None
    error: str | None = None
    usage: Usage | None = None
    """None where nothing is known of it."""
    cost_usd: Decimal | None = None
    decision: Decision | None = None
    key_id: str | None = None
    endpoint: Endpoint = "chat_completions"
    provider: str | None = None
    deployments: tuple[str, ...] = ()
    view_version: str | None = None
    service_tier: str | None = None
    trace_id: str | None = None
    tags: tuple[str, ...] = ()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Head).decode


def to_us(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


class Record(msgspec.Struct, frozen=True, gc=False):
    """A call as it is stored: what a frame holds."""

    head: Head
    request: bytes | None
    response: bytes | None

    def frame(self) -> bytes:
        """The bytes that enter a segment."""
        line, request, response = _encode(self.head) + b"\n", self.request or b"", self.response or b""
        crc = zlib.crc32(response, zlib.crc32(request, zlib.crc32(line)))
        return b"".join((FRAME.pack(len(line) + len(request) + len(response), crc), line, request, response))

    def call(self) -> Call:
        head = self.head
        return Call(
            call_id=head.call_id,
            response_id=head.response_id,
            scope=head.scope,
            client_id=head.client_id,
            user_id=head.user_id,
            conversation_id=head.conversation_id,
            started_at=from_us(head.started_us),
            duration_ms=head.duration_ms,
            time_to_first_chunk_ms=head.time_to_first_chunk_ms,
            streamed=head.streamed,
            origin=head.origin,
            source=head.source,
            request_model=head.request_model,
            response_model=head.response_model,
            request=self.request,
            response=self.response,
            status=head.status,
            finish_reason=head.finish_reason,
            error=head.error,
            usage=head.usage or UNKNOWN_USAGE,
            cost_usd=head.cost_usd,
            decision=head.decision,
            key_id=head.key_id,
            endpoint=head.endpoint,
            provider=head.provider,
            deployments=head.deployments,
            view_version=head.view_version,
            service_tier=head.service_tier,
            trace_id=head.trace_id,
            tags=head.tags,
        )


def record(call: Call) -> Record:
    """What is stored of a call: all of it."""
    request, response = call.request, call.response
    head = Head(
        call_id=call.call_id,
        started_us=to_us(call.started_at),
        request_bytes=-1 if request is None else len(request),
        response_bytes=-1 if response is None else len(response),
        response_id=call.response_id,
        scope=call.scope,
        client_id=call.client_id,
        user_id=call.user_id,
        conversation_id=call.conversation_id,
        duration_ms=call.duration_ms,
        time_to_first_chunk_ms=call.time_to_first_chunk_ms,
        streamed=call.streamed,
        origin=call.origin,
        source=call.source,
        request_model=call.request_model,
        response_model=call.response_model,
        status=call.status,
        finish_reason=call.finish_reason,
        error=call.error,
        usage=None if call.usage.input_tokens is None and call.usage == UNKNOWN_USAGE else call.usage,
        cost_usd=call.cost_usd,
        decision=call.decision,
        key_id=call.key_id,
        endpoint=call.endpoint,
        provider=call.provider,
        deployments=call.deployments,
        view_version=call.view_version,
        service_tier=call.service_tier,
        trace_id=call.trace_id,
        tags=call.tags,
    )
    return Record(head, request, response)


def encode(call: Call) -> bytes:
    """The frame of a call."""
    return record(call).frame()


def decode(payload: bytes, *, bodies: bool = True) -> Call:
    """The call in a frame's payload. Raises ValueError where it is not one (another program's frame, a newer form)."""
    return read(payload, bodies=bodies).call()


def read(payload: bytes, *, bodies: bool = True) -> Record:
    """The same, as it is stored."""
    end = payload.index(b"\n")
    head = _decode(memoryview(payload)[:end])
    request = response = None
    if bodies:
        start = end + 1
        if head.request_bytes >= 0:
            request = payload[start : start + head.request_bytes]
            start += head.request_bytes
        if head.response_bytes >= 0:
            response = payload[start : start + head.response_bytes]
    return Record(head, request, response)


def payloads(file: BinaryIO, size: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Each whole, undamaged payload in the first `size` bytes, with the offset of its frame.

    A frame that is all there but fails its checksum is skipped by its length; one that is not all there ends the file.
    """
    offset = 0
    while size is None or offset + FRAME.size <= size:
        head = file.read(FRAME.size)
        if len(head) < FRAME.size:
            return
        length, crc = FRAME.unpack(head)
        if not 0 < length <= LONGEST or (size is not None and offset + FRAME.size + length > size):
            return
        payload = file.read(length)
        if len(payload) < length:
            return
        if zlib.crc32(payload) == crc:
            yield offset, payload
        offset += FRAME.size + length


def calls(file: BinaryIO, size: int | None = None, *, bodies: bool = True) -> Iterator[tuple[int, Call]]:
    """Each readable call with the offset of its frame."""
    for offset, stored in records(file, size, bodies=bodies):
        yield offset, stored.call()


def records(file: BinaryIO, size: int | None = None, *, bodies: bool = True) -> Iterator[tuple[int, Record]]:
    """The same, as they are stored."""
    for offset, payload in payloads(file, size):
        try:
            stored = read(payload, bodies=bodies)
        except (ValueError, msgspec.MsgspecError):
            continue
        yield offset, stored
