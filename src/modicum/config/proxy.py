"""Which proxy the environment names for an address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from modicum.config.environment import either_case


def proxy_for(url: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name for a URL, in either case; None: go there directly.

    NO_PROXY holds names (with all below them), addresses, ranges (10.0.0.0/8), each with a port or without, and `*`. This machine's own
    names and addresses never go through a proxy.
    """
    scheme, _, rest = url.partition("://")
    host, port = _split(rest.partition("/")[0].rpartition("@")[2].lower())
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return None
    port = port or {"http": "80", "https": "443"}.get(scheme, "")
    for entry in either_case("no_proxy").lower().replace(",", " ").split():
        if entry == "*" or _covers(entry, host, port, address):
            return None
    return either_case(f"{scheme}_proxy") or either_case("all_proxy") or None


def _covers(entry: str, host: str, port: str, address: IPv4Address | IPv6Address | None) -> bool:
    """One entry of NO_PROXY speaks of this host."""
    if "/" in entry:
        try:
            return address is not None and address in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, only_port = _split(entry)
    if only_port and only_port != port:
        return False
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith("." + name))


def _split(authority: str) -> tuple[str, str]:
    """(host without brackets, port or nothing)"""
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        return host, rest.removeprefix(":")
    if authority.count(":") > 1:  # an IPv6 address as NO_PROXY may hold it
        return authority, ""
    host, _, port = authority.partition(":")
    return host, port


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
