"""Where calls would go that are sent to another model than the one that was asked, and whether the operator lets them.

A loopback address is this machine; anything else must be named in `[policy] may_receive`, for the scope that the calls are of.
"""

from __future__ import annotations

from collections.abc import Iterable

from modicum.backends.hosted import is_loopback
from modicum.backends.names import Deployment


def host_of(deployment: Deployment, url: str) -> str:
    """Who is sent the calls, by name; empty where they stay here. Ollama passes what it calls cloud models on to its maker."""
    if deployment.kind == "ollama" and deployment.model.endswith(("-cloud", ":cloud")):
        return "ollama.com"
    if is_loopback(url):
        return ""
    authority = url.partition("://")[2].partition("/")[0]
    return authority.partition("]")[0].removeprefix("[") if authority.startswith("[") else authority.partition(":")[0]


def may_receive(allowed: Iterable[str], provider: str, host: str, scope: str) -> bool:
    """May calls of this scope be sent there? `allowed`: `[policy] may_receive`, names of providers or hosts, `@scope` behind them for one
    scope alone. `host`: as `host_of` says."""
    wanted = {provider.casefold(), host.casefold()}
    for entry in allowed:
        name, at, only = entry.partition("@")
        if name.strip().casefold() in wanted and (not at or only.strip() == scope):
            return True
    return not host
