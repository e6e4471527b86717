"""Which addresses go through the environment's proxy."""

from __future__ import annotations

import pytest

from modicum.config.proxy import proxy_for


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_each_scheme_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("https://api.example/v1") is None
    monkeypatch.setenv("ALL_PROXY", "http://all:1")
    assert proxy_for("https://api.example/v1") == "http://all:1"
    monkeypatch.setenv("HTTPS_PROXY", "http://capitals:1")
    monkeypatch.setenv("https_proxy", "http://small:1")
    assert proxy_for("https://api.example/v1") == "http://small:1"
    assert proxy_for("http://api.example/v1") == "http://all:1"
    monkeypatch.setenv("https_proxy", "")
    assert proxy_for("https://api.example/v1") == "http://capitals:1"


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "http://127.0.0.1/", "https://127.9.9.9:1", "http://[::1]:8000/v1"])
def test_this_machine_is_never_behind_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://p:1")
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "https://api.example", True),
        ("api.example", "https://api.example/v1", True),
        ("API.Example", "https://api.EXAMPLE/v1", True),
        ("api.example", "https://eu.api.example", True),
        (".example", "https://api.example", True),
        ("*.example", "https://api.example", True),
        ("api.example", "https://notapi.example", False),
        ("example", "https://api.example.com", False),
        ("", "https://api.example", False),
        (" , ,", "https://api.example", False),
        ("a.example, api.example", "https://api.example", True),
        ("a.example api.example", "https://api.example", True),
        ("api.example:443", "https://api.example", True),
        ("api.example:8443", "https://api.example", False),
        ("api.example:8443", "https://api.example:8443/v1", True),
        ("10.0.0.0/8", "http://10.1.2.3:8000/v1", True),
        ("10.0.0.0/8", "http://11.1.2.3/v1", False),
        ("10.0.0.1/8", "http://10.1.2.3/v1", True),
        ("10.0.0.0/8", "http://ten.example", False),
        ("nonsense/8", "http://10.1.2.3", False),
        ("10.1.2.3", "http://10.1.2.3:80/v1", True),
        ("10.1.2.3:81", "http://10.1.2.3/v1", False),
        ("1.2.3", "http://10.1.2.3/v1", False),
        ("2001:db8::/32", "http://[2001:db8::1]:80/v1", True),
        ("2001:db8::1", "http://[2001:DB8:0::1]/v1", True),
        ("[2001:db8::1]:80", "http://[2001:db8::1]/v1", True),
        ("[2001:db8::1]:81", "http://[2001:db8::1]/v1", False),
    ],
)
def test_what_goes_around_it(no_proxy: str, url: str, direct: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://p:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_for(url) is None) is direct
