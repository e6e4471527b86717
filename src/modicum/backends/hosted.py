"""The base URL of a provider: what may be one, and whether it is this machine's own."""

from __future__ import annotations

from modicum.errors import ConfigError


def check(url: str) -> str:
    """`scheme://host` of a base URL. Raises ConfigError where it is not one that may be used."""
    scheme, colon, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    if not colon or scheme not in ("http", "https") or not authority:
        raise ConfigError(f"upstream.url = {url!r} is not a web address", hint="for example https://api.openai.com/v1")
    if "@" in authority:
        raise ConfigError("upstream.url holds a user or a password", hint="name the key's environment variable in upstream.api_key_env")
    if "?" in url or "#" in url or any(not 32 < ord(c) < 127 for c in url):
        raise ConfigError(f"upstream.url = {url!r} holds a query, a fragment, or characters that an address cannot have")
    return f"{scheme}://{authority}"


def is_loopback(url: str) -> bool:
    """The address is this machine's own, by name or number."""
    host = url.partition("://")[2].partition("/")[0]
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name in ("localhost", "::1") or name.startswith("127.")
