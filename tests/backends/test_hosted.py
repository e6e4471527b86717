"""Addresses of providers."""

from __future__ import annotations

import pytest

from modicum.backends.hosted import check, is_loopback
from modicum.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example",
        "ftp://api.example",
        "file:///etc/passwd",
        "https://",
        "https://a@b/v1",
        "https://a/v1?b=c",
        "https://a/#b",
        "http://a b/",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError):
        check(url)


def test_addresses() -> None:
    assert check("https://api.example:8443/v1/") == "https://api.example:8443"
    assert is_loopback("http://localhost:80/v1") and is_loopback("http://[::1]:80") and is_loopback("http://127.0.0.1")
    assert not is_loopback("https://api.example/v1") and not is_loopback("http://localhost.example")
