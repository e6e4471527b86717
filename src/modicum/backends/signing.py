"""AWS Signature Version 4 of one request (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

Signs what it is given; does not look for credentials and sends nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = frozenset(("authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"))
"""Headers that proxies change, or that stand outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsKeys:
    """Credentials of AWS. `token` with temporary ones."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


def sign(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | None,
    *,
    keys: AwsKeys,
    region: str,
    service: str,
    at: datetime | None = None,
) -> list[tuple[str, str]]:
    """The headers to add: `x-amz-date`, `authorization` and, with temporary keys, `x-amz-security-token`.

    `url` has no fragment, its path percent-encoded as it will be sent. All headers given are signed, but those that proxies change.
    """
    moment = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    host, path, query = _parts(url)
    added = [("x-amz-date", moment), *([("x-amz-security-token", keys.token)] if keys.token else [])]
    named: dict[str, list[str]] = {"host": [host]}
    for name, value in (*headers, *added):
        if name.lower() not in UNSIGNED and name.lower() != "host":
            named.setdefault(name.lower(), []).append(" ".join(value.split()))
    signed = ";".join(sorted(named))
    canonical = "\n".join(
        (
            method,
            quote(path, safe="/-_.~"),  # encoded once more: what every service but S3 wants
            query,
            *(f"{name}:{','.join(named[name])}" for name in sorted(named)),
            "",
            signed,
            hashlib.sha256(body or b"").hexdigest(),
        )
    )
    text = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{keys.secret_key}".encode()
    for part in (moment[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    return [*added, ("authorization", f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}")]


def _parts(url: str) -> tuple[str, str, str]:
    """Host as it is sent, path, and the query in canonical order."""
    scheme, _, rest = url.partition("://")
    authority, slash, target = rest.partition("/")
    path, _, query = target.partition("?")
    host = authority.lower()
    for usual in (":443",) if scheme == "https" else (":80",):
        host = host.removesuffix(usual)
    pairs = sorted(
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)
    )
    return host, slash + path or "/", "&".join(f"{name}={value}" for name, value in pairs)
