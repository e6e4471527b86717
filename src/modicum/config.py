"""Every setting: one frozen record a section, from flag, `MODICUM_SECTION__KEY`, `modicum.toml`, default, in this order.

The only room that reads the environment. Secrets are named here (`api_key_env`), never written.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from modicum.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Where calls and decisions live."""

    home: Path = Path(".modicum")
    """Folder of everything that Modicum keeps (0700)."""
    keep_days: int = 90
    """Days after which the bodies of a call are dropped; its figures stay."""
    durability: Literal["process", "strict"] = "process"
    """process: kill -9 loses nothing, power loss at most a second. strict: fdatasync before each reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamConfig:
    """The provider behind `serve`."""

    url: str = "https://api.openai.com/v1"
    """Base URL of an OpenAI-compatible API."""
    auth: Literal["key", "forward", "none"] = "key"
    """key: send the key that `api_key_env` names. forward: pass the caller's own to this host alone."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the provider's key."""
    connect_timeout_s: float = 10.0
    """Seconds to reach the provider."""
    read_timeout_s: float = 600.0
    """Seconds of silence from the provider after which a call fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """The gateway."""

    listen: str = "127.0.0.1:8321"
    """HOST:PORT; loopback only until keys exist."""
    workers: int = 1
    """Processes that share the port."""
    scope: str = "default"
    """The scope of the calls that this gateway records."""
    explain: bool = False
    """Add x-modicum-confidence and x-modicum-cost-usd to replies."""
    observe: bool = False
    """Only record: no route answers."""
    max_body_bytes: int = 10 * 1024 * 1024
    """Longest request body; a longer one is answered with 413."""
    max_depth: int = 64
    """Deepest nesting of a request body."""
    header_timeout_s: float = 10.0
    """Seconds that a client may take for its request's head."""
    body_timeout_s: float = 30.0
    """Seconds that a client may take for its request's body."""
    drain_s: float = 30.0
    """Seconds that SIGTERM waits for replies under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfig:
    """Who answers."""

    control_share: float = 0.05
    """Share of conversations that a recorded coin keeps with the incumbent once a route is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """What must hold before anything is proposed."""

    margin: float = 0.01
    """Most of the distinct requests that may get an answer that differs (A) or is worse (B)."""
    confidence: float = 0.95
    """How sure a certificate is, at least."""
    max_selective: float = 0.05
    """Most of the answered requests that may differ (A) or be worse (B)."""
    min_coverage: float = 0.10
    """Least share of the requests that a certificate must let the small model answer."""
    min_label_groups: int = 5
    """Labels with fewer certify groups go to the incumbent."""
    max_size_bytes: int = 4_000_000
    """Largest specialist."""
    expires_days: int = 90
    """Days after which a certificate no longer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything together, and where each value came from."""

    store: StoreConfig = StoreConfig()
    upstream: UpstreamConfig = UpstreamConfig()
    serve: ServeConfig = ServeConfig()
    route: RouteConfig = RouteConfig()
    fit: FitConfig = FitConfig()
    prices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """[prices."MODEL"] input_usd_mtok, output_usd_mtok, cache_read_usd_mtok, cache_write_usd_mtok, source."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """section.key -> default, file, environment or flag."""

    @property
    def home(self) -> Path:
        return self.store.home

    def api_key(self) -> str | None:
        """The provider's key, read from the environment when it is needed and kept nowhere."""
        return os.environ.get(self.upstream.api_key_env) or None


SECTIONS = {"store": StoreConfig, "upstream": UpstreamConfig, "serve": ServeConfig, "route": RouteConfig, "fit": FitConfig}
PRICE_KEYS = ("input_usd_mtok", "output_usd_mtok", "cache_read_usd_mtok", "cache_write_usd_mtok", "source")


def use_one_thread() -> None:
    """Keep array libraries from starting a thread for each core; where the environment names a number, that holds.

    Call it before numpy is loaded. A gateway multiplies small matrices, many at once in several processes: threads that
    wait for each other by spinning cost it more than they save.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def load(path: Path | None = None, *, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read `path` (default: ./modicum.toml where it exists), the environment and `flags` ("section.key" -> value, None skipped)."""
    environ = os.environ if environ is None else environ
    text, where = _read(path)
    values: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    origins = {f"{name}.{f.name}": "default" for name, record in SECTIONS.items() for f in dataclasses.fields(record)}

    for section, body in text.items():
        if section == "prices":
            continue
        _known(section, [*SECTIONS, "prices"], "section")
        if not isinstance(body, dict):
            raise ConfigError(f"'{section}' in {where} must be a section, not a value", hint=f"write [{section}] on a line of its own")
        for key, value in body.items():
            _set(values, origins, section, key, value, str(where))
    for name, value in environ.items():
        if name.startswith("MODICUM_") and "__" in name:
            section, _, key = name.removeprefix("MODICUM_").lower().partition("__")
            _known(section, list(SECTIONS), "section")
            _set(values, origins, section, key, value, f"environment variable {name}")
    for name, value in (flags or {}).items():
        if value is not None:
            section, _, key = name.partition(".")
            _set(values, origins, section, key, value, "flag")

    return Config(
        **{name: record(**values[name]) for name, record in SECTIONS.items()},
        prices=_prices(text.get("prices", {}), str(where)),
        origins=origins,
    )


def _read(path: Path | None) -> tuple[dict[str, Any], Path]:
    where = path or Path("modicum.toml")
    try:
        return tomllib.loads(where.read_text(encoding="utf-8")), where
    except FileNotFoundError:
        if path is None:
            return {}, where
        raise ConfigError(f"no configuration file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where} is not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {where}: {error.strerror}") from None


def _known(name: str, names: list[str], what: str) -> None:
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        raise ConfigError(f"unknown {what} '{name}'", hint=f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names)}")


def _set(values: dict[str, dict[str, Any]], origins: dict[str, str], section: str, key: str, value: Any, origin: str) -> None:
    record = SECTIONS[section]
    hints = typing.get_type_hints(record)
    _known(key, list(hints), f"key in [{section}]:")
    values[section][key] = _coerce(hints[key], value, f"{section}.{key}", origin)
    origins[f"{section}.{key}"] = origin


def _coerce(kind: Any, value: Any, name: str, origin: str) -> Any:
    """The value as the field's type has it; strings (from the environment) are read, other types must fit."""
    wrong = ConfigError(f"{name} = {value!r} ({origin}) is not {_describe(kind)}")
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise wrong
        return value
    if kind is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        value = words.get(value.lower(), value) if isinstance(value, str) else value
        if not isinstance(value, bool):
            raise wrong
        return value
    if kind in (int, float):
        try:
            number = kind(value) if isinstance(value, str) else value
        except ValueError:
            raise wrong from None
        if isinstance(number, bool) or not isinstance(number, (int, float) if kind is float else int) or not 0 <= number < float("inf"):
            raise wrong
        return kind(number)
    if kind is str and isinstance(value, str):
        return value
    raise wrong


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    names: dict[Any, str] = {bool: "true or false", int: "a whole number >= 0", float: "a number >= 0", str: "a string", Path: "a path"}
    return names[kind]


def _prices(body: Any, where: str) -> Mapping[str, Mapping[str, str]]:
    if not isinstance(body, dict) or not all(isinstance(row, dict) for row in body.values()):
        raise ConfigError(f"[prices] in {where} must hold one section a model", hint='[prices."my-model"]\ninput_usd_mtok = 0.5')
    for model, row in body.items():
        for key, value in row.items():
            _known(key, list(PRICE_KEYS), f'key in [prices."{model}"]:')
            if key != "source" and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
                raise ConfigError(
                    f'[prices."{model}"] {key} = {value!r} is not a price', hint="US dollars per million tokens, a number >= 0"
                )
    return types.MappingProxyType({model: types.MappingProxyType({k: str(v) for k, v in row.items()}) for model, row in body.items()})
