"""`modicum serve`: stand before the providers, record, and answer what is switched on."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from modicum.cli.options import Config, common, printable
from modicum.config import load, use_one_thread
from modicum.errors import ConfigError, StoreError
from modicum.route.steps import LIVE
from modicum.store import home, snapshot
from modicum.store.keys import Keys, environment_key
from modicum.store.watchable import stamp as watchable_since
from modicum.store.watchable import watchable

if TYPE_CHECKING:
    from modicum.gateway.beside import Beside
    from modicum.gateway.log import Log

PUBLISH_S = 30.0
EXAMPLES = """\b
Examples:
  modicum serve                                        before api.openai.com, with the key in OPENAI_API_KEY
  modicum serve --upstream http://127.0.0.1:8000/v1    before a model server of your own
  modicum serve --observe                              only record
  modicum serve --litellm-config config.yaml           the models of a LiteLLM proxy, as they are
  modicum keys create team-a && modicum serve --listen 0.0.0.0:8321
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
        litellm_config: Path | None,
        **rest: Any,
    ) -> Any:
        flags = {
            "serve.listen": listen,
            "serve.workers": workers,
            "serve.scope": scope,
            "serve.observe": observe or None,
            "serve.explain": explain or None,
            "serve.litellm_config": litellm_config,
            "upstream.url": upstream,
            "upstream.auth": auth,
        }
        with _sighup_waits():
            return function(flags=flags, given=flags, **rest)

    return wrapped


@contextlib.contextmanager
def _sighup_waits() -> Iterator[None]:
    """A SIGHUP that comes while the configuration is read and the server begins is kept until it listens for one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@click.command("serve", epilog=EXAMPLES)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen; loopback only until there are keys. [default: 127.0.0.1:8321]")
@click.option("--upstream", metavar="URL", help="Base URL of the provider. [default: https://api.openai.com/v1]")
@click.option("--auth", type=click.Choice(["key", "forward", "none"]), help="key: send $OPENAI_API_KEY. forward: pass the caller's own on.")
@click.option(
    "--litellm-config", type=click.Path(path_type=Path, dir_okay=False), help="A LiteLLM config.yaml whose model_list is served too."
)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that share the port. [default: 1]")
@click.option("--scope", metavar="NAME", help="The scope of calls without a key, and of their routes. [default: default]")
@click.option("--observe", is_flag=True, help="Only record: no route answers.")
@click.option("--explain", is_flag=True, help="Say confidence and cost in headers.")
@_flags
@common
def command(config: Config, as_json: bool, given: dict[str, Any]) -> None:
    """Stand before the providers: record calls, answer what is switched on.

    Point the base URL of an OpenAI or Anthropic client here. What no live route covers goes to a provider and comes back byte for
    byte. A route that is switched on, or off, is so within a second. SIGTERM lets replies under way finish, SIGHUP reads the
    configuration again.
    """
    serve(config, as_json=as_json, reread=_reread(config, given), watcher=_watcher(config))


def _reread(config: Config, given: dict[str, Any]) -> Callable[[], Config]:
    """Reads the configuration as this command did. Where it listens and where it keeps things stays.

    A file that is gone or empty where there was one is refused: it is being written just now, and its defaults would send calls elsewhere.
    """
    named = _named()
    path = Path(named).absolute() if named is not None else None
    file = path or Path("modicum.toml").absolute()
    began_with = _is_written(file)

    def reread() -> Config:
        if began_with and not _is_written(file):
            raise ConfigError(f"{file} is empty or gone", hint="what held before holds on; write it and send SIGHUP again")
        return _absolute(load(path, flags={**given, "store.home": config.home}))

    return reread


def _is_written(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def _watcher(config: Config) -> list[str]:
    """The command of the watcher that is started beside the workers; it reads the same settings."""
    named = _named()
    return [
        *(sys.executable, "-m", "modicum", "watch", "--child", "--home", str(config.home.absolute())),
        *(["--config", str(Path(named).absolute())] if named is not None else []),
        *(["--format", "json"] if config.telemetry.log == "json" else []),
    ]


def _named() -> Any:
    """The file of settings that the command line names."""
    context = click.get_current_context()
    return context.params.get("config_path") or (context.parent.params.get("config_path") if context.parent else None)


def serve(
    config: Config, *, as_json: bool = False, reread: Callable[[], Config] | None = None, watcher: Sequence[str] | None = None
) -> None:
    """Check the settings, say where it listens, and serve until a signal comes."""
    use_one_thread()
    from modicum.backends.client import Client  # not at start-up: these load arrays, the HTTP client and the server
    from modicum.backends.upstreams import Upstreams
    from modicum.gateway import admit

    config = _absolute(config)
    upstreams = Upstreams.open(config, Client())
    keyed = bool(Keys(config.home, environment_key(config.serve.admin_key_env)))
    admit.listener(config.serve.listen, keyed=keyed)
    home.prepare(config.home)
    held = home.begin_serving(config.home)
    compiling = threading.Thread(target=_compile, args=(config.home,), daemon=True)
    compiling.start()
    from modicum.gateway import server  # beside it, for this takes as long
    from modicum.gateway.log import Log
    from modicum.gateway.metrics import Tally

    if config.serve.workers > 1:
        compiling.join()  # a process with threads must not be forked
    bound = server.bind(config.serve.listen, keyed=keyed)
    config = dataclasses.replace(config, serve=dataclasses.replace(config.serve, listen=server.address(bound)))
    about = announcement(config, models=upstreams.names(), keyed=keyed)
    tally = Tally(config.home)
    log = Log(config.telemetry.log, heard=tally.alarm)

    def announce() -> None:
        tell(about, as_json=as_json)
        if config.telemetry.log == "json":
            log.started(url=about["url"], upstream=about["upstream"], workers=config.serve.workers, observe=about["observe"])

    beside = _beside(config, watcher, log)
    opening = server.gateway(config, _with(reread, beside))
    try:
        server.run(opening, bound, config.serve, announce=announce, held=held, log=log, beside=beside)
    finally:
        tally.close()


def _beside(config: Config, watcher: Sequence[str] | None, log: Log) -> Beside | None:
    """Keeps a watcher running, once a route is live; None where somebody else watches, or nobody is to."""
    if watcher is None or config.watch.run != "child":
        return None
    from modicum.gateway.beside import Beside

    automatic = config.watch.automatic
    return Beside(
        watcher, wanted=lambda: watchable(config.home, automatic=automatic), changed=lambda: watchable_since(config.home), log=log
    )


def _with(reread: Callable[[], Config] | None, beside: Beside | None) -> Callable[[], Config] | None:
    """Rereads, and lets the watcher do so too."""
    if reread is None or beside is None:
        return reread

    def both() -> Config:
        beside.reload()
        return reread()

    return both


def _compile(home: Path) -> None:
    tell_what_is_behind(home)
    _compile_prices(home)


def tell_what_is_behind(home: Path) -> None:
    """Tell the workers of routes that somebody switched who was killed before that: in a process of its own, where it may be so."""
    changed = max((_changed(home / name) for name in ("control.db", "control.db-wal")), default=0)
    if changed > _changed(snapshot.path(home)):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            quiet = subprocess.DEVNULL
            command = [sys.executable, "-m", "modicum.pipeline.published", str(home)]
            subprocess.run(command, timeout=PUBLISH_S, check=False, stdin=quiet, stdout=quiet)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _compile_prices(home: Path) -> None:
    """Once for a version of the price list. A worker that has to know a price before this is over waits for it, and says what is wrong."""
    from modicum.catalog.prepared import prepare_prices

    with contextlib.suppress(OSError, subprocess.SubprocessError):
        prepare_prices(home)


def tell(about: dict[str, Any], *, as_json: bool) -> None:
    """One line: where, before whom, and what is live."""
    if as_json:
        click.echo(msgspec.json.encode(about))
        return
    live = ", ".join(f"{name} ({state})" for name, state in about["routes"].items())
    what = "only recording" if about["observe"] else f"live: {live}" if live else "no route is live, so it records"
    others = [f"{name} at {url}" if url else name for name, url in about["providers"].items()]
    before = " and ".join([about["upstream"], *others])
    named = f"; models: {', '.join(about['models'])}" if about["models"] else ""
    keys = ", for callers with a key" if about["keys"] else ""
    click.echo(printable(f"Listening on {about['url']}{keys} before {before}{named}; {what}."))


def announcement(config: Config, *, models: tuple[str, ...] = (), keyed: bool = False) -> dict[str, Any]:
    """What `serve` says when it begins. No secret is in it."""
    try:
        live = snapshot.read(config.home)
    except StoreError:
        live = None
    names = {w.workload_id: w.name for w in live.workloads} if live else {}
    routes = {
        names.get(found.route.workload_id, found.route.workload_id): found.route.state
        for found in (live.routes if live else ())
        if (keyed or found.route.scope == config.serve.scope) and found.route.state in LIVE
    }
    return {
        "url": f"http://{config.serve.listen}/v1",
        "upstream": config.upstream.url,
        "providers": {name: row.url for name, row in config.providers.items()},
        "models": list(models),
        "keys": keyed,
        "observe": config.serve.observe,
        "routes": routes,
    }


def _absolute(config: Config) -> Config:
    return dataclasses.replace(config, store=dataclasses.replace(config.store, home=Path(config.home).absolute()))
