"""The sides that are measured, each on ports of its own: the upstream itself, nginx, LiteLLM's proxy, and ours.

All as their own pages say, one worker each, help where it would be unfair to leave it out. LiteLLM: a master key, model names that have a
price, its price list from the package and not from the network, and the two packages whose failing imports it otherwise tries again on
every request (opentelemetry-sdk and prisma). Ours: a virtual key with limits and a budget, costs, records, redaction.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import trustme

from benchmarks.gateway.load import Door
from benchmarks.gateway.process import running, wait_ready
from tests.gateway.routed import publish

ROOT = Path(__file__).resolve().parents[2]
LITELLM = Path(os.environ.get("MODICUM_PEERS", ROOT / ".cache" / "peers")) / "litellm"
UPSTREAMS = ("at_once", "late", "secure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One gateway, or none (`direct`)."""

    name: str
    doors: Mapping[str, Door]
    """By upstream."""
    pids: Mapping[str, int]
    homes: tuple[Path, ...] = ()
    """Where ours keeps its records."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all sides stand on."""

    folder: Path
    ports: Mapping[str, int]
    """Of the upstreams."""
    authority: Path
    """The certificate that vouches for the secure one."""
    late_s: float
    missing: list[str] = field(default_factory=list)
    """What could not be measured, and what to install."""

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@contextlib.contextmanager
def ground(folder: Path, *, late_s: float, gap_s: float) -> Iterator[Ground]:
    """Start the upstreams. The one that answers at once is nginx where it is installed: it takes less of the machine."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    command = [sys.executable, "-m", "benchmarks.gateway.upstream", "--late", str(late_s), "--gap", str(gap_s)]
    log = folder / "upstream.log"
    with running([*command, "--certificate", str(folder / "server.pem")], log, cwd=ROOT) as process, contextlib.ExitStack() as stack:
        while not (said := log.read_text()).endswith("\n"):
            if process.poll() is not None:
                raise RuntimeError(f"the upstream did not start:\n{said}")
        ports = json.loads(said)
        made = Ground(folder=folder, ports=ports, authority=folder / "authority.pem", late_s=late_s)
        if nginx_path() is None:
            made.missing.append("nginx: not installed (Debian: apt-get install nginx-light)")
        else:
            from benchmarks.gateway.upstream import BODY

            port = free_port()
            answers = f"location / {{ default_type application/json; return 200 '{BODY.decode()}'; }}"
            stack.enter_context(_nginx(folder, "at-once", f"server {{ listen 127.0.0.1:{port} backlog=4096; {answers} }}", port))
            made = Ground(folder=folder, ports=ports | {"at_once": port}, authority=made.authority, late_s=late_s, missing=made.missing)
        if not shutil.which("wrk"):
            made.missing.append("wrk: not installed (Debian: apt-get install wrk); slower callers of our own stand in for it")
        yield made


def direct(on: Ground) -> Side:
    doors = {name: Door(port=port, tls=on.tls if name == "secure" else None) for name, port in on.ports.items()}
    return Side(name="direct", doors=doors, pids={})


@contextlib.contextmanager
def nginx(on: Ground) -> Iterator[Side]:
    """nginx as a plain reverse proxy, connections kept on both sides."""
    ports = {name: free_port() for name in UPSTREAMS}
    blocks = []
    for name, port in ports.items():
        scheme = "https" if name == "secure" else "http"
        blocks.append(f"upstream {name} {{ server 127.0.0.1:{on.ports[name]}; keepalive 1024; keepalive_requests 100000000; }}")
        passes = f"proxy_pass {scheme}://{name}; {'proxy_buffering off;' if name == 'late' else ''}"
        blocks.append(f"server {{ listen 127.0.0.1:{port} backlog=4096; client_max_body_size 64m; location / {{ {passes} }} }}")
    head = 'proxy_http_version 1.1; proxy_set_header Connection ""; client_body_buffer_size 1m;\n'
    with _nginx(on.folder, "proxy", head + "\n".join(blocks), ports["at_once"]) as process:
        doors = {name: Door(port=port) for name, port in ports.items()}
        yield Side(name="nginx", doors=doors, pids=dict.fromkeys(ports, process.pid))


@contextlib.contextmanager
def ours(on: Ground, *, upstreams: tuple[str, ...] = UPSTREAMS) -> Iterator[Side]:
    """One gateway an upstream, each with a home, a key and a route of its own."""
    doors: dict[str, Door] = {}
    pids: dict[str, int] = {}
    homes: list[Path] = []
    notes: set[str] = set()
    with contextlib.ExitStack() as stack:
        for name in upstreams:
            home = on.folder / f"home-{name}-{free_port()}"
            publish(home, max_input_chars=5000)
            key = _key(home)
            port, log = free_port(), on.folder / f"{home.name}.log"
            process = stack.enter_context(running(command(home, port, on.ports, name), log, env=environment(on), cwd=ROOT))
            wait_ready(process, port, "/readyz", log)
            notes.add("a virtual key with limits and budgets is asked for" if _shut(port) else "anybody is let in: keys are not looked at")
            doors[name], pids[name] = Door(port=port, key=key), process.pid
            homes.append(home)
        yield Side(name="ours", doors=doors, pids=pids, homes=tuple(homes), notes=tuple(sorted(notes)))


def command(home: Path, port: int, ports: Mapping[str, int], name: str) -> list[str]:
    """How ours is started."""
    url = f"{'https' if name == 'secure' else 'http'}://127.0.0.1:{ports[name]}/v1"
    return [sys.executable, "-m", "modicum", "serve", "--home", str(home), "--listen", f"127.0.0.1:{port}", "--upstream", url]


def environment(on: Ground) -> dict[str, str]:
    """Of a gateway: a provider's key, and no control calls, for their share would blur the specialist's figures."""
    kept = _kept("MODICUM_", "OPENAI_")
    return kept | {"OPENAI_API_KEY": "sk-upstream", "SSL_CERT_FILE": str(on.authority), "MODICUM_ROUTE__CONTROL_SHARE": "0"}


def _kept(*without: str) -> dict[str, str]:
    """The environment. Byte code is written, as pip does where it installs a package: or every start would compile all again."""
    return {name: value for name, value in os.environ.items() if not name.startswith((*without, "PYTHONDONTWRITEBYTECODE"))}


def _key(home: Path) -> str:
    """The secret of a new key; its limits and budgets are kept, but never reached."""
    limits = {"requests-minute": 10**9, "tokens-minute": 10**9, "concurrency": 10**5, "budget-day": 10**6, "budget-month": 10**7}
    flags = [word for name, value in limits.items() for word in (f"--{name}", str(value))]
    asked = [sys.executable, "-m", "modicum", "keys", "create", "bench", *flags, "--home", str(home), "--format", "json"]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"no key could be made: {done.stderr}")
    return str(json.loads(done.stdout)["secret"])


def _shut(port: int) -> bool:
    """Nobody gets in without a key."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1/models")
        return connection.getresponse().status == 401
    finally:
        connection.close()


def litellm_python() -> Path | None:
    """The interpreter of LiteLLM's own environment, where there is one."""
    python = LITELLM / "bin" / "python"
    return python if python.exists() else None


@contextlib.contextmanager
def litellm(on: Ground, python: Path) -> Iterator[Side]:
    """One proxy; each upstream is a model of it."""
    models = {"at_once": "gpt-4o-mini", "late": "gpt-4o-mini-late", "secure": "gpt-4o-mini-secure"}
    config = on.folder / "litellm.yaml"
    entries = []
    for name, model in models.items():
        base = f"{'https' if name == 'secure' else 'http'}://127.0.0.1:{on.ports[name]}/v1"
        entries.append(
            f"  - model_name: {model}\n    litellm_params: {{model: openai/gpt-4o-mini, api_base: '{base}', api_key: sk-upstream}}\n"
        )
    config.write_text("model_list:\n" + "".join(entries) + "general_settings:\n  master_key: sk-bench\n")
    port, log = free_port(), on.folder / "litellm.log"
    with running(litellm_command(python, config, port), log, env=litellm_environment(on, python), cwd=on.folder) as process:
        wait_ready(process, port, "/health/liveliness", log)
        doors = {name: Door(port=port, model=model, key="sk-bench") for name, model in models.items()}
        yield Side(name="LiteLLM", doors=doors, pids=dict.fromkeys(models, process.pid))


def litellm_command(python: Path, config: Path, port: int) -> list[str]:
    return [str(python.with_name("litellm")), "--config", str(config), "--port", str(port), "--host", "127.0.0.1", "--num_workers", "1"]


def litellm_environment(on: Ground, python: Path) -> dict[str, str]:
    kept = _kept("OPENAI_", "LITELLM_")
    paths = f"{python.parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "SSL_CERT_FILE": str(on.authority), "PATH": paths, "NO_PROXY": "127.0.0.1"}


def nginx_path() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")


@contextlib.contextmanager
def _nginx(folder: Path, name: str, servers: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    config, log = folder / f"{name}.conf", folder / f"{name}.log"
    user = "user root;\n" if os.getuid() == 0 else ""
    temporary = "".join(f"{kind}_temp_path {folder}/{name}-{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config.write_text(
        f"{user}worker_processes 1;\ndaemon off;\npid {folder}/{name}.pid;\nerror_log {folder}/{name}-error.log warn;\n"
        "events { worker_connections 8192; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 300s;\n{temporary}{servers}\n}}\n"
    )
    with running([nginx_path() or "nginx", "-p", str(folder), "-c", str(config)], log) as process:
        wait_ready(process, port, "/", log, within_s=10)
        yield process


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])
