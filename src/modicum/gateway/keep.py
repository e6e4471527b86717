"""What a provider keeps for its caller, files and batches: any method, any path below, passed on as it is; figures are recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modicum.errors import NotFoundError
from modicum.gateway import admit
from modicum.gateway.decide import NO_WORKLOADS
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import Asked, Reply
from modicum.gateway.plain import plain
from modicum.types import Endpoint

if TYPE_CHECKING:
    from modicum.backends.upstreams import Deployment
    from modicum.gateway.day import Day


async def pass_on(day: Day, asked: Asked, draft: Draft, reply: Reply, rest: str) -> None:
    """Pass one request below `/files` or `/batches` to the provider that keeps such things. Raises ModicumError."""
    day.till.permit_uncounted(draft.key, draft.endpoint)
    draft.deployment = deployment = keeper(day, asked, draft.endpoint)
    draft.choice = NO_WORKLOADS
    body = await admit.read_body(asked, draft.setting.config.serve) if asked.unread else None
    suffix = rest + ("?" + asked.query.decode("latin-1") if asked.query else "")
    answer = await draft.setting.upstreams.send(
        deployment, draft.endpoint, body, caller=asked.headers, method=asked.method, path_suffix=suffix
    )
    draft.tried = (deployment.provider,)
    try:
        draft.status = answer.status
        await plain(day, draft, answer, reply)
    finally:
        answer.close()


def keeper(day: Day, asked: Asked, endpoint: Endpoint) -> Deployment:
    """`[upstream]`, or the provider that the header `x-modicum-provider` names among the operator's. Raises NotFoundError."""
    upstreams = day.setting.upstreams
    name = asked.header(b"x-modicum-provider")
    deployment = upstreams.target(f"{name}/{endpoint}").deployments[0] if name else upstreams.default()
    if name and deployment.provider != name:
        raise NotFoundError(f"there is no provider {name[:64]!r}", hint="x-modicum-provider names one that the operator configured")
    if deployment.speaks(endpoint) is None:
        raise NotFoundError(f"{deployment.provider!r} keeps no {endpoint}", hint="x-modicum-provider names another provider of yours")
    return deployment
