"""What is asked of the environment beside settings: secrets by their names, proxies, the number of threads."""

from __future__ import annotations

import os


def secret(name: str) -> str | None:
    """The value of the environment variable `name`, read when it is needed and kept nowhere; None where it is empty or unset."""
    return os.environ.get(name) or None if name else None


def proxy_for(url: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name for a URL, in either case; None: go there directly."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2].lower()
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    for entry in _either_case("no_proxy").lower().split(","):
        entry = entry.strip().removeprefix("*").removeprefix(".")
        if entry in ("*", host, name) or (entry and name.endswith("." + entry)):
            return None
    if "*" in _either_case("no_proxy").split(","):
        return None
    return _either_case(f"{scheme}_proxy") or _either_case("all_proxy") or None


def _either_case(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper()) or ""


def use_one_thread() -> None:
    """Keep array libraries from starting a thread for each core; where the environment names a number, that holds.

    Call it before numpy is loaded. A gateway multiplies small matrices, many at once in several processes: threads that
    wait for each other by spinning cost it more than they save.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
