"""The models that a caller may ask for: the names that the operator gave, beside those that the provider lists."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from modicum.errors import InputError, ModicumError, NotFoundError, UpstreamError
from modicum.gateway.exchange import JSON, Asked, Header, Reply
from modicum.gateway.plain import reply_headers
from modicum.gateway.translate import whole
from modicum.types import Key, new_call_id
from modicum.wire import chat

if TYPE_CHECKING:
    from modicum.gateway.day import Day

OWNER = "modicum"


async def models(day: Day, asked: Asked, reply: Reply, *, model: str = "", key: Key | None = None) -> None:
    """`GET /v1/models`, or one of them, in Anthropic's words for a caller that sends `anthropic-version`, else in OpenAI's.

    Where the operator named no models and the provider speaks the caller's words its list passes byte for byte. Raises ModicumError.
    """
    anthropic = b"anthropic-version" in asked.headers
    ours = [(b"x-request-id", new_call_id().encode())]
    names = [name for name in day.setting.upstreams.names() if allowed(key, name)]
    if model:
        if not allowed(key, model):
            raise NotFoundError(f"there is no model {model[:80]!r}", hint="GET /v1/models lists what there is")
        if model in names:
            await reply.whole(200, msgspec.json.encode(one(model, anthropic=anthropic)), (JSON, *ours))
            return
    try:
        status, headers, body, same = await _theirs(day, asked, model, anthropic=anthropic)
    except (UpstreamError, NotFoundError):
        if model or not names:
            raise
        status, headers, body, same = 200, [], b'{"data":[]}', True  # what the operator named is known without the provider
    if status != 200 or (same and not names and (key is None or not key.models)):
        await reply.whole(status, body, reply_headers(headers, ours) if headers else (JSON, *ours))
        return
    try:
        listed = chat.loads(body)
    except InputError:
        raise UpstreamError("the provider's list of models is not one") from None
    if model:
        rows = [listed]
    else:
        rows = [row for row in data if isinstance(row, dict)] if isinstance(data := listed.get("data", listed.get("models")), list) else []
    if not same:
        rows = [one(str(row.get("id") or row.get("name") or ""), anthropic=anthropic, of=row) for row in rows]
    rows = [row for row in rows if row.get("id") not in names and allowed(key, str(row.get("id")))]
    if model:
        await reply.whole(200, msgspec.json.encode(rows[0]), (JSON, *ours))
        return
    rows = [*(one(name, anthropic=anthropic) for name in names), *rows]
    await reply.whole(200, msgspec.json.encode(listing(rows, anthropic=anthropic)), (JSON, *ours))


def allowed(key: Key | None, model: str) -> bool:
    """The key may ask for this model."""
    return key is None or not key.models or any(model == n or (n.endswith("*") and model.startswith(n[:-1])) for n in key.models)


def one(model: str, *, anthropic: bool, of: dict[str, Any] | None = None) -> dict[str, Any]:
    """One row of the list; `of`: the provider's own row, in the other words."""
    of = of or {}
    if anthropic:
        return {
            "type": "model",
            "id": model,
            "display_name": of.get("display_name") or of.get("name") or model,
            "created_at": of.get("created_at") or "1970-01-01T00:00:00Z",
        }
    return {"id": model, "object": "model", "created": of.get("created") or 0, "owned_by": of.get("owned_by") or OWNER}


def listing(rows: Sequence[dict[str, Any]], *, anthropic: bool) -> dict[str, Any]:
    """The whole list."""
    if not anthropic:
        return {"object": "list", "data": rows}
    ends = {"first_id": rows[0]["id"], "last_id": rows[-1]["id"]} if rows else {"first_id": None, "last_id": None}
    return {"data": rows, "has_more": False, **ends}


async def _theirs(day: Day, asked: Asked, model: str, *, anthropic: bool) -> tuple[int, Sequence[Header], bytes, bool]:
    """What the provider says: status, headers, body, and whether it is in the caller's words."""
    upstreams = day.setting.upstreams
    deployment = upstreams.default()
    if model:
        with suppress(ModicumError):
            deployment = upstreams.target(model).deployments[0]
    if deployment.speaks("models") is None:
        raise NotFoundError(f"{deployment.provider!r} has no list of models")
    suffix = "/" + (deployment.model or model) if model else ""
    if asked.query and not model:
        suffix += "?" + asked.query.decode("latin-1")
    answer = await upstreams.send(deployment, "models", None, caller=asked.headers, method="GET", path_suffix=suffix)
    try:
        return answer.status, answer.headers, await whole(answer), (deployment.speaks("messages") == "messages") is anthropic
    finally:
        answer.close()
