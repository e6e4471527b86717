"""`modicum serve`: stand before the provider, record, and answer what is switched on."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import click
import msgspec

from modicum.cli.options import Config, common, printable
from modicum.config import secret, use_one_thread
from modicum.errors import ConfigError, StoreError
from modicum.store import home, snapshot

EXAMPLES = """\b
Examples:
  modicum serve                                        before api.openai.com, with the key in OPENAI_API_KEY
  modicum serve --upstream http://127.0.0.1:8000/v1    before a model server of your own
  modicum serve --observe                              only record
  OPENAI_BASE_URL=http://127.0.0.1:8321/v1 python your_application.py
"""


def _flags(function: Any) -> Any:
    """Turn this command's own options into settings before the configuration is read."""

    @functools.wraps(function)
    def wrapped(
        listen: str | None,
        upstream: str | None,
        auth: str | None,
        workers: int | None,
        scope: str | None,
        observe: bool,
        explain: bool,
        **rest: Any,
    ) -> Any:
        flags = {
            "serve.listen": listen,
            "serve.workers": workers,
            "serve.scope": scope,
            "serve.observe": observe or None,
            "serve.explain": explain or None,
            "upstream.url": upstream,
            "upstream.auth": auth,
        }
        return function(flags=flags, **rest)

    return wrapped


@click.command("serve", epilog=EXAMPLES)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen; loopback only. [default: 127.0.0.1:8321]")
@click.option("--upstream", metavar="URL", help="Base URL of the provider. [default: https://api.openai.com/v1]")
@click.option("--auth", type=click.Choice(["key", "forward", "none"]), help="key: send $OPENAI_API_KEY. forward: pass the caller's own on.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that share the port. [default: 1]")
@click.option("--scope", metavar="NAME", help="The scope to record under and to serve routes of. [default: default]")
@click.option("--observe", is_flag=True, help="Only record: no route answers.")
@click.option("--explain", is_flag=True, help="Say confidence and cost in headers.")
@_flags
@common
def command(config: Config, as_json: bool) -> None:
    """Stand before a provider: record its calls, answer what is switched on.

    Point an OpenAI client's base URL here. What no live route covers goes to the provider and comes back byte for byte. A route
    that is switched on, or off, is so within a second. SIGTERM lets replies under way finish.
    """
    serve(config, as_json=as_json)


def serve(config: Config, *, as_json: bool = False) -> None:
    """Check the settings, say where it listens, and serve until a signal comes."""
    use_one_thread()
    from modicum.backends import hosted  # not at start-up: these load arrays, the HTTP client and the server
    from modicum.gateway import server

    hosted.check(config.upstream.url)
    if config.upstream.auth == "key" and not secret(config.upstream.api_key_env) and not hosted.is_loopback(config.upstream.url):
        raise ConfigError(
            f"no key for {config.upstream.url}: the environment variable {config.upstream.api_key_env} is not set",
            hint="set it, or pass the callers' own keys on with --auth forward",
        )
    config = _absolute(config)
    bound = server.bind(config.serve.listen)
    config = dataclasses.replace(config, serve=dataclasses.replace(config.serve, listen=server.address(bound)))
    home.prepare(config.home)
    about = announcement(config)
    server.run(server.gateway(config), bound, config.serve, announce=lambda: tell(about, as_json=as_json))


def tell(about: dict[str, Any], *, as_json: bool) -> None:
    """One line: where, before whom, and what is live."""
    if as_json:
        click.echo(msgspec.json.encode(about))
        return
    live = ", ".join(f"{name} ({state})" for name, state in about["routes"].items())
    what = "only recording" if about["observe"] else f"live: {live}" if live else "no route is live, so it records"
    click.echo(printable(f"Listening on {about['url']} before {about['upstream']}; {what}."))


def announcement(config: Config) -> dict[str, Any]:
    """What `serve` says when it begins."""
    try:
        live = snapshot.read(config.home)
    except StoreError:
        live = None
    names = {w.workload_id: w.name for w in live.workloads} if live else {}
    routes = {
        names.get(found.route.workload_id, found.route.workload_id): found.route.state
        for found in (live.routes if live else ())
        if found.route.scope == config.serve.scope and found.route.state in ("shadow", "on")
    }
    url = f"http://{config.serve.listen}/v1"
    return {"url": url, "upstream": config.upstream.url, "observe": config.serve.observe, "routes": routes}


def _absolute(config: Config) -> Config:
    return dataclasses.replace(config, store=dataclasses.replace(config.store, home=Path(config.home).absolute()))
