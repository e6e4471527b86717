"""The admin API's door: who asks is found out here, the rest is done by a process of its own (`gateway.office`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modicum.errors import ForbiddenError, RequestError, UnauthorisedError, UnknownEndpointError, UpstreamError
from modicum.gateway import admit
from modicum.gateway.exchange import Asked, Reply
from modicum.types import Key, new_call_id

if TYPE_CHECKING:
    from modicum.gateway.day import Day

_PLAIN = re.compile(r"[!-~]*")
_PASSED = frozenset((b"content-type", b"retry-after"))
"""Of the headers of its reply."""


async def admin(day: Day, asked: Asked, reply: Reply, *, key: Key | None) -> None:
    """Pass on what an admin key asks for, with the key's name as the actor.

    Without any key the answer is no: that a request comes from this machine is no authority, any page in a browser may send one.
    Raises UnknownEndpointError where the API is switched off, UnauthorisedError, ForbiddenError, RequestError and what comes of passing
    it on.
    """
    if not day.config.serve.admin:
        raise UnknownEndpointError("the admin API is switched off", hint="[serve] admin = true")
    if key is None:
        raise UnauthorisedError("the admin API wants an admin key", hint="`modicum keys create NAME --admin` makes one")
    if not key.admin:
        raise ForbiddenError(f"key '{key.name}' is not for the admin API", hint="`modicum keys create NAME --admin` makes one that is")
    target = asked.raw_path.decode("latin-1") + (f"?{asked.query.decode('latin-1')}" if asked.query else "")
    if not _PLAIN.fullmatch(target):
        raise RequestError("the path holds characters that must stand with a percent sign")
    body = await admit.read_body(asked, day.config.serve)
    kind = [("content-type", asked.header(b"content-type"))] if body else []
    answer = await day.office.send(day.client, day.config, f"key:{key.name}", asked.method, target, kind, body or None)
    try:
        headers = [(name, value) for name, value in answer.headers if name in _PASSED]
        await reply.start(answer.status, (*headers, (b"cache-control", b"no-store"), (b"x-request-id", new_call_id().encode())))
        async for piece in answer.chunks():
            await reply.write(piece)
        await reply.write(b"", last=True)
    except UpstreamError:
        if not reply.started:
            raise
        raise ConnectionError("the reply broke off") from None
    finally:
        answer.close()
